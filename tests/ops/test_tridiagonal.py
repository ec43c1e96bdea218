"""Many tridiagonal systems by the kernel, on the host and on the emulator: the bits of elimination row after row."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import why_not
from emulator.backend import emulated_backend

import cujax
from cujax import lax
from cujax.engine.backends import tridiagonal_kernel
from cujax.engine.backends.kernel_errors import KernelCompileError
from cujax.engine.backends.select import selected
from cujax.engine.backends.tridiagonal import eliminate

on_host = pytest.mark.skipif(selected().kernels is None, reason="there is no C++ compiler")
SHAPES = [
    # systems, unknowns, columns: fewer and more than fill the vectors, tiles and warps
    (4, 2, 1), (5, 3, 4), (17, 16, 1), (31, 17, 2), (32, 31, 1), (33, 32, 1), (64, 33, 3), (70, 65, 1), (1, 100, 2),
    # one column, so that a device has them in shared memory, up to the last one for which there is room, and one more
    (1, 2, 1), (32, 45, 1), (33, 46, 1), (40, 64, 1), (33, 90, 1), (34, 91, 1),
]


@pytest.fixture(params=["host", "emulator"])
def backend(request, monkeypatch):
    """Of each language, with the number of times that its kernel has been used."""
    if request.param == "host" and selected().kernels is None:
        pytest.skip("there is no C++ compiler")
    if request.param == "emulator" and why_not():
        pytest.skip(why_not())
    used = []
    by_kernel = tridiagonal_kernel.solve_by_kernel

    def counted(*args):
        used.append(args)
        return by_kernel(*args)

    monkeypatch.setattr(tridiagonal_kernel, "solve_by_kernel", counted)
    if request.param == "emulator":
        with emulated_backend():
            yield used
    else:
        yield used


def systems(count, n, columns, dtype):
    """Matrices with as many interchanges as not, zeros among their elements, and what lies outside of them NaN."""
    random = np.random.default_rng(count + n)
    dl, d, du = (random.standard_normal((count, n)).astype(dtype) for _ in range(3))
    d[:, ::5] = 0
    dl[:, 0] = du[:, -1] = np.nan
    return dl, d, du, random.standard_normal((count, n, columns)).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", SHAPES)
def test_bits(shape, dtype, backend):
    operands = systems(*shape, dtype)
    with cujax.enable_x64(dtype == "float64"):
        found = np.asarray(lax.linalg.tridiagonal_solve(*operands))
    assert len(backend) == (selected().kernels.language != "host" or shape[0] >= 4)
    clean = [np.nan_to_num(x) for x in operands]
    if backend:
        np.testing.assert_array_equal(found, eliminate(np, *clean))
    np.testing.assert_allclose(matrix(*clean) @ found, clean[3], rtol=0, atol=1e-2 if dtype == "float32" else 1e-9)


def matrix(dl, d, du, _):
    """The whole matrices."""
    return np.stack([np.diag(low[1:], -1) + np.diag(on) + np.diag(high[:-1], 1)
                     for low, on, high in zip(dl, d, du, strict=True)])  # fmt: skip


def test_singular_matrices_do_not_disturb_others(backend):
    operands = systems(40, 20, 1, "float32")
    expected = eliminate(np, *[np.nan_to_num(x) for x in operands])
    for band in operands[:3]:
        band[7] = 0
    found = np.asarray(lax.linalg.tridiagonal_solve(*operands))
    assert not np.isfinite(found[7]).any()
    others = np.arange(40) != 7
    np.testing.assert_array_equal(found[others], expected[others])


def test_views_and_leading_axes(backend):
    dl, d, du, b = systems(24, 9, 2, "float32")
    expected = eliminate(np, *map(np.nan_to_num, (dl, d, du, b)))
    bands = [np.asfortranarray(x.reshape(2, 12, 9)) for x in (dl, d, du)]
    found = cujax.jit(lax.linalg.tridiagonal_solve)(*bands, np.asfortranarray(b.reshape(2, 12, 9, 2)))
    np.testing.assert_array_equal(np.asarray(found).reshape(expected.shape), expected)
    assert len(backend) == 1


def test_derivatives(backend):
    dl, d, du, b = map(np.nan_to_num, systems(12, 10, 1, "float32"))
    d = d + 6
    found = cujax.grad(lambda d, b: (lax.linalg.tridiagonal_solve(dl, d, du, b) ** 2).sum(), (0, 1))(d, b)
    inverse = np.linalg.inv(matrix(dl, d, du, b).astype(float))
    x = inverse @ b
    by_b = inverse.swapaxes(1, 2) @ (2 * x)
    np.testing.assert_allclose(found[1], by_b, rtol=2e-4, atol=1e-5)
    np.testing.assert_allclose(found[0], (-by_b * x)[..., 0], rtol=2e-4, atol=1e-5)


def test_tangents_of_what_lies_outside_do_not_count(backend):
    dl, d, du, b = systems(8, 6, 1, "float32")
    d = d + 6
    clean = [np.nan_to_num(x) for x in (dl, d, du, b)]
    _, expected = cujax.jvp(lax.linalg.tridiagonal_solve, clean, clean)
    _, found = cujax.jvp(lax.linalg.tridiagonal_solve, (dl, d, du, b), (dl, d, du, b))
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, expected)


@on_host
def test_a_refusal_of_the_compiler_costs_only_speed(monkeypatch):
    def refuse(*_):
        raise KernelCompileError("no", "log", "path")

    monkeypatch.setattr(tridiagonal_kernel, "_launcher", refuse)
    operands = [np.nan_to_num(x) for x in systems(33, 9, 1, "float32")]
    np.testing.assert_allclose(
        lax.linalg.tridiagonal_solve(*operands), eliminate(np, *operands), rtol=2e-3, atol=1e-4
    )


def test_which_systems_stay_in_shared_memory():
    def rows(dtype, *shape):
        return tridiagonal_kernel._inside_rows(np.dtype(dtype), shape)

    assert [rows("float32", 9, n, 1) for n in (2, 16, 17, 33, 64, 65, 90, 91)] == [16, 16, 32, 64, 64, 90, 90, 0]
    assert [rows("float64", 9, n, 1) for n in (16, 32, 33, 45, 46)] == [16, 32, 46, 46, 46]
    assert rows("float64", 9, 47, 1) == rows("float32", 9, 8, 2) == 0


def test_what_the_kernel_is_for():
    f32, c64 = np.dtype(np.float32), np.dtype(np.complex64)
    assert tridiagonal_kernel.takes("host", f32, 4, 2) and tridiagonal_kernel.takes("cuda", f32, 1, 10**7)
    assert not tridiagonal_kernel.takes("host", f32, 3, 2) and not tridiagonal_kernel.takes("host", f32, 4, 10**7)
    assert not tridiagonal_kernel.takes("cuda", c64, 4, 2) and not tridiagonal_kernel.takes("cuda", f32, 4, 1)
