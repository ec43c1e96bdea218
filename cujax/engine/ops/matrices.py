"""The words in which rules about matrices are written.

An operand of a linear-algebra op is a stack: an array of shape (..., n, m) whose last two axes are those of
a matrix.  Here are what such ops check (`check_matrices`, `of_finite`), products, transposes and triangles of
stacks, and how a stack goes through `vmap`: as one more leading axis (`batch_stacks`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ground.error_names import called_by_user
from cujax.engine.ops.complex_parts import PART_OR_COMPLEX, conj
from cujax.engine.ops.constants import broadcasted_iota, zeros_of
from cujax.engine.ops.contraction import batch_matmul
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.families import FLOAT, dtype_error
from cujax.engine.ops.logic import eq, ge, select_n
from cujax.engine.ops.precision import Precision
from cujax.engine.ops.structural import dtype_of, move_dim, ndim_of, shape_of, transpose

# --- checks -------------------------------------------------------------------------------------------


def check_matrices(name: str, *avals: ShapedArray, square: bool = True) -> None:
    """The operands of `name` are stacks of matrices, the first square, of one dtype that LAPACK knows.

    TypeError for rank below 2, unequal dtypes and integers, NotImplementedError for small floats, ValueError
    for a first operand that is not square.
    """
    for i, aval in enumerate(avals):
        if aval.ndim < 2:
            raise TypeError(
                f"{called_by_user(name)} works on matrices: operand {i} must have rank at least 2, got shape "
                f"{aval.shape}"
            )
        _check_dtype(name, aval.dtype)
        if aval.dtype != avals[0].dtype:
            raise TypeError(
                f"{name} requires operands of one dtype, got {', '.join(str(a.dtype) for a in avals)}. "
                "Convert one: x.astype(...)."
            )
    if square and avals[0].shape[-1] != avals[0].shape[-2]:
        raise ValueError(f"The input to {name} must be a square matrix. Got shape {avals[0].shape}.")


def _check_dtype(name: str, dtype: Any) -> None:
    if dtype in PART_OR_COMPLEX:
        return
    if dtype in FLOAT:
        raise NotImplementedError(
            f"{name} does not support {dtype}: there is no LAPACK for it. Convert the operand: "
            "x.astype('float32')."
        )
    raise dtype_error(name, dtype, PART_OR_COMPLEX)


def of_finite(xp: Any, decompose: Callable, a: Any) -> tuple[Any, ...]:
    """`decompose(a)`, a tuple, with NaN for matrices with an element that is not finite, which LAPACK refuses.

    It gets an array of its own, which it may overwrite.
    """
    finite = xp.all(xp.isfinite(a), axis=(-2, -1))

    def marked(x: Any) -> Any:
        return xp.where(finite.reshape(finite.shape + (1,) * (x.ndim - finite.ndim)), x, x.dtype.type(float("nan")))

    return tuple(marked(x) for x in decompose(xp.where(finite[..., None, None], a, a.dtype.type(0))))


# --- products, transposes, triangles ------------------------------------------------------------------


def matmul(x: Any, y: Any) -> Any:
    """The products of two stacks with the same leading axes, in full precision."""
    return batch_matmul(x, y, Precision.HIGHEST)


def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged.  ValueError for fewer than two."""
    n = ndim_of(x)
    if n < 2:
        raise ValueError(f"{called_by_user('matrix_transpose')} needs at least two axes, got shape {shape_of(x)}")
    return transpose(x, (*range(n - 2), n - 1, n - 2))


def conjugate(x: Any) -> Any:
    """The complex conjugate; `x` itself if it is real."""
    return conj(x) if dtypes.is_complex(dtype_of(x)) else x


def adjoint(x: Any) -> Any:
    """The conjugate transpose."""
    return conjugate(matrix_transpose(x))


def _row_and_column(x: Any) -> tuple[Any, Any]:
    shape = shape_of(x)
    return tuple([broadcasted_iota(dtypes.int32, shape, len(shape) - d) for d in (2, 1)])


def lower_triangle(x: Any, strictly: bool = False) -> Any:
    """`x` with zeros above the diagonal, or (strictly) also on it."""
    row, column = _row_and_column(x)
    zero = zeros_of(aval_of(x))
    return select_n(ge(column, row), x, zero) if strictly else select_n(ge(row, column), zero, x)


def upper_triangle(x: Any, strictly: bool = False) -> Any:
    """`x` with zeros below the diagonal, or (strictly) also on it."""
    row, column = _row_and_column(x)
    zero = zeros_of(aval_of(x))
    return select_n(ge(row, column), x, zero) if strictly else select_n(ge(column, row), zero, x)


def identity_like(x: Any) -> Any:
    """A stack of identity matrices of the shape and dtype of `x`."""
    row, column = _row_and_column(x)
    return convert_element_type(eq(row, column), dtype_of(x))


# --- batches ------------------------------------------------------------------------------------------


def batch_stacks(primitive: Callable[[], Primitive]) -> Callable:
    """The batch rule of an op on stacks with the same leading axes: the batch is one more of them."""

    def rule(axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple:
        moved = [move_dim(axis, x, d, 0) for x, d in zip(operands, dims, strict=True)]
        out = primitive().bind(*moved, **params)
        return (out, [0] * len(out)) if primitive().multiple else (out, 0)

    return rule
