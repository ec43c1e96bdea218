"""Decompositions of general matrices on the GPU: the twins of `numpy_reductions.py`.

cuSOLVER has eigenvalues and right eigenvectors of general matrices, from CUDA 12.6 on.  Schur form, Hessenberg form,
QR with pivoting and left eigenvectors it has not; tridiagonal form it has, but CuPy does not reach it.  LAPACK on the
host computes these (`on_host`): such calls wait for the device, copy its matrices there and the results back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.engine.backends import numpy_reductions


def on_host(function: Callable, *operands: Any, **params: Any) -> Any:
    """The result of `function`, an array or a tuple of them, of NumPy arrays with the values of `operands`; on the GPU.

    It goes to the current device, that of the operands.
    """
    import cupy

    found = function(*[x.get() for x in operands], **params)
    return tuple(map(cupy.asarray, found)) if isinstance(found, tuple) else cupy.asarray(found)


def _has_geev() -> bool:
    from cupyx.cusolver import check_availability

    return bool(check_availability("geev"))


def eigenvalues(a: Any) -> Any:
    """Eigenvalues (..., n) of matrices (..., n, n); complex."""
    import cupy

    found = cupy.linalg.eigvals(a) if _has_geev() else on_host(numpy_reductions.eigenvalues, a)
    return found.astype(cupy.result_type(a.dtype, "complex64"), copy=False)


def eigenvectors(a: Any, left: bool) -> tuple[Any, ...]:
    """Eigenvalues (..., n), then left eigenvectors if `left`, then right ones, in columns of (..., n, n).

    Complex, of norm 1, with a real component of largest magnitude.
    """
    import cupy

    if left or not _has_geev():
        return on_host(numpy_reductions.eigenvectors, a, left=left)
    dtype = cupy.result_type(a.dtype, "complex64")
    return tuple(x.astype(dtype, copy=False) for x in cupy.linalg.eig(a))


def schur(a: Any) -> tuple[Any, Any]:
    """T and Z with a = Z T Z^H; for real matrices T may have blocks of two rows on its diagonal."""
    return on_host(numpy_reductions.schur, a)


def hessenberg(a: Any) -> tuple[Any, Any]:
    """LAPACK's gehrd: the Hessenberg form, reflections below it, and their factors (..., n - 1)."""
    return on_host(numpy_reductions.hessenberg, a)


def tridiagonal(a: Any, lower: bool) -> tuple[Any, ...]:
    """LAPACK's sytrd or hetrd: the form with its reflections, both diagonals, and factors (..., n - 1)."""
    return on_host(numpy_reductions.tridiagonal, a, lower=lower)


def column_pivots(a: Any) -> Any:
    """The columns in the order of LAPACK's geqp3: each has the longest rest outside the space of those before."""
    return on_host(numpy_reductions.column_pivots, a)
