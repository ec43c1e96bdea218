"""Decompositions of general matrices on the GPU: the twins of `numpy_reductions.py`.

LAPACK on the host computes them (`on_host`): a call waits for the device, copies its matrices there and the results
back.  Schur form, Hessenberg form, QR with pivoting and left eigenvectors cuSOLVER has not; tridiagonal form it has,
but CuPy does not reach it.  Eigenvalues of general matrices it has from CUDA 12.6 on, one matrix a call, and in another
order than LAPACK's, in which scripts that ran on a CPU, or under JAX, expect them.
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


def eigenvalues(a: Any) -> Any:
    """Eigenvalues (..., n) of matrices (..., n, n); complex."""
    return on_host(numpy_reductions.eigenvalues, a)


def eigenvectors(a: Any, left: bool) -> tuple[Any, ...]:
    """Eigenvalues (..., n), then left eigenvectors if `left`, then right ones, in columns of (..., n, n).

    Complex, of norm 1, with a real component of largest magnitude.
    """
    return on_host(numpy_reductions.eigenvectors, a, left=left)


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
