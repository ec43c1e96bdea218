"""Windows whose place is known when a program is written: slice, and pad, which transposes it.

    slice_p   operand[start:limit:stride] along every axis; slice_in_dim and index_in_dim are special cases
    pad_p     operand between rows of one value, with elements apart (interior padding); negative padding
              removes

The transpose of a slice puts the cotangent back among zeros, which is a pad; the transpose of a pad picks
the operand's elements out again, which is a slice.  Places that are values of the program are the matter
of dynamic_slicing.py, lists of places that of indexing.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as as_int
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import ABSENT, Primitive, View
from cujax.engine.core.tape import Literal, literal
from cujax.engine.core.trace import aval_of, is_value
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.engine.ops.constants import full_of, zeros_of
from cujax.engine.ops.families import ANY, operands
from cujax.engine.ops.logic import select
from cujax.engine.ops.structural import (
    broadcast_in_dim,
    dtype_of,
    move_dim,
    mover,
    ndim_of,
    reduce_sum,
    shape_of,
    squeeze,
)

_Slice = slice  # the builtin, which the op of this name hides below


def zero_like(x: Any) -> Literal:
    """The scalar 0 in the dtype of `x`."""
    return literal(0, dtype_of(x))


def ints(values: Sequence[Any]) -> tuple[int, ...]:
    """A tuple of Python ints; TypeError for what is not an integer."""
    return tuple([as_int(v) for v in values])


# --- slice --------------------------------------------------------------------------------------------


def _slice_shape(shape: tuple, *, start_indices: tuple, limit_indices: tuple, strides: tuple | None) -> tuple:
    steps = strides or (1,) * len(shape)
    if not len(shape) == len(start_indices) == len(limit_indices) == len(steps):
        raise TypeError(
            f"slice needs a start, a limit and a stride for each of the {len(shape)} axes; got start_indices="
            f"{start_indices}, limit_indices={limit_indices}, strides={strides}"
        )
    if any(not 0 <= s <= e <= d for s, e, d in zip(start_indices, limit_indices, shape, strict=True)):
        raise TypeError(
            "slice needs 0 <= start <= limit <= length along every axis, got start_indices "
            f"{start_indices} and limit_indices {limit_indices} for operand shape {shape}."
        )
    if any(k <= 0 for k in steps):
        raise TypeError(f"slice strides must be positive, got {strides}; use lax.rev to turn an axis round")
    return tuple([-((s - e) // k) for s, e, k in zip(start_indices, limit_indices, steps, strict=True)])


def _slice_impl(xp: Any, x: Any, *, start_indices: tuple, limit_indices: tuple, strides: tuple | None) -> Any:
    if strides is None:
        return x[tuple(map(_Slice, start_indices, limit_indices))]
    return x[tuple(map(_Slice, start_indices, limit_indices, strides))]


def _slice_transpose(
    ct: Any, x: Any, *, start_indices: tuple, limit_indices: tuple, strides: tuple | None
) -> tuple[Any]:
    """Low padding `start`, interior padding `stride - 1`, and whatever is missing at the end."""
    steps = strides or (1,) * len(start_indices)
    spans = [max((n - 1) * k + 1, 0) for n, k in zip(shape_of(ct), steps, strict=True)]
    config = [
        (s, d - s - span, k - 1)
        for s, d, k, span in zip(start_indices, x.aval.shape, steps, spans, strict=True)
    ]
    return (pad(ct, zero_like(ct), config),)


def _slice_batch(
    axis: AxisData, x: Any, dim: int, *, start_indices: tuple, limit_indices: tuple, strides: tuple | None
) -> tuple:
    starts = ax.insert_axis(start_indices, dim, 0)
    limits = ax.insert_axis(limit_indices, dim, axis.size)
    return slice(x, starts, limits, strides and ax.insert_axis(strides, dim, 1)), dim


def _slice_index_map(
    e: Any, index: tuple, x: ShapedArray, *, start_indices: tuple, limit_indices: tuple, strides: tuple | None
) -> Any:
    steps = strides or (1,) * len(start_indices)
    return e.read(0, tuple(s + i * k for i, s, k in zip(index, start_indices, steps, strict=True)))


slice_p = mover(
    "slice", _slice_shape, _slice_impl, _slice_transpose, _slice_batch,
    "The window operand[start:limit:stride] along every axis.", index_map=_slice_index_map,
    view=View.STRIDED,
)


def slice(
    operand: Any, start_indices: Sequence[int], limit_indices: Sequence[int],
    strides: Sequence[int] | None = None,
) -> Any:
    """`operand[start:limit:stride]` along every axis, with bounds inside the axis and positive strides.

    Shape: (limit - start) / stride along each axis, rounded up.  TypeError for bounds that do not fit.
    """
    starts, limits, steps = ints(start_indices), ints(limit_indices), ints(() if strides is None else strides)
    strides = None if all(k == 1 for k in steps) and len(steps) in (0, len(starts)) else steps
    return slice_p.bind(operand, start_indices=starts, limit_indices=limits, strides=strides)


def slice_in_dim(
    operand: Any, start_index: int | None, limit_index: int | None, stride: int = 1, axis: int = 0
) -> Any:
    """`operand[start_index:limit_index:stride]` along `axis`; negative bounds count from the end.

    TypeError for bounds beyond the axis, which NumPy would cut off.
    """
    shape = shape_of(operand)
    axis = ax.canonical_axis(axis, len(shape))
    start, limit = _bound(start_index, 0, shape[axis]), _bound(limit_index, shape[axis], shape[axis])
    if start == 0 and limit == shape[axis] and as_int(stride) == 1 and is_value(operand):
        return operand
    return slice(
        operand,
        [start if a == axis else 0 for a in range(len(shape))],
        [limit if a == axis else d for a, d in enumerate(shape)],
        [stride if a == axis else 1 for a in range(len(shape))],
    )


def _bound(value: Any, default: int, length: int) -> int:
    position = default if value is None else as_int(value)
    return position + length if position < 0 else position


def index_in_dim(operand: Any, index: int, axis: int = 0, keepdims: bool = True) -> Any:
    """Element `index` along `axis`, which stays with length 1 if `keepdims`.

    IndexError when the axis has no such element.
    """
    shape = shape_of(operand)
    axis, position = ax.canonical_axis(axis, len(shape)), as_int(index)
    if not -shape[axis] <= position < shape[axis]:
        raise IndexError(f"index {position} is out of bounds for axis {axis} with size {shape[axis]}")
    position %= shape[axis]
    window = slice_in_dim(operand, position, position + 1, 1, axis)
    return window if keepdims else squeeze(window, (axis,))


# --- pad ----------------------------------------------------------------------------------------------


def _pad_shape(x: ShapedArray, value: ShapedArray, *, padding_config: tuple) -> ShapedArray:
    if x.dtype != value.dtype:
        raise TypeError(f"pad operand and padding_value must be same dtype: got {x.dtype} and {value.dtype}.")
    if value.shape:
        raise ValueError(f"pad: padding_value must be a scalar, got shape {value.shape}")
    if len(padding_config) != x.ndim:
        raise ValueError(
            f"pad: padding_config must have one (low, high, interior) for each axis, got {padding_config} "
            f"for operand shape {x.shape}"
        )
    if any(interior < 0 for _, _, interior in padding_config):
        raise ValueError(f"pad: interior padding must not be negative, got padding_config {padding_config}")
    shape = _padded(x.shape, padding_config)
    if any(d < 0 for d in shape):
        raise ValueError(
            f"pad: no dimension may be negative after padding, got result shape {shape} for padding_config "
            f"{padding_config} and operand shape {x.shape}"
        )
    return ShapedArray(shape, x.dtype, x.weak_type and value.weak_type)


def _padded(shape: Sequence[int], padding_config: tuple) -> tuple[int, ...]:
    along = zip(shape, padding_config, strict=True)
    return tuple([low + high + max(d + (d - 1) * gap, 0) for d, (low, high, gap) in along])


def _kept(length: int, out_length: int, low: int, gap: int) -> tuple[Any, Any]:
    """Which elements of an axis the result keeps, and where: a slice of the operand, one of the result."""
    step = gap + 1
    first = max(-(low // step), 0)
    last = min((out_length - 1 - low) // step, length - 1)
    if last < first:
        return _Slice(0, 0), _Slice(0, 0)
    return _Slice(first, last + 1), _Slice(low + first * step, low + last * step + 1, step)


def _pad_impl(xp: Any, x: Any, value: Any, *, padding_config: tuple) -> Any:
    out = xp.empty(_padded(x.shape, padding_config), x.dtype)
    out[...] = value
    along = zip(x.shape, out.shape, padding_config, strict=True)
    places = [_kept(d, n, low, gap) for d, n, (low, _, gap) in along]
    out[tuple([target for _, target in places])] = x[tuple([source for source, _ in places])]
    return out


def _pad_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, padding_config: tuple) -> tuple:
    out = pad_p.bind(*primals, padding_config=padding_config)
    if all(type(t) is Zero for t in tangents):
        return out, Zero(aval_of(out).to_tangent_aval())
    t, t_value = tangents
    t = zeros_of(t.aval) if type(t) is Zero else t
    t_value = zero_like(t) if type(t_value) is Zero else t_value
    return out, pad_p.bind(t, t_value, padding_config=padding_config)


def _unpad(ct: Any, padding_config: tuple) -> Any:
    """The elements at the places of the operand; zeros for those that the padding removed."""
    uncut = [(max(-low, 0), max(-high, 0), 0) for low, high, _ in padding_config]
    whole = pad(ct, zero_like(ct), uncut) if any(map(any, uncut)) else ct
    starts = [max(low, 0) for low, _, _ in padding_config]
    ends = [d - max(high, 0) for d, (_, high, _) in zip(shape_of(whole), padding_config, strict=True)]
    limits = list(map(max, starts, ends))
    return slice(whole, starts, limits, [gap + 1 for _, _, gap in padding_config])


def _pad_transpose(ct: Any, x: Any, value: Any, *, padding_config: tuple) -> list[Any]:
    ct_x = _unpad(ct, padding_config) if is_linear(x) else None
    if not is_linear(value):
        return [ct_x, None]
    outside = select(_from_operand(shape_of(x), padding_config), zeros_of(aval_of(ct)), ct)
    return [ct_x, reduce_sum(outside, range(ndim_of(ct)))]


def _from_operand(shape: tuple[int, ...], padding_config: tuple) -> Any:
    """Which elements of the result are the operand's: a boolean array."""
    inside = full_of(ShapedArray(shape, dtypes.bool_), True)
    return pad_p.bind(inside, literal(False, dtypes.bool_), padding_config=padding_config)


