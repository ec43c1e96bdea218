"""Batching rules for ops of one's own; see `cujax.extend.core`.

    primitive_batchers[p] = rule        rule(operands, dims, **params) -> (out, dim); lists for multiple results
    axis_primitive_batchers[p] = rule   rule(axis_size, axis_name, None, operands, dims, **params)
    fancy_primitive_batchers[p] = rule  rule(axis, operands, dims, **params), where the axis has `name` and `size`

A dim is the position of the batch axis, None for what has none.  Rules that see the axis also run where no operand has
a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.control.user_primitive import AXIS_BATCHERS as axis_primitive_batchers
from cujax.engine.control.user_primitive import BATCHERS as primitive_batchers
from cujax.engine.control.user_primitive import FANCY_BATCHERS as fancy_primitive_batchers
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive
from cujax.engine.ops.structural import move_dim
from cujax.left_out import refusing

__all__ = [
    "axis_primitive_batchers",
    "bdim_at_front",
    "broadcast",
    "defbroadcasting",
    "defvectorized",
    "fancy_primitive_batchers",
    "primitive_batchers",
]

__getattr__ = refusing(__name__)


def broadcast(x: Any, sz: int, axis: int, mesh_axis: Any) -> Any:
    """`x` with a new axis `axis` of length `sz`, along which it is repeated; mesh_axis must be None."""
    return move_dim(AxisData(None, sz), x, None, axis)


def bdim_at_front(x: Any, bdim: int | None, size: int, mesh_axis: Any = None) -> Any:
    """`x` with its batch axis first; without one, repeated `size` times along a new one; mesh_axis must be None."""
    return move_dim(AxisData(None, size), x, bdim, 0)


def defvectorized(prim: Primitive) -> None:
    """An op of operands that all have one shape, elementwise in the last axes: it takes batches as they are."""

    def batch(operands: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[Any, int | None]:
        if any(d != dims[0] for d in dims):
            raise NotImplementedError(f"{prim.name!r} takes operands with one batch axis only, got axes {tuple(dims)}")
        return prim.bind(*operands, **params), dims[0]

    primitive_batchers[prim] = batch


def defbroadcasting(prim: Primitive) -> None:
    """An elementwise op of operands of one rank, which broadcast."""

    def batch(operands: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[Any, int]:
        size = next(x.shape[d] for x, d in zip(operands, dims, strict=True) if d is not None)
        moved = [bdim_at_front(x, d, 1 if d is None else size) for x, d in zip(operands, dims, strict=True)]
        return prim.bind(*moved, **params), 0

    primitive_batchers[prim] = batch
