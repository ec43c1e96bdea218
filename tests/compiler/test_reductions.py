"""Reductions in kernels: their order is fixed by shape alone, their error is small, their edges are NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.engine.backends.select import selected
from cujax.engine.ground.config import config

needs_kernels = pytest.mark.skipif(
    selected().kernels is None or selected().kernels.language != "host", reason="there are no host kernels here"
)


@needs_kernels
@pytest.mark.parametrize("shape, axis", [((1 << 18,), None), ((3, 100_003), 1), ((100_003, 5), 0), ((400, 300), 1)])
def test_bits_do_not_depend_on_the_number_of_threads(shape, axis, monkeypatch):
    x = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    total = cujax.jit(lambda x: x.sum(axis))
    found = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(selected().kernels, "threads", threads)
        found.append(np.asarray(total(x)).tobytes())
    assert found[0] == found[1] == found[2]


@needs_kernels
def test_the_error_of_a_long_sum_is_no_larger_than_numpys():
    x = np.random.default_rng(0).random(1 << 24, np.float32)
    exact = x.sum(dtype=np.float64)
    ours = abs(float(cujax.jit(jnp.sum)(x)) - exact)
    numpys = abs(float(x.sum()) - exact)
    assert ours <= max(numpys, np.spacing(np.float32(exact)))


@pytest.mark.parametrize("shape", [(0,), (1,), (31,), (33,), (1023,), (1025,), (65,), (2049,)])
@pytest.mark.parametrize("name", ["sum", "max", "min", "prod"])
def test_lengths_around_those_of_blocks(name, shape):
    if name in ("max", "min") and 0 in shape:
        pytest.skip("NumPy has no greatest element of nothing")
    x = np.linspace(0.95, 1.05, *shape, dtype=np.float32)
    found = cujax.jit(lambda x: getattr(jnp, name)(x))(x)
    np.testing.assert_allclose(found, getattr(np, name)(x), rtol=2e-5)


@pytest.mark.parametrize("axes", [(0,), (1,), (2,), (0, 1), (0, 2), (1, 2), (0, 1, 2)])
@pytest.mark.parametrize("shape", [(7, 11, 13), (2, 300, 5), (130, 3, 70), (3, 1, 70)])
def test_any_axes(shape, axes):
    x = np.random.default_rng(1).standard_normal(shape).astype(np.float32)
    found = cujax.jit(lambda x: (x.sum(axes), (x * x).max(axes), (x > 0).any(axes)))(x)
    np.testing.assert_allclose(found[0], x.sum(axes), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(found[1], (x * x).max(axes))
    np.testing.assert_array_equal(found[2], (x > 0).any(axes))


def test_nan_wins_and_the_first_one_counts():
    x = np.array([[1, np.nan, 3, np.nan], [2, 5, 5, 1]], np.float32)
    found = cujax.jit(lambda x: (x.max(1), x.min(1), x.argmax(1), x.argmin(1)))(x)
    np.testing.assert_array_equal(found[0], [np.nan, 5])
    np.testing.assert_array_equal(found[1], [np.nan, 1])
    np.testing.assert_array_equal(found[2], [1, 1])
    np.testing.assert_array_equal(found[3], [1, 3])


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_sums_are_carried_in_float32(dtype):
    x = jnp.ones(5000, dtype)
    assert float(cujax.jit(jnp.sum)(x)) == float(jnp.asarray(5000.0, dtype))


def test_a_result_that_later_phases_read():
    x = np.random.default_rng(2).standard_normal((30, 400)).astype(np.float32)

    def function(x):
        centred = x - x.mean(1, keepdims=True)
        scaled = centred / jnp.sqrt((centred**2).mean(1, keepdims=True))
        return scaled, scaled.max(1)

    found = cujax.jit(function)(x)
    centred = x - x.mean(1, keepdims=True)
    expected = centred / np.sqrt((centred**2).mean(1, keepdims=True))
    np.testing.assert_allclose(found[0], expected, rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(found[1], expected.max(1), rtol=2e-4)


@pytest.mark.parametrize("columns, count, dtype", [(1024, 16, "complex128"), (960, 70, "float64")])
def test_many_sums_of_columns_fit_on_the_stack(columns, count, dtype):
    """Parts of sums, which threads leave until all are there; of too many sums there are no parts."""
    with config.override("enable_x64", True):
        a, b = jnp.ones(66_000, dtype), jnp.ones(columns, dtype)
        sums = cujax.jit(lambda a, b: [jnp.sum(a[:, None] * b * (k + 1), 0) for k in range(count)])(a, b)
    for k, found in enumerate(sums):
        np.testing.assert_array_equal(found, np.full(columns, 66_000 * (k + 1)))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
def test_functions_over_columns_of_every_width(dtype):
    """The last vector of a tile ends where the tile ends, and shares elements with the one before."""
    with cujax.enable_x64(True):
        for n in (*range(1, 36), 63, 64, 65, 100, 127, 128, 129, 150):
            x = np.random.default_rng(n).uniform(-1, 1, (150, n)).astype(dtype)
            sums, largest = cujax.jit(lambda x: (jnp.exp(x).sum(0), jnp.sin(x).argmax(0)))(x)
            wide = x.astype(np.float64)
            rtol = {2: 2e-3, 4: 1e-5, 8: 1e-13}[x.dtype.itemsize]
            np.testing.assert_allclose(np.asarray(sums, np.float64), np.exp(wide).sum(0), rtol=rtol)
            places = np.take_along_axis(np.sin(wide), np.asarray(largest)[None], 0)[0]
            np.testing.assert_allclose(places, np.sin(wide).max(0), rtol=rtol)
            together = cujax.jit(lambda x: jnp.exp(x - x.max(0)) / jnp.exp(x - x.max(0)).sum(0))(x)
            expected = np.exp(wide - wide.max(0)) / np.exp(wide - wide.max(0)).sum(0)
            np.testing.assert_allclose(np.asarray(together, np.float64), expected, rtol=10 * rtol)