def _pad_batch(
    axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None], *, padding_config: tuple
) -> tuple[Any, int]:
    (x, value), (dim, value_dim) = xs, dims
    if dim is None:
        x, dim = move_dim(axis, x, None, 0), 0
    config = ax.insert_axis(padding_config, dim, (0, 0, 0))
    if value_dim is None:
        return pad_p.bind(x, value, padding_config=config), dim
    padded = pad_p.bind(x, zero_like(x), padding_config=config)
    inside = _from_operand(shape_of(x), config)
    return select(inside, padded, broadcast_in_dim(value, shape_of(padded), (dim,))), dim


def place_in_window(
    index: tuple, starts: Sequence[int], strides: Sequence[int], lengths: Sequence[int]
) -> tuple[Any, tuple]:
    """For index maps: is the place `index` in the window, and which element of the window is it?"""
    source, inside = [], True
    for i, start, stride, length in zip(index, starts, strides, lengths, strict=True):
        place = i - start
        if stride > 1:
            inside = inside & (place % stride < 1)
            place = place // stride
        inside = inside & (i >= start) & (place < length)
        source.append(place)
    return inside, tuple(source)


def _pad_index_map(e: Any, index: tuple, x: ShapedArray, value: ShapedArray, *, padding_config: tuple) -> Any:
    lows, strides = [low for low, _, _ in padding_config], [gap + 1 for _, _, gap in padding_config]
    inside, source = place_in_window(index, lows, strides, x.shape)
    return e.where(inside, e.read(0, source), e.read(1, ()))


pad_p: Primitive = Primitive(
    "pad", shape=_pad_shape, impl=_pad_impl, jvp=_pad_jvp, transpose=_pad_transpose, batch=_pad_batch,
    cuda=ABSENT, index_map=_pad_index_map, doc="The operand among copies of one value.", domain=ANY,
    family="mover", is_fresh=True,
)


def pad(operand: Any, padding_value: Any, padding_config: Sequence[tuple[int, int, int]]) -> Any:
    """`operand` with `low` places before, `high` after and `interior` between the elements of each axis.

    padding_config has (low, high, interior) for each axis; a negative low or high removes elements.  The
    places hold `padding_value`, a scalar of the operand's dtype.  TypeError for another dtype; ValueError
    for a configuration that does not fit.
    """
    x, value = operands(operand, padding_value)
    return pad_p.bind(x, value, padding_config=tuple([ints(c) for c in padding_config]))
