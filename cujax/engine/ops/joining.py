"""Arrays end to end: concatenate, and split, which transposes it; stack and unstack along an axis of their own.

Each is linear in all it moves; the transpose of joining is cutting at the same places.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import index as as_int
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import ABSENT, Primitive, View
from cujax.engine.core.trace import aval_of, is_value
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ops import axes as ax
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.families import ANY
from cujax.engine.ops.slicing import ints, slice_in_dim
from cujax.engine.ops.structural import expand_dims, move_dim, ndim_of, shape_of, squeeze


def _offsets(lengths: Sequence[int]) -> list[int]:
    """Where each of the pieces begins."""
    return list(accumulate(lengths, initial=0))[:-1]


# --- concatenate --------------------------------------------------------------------------------------


def _concatenate_shape(*xs: ShapedArray, dimension: int) -> ShapedArray:
    first = xs[0]
    if len({x.ndim for x in xs}) > 1:
        raise TypeError(
            f"Cannot concatenate arrays with different numbers of dimensions: got "
            f"{', '.join(str(x.shape) for x in xs)}."
        )
    if not 0 <= dimension < first.ndim:
        raise TypeError(f"concatenate dimension out of bounds: {dimension} for shape {first.shape}.")
    if len({ax.remove_axes(x.shape, (dimension,)) for x in xs}) > 1:
        raise TypeError(
            "Cannot concatenate arrays with shapes that differ in dimensions other than the one being "
            f"concatenated: concatenating along dimension {dimension} for shapes "
            f"{', '.join(str(x.shape) for x in xs)}."
        )
    if any(x.dtype != first.dtype for x in xs):
        raise TypeError(
            f"lax.concatenate requires arguments to have the same dtypes, got "
            f"{', '.join(str(x.dtype) for x in xs)}. jnp.concatenate converts them to a common one."
        )
    total = sum(x.shape[dimension] for x in xs)
    shape = (*first.shape[:dimension], total, *first.shape[dimension + 1 :])
    return ShapedArray(shape, first.dtype, all(x.weak_type for x in xs))


def _concatenate_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, dimension: int) -> tuple:
    out = concatenate_p.bind(*primals, dimension=dimension)
    if all(type(t) is Zero for t in tangents):
        return out, Zero(aval_of(out).to_tangent_aval())
    filled = [zeros_of(t.aval) if type(t) is Zero else t for t in tangents]
    return out, concatenate_p.bind(*filled, dimension=dimension)


def _concatenate_transpose(ct: Any, *xs: Any, dimension: int) -> list[Any]:
    lengths = [shape_of(x)[dimension] for x in xs]
    if all(is_linear(x) for x in xs) and len(xs) > 1:
        return split(ct, lengths, dimension)
    return [
        slice_in_dim(ct, start, start + n, 1, dimension) if is_linear(x) else None
        for x, start, n in zip(xs, _offsets(lengths), lengths, strict=True)
    ]


def _concatenate_batch(
    axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None], *, dimension: int
) -> tuple[Any, int]:
    target = next(d for d in dims if d is not None)
    aligned = [move_dim(axis, x, d, target) for x, d in zip(xs, dims, strict=True)]
    return concatenate_p.bind(*aligned, dimension=ax.shift_axis(dimension, target)), target


def _concatenate_index_map(e: Any, index: tuple, *xs: ShapedArray, dimension: int) -> Any:
    """The last operand that begins at or before the place."""
    found: Any = None
    for k, start in enumerate(_offsets([x.shape[dimension] for x in xs])):
        here = e.read(k, (*index[:dimension], index[dimension] - start, *index[dimension + 1 :]))
        found = here if k == 0 else e.where(index[dimension] >= start, here, found)
    return found


concatenate_p: Primitive = Primitive(
    "concatenate", shape=_concatenate_shape,
    impl=lambda xp, *xs, dimension: xp.concatenate(xs, axis=dimension),
    jvp=_concatenate_jvp, transpose=_concatenate_transpose, batch=_concatenate_batch, cuda=ABSENT,
    index_map=_concatenate_index_map, doc="Arrays end to end along an axis.", domain=ANY, family="mover",
    is_fresh=True,
)


def concatenate(operands: Sequence[Any], dimension: int) -> Any:
    """`operands`, of one dtype and equal shapes but for axis `dimension`, end to end along it.

    ValueError when there is none; TypeError for dtypes or shapes that differ.
    """
    operands = list(operands)
    if not operands:
        raise ValueError("concatenate needs at least one array")
    if len(operands) == 1 and is_value(operands[0]):
        return operands[0]
    return concatenate_p.bind(*operands, dimension=as_int(dimension))


# --- split --------------------------------------------------------------------------------------------


def _split_shape(x: ShapedArray, *, sizes: tuple, axis: int) -> tuple[ShapedArray, ...]:
    if any(n < 0 for n in sizes):
        raise ValueError(f"split: sizes must not be negative, got {sizes}")
    if sum(sizes) != x.shape[axis]:
        raise ValueError(
            f"split: sizes must add up to the length of the axis; got sizes {sizes} with sum {sum(sizes)} "
            f"for axis {axis} of shape {x.shape}"
        )
    return tuple([x.update(shape=(*x.shape[:axis], n, *x.shape[axis + 1 :])) for n in sizes])


def _split_impl(xp: Any, x: Any, *, sizes: tuple, axis: int) -> list[Any]:
    before = (slice(None),) * axis
    return [x[(*before, slice(s, s + n))] for s, n in zip(_offsets(sizes), sizes, strict=True)]


def _split_transpose(cts: Sequence[Any], x: Any, *, sizes: tuple, axis: int) -> tuple[Any]:
    return (concatenate([zeros_of(ct.aval) if type(ct) is Zero else ct for ct in cts], axis),)


def _split_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple[list[Any], list[Any]]:
    return split_p.bind(*primals, **params), split_p.bind(*tangents, **params)


def _split_batch(
    axis_data: AxisData, xs: Sequence[Any], dims: Sequence[int], *, sizes: tuple, axis: int
) -> tuple[list[Any], list[int]]:
    dim = dims[0]
    return split_p.bind(xs[0], sizes=sizes, axis=ax.shift_axis(axis, dim)), [dim] * len(sizes)


def _split_index_map(e: Any, index: tuple, x: ShapedArray, *, sizes: tuple, axis: int, output: int) -> Any:
    """`output` says which of the results is asked for."""
    return e.read(0, (*index[:axis], index[axis] + _offsets(sizes)[output], *index[axis + 1 :]))


split_p: Primitive = Primitive(
    "split", shape=_split_shape, impl=_split_impl, jvp=_split_jvp, transpose=_split_transpose,
    batch=_split_batch, cuda=ABSENT, index_map=_split_index_map, multiple=True,
    doc="Consecutive pieces of given lengths along an axis.", domain=ANY, family="mover", view=View.STRIDED,
)


def split(operand: Any, sizes: Sequence[int], axis: int = 0) -> list[Any]:
    """Consecutive pieces of `operand` along `axis`, of lengths `sizes`, which add up to the axis.

    ValueError when they do not, or when one is negative.
    """
    return list(split_p.bind(operand, sizes=ints(sizes), axis=ax.canonical_axis(axis, ndim_of(operand))))


# --- stack, unstack -----------------------------------------------------------------------------------


def stack(operands: Sequence[Any], axis: int = 0) -> Any:
    """`operands`, of one shape and dtype, side by side along a new axis, `axis` of the result.

    ValueError when there is none, for shapes that differ and for an axis out of range; TypeError for dtypes that
    differ.
    """
    shapes = [shape_of(x) for x in operands]
    if not shapes:
        raise ValueError("stack needs at least one array")
    if len(set(shapes)) > 1:
        raise ValueError(f"stack: arrays must have one shape, got {', '.join(map(str, shapes))}.")
    position = ax.canonical_axis(axis, len(shapes[0]) + 1)
    return concatenate([expand_dims(x, (position,)) for x in operands], position)


def unstack(x: Any, axis: int = 0) -> tuple[Any, ...]:
    """The arrays of which `x` is made along `axis`, each without that axis.  ValueError without such an axis."""
    position = ax.canonical_axis(axis, ndim_of(x))
    length = shape_of(x)[position]
    return tuple(squeeze(part, (position,)) for part in split(x, (1,) * length, position)) if length else ()
