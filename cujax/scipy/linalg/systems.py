"""Systems of equations and the factorizations behind them, inverses, determinants, `expm`, with SciPy's arguments.

All functions work on stacks of matrices, (..., n, n).  Arguments that SciPy has for its own memory and checks
(overwrite_a, overwrite_b, check_finite, debug) are accepted and have no effect.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.control.stop_gradient import stop_gradient
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.lu import linear_solve_p, take_rows
from cujax.engine.ops.lu import solve as solve_by_lu
from cujax.engine.ops.matrices import (
    adjoint,
    identity_like,
    lower_triangle,
    matmul,
    matrix_transpose,
    upper_triangle,
)
from cujax.numpy import linalg, reductions
from cujax.numpy.arithmetic import maximum
from cujax.numpy.creation import asarray, zeros
from cujax.numpy.linalg import check_square, solve_columns
from cujax.numpy.parts import ceil
from cujax.numpy.promotion import ArrayLike, arrays_of, as_arrays, check_arraylike, promote_dtypes, promote_inexact
from cujax.numpy.reshaping import broadcast_to
from cujax.numpy.selection import where
from cujax.numpy.transcendental import exp2, log2

_TRANSPOSITIONS = {0: 0, 1: 1, 2: 2, "N": 0, "T": 1, "C": 2}


def inexact_arrays(name: str, *xs: ArrayLike) -> list[Array]:
    """The arguments of `linalg.<name>`, lists too, as arrays of one inexact dtype."""
    return arrays_of(promote_inexact(f"linalg.{name}", *map(asarray, xs)))


def _of_vectors(a: Array, b: Array) -> bool:
    """Whether the right-hand side b means one vector, or one for each matrix of `a`."""
    return b.ndim in (1, a.ndim - 1)


# --- cholesky -------------------------------------------------------------------------------------------


def cholesky(
    a: ArrayLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Array:
    """Upper-triangular U with U^H U = a, or, if `lower`, L with L L^H = a; only that triangle of a is read.

    NaN where a matrix is not positive definite.  ValueError for matrices that are not square.
    """
    (x,) = inexact_arrays("cholesky", a)
    factor = lax.linalg.cholesky(x if lower else adjoint(x), symmetrize_input=False)
    return factor if lower else adjoint(factor)


def cho_factor(
    a: ArrayLike, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, bool]:
    """The factor of `cholesky`, and `lower`: what `cho_solve` takes."""
    return cholesky(a, lower), lower


def cho_solve(
    c_and_lower: tuple[ArrayLike, bool], b: ArrayLike, overwrite_b: bool = False, check_finite: bool = True
) -> Array:
    """x with a x = b, from `cho_factor(a)`; b is (n,) or (..., n, k).  ValueError for other shapes."""
    c, lower = c_and_lower
    factor, y = inexact_arrays("cho_solve", c, b)
    check_square("cho_solve", factor)

    def solver(factor: Array, y: Array) -> Array:
        for adjointed in (not lower, bool(lower)):
            y = lax.linalg.triangular_solve(
                factor, y, left_side=True, lower=lower, transpose_a=adjointed, conjugate_a=adjointed
            )
        return y

    return solve_columns("cho_solve", solver, factor, y, _of_vectors(factor, y))


# --- solve ----------------------------------------------------------------------------------------------


@traced_once("a", "b")
def solve(
    a: ArrayLike, b: ArrayLike, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    debug: bool = False, check_finite: bool = True, assume_a: str = "gen",
) -> Array:
    """x with a x = b; b is (n,) or (..., n, k).

    assume_a: "gen", "sym", "her", or "pos" for positive definite matrices, of which only the upper triangle
    (the lower, if `lower`) is read.  ValueError for another word and for shapes that do not fit.
    """
    if assume_a not in ("gen", "sym", "her", "pos"):
        raise ValueError(f"Expected assume_a to be one of ['gen', 'sym', 'her', 'pos']; got {assume_a!r}")
    if assume_a != "pos":
        return linalg.solve(a, b)
    x, y = inexact_arrays("solve", a, b)
    check_square("solve", x)
    if y.shape not in (x.shape[:-1], (*x.shape[:-1], *y.shape[-1:])):
        raise ValueError(f"linalg.solve: a of shape {x.shape} needs b (..., n) or (..., n, k), got {y.shape}")
    return solve_columns(
        "solve", lambda x, y: _solve_positive_definite(x, y, lower), x, y, y.ndim == x.ndim - 1
    )


def _solve_positive_definite(a: Array, b: Array, lower: bool) -> Array:
    """By Cholesky's factor L in place of LU factors: with D its diagonal, a = (L D^-1) (D L^H)."""
    factor = cholesky(stop_gradient(a), lower=lower)
    factor = factor if lower else adjoint(factor)
    diagonal = broadcast_to(linalg.diagonal(factor)[..., None, :], factor.shape)
    below = lower_triangle(lax.div(factor, diagonal), strictly=True)
    above = upper_triangle(lax.mul(matrix_transpose(diagonal), adjoint(factor)))
    unmoved = lax.broadcasted_iota(np.int32, a.shape[:-1], a.ndim - 2)
    return linear_solve_p.bind(a, lax.add(below, above), unmoved, b, transpose=False)


