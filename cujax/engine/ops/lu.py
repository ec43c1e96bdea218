"""LU factorization with interchanges of rows, and general systems of equations by it.

    lu                          factors, interchanges and permutation: a[permutation] = L U
    lu_pivots_to_permutation    the permutation that interchanges amount to
    lu_factors                  the factors as constants of differentiation
    linear_solve                op(a) x = b by given factors

`solve` is `linear_solve` with `lu_factors`.  A derivative of the solution needs further solutions with the
same matrix, and none of the factors' derivatives: da x + a dx = db.  So `linear_solve` takes both the matrix,
through which derivatives flow, and its factors, through which none do; one factorization serves the value,
the derivatives of every order and their transposes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import NOT_LINEAR, Primitive, not_fusable
from cujax.engine.core.tape import literal
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_zero, zero_tangent
from cujax.engine.ground import dtypes
from cujax.engine.ops import lane_matrices
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.elementwise import add, neg
from cujax.engine.ops.families import Domain, dtype_error
from cujax.engine.ops.indexing import GatherDimensionNumbers, GatherScatterMode, gather
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.matrices import (
    batch_stacks,
    check_matrices,
    identity_like,
    lower_triangle,
    matmul,
    matrix_transpose,
    upper_triangle,
)
from cujax.engine.ops.slicing import pad, slice_in_dim
from cujax.engine.ops.structural import add_tangents, dtype_of, expand_dims, ndim_of, shape_of, zero_tangent_jvp
from cujax.engine.ops.triangular import LAPACK, fold_columns, triangular_solve

# --- lu -------------------------------------------------------------------------------------------------


def _lu_shape(a: ShapedArray) -> tuple[ShapedArray, ShapedArray, ShapedArray]:
    check_matrices("lu", a, square=False)
    *batch, m, n = a.shape
    return a, ShapedArray((*batch, min(m, n)), dtypes.int32), ShapedArray((*batch, m), dtypes.int32)


def take_rows(x: Any, permutation: Any) -> Any:
    """The matrices `x` with row `permutation[..., i]` at i."""
    shape = shape_of(x)
    row = len(shape) - 2
    batch = tuple(range(row))
    numbers = GatherDimensionNumbers((row + 1,), (row,), (row,), batch, batch)
    sizes = [*(min(d, 1) for d in shape[:-1]), shape[-1]]
    places = expand_dims(permutation, (row + 1,))
    return gather(x, places, numbers, sizes, mode=GatherScatterMode.PROMISE_IN_BOUNDS, unique_indices=True)


def _square_factors(factors: Any) -> tuple[Any, Any]:
    """The factors of (m, n) matrices as two square matrices: L in the lower triangle of the one, of m rows,
    U in the upper triangle of the other, of n rows.  Rows and columns of the identity fill them up.
    """
    *batch, m, n = shape_of(factors)
    if m > n:
        return _with_columns(factors, 0, m - n), slice_in_dim(factors, 0, n, axis=-2)
    if m < n:
        corner = identity_like(zeros_of(ShapedArray((*batch, n - m, n - m), dtype_of(factors))))
        upper = concatenate([factors, _with_columns(corner, m, 0)], len(batch))
        return slice_in_dim(factors, 0, m, axis=-1), upper
    return factors, factors


def _with_columns(x: Any, before: int, after: int) -> Any:
    """`x` with columns of zeros on both sides."""
    return pad(x, literal(0, dtype_of(x)), [(0, 0, 0)] * (ndim_of(x) - 1) + [(before, after, 0)])


def _lu_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list, list]:
    """With w = L^-1 P da U^-1, the strictly lower triangle of w is L^-1 dL, the rest dU U^-1."""
    factors, pivots, permutation = lu_p.bind(*primals)
    lower, upper = _square_factors(factors)
    t_rows = take_rows(tangents[0], permutation)
    left = triangular_solve(lower, t_rows, left_side=True, lower=True, unit_diagonal=True)
    both = triangular_solve(upper, left)
    unit_lower = add(lower_triangle(lower, strictly=True), identity_like(lower))
    t_lower = matmul(unit_lower, lower_triangle(both, strictly=True))
    t_upper = matmul(upper_triangle(both), upper_triangle(upper))
    integers = [pivots, permutation]
    return [factors, *integers], [add(t_lower, t_upper), *map(zero_tangent, integers)]


lu_p: Primitive = Primitive(
    "lu", shape=_lu_shape, impl=lambda xp, a: library(xp).lu(a), jvp=_lu_jvp, transpose=NOT_LINEAR,
    batch=batch_stacks(lambda: lu_p), multiple=True, cuda=LAPACK, lane_map=lane_matrices.LU,
    domain=PART_OR_COMPLEX, doc="LU factors of a matrix with its rows interchanged.", family="linalg", is_fresh=True,
)


def lu(x: Any) -> tuple[Any, Any, Any]:
    """LU factors of matrices of shape (..., m, n) with their rows interchanged.

    Returns the factors in one array of the shape of x (U with the diagonal, L below it, whose diagonal is 1),
    the interchanges `pivots` (..., min(m, n)): row i with row pivots[i], in order; and the permutation
    (..., m) they amount to: x[permutation] = L U.  Both are int32.  Accepts float32, float64, complex64,
    complex128.

    TypeError for rank below 2 or integers, NotImplementedError for small floats.
    """
    factors, pivots, permutation = lu_p.bind(x)
    return factors, pivots, permutation


# --- lu_pivots_to_permutation ---------------------------------------------------------------------------

_INT32 = Domain("int32", "i")


def _permutation_shape(pivots: ShapedArray, *, permutation_size: int) -> ShapedArray:
    if pivots.dtype != dtypes.int32:
        raise dtype_error("lu_pivots_to_permutation", pivots.dtype, _INT32)
    if not pivots.ndim:
        raise TypeError("lu_pivots_to_permutation: pivots must have rank at least 1, got a scalar")
    if permutation_size < pivots.shape[-1]:
        raise ValueError(
            f"lu_pivots_to_permutation: {permutation_size=} must not be less than the number of pivots, "
            f"{pivots.shape[-1]}"
        )
    return pivots.update(shape=(*pivots.shape[:-1], permutation_size))


lu_pivots_to_permutation_p: Primitive = Primitive(
    "lu_pivots_to_permutation", shape=_permutation_shape,
    impl=lambda xp, pivots, *, permutation_size: library(xp).permutation_of_pivots(pivots, permutation_size),
    jvp=zero_tangent_jvp(lambda: lu_pivots_to_permutation_p), transpose=NOT_LINEAR,
    batch=batch_stacks(lambda: lu_pivots_to_permutation_p), domain=_INT32, family="linalg", is_fresh=True,
    cuda=not_fusable("each interchange depends on those before it"), lane_map=lane_matrices.PERMUTATION,
    doc="The permutation that interchanges of rows amount to.",
)


def lu_pivots_to_permutation(pivots: Any, permutation_size: int) -> Any:
    """The permutation of `permutation_size` rows that the interchanges `pivots` of `lu` amount to.

    pivots: int32, shape (..., k).  Returns int32, shape (..., permutation_size).  ValueError when that is
    less than k, TypeError for another dtype.
    """
    return lu_pivots_to_permutation_p.bind(pivots, permutation_size=int(permutation_size))


# --- linear_solve -----------------------------------------------------------------------------------------


def _lu_factors_shape(a: ShapedArray) -> tuple[ShapedArray, ShapedArray]:
    check_matrices("solve", a)
    return a, ShapedArray(a.shape[:-1], dtypes.int32)


def _lu_factors_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list, list]:
    outs = lu_factors_p.bind(*primals)
    return outs, [zero_tangent(out) for out in outs]


lu_factors_p: Primitive = Primitive(
    "lu_factors", shape=_lu_factors_shape, impl=lambda xp, a: library(xp).lu(a)[::2], jvp=_lu_factors_jvp,
    transpose=NOT_LINEAR, batch=batch_stacks(lambda: lu_factors_p), multiple=True, cuda=LAPACK,
    domain=PART_OR_COMPLEX, family="linalg", is_fresh=True, lane_map=lane_matrices.LU_FACTORS,
    doc="LU factors and permutation, as constants of differentiation.",
)


def _linear_solve_shape(
    a: ShapedArray, factors: ShapedArray, permutation: ShapedArray, b: ShapedArray, *, transpose: bool
) -> ShapedArray:
    check_matrices("solve", a, b)
    if a.shape[:-1] != b.shape[:-1]:
        raise ValueError(f"solve: a of shape {a.shape} does not fit b of shape {b.shape}")
    return b.update(weak_type=a.weak_type and b.weak_type)


def _linear_solve_impl(xp: Any, a: Any, factors: Any, permutation: Any, b: Any, *, transpose: bool) -> Any:
    """a = P^-1 L U and a^T = U^T L^T P, where P takes the rows in the order of the permutation."""
    solve_triangle = library(xp).triangular_solve
    if transpose:
        half = solve_triangle(factors, b, False, True, False, False)
        permuted = solve_triangle(factors, half, True, True, False, True)
        return xp.take_along_axis(permuted, xp.argsort(permutation, axis=-1)[..., None], -2)
    permuted = xp.take_along_axis(b, permutation[..., None], -2)
    half = solve_triangle(factors, permuted, True, False, False, True)
    return solve_triangle(factors, half, False, False, False, False)


def _linear_solve_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, transpose: bool) -> tuple[Any, Any]:
    a, factors, permutation, _ = primals
    ta, _, _, total = tangents
    x = linear_solve_p.bind(*primals, transpose=transpose)
    if not is_zero(ta):
        total = add_tangents(total, neg(matmul(matrix_transpose(ta) if transpose else ta, x)))
    if is_zero(total):
        return x, Zero(aval_of(x).to_tangent_aval())
    return x, linear_solve_p.bind(a, factors, permutation, total, transpose=transpose)


def _linear_solve_transpose(ct: Any, *operands: Any, transpose: bool) -> tuple:
    return None, None, None, linear_solve_p.bind(*operands[:3], ct, transpose=not transpose)


def _linear_solve_batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, transpose: bool
) -> tuple[Any, int]:
    if any(d is not None for d in dims[:3]):
        return batch_stacks(lambda: linear_solve_p)(axis, operands, dims, transpose=transpose)
    *system, b = operands
    assert dims[3] is not None
    columns, unfold = fold_columns(axis, b, dims[3], True)
    return unfold(linear_solve_p.bind(*system, columns, transpose=transpose))


linear_solve_p: Primitive = Primitive(
    "linear_solve", shape=_linear_solve_shape, impl=_linear_solve_impl, jvp=_linear_solve_jvp,
    transpose=_linear_solve_transpose, batch=_linear_solve_batch, cuda=LAPACK,
    lane_map=lane_matrices.LINEAR_SOLVE, domain=PART_OR_COMPLEX,
    doc="The solution of a system of equations whose LU factors are given.", family="linalg", is_fresh=True,
)


def solve(a: Any, b: Any) -> Any:
    """x with a x = b, for matrices a (..., n, n) and b (..., n, k) with the same leading axes."""
    return linear_solve_p.bind(a, *lu_factors_p.bind(a), b, transpose=False)


def inverse(a: Any) -> Any:
    """The inverses of the matrices a (..., n, n)."""
    return solve(a, identity_like(a))
