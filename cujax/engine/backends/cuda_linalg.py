"""Factorizations and triangular systems for stacks of matrices on the GPU: the twins of `numpy_linalg.py`.

cuSOLVER and cuBLAS through CuPy, which treats stacks of small matrices in one call and loops over large
ones.  CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import prod
from typing import Any

from cujax.engine.backends import numpy_linalg
from cujax.engine.backends.tridiagonal import eliminate


def over_stack(decompose: Callable[[Any], tuple], a: Any) -> tuple:
    """The results of `decompose` for a stack of matrices (..., m, n); cuSOLVER has its own ways with stacks."""
    return tuple(decompose(a))


def _stack(x: Any) -> Any:
    """The matrices of `x` along one axis."""
    return x.reshape((prod(x.shape[:-2]), *x.shape[-2:]))


def cholesky(a: Any) -> Any:
    """Lower-triangular L with L L^H = a, of the lower triangles of `a`; on failure its triangle is NaN."""
    import cupy

    if not a.size:
        return a
    try:
        return _checked_cholesky(a)
    except cupy.linalg.LinAlgError:
        return cupy.stack([_cholesky_or_nan(matrix) for matrix in _stack(a)]).reshape(a.shape)


def _checked_cholesky(a: Any) -> Any:
    """Raises where CuPy by itself would return what cuSOLVER left behind."""
    import cupy
    import cupyx

    with cupyx.errstate(linalg="raise"):
        return cupy.linalg.cholesky(a)


def _cholesky_or_nan(a: Any) -> Any:
    import cupy

    try:
        return _checked_cholesky(a)
    except cupy.linalg.LinAlgError:
        return cupy.tril(cupy.full_like(a, cupy.nan))


def lu(a: Any) -> tuple[Any, Any, Any]:
    """LU factors of matrices (..., m, n) in one array, the interchanges of rows, and the permutation.

    Row i was interchanged with row `pivots[..., i]`, in the order of i; row i of L U is row
    `permutation[..., i]` of `a`.  Both are int32.
    """
    import cupy

    *batch, m, n = a.shape
    if not a.size:
        factors, pivots = a.copy(), cupy.tile(cupy.arange(min(m, n), dtype=cupy.int32), (*batch, 1))
    elif m == n:
        factors, pivots = _square_lu(a)
    else:
        factors, pivots = _rectangular_lu(a)
    return factors, pivots, permutation_of_pivots(pivots, m)


def _square_lu(a: Any) -> tuple[Any, Any]:
    """The factorization behind `cupy.linalg.slogdet`: takes and gives transposed matrices, counts from 1."""
    from cupy.linalg import _decomposition

    factors, pivots, _ = _decomposition._lu_factor(a.swapaxes(-1, -2), a.dtype)
    return factors.swapaxes(-1, -2), pivots - 1


def _rectangular_lu(a: Any) -> tuple[Any, Any]:
    import cupy
    from cupyx.scipy import linalg

    with warnings.catch_warnings():  # a pivot of 0 is no mistake of the user's
        warnings.simplefilter("ignore", RuntimeWarning)
        pairs = [linalg.lu_factor(matrix, check_finite=False) for matrix in _stack(a)]
    factors, pivots = (cupy.stack(parts) for parts in zip(*pairs, strict=True))
    return factors.reshape(a.shape), pivots.reshape((*a.shape[:-2], -1))


def permutation_of_pivots(pivots: Any, size: int) -> Any:
    """The permutation of `size` rows that the interchanges `pivots` (..., k) amount to; int32.

    Interchanges are a matter of a few integers in sequence: made on the host.
    """
    import cupy

    return cupy.asarray(numpy_linalg.permutation_of_pivots(cupy.asnumpy(pivots), size))


def triangular_solve(
    a: Any, b: Any, lower: bool, transpose: bool, conjugate: bool, unit_diagonal: bool
) -> Any:
    """x with op(a) x = b, of the `lower` or upper triangle of a (..., n, n); b is (..., n, k)."""
    from cupyx.scipy import linalg

    if not b.size:
        return b
    if conjugate:
        a = a.conj()
    trans = "T" if transpose else "N"
    return linalg.solve_triangular(a, b, trans=trans, lower=lower, unit_diagonal=unit_diagonal)


def tridiagonal_solve(dl: Any, d: Any, du: Any, b: Any) -> Any:
    """x with dl[i] x[i - 1] + d[i] x[i] + du[i] x[i + 1] = b[i]; diagonals are (..., n), b is (..., n, k).

    CuPy has no routine for it: a few kernels for each row, whatever the number of systems.
    """
    import cupy

    if not b.size:
        return b
    sides = _stack(b)
    dl, d, du = (band.reshape((len(sides), d.shape[-1])) for band in (dl, d, du))
    return eliminate(cupy, dl, d, du, sides).reshape(b.shape)