@traced_once("a", "b")
def solve_triangular(
    a: ArrayLike, b: ArrayLike, trans: int | str = 0, lower: bool = False, unit_diagonal: bool = False,
    overwrite_b: bool = False, debug: Any = None, check_finite: bool = True,
) -> Array:
    """x with op(a) x = b, of the upper triangle of a, or the lower if `lower`; b is (n,) or (..., n, k).

    trans: op is nothing (0 or "N"), transposes (1 or "T"), or transposes and conjugates (2 or "C").
    ValueError for another `trans` and for shapes that do not fit.
    """
    if trans not in _TRANSPOSITIONS:
        raise ValueError(f"Invalid 'trans' value {trans}; it must be 0, 1, 2, 'N', 'T' or 'C'")
    kind = _TRANSPOSITIONS[trans]
    x, y = inexact_arrays("solve_triangular", a, b)
    check_square("solve_triangular", x)

    def solver(x: Array, y: Array) -> Array:
        return lax.linalg.triangular_solve(
            x, y, left_side=True, lower=lower, transpose_a=kind > 0, conjugate_a=kind == 2,
            unit_diagonal=unit_diagonal,
        )

    return solve_columns("solve_triangular", solver, x, y, _of_vectors(x, y))


# --- lu -------------------------------------------------------------------------------------------------


def lu_factor(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Array, Array]:
    """LU factors of matrices (..., m, n) in one array, and the interchanges of rows, for `lu_solve`."""
    (x,) = inexact_arrays("lu_factor", a)
    return lax.linalg.lu(x)[:2]


@traced_once("lu_and_piv", "b")
def lu_solve(
    lu_and_piv: tuple[ArrayLike, ArrayLike], b: ArrayLike, trans: int = 0, overwrite_b: bool = False,
    check_finite: bool = True,
) -> Array:
    """x with op(a) x = b, from `lu_factor(a)`; op and the shape of b as in `solve_triangular`.

    ValueError for a `trans` other than 0, 1, 2 and for shapes that do not fit.
    """
    if trans not in (0, 1, 2):
        raise ValueError(f"'trans' value must be 0, 1, or 2, got {trans}")
    factors, pivots = lu_and_piv
    x, y = inexact_arrays("lu_solve", factors, b)
    check_square("lu_solve", x)
    (interchanges,) = as_arrays("linalg.lu_solve", pivots)
    permutation = lax.linalg.lu_pivots_to_permutation(interchanges, x.shape[-1])

    def solver(x: Array, y: Array) -> Array:
        rows = broadcast_to(permutation, x.shape[:-1])
        return _solve_transposed(x, rows, y, trans == 2) if trans else _solve_factored(x, rows, y)

    return solve_columns("lu_solve", solver, x, y, _of_vectors(x, y))


def _solve_factored(factors: Array, permutation: Array, b: Array) -> Array:
    """Of P a = L U."""
    half = lax.linalg.triangular_solve(
        factors, take_rows(b, permutation), left_side=True, lower=True, unit_diagonal=True
    )
    return lax.linalg.triangular_solve(factors, half, left_side=True)


def _solve_transposed(factors: Array, permutation: Array, b: Array, conjugate: bool) -> Array:
    """Of a^T = U^T L^T P."""
    operation = {"left_side": True, "transpose_a": True, "conjugate_a": conjugate}
    half = lax.linalg.triangular_solve(factors, b, **operation)
    permuted = lax.linalg.triangular_solve(factors, half, lower=True, unit_diagonal=True, **operation)
    return take_rows(permuted, _inverse(permutation))


def _inverse(permutation: Array) -> Array:
    places = lax.broadcasted_iota(np.int32, permutation.shape, permutation.ndim - 1)
    return lax.sort_key_val(permutation, places)[1]


