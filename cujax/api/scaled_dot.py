"""`lax.scaled_dot`: a product of arrays after each block of their entries has been multiplied by its own number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.api.flatten import as_array
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.contraction import dot_general
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import mul
from cujax.engine.ops.reshaping import reshape
from cujax.engine.ops.structural import broadcast_in_dim

DimensionNumbers = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]


def scaled_dot(
    lhs: Any, rhs: Any, *, lhs_scale: Any = None, rhs_scale: Any = None,
    dimension_numbers: DimensionNumbers | None = None, preferred_element_type: Any = None,
) -> Array:
    """dot_general of lhs * lhs_scale and rhs * rhs_scale, in float32; a scale stands for a block of contracted entries.

    lhs, rhs: of rank 2 or more.  Scales have their shapes, but that the length along a contracted axis divides that of
    the operand, by 2 or more.  dimension_numbers: as of `dot_general`; without them matrices are multiplied, for each
    index of the leading axes.  preferred_element_type: of the result, bfloat16 if not given.
    TypeError for shapes that do not fit (Open Compute Project, "Microscaling Formats", 2023).
    """
    a, b = as_array(lhs), as_array(rhs)
    if a.ndim < 2 or b.ndim < 2:
        raise TypeError(f"scaled_dot needs operands of rank 2 or more, got shapes {a.shape} and {b.shape}")
    dims = dimension_numbers or _of_matrices(a.ndim, b.ndim)
    (lhs_contracting, rhs_contracting), _ = dims
    product = dot_general(
        _scaled("lhs", a, lhs_scale, lhs_contracting), _scaled("rhs", b, rhs_scale, rhs_contracting), dims
    )
    return convert_element_type(product, dtypes.bfloat16 if preferred_element_type is None else preferred_element_type)


def _of_matrices(lhs_ndim: int, rhs_ndim: int) -> DimensionNumbers:
    batch = tuple(range(min(lhs_ndim, rhs_ndim) - 2))
    return ((lhs_ndim - 1,), (rhs_ndim - 2,)), (batch, batch)


def _scaled(side: str, x: Array, scale: Any, contracting: Sequence[int]) -> Any:
    wide = convert_element_type(x, dtypes.float32)
    if scale is None:
        return wide
    scales = as_array(scale)
    _check_scale(side, x, scales, [d % x.ndim for d in contracting])
    # each axis as one of blocks and one within a block, along which a scale is repeated
    blocks = [length for n, m in zip(x.shape, scales.shape, strict=True) for length in (m, n // m if m else 1)]
    repeated = broadcast_in_dim(convert_element_type(scales, dtypes.float32), tuple(blocks), range(0, len(blocks), 2))
    return mul(wide, reshape(repeated, x.shape))


def _check_scale(side: str, x: Array, scale: Array, contracting: Sequence[int]) -> None:
    fits = x.ndim == scale.ndim and all(
        (m and n % m == 0 and n >= 2 * m) if axis in contracting else n == m
        for axis, (n, m) in enumerate(zip(x.shape, scale.shape, strict=True))
    )
    if not fits:
        raise TypeError(
            f"scaled_dot: {side}_scale must have the shape of {side}, {x.shape}, but that lengths of contracted axes "
            f"{tuple(contracting)} divide those of {side}, by 2 or more; got {scale.shape}"
        )
