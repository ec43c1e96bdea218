"""LAPACK's decompositions of general matrices on the CPU, for stacks of matrices: arrays of shape (..., m, n).

    eigenvalues       of square matrices
    eigenvectors      right, and if wanted left, eigenvectors of square matrices
    schur             triangular form (quasi-triangular for real matrices) and its basis
    hessenberg        reflections that bring a matrix to Hessenberg form
    tridiagonal       reflections that bring a Hermitian matrix to tridiagonal form
    column_pivots     the order of columns of the QR factorization with pivoting

float32, float64, complex64 and complex128, one matrix a call.  All but eigenvalues and right eigenvectors need SciPy.
NumPy's own decompositions (qr, svd, eigh) are called by the ops themselves.  `cuda_reductions.py` has the same
functions for CuPy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cujax.engine.backends.numpy_linalg import _routine, _scipy, _stack


def _lapack(name: str) -> Any:
    """`scipy.linalg`, which `name` needs."""
    scipy = _scipy()
    if scipy is None:
        raise NotImplementedError(f"{name} is a routine of LAPACK that NumPy lacks: install SciPy to use it.")
    return scipy


def _each(decompose: Callable, a: np.ndarray, *shapes_and_dtypes: tuple) -> tuple[np.ndarray, ...]:
    """The results of `decompose` for each matrix, in arrays (..., *shape)."""
    matrices = _stack(a)
    outs = [np.empty((len(matrices), *shape), dtype) for shape, dtype in shapes_and_dtypes]
    for i, matrix in enumerate(matrices):
        for out, value in zip(outs, decompose(matrix), strict=True):
            out[i] = value
    return tuple(out.reshape((*a.shape[:-2], *out.shape[1:])) for out in outs)


def eigenvalues(a: np.ndarray) -> np.ndarray:
    """Eigenvalues (..., n) of matrices (..., n, n); complex."""
    return np.linalg.eigvals(a).astype(np.result_type(a, np.complex64), copy=False)


def eigenvectors(a: np.ndarray, left: bool) -> tuple[np.ndarray, ...]:
    """Eigenvalues (..., n), then left eigenvectors if `left`, then right ones, in columns of (..., n, n).

    Complex, of norm 1, with a real component of largest magnitude.
    """
    dtype, n = np.result_type(a, np.complex64), a.shape[-1]
    if not left and _scipy() is None:
        return tuple(x.astype(dtype, copy=False) for x in np.linalg.eig(a))
    scipy = _lapack("eig with left eigenvectors")
    shapes = ((n,), dtype), *[((n, n), dtype)] * (1 + left)
    return _each(lambda x: scipy.eig(x, left=left, check_finite=False), a, *shapes)


def schur(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """T and Z with a = Z T Z^H; for real matrices T may have blocks of two rows on its diagonal."""
    scipy, n = _lapack("schur"), a.shape[-1]
    kind = "complex" if a.dtype.kind == "c" else "real"
    if not n:
        return a.copy(), a.copy()
    t, z = _each(lambda x: scipy.schur(x, output=kind, check_finite=False), a, *[((n, n), a.dtype)] * 2)
    return t, z


def hessenberg(a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """LAPACK's gehrd: the Hessenberg form, reflections below it, and their factors (..., n - 1)."""
    n = a.shape[-1]
    gehrd = _routine(_lapack("hessenberg").lapack, "gehrd", a.dtype)
    shapes = ((n, n), a.dtype), ((max(n - 1, 0),), a.dtype)
    packed, taus = _each(lambda x: gehrd(x)[:2] if n > 1 else (x, 0), a, *shapes)
    return packed, taus


def tridiagonal(a: np.ndarray, lower: bool) -> tuple[np.ndarray, ...]:
    """LAPACK's sytrd or hetrd: the form with its reflections, both diagonals, and factors (..., n - 1)."""
    n = a.shape[-1]
    reduce = _routine(_lapack("tridiagonal").lapack, "hetrd" if a.dtype.kind == "c" else "sytrd", a.dtype)
    real = a.real.dtype
    shapes = ((n, n), a.dtype), ((n,), real), ((max(n - 1, 0),), real), ((max(n - 1, 0),), a.dtype)
    return _each(lambda x: reduce(x, lower=lower)[:4] if n > 1 else (x.real, x.real[0], 0, 0), a, *shapes)


def column_pivots(a: np.ndarray) -> np.ndarray:
    """The columns in the order of LAPACK's geqp3: each has the longest rest outside the space of those before."""
    n = a.shape[-1]
    geqp3 = _routine(_lapack("qr with pivoting").lapack, "geqp3", a.dtype)
    if not a.size:
        return np.broadcast_to(np.arange(n, dtype=np.int32), (*a.shape[:-2], n)).copy()
    return _each(lambda x: (geqp3(x)[1] - 1,), a, ((n,), np.int32))[0]