@traced_once("a")
def lu(
    a: ArrayLike, permute_l: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> tuple[Array, ...]:
    """P (..., m, m), L (..., m, k), U (..., k, n) with a = P L U for a (..., m, n), k = min(m, n).

    With `permute_l` only P L and U.  P is real, L has ones on its diagonal.  TypeError for rank below 2.
    """
    (x,) = inexact_arrays("lu", a)
    factors, _, permutation = lax.linalg.lu(x)
    k = min(x.shape[-2:])
    lower = lax.slice_in_dim(factors, 0, k, axis=-1)
    lower = lax.add(lower_triangle(lower, strictly=True), identity_like(lower))
    upper = upper_triangle(lax.slice_in_dim(factors, 0, k, axis=-2))
    inverse = _inverse(permutation)
    if permute_l:
        return take_rows(lower, inverse), upper
    return _permutation_matrix(inverse, dtypes.to_real(x.dtype)), lower, upper


def _permutation_matrix(permutation: Array, dtype: Any) -> Array:
    """Row i has its 1 at `permutation[..., i]`."""
    shape = (*permutation.shape, permutation.shape[-1])
    column = lax.broadcasted_iota(np.int32, shape, len(shape) - 1)
    chosen = lax.broadcast_in_dim(permutation, shape, range(permutation.ndim))
    return lax.convert_element_type(lax.eq(column, chosen), dtype)


# --- inverse, determinant, blocks -------------------------------------------------------------------------


def inv(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The inverses of the matrices `a`; see `jnp.linalg.inv`."""
    return linalg.inv(a)


def det(a: ArrayLike, overwrite_a: bool = False, check_finite: bool = True) -> Array:
    """The determinants of the matrices `a`; see `jnp.linalg.det`."""
    return linalg.det(a)


def block_diag(*arrs: ArrayLike) -> Array:
    """The matrix with the given matrices along its diagonal and zeros elsewhere; vectors count as rows.

    Without arguments it has shape (1, 0).  ValueError for arrays with more than two axes.
    """
    blocks = arrays_of(promote_dtypes("linalg.block_diag", *arrs)) if arrs else [zeros((1, 0))]
    for i, block in enumerate(blocks):
        if block.ndim > 2:
            raise ValueError(f"linalg.block_diag: argument {i} has more than two axes: shape {block.shape}")
    blocks = [block if block.ndim == 2 else lax.reshape(block, (1, block.size)) for block in blocks]
    columns = sum(block.shape[1] for block in blocks)
    rows, before = [], 0
    for block in blocks:
        after = columns - before - block.shape[1]
        rows.append(lax.pad(block, block.dtype.type(0), [(0, 0, 0), (before, after, 0)]))
        before += block.shape[1]
    return lax.concatenate(rows, 0)


# --- expm -----------------------------------------------------------------------------------------------

# N. Higham, "The scaling and squaring method for the matrix exponential revisited", SIAM J. Matrix Anal.
# Appl. 26 (2005): numerator of the Pade approximant, and up to which 1-norm it is exact to the precision.
_PADE_SINGLE = ((17297280, 8648640, 1995840, 277200, 25200, 1512, 56, 1), 3.925724783138660)
_PADE_DOUBLE = (
    (64764752532480000, 32382376266240000, 7771770303897600, 1187353796428800, 129060195264000,
     10559470521600, 670442572800, 33522128640, 1323241920, 40840800, 960960, 16380, 182, 1),
    5.371920351148152,
)


@traced_once("A")
def expm(A: ArrayLike, *, upper_triangular: bool = False, max_squarings: int = 16) -> Array:
    """The exponentials of the matrices A (..., n, n), by scaling and squaring.

    `upper_triangular` promises that A is.  Matrices that would need more than `max_squarings` squarings,
    those with norm above about 2**max_squarings, give NaN.  ValueError for matrices that are not square.
    """
    check_arraylike("linalg.expm", A)
    (x,) = inexact_arrays("expm", A)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise ValueError(f"linalg.expm: expected matrices (..., n, n), got A of shape {x.shape}")
    coefficients, bound = _PADE_DOUBLE if x.dtype in (dtypes.float64, dtypes.complex128) else _PADE_SINGLE
    size = reductions.max(reductions.sum(lax.abs(x), -2), -1, initial=0)
    halvings = stop_gradient(maximum(0, ceil(log2(size / bound))))
    scale = where(halvings > max_squarings, np.nan, exp2(-halvings))[..., None, None]
    exponential = _pade(x * scale, coefficients, upper_triangular)

    def square(i: Any, y: Array) -> Array:
        return where((i < halvings)[..., None, None], matmul(y, y), y)

    needed = reductions.max(halvings, initial=0)
    return lax.fori_loop(
        0, max_squarings, lambda i, y: lax.cond(i < needed, square, lambda i, y: y, i, y), exponential
    )


def _pade(x: Array, coefficients: tuple[int, ...], upper_triangular: bool) -> Array:
    """q(-x)^-1 q(x), where q has these coefficients: the sums of its even and of its odd powers."""
    square = matmul(x, x)
    even, odd = _polynomial(square, coefficients[::2]), matmul(x, _polynomial(square, coefficients[1::2]))
    numerator, denominator = lax.add(even, odd), lax.sub(even, odd)
    if upper_triangular:
        return lax.linalg.triangular_solve(denominator, numerator, left_side=True)
    return solve_by_lu(denominator, numerator)


def _polynomial(x: Array, coefficients: tuple[int, ...]) -> Array:
    """The sum of coefficients[i] x^i, by Horner's rule."""
    identity = identity_like(x)
    *lower, second, highest = coefficients
    total = lax.add(lax.mul(x, highest), lax.mul(identity, second))
    for c in reversed(lower):
        total = lax.add(matmul(total, x), lax.mul(identity, c))
    return total


__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "det", "expm", "inv", "lu", "lu_factor", "lu_solve",
    "solve", "solve_triangular",
]
