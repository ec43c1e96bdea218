"""Factorizations and triangular systems on the CPU, for stacks of matrices: arrays of shape (..., n, n).

    cholesky          lower factors, NaN where a matrix is not positive definite
    lu                LU factors with row interchanges, and the permutation they amount to
    eigh              eigenvectors and eigenvalues of Hermitian matrices
    triangular_solve  op(a) x = b, where op transposes, conjugates, both or neither
    tridiagonal_solve by elimination with interchanges of rows

float32, float64, complex64 and complex128.  LAPACK and BLAS come from SciPy, one matrix a call; where SciPy
is missing, or where matrices are many and small, loops over rows that treat the whole stack at once take
their place.  Both pivot alike.  `cuda_linalg.py` has the same functions for CuPy.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from cujax.engine.backends.numpy_stacks import over_stack
from cujax.engine.backends.tridiagonal import eliminate

# A call of LAPACK from Python costs about as much as a NumPy operation: with more matrices than this times
# their rows, a loop over rows is faster.
_STACK_PER_ROW = 4


@functools.cache
def _scipy() -> Any:
    """`scipy.linalg`, or None where SciPy is not installed; imported when first needed, since it is slow."""
    try:
        import scipy.linalg
    except ImportError:
        return None
    return scipy.linalg


def _prefers_rows(count: int, rows: int) -> bool:
    return _scipy() is None or count > _STACK_PER_ROW * rows


def _routine(library: Any, name: str, dtype: np.dtype) -> Any:
    """The routine for `dtype`, such as `dgetrf` for float64."""
    return getattr(library, {"f": "s", "d": "d", "F": "c", "D": "z"}[dtype.char] + name)


def _stack(x: np.ndarray) -> np.ndarray:
    """The matrices of `x` along one axis."""
    return x.reshape((prod(x.shape[:-2]), *x.shape[-2:]))


# --- eigh -----------------------------------------------------------------------------------------------


def eigh(a: np.ndarray, lower: bool) -> tuple[np.ndarray, ...]:
    """Eigenvectors (..., n, n), in columns, and eigenvalues (..., n) of finite `a`, by its lower or upper triangles."""
    return over_stack(lambda x: np.linalg.eigh(x, "L" if lower else "U")[::-1], a)


# --- cholesky -------------------------------------------------------------------------------------------


def cholesky(a: np.ndarray) -> np.ndarray:
    """Lower-triangular L with L L^H = a, of the lower triangles of `a`; on failure its triangle is NaN.

    In double precision, as NumPy has it.
    """
    if _goes_to_lapack(a):
        return np.stack([_cholesky_by_lapack(matrix) for matrix in _stack(a)]).reshape(a.shape)
    try:
        return over_stack(lambda x: (np.linalg.cholesky(x),), a)[0]
    except np.linalg.LinAlgError:
        out = np.stack([_cholesky_or_nan(matrix) for matrix in _stack(a)])
    return out.reshape(a.shape)


def _cholesky_or_nan(a: np.ndarray) -> np.ndarray:
    try:
        return np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return np.tril(np.full_like(a, np.nan))


_LARGE = 64  # rows from which on a call of LAPACK from Python is worth what NumPy's copies and its clearing take


def _goes_to_lapack(a: np.ndarray) -> bool:
    return a.size > 0 and a.shape[-1] >= _LARGE and _scipy() is not None


def _cholesky_by_lapack(a: np.ndarray) -> np.ndarray:
    """The transpose is in Fortran's order: its upper factor is the transposed lower one of `a`."""
    wide = np.array(a, np.result_type(a, np.float64), order="C")
    upper, failed = _routine(_scipy().lapack, "potrf", wide.dtype)(wide.T, lower=0, clean=1, overwrite_a=1)
    return np.tril(np.full_like(a, np.nan)) if failed else upper.T.astype(a.dtype, copy=False)


# --- lu -------------------------------------------------------------------------------------------------


