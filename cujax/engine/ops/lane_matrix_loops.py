"""How ops on matrices of some size are computed within a lane: by loops over arrays of its own.

    lu linear_solve determinants        general matrices, LU with the largest pivot of a column
    triangular_solve cholesky           triangles

What lane_matrices.py writes out on scalars, for more rows.  Each function takes `w`, which makes statements
(compiler/lane_statements.py), then operands and results: arrays over the axes along which elements meet.

    with w.loop(k + 1, n) as i:         a loop of the lane; i is an index
        a[i, k] = a[i, k] / a[k, k]     a statement; what is read is a Scalar (lane_maps.py)

Loops update what lies after a row instead of summing up what lies before it: no addition waits for another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.engine.ground import dtypes
from cujax.engine.ops.lane_maps import Scalar, conj, magnitude, real, sqrt, where

LARGEST = 32  # rows or columns


def pivot_size(x: Scalar) -> Scalar:
    """By what LAPACK chooses: the sum of the parts of complex numbers."""
    if not dtypes.is_complex(x.dtype):
        return magnitude(x)
    parts = [x.apply(f"cj::abs(cj::{part}({{0}}))", dtype=dtypes.to_real(x.dtype)) for part in ("real", "imag")]
    return parts[0] + parts[1]


def copy(w: Any, of: Any, into: Any) -> None:
    """All elements, of one axis or two."""
    with w.loop(0, into.shape[0]) as i:
        if len(into.shape) == 1:
            into[i] = of[i].convert(into.dtype)
            return
        with w.loop(0, into.shape[1]) as j:
            into[i, j] = of[i, j].convert(into.dtype)


# --- general matrices -----------------------------------------------------------------------------------


def lu(w: Any, a: Any, factors: Any, pivots: Any, permutation: Any) -> None:
    """Factors, interchanges and permutation."""
    m, n = factors.shape
    copy(w, a, factors)
    with w.loop(0, m) as i:
        permutation[i] = w.number(i, dtypes.int32)
    with w.loop(0, min(m, n)) as k:
        pivot = _pivot(w, factors, k)
        pivots[k] = pivot.value
        with w.when(pivot.value.differs(w.number(k, dtypes.int32))):
            row = w.index(pivot.value, m)
            with w.loop(0, n) as j:
                w.exchange(factors, (k, j), (row, j))
            w.exchange(permutation, (k,), (row,))
        _eliminate(w, factors, k)


def _pivot(w: Any, a: Any, k: Any) -> Any:
    """The first row from k on with the largest element of column k."""
    largest, pivot = w.variable(pivot_size(a[k, k])), w.variable(w.number(k, dtypes.int32))
    with w.loop(k + 1, a.shape[0]) as i:
        size = w.variable(pivot_size(a[i, k]))
        pivot.value = where(size.value > largest.value, w.number(i, dtypes.int32), pivot.value)
        largest.value = where(size.value > largest.value, size.value, largest.value)
    return pivot


def _eliminate(w: Any, a: Any, k: Any) -> None:
    m, n = a.shape
    diagonal = w.variable(a[k, k])
    with w.loop(k + 1, m) as i:
        factor = w.variable(where(diagonal.value.equals(0), a[i, k], a[i, k] / diagonal.value))
        a[i, k] = factor.value
        with w.loop(k + 1, n) as j:
            a[i, j] = a[i, j] - factor.value * a[k, j]


def lu_factors(w: Any, a: Any, factors: Any, permutation: Any) -> None:
    lu(w, a, factors, w.array(a.shape[:1], dtypes.int32), permutation)


def permutation_of(w: Any, pivots: Any, permutation: Any, **_: Any) -> None:
    """What interchanges amount to."""
    n = permutation.shape[0]
    with w.loop(0, n) as i:
        permutation[i] = w.number(i, dtypes.int32)
    with w.loop(0, pivots.shape[0]) as i:
        w.exchange(permutation, (i,), (w.index(pivots[i], n),))


def linear_solve(w: Any, a: Any, factors: Any, permutation: Any, b: Any, x: Any, *, transpose: bool) -> None:
    """a = P^-1 L U and a^T = U^T L^T P, where P takes the rows in the order of the permutation."""
    n = x.shape[0]
    own = w.array((n,), x.dtype)
    copy(w, b, own)
    if transpose:
        _substitute(w, lambda i, j: factors[j, i], own, lower=True, unit=False)
        _substitute(w, lambda i, j: factors[j, i], own, lower=False, unit=True)
        with w.loop(0, n) as i:
            x[w.index(permutation[i], n)] = own[i]
    else:
        with w.loop(0, n) as i:
            x[i] = own[w.index(permutation[i], n)]
        _substitute(w, lambda i, j: factors[i, j], x, lower=True, unit=True)
        _substitute(w, lambda i, j: factors[i, j], x, lower=False, unit=False)


def _determinant_factors(w: Any, a: Any) -> tuple[Any, Any]:
    """The sign of the permutation, and the factors, the product of whose diagonal is the determinant."""
    n = a.shape[0]
    factors, pivots = w.array(a.shape, a.dtype), w.array((n,), dtypes.int32)
    lu(w, a, factors, pivots, w.array((n,), dtypes.int32))
    sign = w.variable(a[0, 0].like(1))
    with w.loop(0, n) as k:
        sign.value = where(pivots[k].differs(w.number(k, dtypes.int32)), -sign.value, sign.value)
    return sign, factors


def det(w: Any, a: Any, found: Any) -> None:
    total, factors = _determinant_factors(w, a)
    with w.loop(0, a.shape[0]) as k:
        total.value = total.value * factors[k, k]
    found[()] = total.value


def slogdet(w: Any, a: Any, found_sign: Any, found_logarithm: Any) -> None:
    sign, factors = _determinant_factors(w, a)
    logarithm = w.variable(magnitude(factors[0, 0]).like(0))
    with w.loop(0, a.shape[0]) as k:
        x = w.variable(factors[k, k])
        sign.value = where(x.value.equals(0), 0, sign.value * x.value.apply("cj::sign({0})"))
        logarithm.value = logarithm.value + magnitude(x.value).apply("cj::log({0})")
    nothing = w.variable(a[0, 0].like(0))  # NaN where a has infinities: they leave the determinant undefined
    with w.loop(0, a.shape[0]) as i, w.loop(0, a.shape[0]) as j:
        nothing.value = nothing.value + (a[i, j] - a[i, j])
    is_singular = w.variable(sign.value.equals(0))
    found_sign[()] = where(is_singular.value, nothing.value, sign.value)
    found_logarithm[()] = where(is_singular.value, magnitude(nothing.value) - float("inf"), logarithm.value)


# --- triangles ------------------------------------------------------------------------------------------


def _substitute(w: Any, read: Callable, x: Any, *, lower: bool, unit: bool) -> None:
    """x becomes the solution of the triangular system whose elements are read(i, j), and x the right-hand side."""
    n = x.shape[0]

    def turned(index: Any) -> Any:
        return index if lower else n - 1 - index

    with w.loop(0, n) as first:
        j = turned(first)
        if not unit:
            x[j] = x[j] / read(j, j)
        known = w.variable(x[j])
        with w.loop(first + 1, n) as later:
            i = turned(later)
            x[i] = x[i] - read(i, j) * known.value


def triangular_solve(
    w: Any, a: Any, b: Any, x: Any, *, left_side: bool, lower: bool, transpose_a: bool, conjugate_a: bool,
    unit_diagonal: bool,
) -> None:
    """x op(a) = b is the transposed op(a)^T x^T = b^T; small floats are computed in float32."""
    is_transposed = transpose_a == left_side
    own = w.array(x.shape, dtypes.float32 if x.dtype.itemsize == 2 else x.dtype)
    copy(w, b, own)

    def read(i: Any, j: Any) -> Scalar:
        found = a[(j, i) if is_transposed else (i, j)].convert(own.dtype)
        return conj(found) if conjugate_a else found

    _substitute(w, read, own, lower=lower != is_transposed, unit=unit_diagonal)
    copy(w, own, x)


def cholesky(w: Any, a: Any, found: Any) -> None:
    """NaN on and below the diagonal where a matrix is not positive definite."""
    n = found.shape[0]
    zero = a[0, 0].like(0)
    is_positive = w.variable(zero.equals(0))
    copy(w, a, found)
    with w.loop(0, n) as k:
        square = w.variable(real(found[k, k]))
        is_positive.value = is_positive.value & (square.value > 0)
        found[k, k] = sqrt(square.value).convert(found.dtype)
        diagonal = w.variable(found[k, k])
        with w.loop(k + 1, n) as i:
            found[i, k], found[k, i] = found[i, k] / diagonal.value, zero
        with w.loop(k + 1, n) as j:
            factor = w.variable(conj(found[j, k]))
            with w.loop(j, n) as i:
                found[i, j] = found[i, j] - found[i, k] * factor.value
    with w.loop(0, n) as j, w.loop(j, n) as i:
        found[i, j] = where(is_positive.value, found[i, j], float("nan"))
