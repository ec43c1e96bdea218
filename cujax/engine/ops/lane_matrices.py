"""Linear algebra of small matrices within a lane, written out on scalars: see lane_maps.py.

    lu linear_solve determinants cofactors      general matrices, LU with the largest pivot of a column
    triangular_solve cholesky                   triangles
    tridiagonal_solve                           elimination with interchanges of neighbouring rows
    qr eigh                                     Householder's reflections, Jacobi's rotations

Each takes and returns arrays of scalars, and does what the library's routine does to rounding; a branch becomes a
choice between two values that are both computed.  At the end stands the rule of each op.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import LaneLoops, LaneMap
from cujax.engine.ground import dtypes
from cujax.engine.ops import lane_matrix_loops
from cujax.engine.ops.lane_maps import (
    Passed,
    Scalar,
    array_of,
    conj,
    converted,
    lane_map,
    magnitude,
    real,
    sort_front,
    sqrt,
    where,
    widened,
)
from cujax.engine.ops.lane_matrix_loops import pivot_size

LARGEST = 6  # rows or columns of a matrix
LONGEST_BAND = 32  # rows of a tridiagonal matrix
_SWEEPS = {2: (1, 1), 3: (4, 5), 4: (5, 6)}  # of Jacobi's method until rounding is reached: in float32, in float64

Matrix = np.ndarray


conjugate = np.frompyfunc(conj, 1, 1)


# --- general matrices -----------------------------------------------------------------------------------


def lu(a: Matrix) -> tuple[Matrix, Matrix, Matrix]:
    """Factors, interchanges and permutation."""
    a, (m, n) = a.copy(), a.shape
    number = [Scalar(a[0, 0].e, a[0, 0].e.value(i, dtypes.int32)) for i in range(m)]
    pivots, permutation = [], array_of(number)
    for k in range(min(m, n)):
        largest, pivot = pivot_size(a[k, k]), number[k]
        for i in range(k + 1, m):
            size = pivot_size(a[i, k])
            is_larger = size > largest
            largest, pivot = where(is_larger, size, largest), where(is_larger, number[i], pivot)
        pivots.append(pivot)
        for i in range(k + 1, m):
            is_pivot = pivot.equals(i)
            for rows in (a, permutation):
                rows[k], rows[i] = where(is_pivot, rows[i], rows[k]), where(is_pivot, rows[k], rows[i])
        if k + 1 < m:
            factors = where(a[k, k].equals(0), a[k + 1 :, k], a[k + 1 :, k] / a[k, k])
            a[k + 1 :, k] = factors
            a[k + 1 :, k + 1 :] -= np.multiply.outer(factors, a[k, k + 1 :])
    return a, array_of(pivots), permutation


def _permutation(pivots: Matrix, *, permutation_size: int) -> Matrix:
    """What interchanges amount to."""
    found = array_of([pivots[0].like(i) for i in range(permutation_size)])
    for i, pivot in enumerate(pivots):
        for j in range(permutation_size):
            is_pivot = pivot.equals(j)
            found[i], found[j] = where(is_pivot, found[j], found[i]), where(is_pivot, found[i], found[j])
    return found


def _lu_factors(a: Matrix) -> tuple[Matrix, Matrix]:
    factors, _, permutation = lu(a)
    return factors, permutation


def _linear_solve(a: Matrix, factors: Matrix, permutation: Matrix, b: Matrix, *, transpose: bool) -> Matrix:
    """a = P^-1 L U and a^T = U^T L^T P, where P takes the rows in the order of the permutation."""
    n = len(b)
    if transpose:
        half = _substitute(factors.T, b, lower=True, unit=False)
        permuted = _substitute(factors.T, half, lower=False, unit=True)
        return array_of([_at([permutation[i].equals(j) for i in range(n)], permuted) for j in range(n)])
    permuted = array_of([_at([permutation[i].equals(j) for j in range(n)], b) for i in range(n)])
    return _substitute(factors, _substitute(factors, permuted, lower=True, unit=True), lower=False, unit=False)


def _at(conditions: Sequence[Scalar], values: Matrix) -> Scalar:
    """The value for which the condition holds."""
    found = values[0]
    for condition, value in zip(conditions[1:], values[1:], strict=True):
        found = where(condition, value, found)
    return found


def _determinant_factors(a: Matrix) -> tuple[Scalar, list[Scalar]]:
    """The sign of the permutation, and the diagonal of U, whose product is the determinant."""
    factors, pivots, _ = lu(a)
    sign = a[0, 0].like(1)
    for k, pivot in enumerate(pivots):
        sign = where(pivot.equals(k), sign, -sign)
    return sign, list(factors.diagonal())


def _det(a: Matrix) -> Scalar:
    sign, diagonal = _determinant_factors(a)
    return np.multiply.reduce(array_of([sign, *diagonal]))


def _slogdet(a: Matrix) -> tuple[Scalar, Scalar]:
    sign, diagonal = _determinant_factors(a)
    sizes = [magnitude(x) for x in diagonal]
    sign = np.multiply.reduce(array_of([sign, *[x.apply("cj::sign({0})") for x in diagonal]]))
    logarithm = np.add.reduce(array_of([x.apply("cj::log({0})") for x in sizes]))
    is_singular = reduce(Scalar.__or__, [x.equals(0) for x in sizes])
    nothing = np.add.reduce((a - a).ravel())  # NaN where a has infinities: they leave the determinant undefined
    return where(is_singular, nothing, sign), where(is_singular, magnitude(nothing) - float("inf"), logarithm)


def _cofactors(a: Matrix) -> Matrix:
    """By the minors of all sizes, each from those one smaller."""
    n = len(a)

    @cache
    def minor(rows: tuple[int, ...], columns: tuple[int, ...]) -> Scalar:
        if not rows:
            return a[0, 0].like(1)
        first, rest = rows[0], rows[1:]
        total = None
        for k, c in enumerate(columns):
            term = a[first, c] * minor(rest, columns[:k] + columns[k + 1 :]) if rest else a[first, c]
            total = term if total is None else total - term if k % 2 else total + term
        assert total is not None
        return total

    found = np.empty_like(a)
    others = {i: tuple(k for k in range(n) if k != i) for i in range(n)}
    for i, j in np.ndindex(n, n):
        of_others = minor(others[i], others[j])
        found[i, j] = -of_others if (i + j) % 2 else of_others
    return found


# --- triangles ------------------------------------------------------------------------------------------


def _substitute(a: Matrix, b: Matrix, *, lower: bool, unit: bool) -> Matrix:
    """x with a x = b, one vector; of a only one triangle is read."""
    n = len(b)
    x = b.copy()
    for i in range(n) if lower else reversed(range(n)):
        for j in range(i) if lower else range(i + 1, n):
            x[i] = x[i] - a[i, j] * x[j]
        if not unit:
            x[i] = x[i] / a[i, i]
    return x


def _triangular_solve(
    a: Matrix, b: Matrix, *, left_side: bool, lower: bool, transpose_a: bool, conjugate_a: bool, unit_diagonal: bool
) -> Matrix:
    """x op(a) = b is the transposed op(a)^T x^T = b^T."""
    is_transposed, dtype = transpose_a == left_side, b[0].dtype
    a, b = widened(conjugate(a) if conjugate_a else a), widened(b)
    x = _substitute(a.T if is_transposed else a, b, lower=lower != is_transposed, unit=unit_diagonal)
    return converted(x, dtype)


def _cholesky(a: Matrix) -> Matrix:
    """NaN on and below the diagonal where a matrix is not positive definite."""
    n = len(a)
    found = np.full_like(a, a[0, 0].like(0))
    squares = []
    for j in range(n):
        rest = a[j, j]
        for k in range(j):
            rest = rest - found[j, k] * conj(found[j, k])
        squares.append(real(rest))
        found[j, j] = sqrt(squares[j]).convert(rest.dtype)
        for i in range(j + 1, n):
            rest = a[i, j]
            for k in range(j):
                rest = rest - found[i, k] * conj(found[j, k])
            found[i, j] = rest / found[j, j]
    is_positive, below = reduce(Scalar.__and__, [x > 0 for x in squares]), np.tril_indices(n)
    found[below] = where(is_positive, found[below], float("nan"))
    return found


def _tridiagonal_solve(dl: Matrix, d: Matrix, du: Matrix, b: Matrix) -> Matrix:
    """Rows i and i + 1 are interchanged where the element below the diagonal is the larger one."""
    n = len(b)
    d, du, b = d.copy(), du.copy(), b.copy()
    second = array_of([d[0].like(0)] * n)  # two above the diagonal
    for i in range(n - 1):
        swaps = pivot_size(dl[i + 1]) > pivot_size(d[i])
        after = du[i + 1] if i + 2 < n else d[i].like(0)
        upper, lower = (d[i], du[i], d[i].like(0), b[i]), (dl[i + 1], d[i + 1], after, b[i + 1])
        d[i], du[i], second[i], b[i] = (where(swaps, y, x) for x, y in zip(upper, lower, strict=True))
        rest = [where(swaps, x, y) for x, y in zip(upper, lower, strict=True)]
        factor = rest[0] / d[i]
        d[i + 1], b[i + 1] = rest[1] - factor * du[i], rest[3] - factor * b[i]
        du[i + 1] = rest[2] - factor * second[i]
    for i in reversed(range(n)):
        if i + 1 < n:
            b[i] = b[i] - du[i] * b[i + 1]
        if i + 2 < n:
            b[i] = b[i] - second[i] * b[i + 2]
        b[i] = b[i] / d[i]
    return b


# --- orthogonal transformations -------------------------------------------------------------------------


def _qr(a: Matrix, *, full_matrices: bool) -> tuple[Matrix, Matrix]:
    """The sign of each reflection as in LAPACK: the diagonal of R has that which the column had not."""
    r, (m, n) = a.copy(), a.shape
    k = m if full_matrices else min(m, n)
    zero, one = a[0, 0].like(0), a[0, 0].like(1)
    q = np.full((m, k), zero, object)
    q[range(k), range(k)] = one
    reflections = []
    for j in range(min(m - 1, n)):
        head, tail = r[j, j], r[j + 1 :, j]
        rest = np.sum(tail * tail)
        is_done = rest.equals(0)
        size = sqrt(head * head + rest)
        pivot = where(is_done, head, where(head < 0, size, -size))
        tau = where(is_done, 0, (pivot - head) / pivot)
        v = array_of([one, *where(is_done, 0, tail / (head - pivot))])
        r[j, j], r[j + 1 :, j] = pivot, zero
        _reflect(r[j:, j + 1 :], v, tau)
        reflections.append((v, tau))
    for j in reversed(range(len(reflections))):
        _reflect(q[j:, j:], *reflections[j])
    return q, r[:k]


def _reflect(x: Matrix, v: Matrix, tau: Scalar) -> None:
    """x becomes x - tau v v^T x."""
    for c in range(x.shape[1]):
        x[:, c] -= v * (np.sum(v * x[:, c]) * tau)


def _eigh(a: Matrix, *, lower: bool) -> tuple[Matrix, Matrix]:
    """Eigenvectors, in columns, and eigenvalues, by cyclic rotations (Golub and Van Loan, section 8.5)."""
    n, dtype = len(a), a[0, 0].dtype
    a, read = a.copy(), a
    v = np.full_like(a, a[0, 0].like(0))
    for i, j in combinations_with_replacement(range(n), 2):
        a[i, j] = a[j, i] = read[j, i] if lower else read[i, j]
    finite = reduce(Scalar.__and__, [x.apply("cj::is_finite({0})", dtype=dtypes.bool_) for x in a[np.triu_indices(n)]])
    v[range(n), range(n)] = a[0, 0].like(1)
    for _ in range(_SWEEPS[n][dtype.itemsize == 8] if n > 1 else 0):
        for p, q in combinations(range(n), 2):
            _rotate(a, v, p, q)
    w, *rows = sort_front([a.diagonal(), *v], n, lambda x, y: x[0] > y[0])
    nan = float("nan")
    return where(finite, np.stack(rows), nan), where(finite, w, nan)


def _rotate(a: Matrix, v: Matrix, p: int, q: int) -> None:
    """Make element (p, q) of the symmetric `a` zero, and turn the columns of `v` along."""
    off = a[p, q]
    theta = (a[q, q] - a[p, p]) / (off + off)
    root = magnitude(theta) + sqrt(theta * theta + 1)
    tangent = where(off.equals(0), 0, where(theta < 0, -1, off.like(1)) / root)
    c = 1 / sqrt(tangent * tangent + 1)
    s = tangent * c
    a[p, p], a[q, q] = a[p, p] - tangent * off, a[q, q] + tangent * off
    a[p, q] = a[q, p] = off.like(0)
    for i in range(len(a)):
        if i not in (p, q):
            a[i, p], a[i, q] = c * a[i, p] - s * a[i, q], s * a[i, p] + c * a[i, q]
            a[p, i], a[q, i] = a[i, p], a[i, q]
        v[i, p], v[i, q] = c * v[i, p] - s * v[i, q], s * v[i, p] + c * v[i, q]


# --- rules ----------------------------------------------------------------------------------------------


def _refusal(largest: int, of_complex: bool = True) -> Callable[..., str | None]:
    def refusal(a: ShapedArray, *_: Any, **__: Any) -> str | None:
        m, n = a.shape[-2:]
        if not 0 < min(m, n) <= max(m, n) <= largest:
            return f"of {m} by {n} matrices is too much for a lane, which has room for {largest} by {largest}"
        if dtypes.is_complex(a.dtype) and not of_complex:
            return "of complex matrices is not written out in lanes"
        return None

    return refusal


def _by_loops(write: Callable) -> LaneLoops:
    return LaneLoops(write, _refusal(lane_matrix_loops.LARGEST))


def _of_stacks(
    compute: Callable, results: int = 1, largest: int = LARGEST, of_complex: bool = True,
    loops: LaneLoops | None = None,
) -> LaneMap:
    """The rule of an op on one stack of matrices."""

    def passed(a: ShapedArray, **_: Any) -> Passed:
        return [(number, 0, k, k) for number in range(results) for k in range(a.ndim - 2)]

    return lane_map(compute, passed, _refusal(largest, of_complex), loops)


def _of_systems(
    compute: Callable, refusal: Callable[..., str | None], loops: LaneLoops | None = None
) -> LaneMap:
    """The rule of an op on stacks, the last of which are right-hand sides: their columns do not meet."""

    def passed(*avals: ShapedArray, left_side: bool = True, **_: Any) -> Passed:
        last, column = len(avals) - 1, avals[-1].ndim - (1 if left_side else 2)
        batch = [(0, k, a, a) for k in range(len(avals)) for a in range(avals[-1].ndim - 2)]
        return [*batch, (0, last, column, column)]

    return lane_map(compute, passed, refusal, loops)


def _band_refusal(dl: ShapedArray, *_: Any) -> str | None:
    n = dl.shape[-1]
    return None if 0 < n <= LONGEST_BAND else f"of {n} rows is too much for a lane, which writes out {LONGEST_BAND}"


def _pivots_refusal(largest: int) -> Callable[..., str | None]:
    def refusal(pivots: ShapedArray, *, permutation_size: int) -> str | None:
        return None if permutation_size <= largest else f"of {permutation_size} rows is too much for a lane"

    return refusal


LU = _of_stacks(lu, results=3, loops=_by_loops(lane_matrix_loops.lu))
LU_FACTORS = _of_stacks(_lu_factors, results=2, loops=_by_loops(lane_matrix_loops.lu_factors))
LINEAR_SOLVE = _of_systems(_linear_solve, _refusal(LARGEST), _by_loops(lane_matrix_loops.linear_solve))
DET, COFACTORS = _of_stacks(_det, loops=_by_loops(lane_matrix_loops.det)), _of_stacks(_cofactors, largest=5)
SLOGDET = _of_stacks(_slogdet, results=2, loops=_by_loops(lane_matrix_loops.slogdet))
TRIANGULAR_SOLVE = _of_systems(
    _triangular_solve, _refusal(LARGEST), _by_loops(lane_matrix_loops.triangular_solve)
)
CHOLESKY = _of_stacks(_cholesky, loops=_by_loops(lane_matrix_loops.cholesky))
TRIDIAGONAL_SOLVE = _of_systems(_tridiagonal_solve, _band_refusal)
QR = _of_stacks(_qr, results=2, of_complex=False)
EIGH = _of_stacks(_eigh, results=2, largest=max(_SWEEPS), of_complex=False)
PERMUTATION = lane_map(
    _permutation, lambda pivots, **_: [(0, 0, k, k) for k in range(pivots.ndim - 1)], _pivots_refusal(LARGEST),
    LaneLoops(lane_matrix_loops.permutation_of, _pivots_refusal(lane_matrix_loops.LARGEST)),
)
