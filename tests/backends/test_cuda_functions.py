"""What the cuda backend adds to CuPy's functions, with NumPy's in their place: choices of bfloat16, sorts, the host."""

from __future__ import annotations

import numpy as np
import pytest

from cujax.engine.backends import (
    cuda_arrays,
    cuda_bits,
    cuda_compiler,
    cuda_reductions,
    cuda_scatter,
    cuda_sorting,
    cuda_special,
    numpy_reductions,
)
from cujax.engine.ground.dtypes import bfloat16

cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")


# --- choices ----------------------------------------------------------------------------------------------------------


def where_of_cupy(condition, x, y):
    """As CuPy's: there is no bfloat16."""
    found = np.where(condition, x, y)
    return found.astype(np.float32) if found.dtype == bfloat16 else found


@pytest.mark.parametrize("other", [0, 0.5, np.inf, True, bfloat16.type(3), np.array(2, bfloat16)], ids=repr)
def test_where_has_bfloat16(other):
    where, x = cuda_arrays._where(where_of_cupy), np.array([1, -0.0, np.nan], bfloat16)
    condition = np.array([True, False, True])
    for found, operands in ((where(condition, x, other), (x, other)), (where(condition, other, x), (other, x))):
        assert found.dtype == bfloat16
        wide = [np.asarray(v, np.float32) for v in operands]
        np.testing.assert_array_equal(found.astype(np.float32), np.where(condition, *wide))


def test_where_leaves_other_dtypes_to_cupy():
    where, x = cuda_arrays._where(where_of_cupy), np.array([1, 2], bfloat16)
    assert where(np.array([True, False]), x, np.float32(1.5)).dtype == np.float32
    assert where(np.array([True, False]), np.int8([1, 2]), np.int8(0)).dtype == np.int8


def test_all_else_is_cupy_s():
    library = cuda_arrays.array_library(cupy)
    assert library.add is cupy.add and library.linalg is cupy.linalg and library.where is not cupy.where


# --- bits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 0, 3), (0, 2, 3), (2, 3, 0), (1, 1, 1), (7, 1, 2)])
@pytest.mark.parametrize("axes", [(), (0,), (1,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("name", ["bitwise_and", "bitwise_or", "bitwise_xor"])
def test_bits_are_reduced_over_all_shapes(name, axes, shape, monkeypatch):
    for function in ("transpose", "concatenate", "zeros", "invert", name):
        monkeypatch.setattr(cupy, function, getattr(np, function))
    x = np.random.default_rng(0).integers(-(2**31), 2**31, shape, np.int32)
    found = cuda_bits.reduce_bits(name, x, axes)
    np.testing.assert_array_equal(found, getattr(np, name).reduce(x, axis=axes), strict=True)


# --- sorts ------------------------------------------------------------------------------------------------------------


def by_bits(x: np.ndarray) -> np.ndarray:
    """Integers in the order in which Thrust sorts vectors of float32: zeros are equal, NaNs go by their bits."""
    bits = np.where(x == 0, np.float32(0), x).view(np.int32).astype(np.int64)
    return np.where(bits < 0, -(bits & 0x7FFFFFFF), bits)


def test_nan_is_last_whatever_its_sign(monkeypatch):
    monkeypatch.setattr(cupy, "argsort", lambda x, axis, kind: np.argsort(by_bits(x), axis=axis, kind=kind))
    for name in ("isnan", "where"):
        monkeypatch.setattr(cupy, name, getattr(np, name))
    x = np.float32([0, -np.nan, np.inf, -0.0, np.nan, -np.inf, -np.nan, 1])
    order = [5, 0, 3, 7, 2, 1, 4, 6]
    assert cuda_sorting.argsort(x, 0).tolist() == order
    found = x.copy()
    cuda_sorting.sort_in_place(found, 0)
    assert found.tobytes() == x[order].tobytes()


def test_nothing_is_sorted_without_cupy(monkeypatch):
    monkeypatch.setattr(cupy, "argsort", None)
    monkeypatch.setattr(cupy, "zeros", np.zeros)
    assert cuda_sorting.argsort(np.zeros((3, 0)), 1).shape == (3, 0)
    cuda_sorting.sort_in_place(np.zeros((0, 3), np.int8), 0)
    cuda_sorting.sort_in_place(np.zeros(0), 0)


# --- scatters ---------------------------------------------------------------------------------------------------------


def test_cupy_s_ufuncs_combine_at_places():
    """`at` raises NotImplementedError where CuPy has no atomic instruction; those that we use have one."""
    for kind in ("add", "minimum", "maximum"):
        assert getattr(cupy, kind)._scatter_op is not None
        assert cuda_scatter.is_atomic(kind, np.dtype("uint32"))
        assert not any(cuda_scatter.is_atomic(kind, np.dtype(d)) for d in ("bool", "int8", "uint16", "float16"))
    assert not cuda_scatter.is_atomic("multiply", np.dtype("uint32"))


# --- the host ---------------------------------------------------------------------------------------------------------


class OnDevice(np.ndarray):
    """An array that NumPy gets by asking."""

    def get(self) -> np.ndarray:
        return self.view(np.ndarray).copy()


@pytest.mark.parametrize(("name", "params"), [
    ("schur", {}), ("hessenberg", {}), ("tridiagonal", {"lower": True}), ("column_pivots", {}),
    ("eigenvectors", {"left": True}), ("eigenvectors", {"left": False}), ("eigenvalues", {}),
])  # fmt: skip
def test_what_cusolver_has_not_the_host_computes(name, params, monkeypatch):
    put = []
    monkeypatch.setattr(cupy, "asarray", lambda x: put.append(x) or x.view(OnDevice))
    a = np.random.default_rng(0).normal(size=(2, 4, 4)).astype(np.float32)
    found = getattr(cuda_reductions, name)(a.view(OnDevice), **params)
    expected = getattr(numpy_reductions, name)(a, **params)
    found, expected = (x if isinstance(x, tuple) else (x,) for x in (found, expected))
    assert len(put) == len(found) == len(expected)
    for x, y in zip(found, expected, strict=True):
        assert isinstance(x, OnDevice) and x.dtype == y.dtype
        np.testing.assert_array_equal(x, y)


# --- special functions ------------------------------------------------------------------------------------------------


def test_bessel_functions_compile_for_a_device():
    nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy, of the test extra, is not installed")
    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed; the test extra brings it ({error})")
    for name in ("i0e", "k1e", "j1", "y0"):
        for kind in ("float", "double"):
            (taken,) = cuda_compiler.resources(cuda_special.source(name, kind), 90).values()
            assert taken.spill_stores == 0
