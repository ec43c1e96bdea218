"""Triangular matrices: the Cholesky factor, and systems of equations with a triangular matrix.

Derivatives of factors follow from differentiating the equation that defines them.  For a = L L^H,

    L^-1 da L^-H = L^-1 dL + (L^-1 dL)^H,

the sum of a lower-triangular matrix and its adjoint; `_half_lower` gives back the matrix from the sum.
(I. Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527, section 3.1.)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import NOT_LINEAR, Primitive, not_fusable
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_zero
from cujax.engine.ground import dtypes
from cujax.engine.ops import lane_matrices
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX
from cujax.engine.ops.elementwise import add, div, neg
from cujax.engine.ops.families import INEXACT, dtype_error
from cujax.engine.ops.matrices import (
    adjoint,
    batch_stacks,
    check_matrices,
    conjugate,
    identity_like,
    lower_triangle,
    matmul,
    matrix_transpose,
    upper_triangle,
)
from cujax.engine.ops.structural import (
    add_tangents,
    dtype_of,
    expand_dims,
    move_dim,
    ndim_of,
    reshape,
    shape_of,
    squeeze,
)

LAPACK = not_fusable("it is a call of LAPACK")

# --- cholesky -----------------------------------------------------------------------------------------


def _cholesky_shape(a: ShapedArray) -> ShapedArray:
    check_matrices("cholesky", a)
    return a


def _half_lower(x: Any) -> Any:
    """The lower triangle with half of the diagonal."""
    return div(lower_triangle(x), add(identity_like(x), 1))


def _cholesky_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    factor = cholesky_p.bind(*primals)
    right = triangular_solve(factor, tangents[0], lower=True, transpose_a=True, conjugate_a=True)
    both = triangular_solve(factor, right, left_side=True, lower=True)
    return factor, matmul(factor, _half_lower(both))


cholesky_p: Primitive = Primitive(
    "cholesky", shape=_cholesky_shape, impl=lambda xp, a: library(xp).cholesky(a), jvp=_cholesky_jvp,
    transpose=NOT_LINEAR, batch=batch_stacks(lambda: cholesky_p), cuda=LAPACK, lane_map=lane_matrices.CHOLESKY,
    domain=PART_OR_COMPLEX,
    doc="The lower-triangular factor of a positive definite matrix.", family="linalg", is_fresh=True,
)


def cholesky(x: Any, *, symmetrize_input: bool = True) -> Any:
    """The lower-triangular L with L L^H = x, for Hermitian positive definite matrices of shape (..., n, n).

    Accepts float32, float64, complex64, complex128.  NaN where a matrix is not positive definite.
    With `symmetrize_input` the mean of x and its adjoint is factored, and derivatives are those of symmetric
    matrices; without it only the lower triangle of x is read.

    TypeError for rank below 2 and for integers; for matrices that are not square TypeError where they are to
    be symmetrized, else ValueError; NotImplementedError for small floats.
    """
    shape = shape_of(x)
    check_matrices("cholesky", aval_of(x), square=False)
    if symmetrize_input and shape[-1] != shape[-2]:
        raise TypeError(f"cholesky: only square matrices can be symmetrized, got shape {shape}")
    return cholesky_p.bind(div(add(x, adjoint(x)), 2) if symmetrize_input else x)


# --- triangular_solve -----------------------------------------------------------------------------------


def _triangular_solve_shape(
    a: ShapedArray, b: ShapedArray, *, left_side: bool, lower: bool, transpose_a: bool, conjugate_a: bool,
    unit_diagonal: bool,
) -> ShapedArray:
    for aval in (a, b):
        if aval.dtype not in INEXACT:
            raise dtype_error("triangular_solve", aval.dtype, INEXACT)
    wide = [x.update(dtype=_lapack_dtype(x.dtype)) for x in (a, b)]
    check_matrices("triangular_solve", *wide)
    if a.ndim != b.ndim:
        raise TypeError(
            f"triangular_solve: operands must have the same number of leading axes, got shapes {a.shape} and "
            f"{b.shape}"
        )
    if a.shape[:-2] != b.shape[:-2]:
        raise ValueError(f"triangular_solve: leading axes differ: {a.shape[:-2]} and {b.shape[:-2]}")
    if a.shape[-1] != b.shape[-2 if left_side else -1]:
        side = "rows" if left_side else "columns"
        raise ValueError(
            f"Incompatible shapes for arguments to triangular_solve: {a.shape} and {b.shape}. With "
            f"{left_side=} b must have {a.shape[-1]} {side}."
        )
    return b.update(weak_type=a.weak_type and b.weak_type)


def _lapack_dtype(dtype: Any) -> Any:
    return dtypes.float32 if dtypes.is_float(dtype) and dtype.itemsize < 4 else dtype


def _triangular_solve_impl(
    xp: Any, a: Any, b: Any, *, left_side: bool, lower: bool, transpose_a: bool, conjugate_a: bool,
    unit_diagonal: bool,
) -> Any:
    """x op(a) = b is the transposed op(a)^T x^T = b^T."""
    dtype, work = b.dtype, _lapack_dtype(b.dtype)
    a, b = a.astype(work, copy=False), b.astype(work, copy=False)
    if not left_side:
        b = xp.swapaxes(b, -1, -2)
    out = library(xp).triangular_solve(a, b, lower, transpose_a == left_side, conjugate_a, unit_diagonal)
    return (out if left_side else xp.swapaxes(out, -1, -2)).astype(dtype, copy=False)


def _triangle(x: Any, lower: bool, strictly: bool) -> Any:
    return lower_triangle(x, strictly) if lower else upper_triangle(x, strictly)


def _triangular_solve_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, left_side: bool, lower: bool, transpose_a: bool,
    conjugate_a: bool, unit_diagonal: bool,
) -> tuple[Any, Any]:
    """Of op(a) x = b: op(a) dx = db - op(da) x."""
    (a, b), (ta, tb) = primals, tangents
    params = {
        "left_side": left_side, "lower": lower, "transpose_a": transpose_a, "conjugate_a": conjugate_a,
        "unit_diagonal": unit_diagonal,
    }
    x = triangular_solve_p.bind(a, b, **params)
    total: Any = tb
    if not is_zero(ta):
        ta = neg(_triangle(ta, lower, unit_diagonal))
        ta = matrix_transpose(ta) if transpose_a else ta
        ta = conjugate(ta) if conjugate_a else ta
        total = add_tangents(total, matmul(ta, x) if left_side else matmul(x, ta))
    if is_zero(total):
        return x, Zero(aval_of(x).to_tangent_aval())
    return x, triangular_solve_p.bind(a, total, **params)


def _triangular_solve_transpose(ct: Any, a: Any, b: Any, *, transpose_a: bool, **params: Any) -> tuple:
    return None, triangular_solve_p.bind(a, ct, transpose_a=not transpose_a, **params)


def fold_columns(axis: AxisData, b: Any, dim: int, left_side: bool) -> tuple[Any, Any]:
    """A batch of right-hand sides as more columns (rows, on the right side) of one, and the way back."""
    element = shape_of(b)[:dim] + shape_of(b)[dim + 1 :]
    place = len(element) if left_side else len(element) - 2
    moved = move_dim(axis, b, dim, place)
    wide = list(element)
    wide[-1 if left_side else -2] *= axis.size
    unfolded = shape_of(moved)
    return reshape(moved, wide), lambda x: (reshape(x, unfolded), place)


def _triangular_solve_batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], **params: Any
) -> tuple[Any, int]:
    a, b = operands
    if dims[0] is None:
        assert dims[1] is not None
        columns, unfold = fold_columns(axis, b, dims[1], params["left_side"])
        return unfold(triangular_solve_p.bind(a, columns, **params))
    return batch_stacks(lambda: triangular_solve_p)(axis, operands, dims, **params)


triangular_solve_p: Primitive = Primitive(
    "triangular_solve", shape=_triangular_solve_shape, impl=_triangular_solve_impl, jvp=_triangular_solve_jvp,
    transpose=_triangular_solve_transpose, batch=_triangular_solve_batch, cuda=LAPACK,
    lane_map=lane_matrices.TRIANGULAR_SOLVE, domain=INEXACT,
    doc="The solution of a system of equations with a triangular matrix.", family="linalg", is_fresh=True,
)


def triangular_solve(
    a: Any, b: Any, *, left_side: bool = False, lower: bool = False, transpose_a: bool = False,
    conjugate_a: bool = False, unit_diagonal: bool = False,
) -> Any:
    """x with op(a) x = b (`left_side`) or x op(a) = b, for triangular matrices a of shape (..., n, n).

    op transposes if `transpose_a`, conjugates if `conjugate_a`.  Only the upper triangle of a is read, the
    lower one if `lower`; with `unit_diagonal` its diagonal is taken for ones.  b has shape (..., n, k) on the
    left side, (..., k, n) on the right, or one axis fewer, which means k = 1.  Both have one dtype, floating
    or complex.  A zero on the diagonal gives infinities and NaN.

    TypeError for unequal dtypes or leading axes, ValueError for shapes that do not fit.
    """
    params = {
        "left_side": bool(left_side), "lower": bool(lower), "transpose_a": bool(transpose_a),
        "conjugate_a": bool(conjugate_a) and dtypes.is_complex(dtype_of(a)),
        "unit_diagonal": bool(unit_diagonal),
    }
    if ndim_of(b) != ndim_of(a) - 1 or not ndim_of(b):
        return triangular_solve_p.bind(a, b, **params)
    column = ndim_of(b) if left_side else ndim_of(b) - 1
    return squeeze(triangular_solve_p.bind(a, expand_dims(b, (column,)), **params), (column,))

