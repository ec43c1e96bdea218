"""Least squares and the pseudo-inverse: `lstsq`, `pinv`, `polyfit`.

All are x = P b with the pseudo-inverse P of a matrix a: by singular values a = U diag(s) V^H, of which those below a
cutoff count as zero, x = V diag(1/s) U^H b.  Where a small change of a changes no rank,

    dx = P (db - da x) + P P^H da^H (b - a x) + (1 - P a) da^H P^H x,

which holds for equal singular values too, unlike the derivatives of U and V.  (G. H. Golub and V. Pereyra, "The
differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate", SIAM J. Numer. Anal.
10, 1973.)  So U, 1/s and V are found once and are constants of differentiation, which goes through a and b alone.
Values that do not count are taken for zero by derivatives too.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax.api.custom_jvp import custom_jvp
from cujax.api.derivatives import jvp
from cujax.api.traced_once import traced_once
from cujax.engine.control.stop_gradient import stop_gradient
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.lu import inverse
from cujax.engine.ops.matrices import adjoint, matmul
from cujax.engine.ops.spectral import real_part
from cujax.numpy import reductions
from cujax.numpy.arithmetic import square
from cujax.numpy.decompositions import SVDResult, svd
from cujax.numpy.matrices import eye, vander
from cujax.numpy.parts import abs as absolute
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_inexact
from cujax.numpy.reshaping import broadcast_to, matrix_transpose
from cujax.numpy.selection import where
from cujax.numpy.transcendental import sqrt

# --- the solution and its derivative ----------------------------------------------------------------------


class _Factors(NamedTuple):
    """U (..., m, k), the singular values (..., k), V^H (..., k, n), and the inverses of the values that count."""

    u: Array
    s: Array
    vh: Array
    inverses: Array


def _factors(a: Array, cutoff: Any, hermitian: bool = False) -> _Factors:
    """Values up to `cutoff` (...) times the largest one do not count."""
    found = svd(stop_gradient(a), full_matrices=False, hermitian=hermitian)
    assert isinstance(found, SVDResult)
    u, s, vh = found
    least = cutoff * reductions.max(s, -1, initial=0)
    return _Factors(u, s, vh, 1 / where(s > least[..., None], s, np.inf))


@custom_jvp
def _solve(a: Array, b: Array, factors: _Factors) -> tuple[Array, Array]:
    """x (..., n, k), with a (..., m, n) and b (..., m, k); and the singular values of a."""
    u, s, vh, inverses = factors
    scaled = matmul(adjoint(u), b)
    return matmul(adjoint(vh), scaled * inverses[..., None].astype(scaled.dtype)), s


@_solve.defjvp
def _solve_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    a, b, factors = primals
    ta, tb, _ = tangents
    x, s = _solve(a, b, factors)

    p = _solve(a, _eye_of_rows(a), factors)[0]
    moved = matmul(adjoint(ta), matmul(adjoint(p), x))
    inside = matmul(p, tb - matmul(ta, x) - matmul(a, moved))
    outside = matmul(p, matmul(adjoint(p), matmul(adjoint(ta), b - matmul(a, x))))
    u, vh = _vectors(a, factors)
    ts = reductions.sum(real_part(lax.mul(_conjugate(u), matmul(ta, adjoint(vh)))), -2)
    return (x, s), (inside + outside + moved, ts)


@custom_jvp
def _vectors(a: Array, factors: _Factors) -> tuple[Array, Array]:
    """U and V^H, whose derivatives are needed from the second order of the singular values on."""
    return factors.u, factors.vh


@_vectors.defjvp
def _vectors_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    def found(a: Array) -> tuple[Array, Array]:
        u, _, vh = svd(a, full_matrices=False)
        return u, vh

    return jvp(found, primals[:1], tangents[:1])


def _eye_of_rows(a: Array) -> Array:
    """Identity matrices (..., m, m) for matrices (..., m, n)."""
    m = a.shape[-2]
    return broadcast_to(eye(m, dtype=a.dtype), (*a.shape[:-2], m, m))


def _conjugate(x: Array) -> Array:
    return lax.conj(x) if dtypes.is_complex(x.dtype) else x


# --- public functions -------------------------------------------------------------------------------------


@traced_once("a", "rtol", "rcond")
def pinv(
    a: ArrayLike, rtol: ArrayLike | None = None, hermitian: bool = False, *, rcond: ArrayLike | None = None
) -> Array:
    """The pseudo-inverses (..., n, m) of matrices (..., m, n).

    rtol: singular values up to `rtol` (...) times the largest count as zero; by default 10 max(m, n) times the
    precision of the dtype.  `rcond` is another name for it.  hermitian: promises that the matrices are.

    ValueError for both names, and for fewer than two axes.
    """
    if rtol is not None and rcond is not None:
        raise ValueError("linalg.pinv: only one of rtol and rcond may be specified.")
    (x,) = arrays_of(promote_inexact("linalg.pinv", a))
    if x.ndim < 2:
        raise ValueError(f"linalg.pinv: expected matrices (..., m, n), got shape {x.shape}")
    x = lax.convert_element_type(x, x.dtype)
    x = (x + adjoint(x)) / 2 if hermitian else x
    m, n = x.shape[-2:]
    given = rtol if rcond is None else rcond
    cutoff = 10 * max(m, n) * float(dtypes.finfo(x.dtype).eps) if given is None else as_array("linalg.pinv", given)
    return _solve(x, _eye_of_rows(x), _factors(x, cutoff, hermitian))[0]


@traced_once("a", "b")
def lstsq(
    a: ArrayLike, b: ArrayLike, rcond: float | None = None, *, numpy_resid: bool = False
) -> tuple[Array, Array, Array, Array]:
    """x with the least norm(a x - b), the squares of these norms, the rank of a and its singular values.

    a: (m, n).  b: (m,) or (m, k), then x is (n,) or (n, k) and the squares (1,) or (k,).  rcond: singular values up to
    `rcond` times the largest count as zero; by default (None or below 0) max(m, n) times the precision of the dtype.
    numpy_resid: where a has not rank n, or not more rows than columns, there are no squares, as in NumPy; this needs
    known values.

    TypeError for b of another rank; ValueError for shapes that do not fit.
    """
    x, y = arrays_of(promote_inexact("linalg.lstsq", a, b))
    if not x.shape or not y.shape or x.shape[0] != y.shape[0]:
        raise ValueError(f"linalg.lstsq: a and b need as many rows each, got shapes {x.shape} and {y.shape}")
    if y.ndim not in (1, 2):
        raise TypeError(f"linalg.lstsq: b must have one or two axes, got shape {y.shape}")
    if x.ndim != 2:
        raise TypeError(f"linalg.lstsq: a must be a matrix, got shape {x.shape}")
    x, y = (lax.convert_element_type(z, z.dtype) for z in (x, y))
    columns = y[:, None] if y.ndim == 1 else y
    automatic = max(x.shape) * float(dtypes.finfo(x.dtype).eps)
    factors = _factors(x, automatic if rcond is None else where(rcond < 0, automatic, rcond))
    found, s = _solve(x, columns, factors)
    rank = reductions.sum(factors.inverses > 0)
    squares = reductions.sum(square(absolute(columns - matmul(x, found))), 0)
    if numpy_resid and not (x.shape[1] < x.shape[0] and rank == x.shape[1]):
        squares = squares[:0]
    return (found[:, 0] if y.ndim == 1 else found), squares, rank, s


@traced_once("x", "y", "w")
def polyfit(
    x: ArrayLike, y: ArrayLike, deg: int, rcond: float | None = None, full: bool = False, w: ArrayLike | None = None,
    cov: bool = False,
) -> Array | tuple[Array, ...]:
    """Coefficients, highest power first, of the polynomial of degree `deg` nearest to points (x, y).

    x: (m,).  y: (m,) or (m, k), then the result is (deg + 1,) or (deg + 1, k).  w: weights (m,) of the differences.
    rcond: as in `lstsq`, by default m times the precision of the dtype.  full: also returns the squares, the rank and
    the singular values of `lstsq`, and rcond.  cov: also returns the covariance of the coefficients, scaled by the
    differences that remain unless it is "unscaled".

    TypeError for other ranks and lengths; ValueError for a negative degree, and for a covariance without more points
    than coefficients.
    """
    if not isinstance(deg, int):
        deg = int(operator.index(deg))
    if deg < 0:
        raise ValueError("expected deg >= 0")
    x, y = arrays_of(promote_inexact("polyfit", x, y))
    _check_points(x, y)
    weights = None if w is None else _weights(w, y)
    if rcond is None:
        rcond = x.shape[0] * float(dtypes.finfo(x.dtype).eps)
    lhs, rhs = vander(x, deg + 1), y
    if weights is not None:
        lhs, rhs = lhs * weights[:, None], rhs * (weights[:, None] if y.ndim == 2 else weights)
    scale = sqrt(reductions.sum(lhs * lhs, 0))
    c, squares, rank, s = lstsq(lhs / scale, rhs, rcond)
    c = matrix_transpose(matrix_transpose(c) / scale) if y.ndim == 2 else c / scale
    if full:
        return c, squares, rank, s, as_array("polyfit", rcond)
    return (c, _covariance(lhs / scale, scale, squares, y.ndim, cov)) if cov else c


def _check_points(x: Array, y: Array) -> None:
    if x.ndim != 1:
        raise TypeError(f"polyfit: expected 1D vector for x, got shape {x.shape}")
    if not x.shape[0]:
        raise TypeError("polyfit: expected non-empty vector for x")
    if y.ndim not in (1, 2):
        raise TypeError(f"polyfit: expected 1D or 2D array for y, got shape {y.shape}")
    if y.shape[0] != x.shape[0]:
        raise TypeError(f"polyfit: expected x and y to have same length, got {x.shape[0]} and {y.shape[0]}")


def _weights(w: ArrayLike, y: Array) -> Array:
    weights, _ = arrays_of(promote_inexact("polyfit", w, y))
    if weights.ndim != 1:
        raise TypeError(f"polyfit: expected a 1-d array for weights, got shape {weights.shape}")
    if weights.shape[0] != y.shape[0]:
        raise TypeError(f"polyfit: expected w and y to have the same length, got {weights.shape[0]} and {y.shape[0]}")
    return weights


def _covariance(lhs: Array, scale: Array, squares: Array, rank_of_y: int, cov: Any) -> Array:
    """Of the coefficients, for `lhs` with columns of norm 1."""
    base = inverse(matmul(matrix_transpose(lhs), lhs)) / (scale[:, None] * scale)
    points, order = lhs.shape
    factor: Any = 1
    if cov != "unscaled":
        if points <= order:
            raise ValueError("the number of data points must exceed order to scale the covariance matrix")
        factor = squares / (points - order)
    return base * factor if rank_of_y == 1 else base[:, :, None] * factor
