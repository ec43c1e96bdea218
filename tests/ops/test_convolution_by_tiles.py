"""The host's convolution kernel, through the op: what it takes, its accuracy, its bits, and what is there without it.

That its values are right whatever the arguments are is shown in `test_convolution_grid.py`, and in C++ by
`kernels/tests/test_convolve.cpp`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import cujax
from cujax import lax
from cujax.engine.backends import host_convolution
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import selected
from cujax.engine.ops import convolution_by_tiles as tiles

NHWC = ("NHWC", "HWIO", "NHWC")
RNG = np.random.default_rng(0)

pytestmark = pytest.mark.skipif(
    selected().kernels is None or selected().kernels.language != "host", reason="kernels are not compiled for a host"
)


def reals(*shape: int, dtype: Any = np.float32) -> np.ndarray:
    return RNG.uniform(-1, 1, shape).astype(dtype)


@pytest.fixture
def runs(monkeypatch) -> list:
    """The geometries of kernels that have been asked for."""
    seen: list = []
    compiled = host_convolution.compiled

    def watched(target: Any, dtypes: tuple, geometry: tuple, work: int) -> Any:
        seen.append((dtypes, geometry))
        return compiled(target, dtypes, geometry, work)

    monkeypatch.setattr(host_convolution, "compiled", watched)
    return seen


def by_products(monkeypatch: Any, *args: Any, **options: Any) -> np.ndarray:
    """The same convolution without the kernel."""
    with monkeypatch.context() as patch:
        patch.setattr(tiles, "FEWEST_PRODUCTS", 2**62)
        return np.asarray(lax.conv_general_dilated(*args, **options))


LAYERS = [
    ((2, 20, 21, 19), (3, 3, 19, 40)),  # features beside one another in vectors
    ((1, 40, 70, 2), (3, 5, 2, 2)),  # places
    ((2, 30, 40, 3), (30, 38, 3, 1)),  # taps
    ((1, 7, 7, 600), (3, 3, 600, 70)),  # several blocks of depth
    ((1, 70, 90, 1), (3, 5, 1, 1)),  # rows of one feature side by side
    ((1, 100, 110, 1), (70, 71, 1, 1)),  # with several blocks of depth
    ((1, 300, 250, 1), (298, 248, 1, 1)),  # several parts of depth
]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "float16"])
@pytest.mark.parametrize(("lhs", "rhs"), LAYERS)
@pytest.mark.usefixtures("x64")
def test_large_convolutions_go_by_the_kernel(lhs, rhs, dtype, runs, monkeypatch):
    x, y = (reals(*shape) * (9 if dtype == "int32" else 1) for shape in (lhs, rhs))
    x, y = x.astype(dtype), y.astype(dtype)
    options = {"window_strides": (1, 1), "padding": [(1, 1), (1, 1)], "dimension_numbers": NHWC}
    found = np.asarray(lax.conv_general_dilated(x, y, **options))
    assert len(runs) == 1 and found.dtype == dtype
    expected = by_products(monkeypatch, x.astype(np.float64), y.astype(np.float64), **options)
    tolerance = {"float64": 1e-13, "int32": 0, "float32": 3e-6, "float16": 1e-3}[dtype]
    assert abs(found - expected).max() <= tolerance * abs(expected).max()


@pytest.mark.parametrize(
    ("gap", "step", "taps"),
    [((2, 3), (1, 1), (3, 5)), ((4, 2), (2, 2), (3, 3)), ((3, 1), (3, 2), (2, 4)), ((4, 3), (1, 1), (2, 2))],
)
def test_gaps_are_not_multiplied(gap, step, taps, runs, monkeypatch):
    """A convolution for each phase, of those taps that meet elements; where none do the result is zero."""
    x, y = reals(2, 14, 15, 8), reals(*taps, 8, 17)
    options = {"window_strides": (1, 1), "padding": [(3, 0), (1, 2)], "lhs_dilation": gap, "rhs_dilation": step,
               "dimension_numbers": NHWC}
    found = np.asarray(lax.conv_general_dilated(x, y, **options))
    np.testing.assert_allclose(found, by_products(monkeypatch, x, y, **options), rtol=1e-4, atol=1e-5)
    assert 0 < len(runs) <= gap[0] * gap[1] and all(geometry[22:25] == (1, 1, 1) for _, geometry in runs)


@pytest.mark.parametrize(
    ("channels", "features", "axes", "by_the_kernel"), [(1, 1, 3, 1), (1, 8, 2, 1), (1, 1, 2, 0), (1, 1, 1, 0)]
)
def test_large_ones_of_more_than_few_terms_are_not_fused(channels, features, axes, by_the_kernel, runs):
    x, y = reals(1, channels, *(49,) * 3), reals(features, channels, *(3,) * 3)
    x, y = x.reshape((1, channels, *(49**3 // 49 ** (axes - 1), 49, 49)[:axes])), y[(..., *(0,) * (3 - axes))]
    options = {"window_strides": (1,) * axes, "padding": "SAME"}
    inside = np.asarray(cujax.jit(lambda x, y: lax.conv_general_dilated(x, y, **options) + 1)(x, y))
    assert len(runs) == by_the_kernel
    outside = np.asarray(lax.conv_general_dilated(x, y, **options) + 1)
    np.testing.assert_allclose(inside, outside, rtol=1e-4, atol=1e-5)


def test_small_ones_and_complex_ones_do_not(runs):
    lax.conv(reals(1, 2, 5), reals(3, 2, 2), (1,), "SAME")
    lax.conv(reals(2, 8, 50).astype(np.complex64), reals(20, 8, 9).astype(np.complex64), (1,), "SAME")
    lax.conv(reals(2, 8, 4, 4, 4, 4), reals(20, 8, 2, 2, 2, 2), (1,) * 4, "SAME")
    assert not runs


def forget_plans():
    host_convolution.compiled.cache_clear()
    tiles._plan.cache_clear()


def test_the_same_bits_on_any_number_of_threads(monkeypatch):
    target = selected().kernels
    results = []
    for lhs, rhs in LAYERS:
        x, y = reals(*lhs), reals(*rhs)
        for threads in (1, 2, 5):
            monkeypatch.setattr(target, "threads", threads)
            forget_plans()
            out = lax.conv_general_dilated(x, y, (1, 1), [(1, 1), (1, 1)], dimension_numbers=NHWC)
            results.append(np.asarray(out).tobytes())
    forget_plans()
    assert all(len(set(results[i : i + 3])) == 1 for i in range(0, len(results), 3))


def test_a_view_and_the_same_result_in_and_outside_of_jit(monkeypatch):
    x, y = reals(2, 40, 44, 8)[:, ::2, ::-1], reals(3, 3, 8, 17)
    options = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": NHWC}
    outside = np.asarray(lax.conv_general_dilated(x, y, **options))
    inside = np.asarray(cujax.jit(lambda x, y: lax.conv_general_dilated(x, y, **options))(x, y))
    assert outside.tobytes() == inside.tobytes()
    np.testing.assert_allclose(outside, by_products(monkeypatch, x, y, **options), rtol=1e-4, atol=1e-5)


def test_without_a_compiler_that_works_there_are_products(monkeypatch):
    def refuse(*_: Any) -> None:
        raise KernelCompileError("c++", "no", "text")

    x, y = reals(2, 20, 20, 8), reals(3, 3, 8, 17)
    options = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": NHWC}
    expected = by_products(monkeypatch, x, y, **options)
    monkeypatch.setattr(host_convolution, "compiled", refuse)
    assert np.asarray(lax.conv_general_dilated(x, y, **options)).tobytes() == expected.tobytes()


def test_what_is_not_finite_stays_where_it_is():
    """Nothing is multiplied by what lies beside a row."""
    x, y = reals(1, 80, 70, 1), reals(3, 5, 1, 1)
    x[0, 20, 69] = np.nan
    found = np.asarray(lax.conv_general_dilated(x, y, (1, 1), "SAME", dimension_numbers=NHWC))
    assert np.argwhere(np.isnan(found[0, :, :, 0])).tolist() == [[i, j] for i in (19, 20, 21) for j in (67, 68, 69)]