def lu(a: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """LU factors of matrices (..., m, n) in one array, the interchanges of rows, and the permutation.

    Row i was interchanged with row `pivots[..., i]`, in the order of i; row i of L U is row
    `permutation[..., i]` of `a`.  Both are int32.
    """
    *batch, m, n = a.shape
    factors = _stack(a).copy()
    pivots = np.empty((len(factors), min(m, n)), np.int32)
    if _prefers_rows(len(factors), min(m, n)) or not factors.size:
        _lu_by_rows(factors, pivots)
    else:
        getrf = _routine(_scipy().lapack, "getrf", a.dtype)
        for i, matrix in enumerate(factors):
            factors[i], pivots[i], _ = getrf(matrix)
    pivots = pivots.reshape((*batch, min(m, n)))
    return factors.reshape(a.shape), pivots, permutation_of_pivots(pivots, m)


def _lu_by_rows(a: np.ndarray, pivots: np.ndarray) -> None:
    """Elimination on the matrices a[i] in place, filling `pivots`."""
    every = np.arange(len(a))
    for k in range(pivots.shape[1]):
        column = a[:, k:, k]
        place = k + np.argmax(abs(column.real) + abs(column.imag), axis=1)  # the magnitude that LAPACK uses
        pivots[:, k] = place
        a[every, k], a[every, place] = a[every, place], a[every, k]
        pivot = a[:, k, k, None]
        multiples = a[:, k + 1 :, k] / np.where(pivot == 0, 1, pivot)
        a[:, k + 1 :, k] = multiples
        a[:, k + 1 :, k + 1 :] -= multiples[:, :, None] * a[:, k, None, k + 1 :]


def permutation_of_pivots(pivots: np.ndarray, size: int) -> np.ndarray:
    """The permutation of `size` rows that the interchanges `pivots` (..., k) amount to; int32."""
    *batch, k = pivots.shape
    rows = np.empty((prod(batch), size), np.int32)
    rows[:] = np.arange(size)
    (_interchange_each if len(rows) <= k else _interchange_all)(rows, pivots.reshape((len(rows), k)))
    return rows.reshape((*batch, size))


def _interchange_each(rows: np.ndarray, pivots: np.ndarray) -> None:
    """One permutation after the other: for few and long ones."""
    for permutation, places in zip(rows, pivots.tolist(), strict=True):
        order = permutation.tolist()
        for i, j in enumerate(places):
            order[i], order[j] = order[j], order[i]
        permutation[:] = order


def _interchange_all(rows: np.ndarray, pivots: np.ndarray) -> None:
    """One interchange after the other, in all permutations at once: for many and short ones."""
    every = np.arange(len(rows))
    for i, places in enumerate(pivots.T):
        rows[every, i], rows[every, places] = rows[every, places], rows[every, i]


# --- triangular systems ---------------------------------------------------------------------------------


def triangular_solve(
    a: np.ndarray, b: np.ndarray, lower: bool, transpose: bool, conjugate: bool, unit_diagonal: bool
) -> np.ndarray:
    """x with op(a) x = b, of the `lower` or upper triangle of a (..., n, n); b is (..., n, k)."""
    if conjugate and (not transpose or a.dtype.kind != "c"):
        a, conjugate = a.conj(), False
    matrices, sides = _stack(a), _stack(b)
    if _prefers_rows(len(sides), a.shape[-1]):
        out = _substitute(matrices, sides, lower, transpose, conjugate, unit_diagonal)
    else:
        trsm = _routine(_scipy().blas, "trsm", a.dtype)
        trans = 2 if conjugate else int(transpose)
        out = np.empty_like(sides)
        for i, (matrix, side) in enumerate(zip(matrices, sides, strict=True)):
            # The transposed problem, x^T op(a)^T = b^T: its arrays are in Fortran's order as they stand.
            out[i] = trsm(1.0, matrix.T, side.T, side=1, lower=not lower, trans_a=trans, diag=unit_diagonal).T
    return out.reshape(b.shape)


def _substitute(
    a: np.ndarray, b: np.ndarray, lower: bool, transpose: bool, conjugate: bool, unit_diagonal: bool
) -> np.ndarray:
    """Row after row from the corner where one unknown stands alone."""
    if transpose:
        a, lower = a.swapaxes(1, 2), not lower
    if conjugate:
        a = a.conj()
    x = b.copy()
    n = a.shape[-1]
    for i in range(n) if lower else reversed(range(n)):
        known = slice(0, i) if lower else slice(i + 1, n)
        x[:, i] -= np.matmul(a[:, i, None, known], x[:, known])[:, 0]
        if not unit_diagonal:
            x[:, i] /= a[:, i, i, None]
    return x


def tridiagonal_solve(dl: np.ndarray, d: np.ndarray, du: np.ndarray, b: np.ndarray) -> np.ndarray:
    """x with dl[i] x[i - 1] + d[i] x[i] + du[i] x[i + 1] = b[i]; diagonals are (..., n), b is (..., n, k).

    NaN or infinities where a matrix is singular.
    """
    n, sides = d.shape[-1], _stack(b)
    bands = [band.reshape((len(sides), n)) for band in (dl, d, du)]
    if not b.size:
        return b
    if n < 2 or _prefers_rows(len(sides), n):
        dl, d, du = bands
        return eliminate(np, dl, d, du, sides).reshape(b.shape)
    gtsv = _routine(_scipy().lapack, "gtsv", d.dtype)
    out = np.empty_like(sides)
    for i, (low, middle, high, side) in enumerate(zip(*bands, sides, strict=True)):
        *_, out[i], singular = gtsv(low[1:], middle, high[:-1], side)
        if singular:
            out[i] = np.nan
    return out.reshape(b.shape)
