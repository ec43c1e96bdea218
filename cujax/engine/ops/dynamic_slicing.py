"""Windows whose place is a value: dynamic_slice, and dynamic_update_slice, which transposes it.

    dynamic_slice_p          operand[start : start + size] along every axis
    dynamic_update_slice_p   the operand with `update` in place of such a window

There is one start for each axis, a scalar operand.  A start below zero counts from the end; then the
window is moved inside the operand.  Both happen in the op, so that reading x[i] is one equation.  Starts
that are all known become a slice or an update_slice at once.

The files stand above indexing.py because a batch of starts makes a gather or a scatter.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as as_int
from typing import Any

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import ABSENT, Primitive, UpdateMap
from cujax.engine.core.tape import literal
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.engine.ops import slicing
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.families import ANY
from cujax.engine.ops.index_dimensions import GatherDimensionNumbers, GatherScatterMode, as_scatter
from cujax.engine.ops.index_rows import as_places
from cujax.engine.ops.indexing import gather_p, wrap_negative
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.rounding import max
from cujax.engine.ops.scatter_updates import scatter_p
from cujax.engine.ops.slice_updates import update_slice
from cujax.engine.ops.slicing import ints
from cujax.engine.ops.structural import dtype_of, expand_dims, move_dim, ndim_of, shape_of, squeeze

# --- rules that both share ----------------------------------------------------------------------------


def _check_starts(name: str, x: ShapedArray, sizes: tuple[int, ...], starts: Sequence[ShapedArray]) -> None:
    if len(starts) != x.ndim:
        raise ValueError(f"{name} needs one start index for each axis of shape {x.shape}; got {len(starts)}")
    if any(s.shape for s in starts):
        raise TypeError(f"{name}: start indices must be scalars, got shapes {[s.shape for s in starts]}")
    found = {s.dtype for s in starts}
    if len(found) > 1 or not all(dtypes.is_integer(d) for d in found):
        raise TypeError(
            f"index arguments to {name} must be integers of the same type, got: {', '.join(map(str, found))}"
        )
    if len(sizes) != x.ndim or any(not 0 <= n <= d for n, d in zip(sizes, x.shape, strict=True)):
        raise TypeError(f"{name}: a window of shape {sizes} does not fit into an operand of shape {x.shape}")


def _known_window(starts: Sequence[int], shape: Sequence[int], sizes: Sequence[int]) -> tuple[slice, ...]:
    places = [_inside(s, d, n) for s, d, n in zip(starts, shape, sizes, strict=True)]
    return tuple([slice(p, p + n) for p, n in zip(places, sizes, strict=True)])


def _inside(start: int, length: int, size: int) -> int:
    """Where the window of `size` begins on an axis of `length`."""
    return min(start + length if start < 0 else start, length - size) if start >= -length else 0


def _places(xp: Any, start: Any, length: int, size: int) -> Any:
    """The places along an axis for a start that is on the device, computed there."""
    first = as_places(xp, start)
    first = xp.where(first < 0, first + length, first)
    return xp.clip(first, 0, length - size) + xp.arange(size, dtype=np.int64)


def _first_place(e: Any, operand: int, length: int, size: int, is_signed: bool) -> Any:
    """For index maps: where the window begins along an axis."""
    if size == length:
        return 0
    start = e.read(operand, ())
    if is_signed:
        start = e.where(start < 0, start + length, start)
        start = e.where(start < 0, 0, start)
    return e.where(start > length - size, length - size, start)


def _vectors(
    axis: AxisData, starts: Sequence[Any], dims: Sequence[int | None], shape: tuple[int, ...],
    moving: Sequence[int],
) -> Any:
    """Index vectors of a batch of starts along the axes `moving`: those where the window is not the whole."""
    columns = [wrap_negative(move_dim(axis, starts[a], dims[a], 0), shape[a]) for a in moving]
    if not columns:
        return zeros_of(ShapedArray((axis.size, 0), dtypes.int32))
    return concatenate([expand_dims(c, (1,)) for c in columns], 1)


def _window_numbers(ndim: int, moving: Sequence[int], batched: bool) -> GatherDimensionNumbers:
    """One window for each index vector of a batch; `batched`: the operand has the batch as its axis 0."""
    started = tuple(a + batched for a in moving)
    batching = (0,) if batched else ()
    return GatherDimensionNumbers(tuple(range(1, ndim + 1)), (), started, batching, batching)


# --- dynamic_slice ------------------------------------------------------------------------------------


def _dynamic_slice_shape(x: ShapedArray, *starts: ShapedArray, slice_sizes: tuple) -> ShapedArray:
    _check_starts("dynamic_slice", x, slice_sizes, starts)
    return x.update(shape=slice_sizes)


def _dynamic_slice_impl(xp: Any, x: Any, *starts: Any, slice_sizes: tuple) -> Any:
    known = library(xp).host_ints(starts)
    if known is not None:
        return x[_known_window(known, x.shape, slice_sizes)]
    for axis, (start, size) in enumerate(zip(starts, slice_sizes, strict=True)):
        if size != x.shape[axis]:
            x = x.take(_places(xp, start, x.shape[axis], size), axis=axis)
    return x


def _dynamic_slice_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, slice_sizes: tuple) -> tuple:
    out = dynamic_slice_p.bind(*primals, slice_sizes=slice_sizes)
    if type(tangents[0]) is Zero:
        return out, Zero(aval_of(out).to_tangent_aval())
    return out, dynamic_slice_p.bind(tangents[0], *primals[1:], slice_sizes=slice_sizes)


def _dynamic_slice_transpose(ct: Any, x: Any, *starts: Any, slice_sizes: tuple) -> list[Any]:
    return [dynamic_update_slice_p.bind(zeros_of(x.aval), ct, *starts), *[None] * len(starts)]


def _dynamic_slice_batch(
    axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None], *, slice_sizes: tuple
) -> tuple[Any, int]:
    (x, *starts), (dim, *start_dims) = xs, dims
    if dim is not None and all(d is None for d in start_dims):
        first = literal(0, dtype_of(starts[0]) if starts else dtypes.int32)
        sizes = ax.insert_axis(slice_sizes, dim, axis.size)
        return dynamic_slice_p.bind(x, *ax.insert_axis(starts, dim, first), slice_sizes=sizes), dim
    batched = dim is not None
    x = move_dim(axis, x, dim, 0) if batched else x
    shape = shape_of(x)[1:] if batched else shape_of(x)
    moving = [a for a, (n, d) in enumerate(zip(slice_sizes, shape, strict=True)) if n != d]
    out = gather_p.bind(
        x, _vectors(axis, starts, start_dims, shape, moving),
        dimension_numbers=_window_numbers(len(shape), moving, batched),
        slice_sizes=(min(axis.size, 1), *slice_sizes) if batched else slice_sizes,
        mode=GatherScatterMode.CLIP, fill_value=None, indices_are_sorted=False, unique_indices=batched,
    )
    return out, 0


def _dynamic_slice_index_map(
    e: Any, index: tuple, x: ShapedArray, *starts: ShapedArray, slice_sizes: tuple
) -> Any:
    place = [
        i + _first_place(e, k, d, n, s.dtype.kind == "i")
        for k, (i, s, d, n) in enumerate(zip(index, starts, x.shape, slice_sizes, strict=True), 1)
    ]
    return e.read(0, tuple(place))


dynamic_slice_p: Primitive = Primitive(
    "dynamic_slice", shape=_dynamic_slice_shape, impl=_dynamic_slice_impl, jvp=_dynamic_slice_jvp,
    transpose=_dynamic_slice_transpose, batch=_dynamic_slice_batch, cuda=ABSENT,
    index_map=_dynamic_slice_index_map, doc="The window of given sizes that begins at the start operands.",
    domain=ANY, family="mover",
)


def dynamic_slice(
    operand: Any, start_indices: Any, slice_sizes: Sequence[int], *, allow_negative_indices: Any = True
) -> Any:
    """The window of shape `slice_sizes` at `start_indices`, moved inside where it would leave the operand.

    start_indices: one integer or scalar array for each axis, or a vector of them.  Those below zero count
    from the end unless allow_negative_indices (one flag, or one for each axis) is false.
    ValueError for a wrong number of starts; TypeError for starts that are not integers of one type, and for
    sizes that do not fit.
    """
    sizes = ints(slice_sizes)
    starts = _starts("dynamic_slice", operand, start_indices, allow_negative_indices)
    if all(type(s) is int for s in starts) and len(sizes) == len(starts):
        places = _static_places(operand, sizes, starts)
        return slicing.slice(operand, places, [p + n for p, n in zip(places, sizes, strict=True)])
    return dynamic_slice_p.bind(operand, *_as_operands(starts), slice_sizes=sizes)


def dynamic_slice_in_dim(
    operand: Any, start_index: Any, slice_size: int, axis: int = 0, *, allow_negative_indices: bool = True
) -> Any:
    """As `dynamic_slice` along one axis; the others are whole."""
    shape = shape_of(operand)
    axis = ax.canonical_axis(axis, len(shape))
    return dynamic_slice(
        operand, [start_index if a == axis else 0 for a in range(len(shape))],
        [slice_size if a == axis else d for a, d in enumerate(shape)],
        allow_negative_indices=allow_negative_indices,
    )


def dynamic_index_in_dim(
    operand: Any, index: Any, axis: int = 0, keepdims: bool = True, *, allow_negative_indices: bool = True
) -> Any:
    """Element `index` along `axis`, which stays with length 1 if `keepdims`."""
    window = dynamic_slice_in_dim(operand, index, 1, axis, allow_negative_indices=allow_negative_indices)
    return window if keepdims else squeeze(window, (axis,))


# --- dynamic_update_slice -----------------------------------------------------------------------------


def _dynamic_update_slice_shape(x: ShapedArray, update: ShapedArray, *starts: ShapedArray) -> ShapedArray:
    if update.ndim != x.ndim:
        raise TypeError(
            "dynamic_update_slice update must have the same rank as operand, got update shape "
            f"{update.shape} for operand shape {x.shape}."
        )
    if update.dtype != x.dtype:
        raise TypeError(
            "lax.dynamic_update_slice requires arguments to have the same dtypes, got "
            f"{x.dtype}, {update.dtype}."
        )
    _check_starts("dynamic_update_slice", x, update.shape, starts)
    return x.strip_weak_type()


def _dynamic_update_slice_impl(xp: Any, x: Any, update: Any, *starts: Any) -> Any:
    out = xp.array(x)
    known = library(xp).host_ints(starts)
    if known is not None:
        out[_known_window(known, x.shape, update.shape)] = update
        return out
    places = [_places(xp, s, d, n) for s, d, n in zip(starts, x.shape, update.shape, strict=True)]
    out[xp.ix_(*places)] = update
    return out


def _dynamic_update_slice_jvp(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple:
    out = dynamic_update_slice_p.bind(*primals)
    if all(type(t) is Zero for t in tangents[:2]):
        return out, Zero(aval_of(out).to_tangent_aval())
    t, t_update = (zeros_of(t.aval) if type(t) is Zero else t for t in tangents[:2])
    return out, dynamic_update_slice_p.bind(t, t_update, *primals[2:])


def _dynamic_update_slice_transpose(ct: Any, x: Any, update: Any, *starts: Any) -> list[Any]:
    aval = aval_of(update)
    ct_x = dynamic_update_slice_p.bind(ct, zeros_of(aval), *starts) if is_linear(x) else None
    ct_update = dynamic_slice_p.bind(ct, *starts, slice_sizes=aval.shape) if is_linear(update) else None
    return [ct_x, ct_update, *[None] * len(starts)]


def _dynamic_update_slice_batch(
    axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None]
) -> tuple[Any, int]:
    (x, update, *starts), start_dims = xs, dims[2:]
    x, update = move_dim(axis, x, dims[0], 0), move_dim(axis, update, dims[1], 0)
    if all(d is None for d in start_dims):
        first = literal(0, dtype_of(starts[0]) if starts else dtypes.int32)
        return dynamic_update_slice_p.bind(x, update, first, *starts), 0
    shape, sizes = shape_of(x)[1:], shape_of(update)[1:]
    moving = [a for a, (n, d) in enumerate(zip(sizes, shape, strict=True)) if n != d]
    out = scatter_p.bind(
        x, _vectors(axis, starts, start_dims, shape, moving), update,
        dimension_numbers=as_scatter(_window_numbers(len(shape), moving, True)),
        mode=GatherScatterMode.CLIP, indices_are_sorted=False, unique_indices=True,
    )
    return out, 0


def _dynamic_update_slice_index_map(
    e: Any, index: tuple, x: ShapedArray, update: ShapedArray, *starts: ShapedArray
) -> Any:
    place, inside = [], True
    for k, (i, s, d, n) in enumerate(zip(index, starts, x.shape, update.shape, strict=True), 2):
        at = i - _first_place(e, k, d, n, s.dtype.kind == "i")
        inside = inside & (at >= 0) & (at < n)
        place.append(at)
    return e.where(inside, e.read(1, tuple(place)), e.read(0, index))


def _dynamic_update_slice_update_map(
    e: Any, index: tuple, x: ShapedArray, update: ShapedArray, *starts: ShapedArray
) -> tuple:
    place = [
        i + _first_place(e, k, d, n, s.dtype.kind == "i")
        for k, (i, s, d, n) in enumerate(zip(index, starts, x.shape, update.shape, strict=True), 2)
    ]
    return True, tuple(place)


dynamic_update_slice_p: Primitive = Primitive(
    "dynamic_update_slice", shape=_dynamic_update_slice_shape, impl=_dynamic_update_slice_impl,
    jvp=_dynamic_update_slice_jvp, transpose=_dynamic_update_slice_transpose,
    batch=_dynamic_update_slice_batch, cuda=ABSENT, index_map=_dynamic_update_slice_index_map,
    update_map=UpdateMap(1, "cj::Last", _dynamic_update_slice_update_map), domain=ANY,
    doc="The operand with an update in place of the window at the start operands.", family="mover",
)


def dynamic_update_slice(
    operand: Any, update: Any, start_indices: Any, *, allow_negative_indices: Any = True
) -> Any:
    """`operand` with `update`, of its dtype and rank, at `start_indices`; see `dynamic_slice` for those.

    TypeError for an update of another dtype or rank or one that is too large, and as `dynamic_slice`.
    """
    starts = _starts("dynamic_update_slice", operand, start_indices, allow_negative_indices)
    if all(type(s) is int for s in starts) and ndim_of(update) == len(starts):
        strong = convert_element_type(operand, dtype_of(operand))
        return update_slice(strong, update, _static_places(operand, shape_of(update), starts))
    return dynamic_update_slice_p.bind(operand, update, *_as_operands(starts))


def dynamic_update_slice_in_dim(
    operand: Any, update: Any, start_index: Any, axis: int, *, allow_negative_indices: bool = True
) -> Any:
    """As `dynamic_update_slice` with start 0 along all axes but `axis`."""
    ndim = ndim_of(operand)
    axis = ax.canonical_axis(axis, ndim)
    starts = [start_index if a == axis else 0 for a in range(ndim)]
    return dynamic_update_slice(operand, update, starts, allow_negative_indices=allow_negative_indices)


def dynamic_update_index_in_dim(
    operand: Any, update: Any, index: Any, axis: int, *, allow_negative_indices: bool = True
) -> Any:
    """`operand` with `update` as element `index` along `axis`; the update may lack the axis."""
    axis = ax.canonical_axis(axis, ndim_of(operand))
    if ndim_of(update) == ndim_of(operand) - 1:
        update = expand_dims(update, (axis,))
    return dynamic_update_slice_in_dim(
        operand, update, index, axis, allow_negative_indices=allow_negative_indices
    )


# --- starts -------------------------------------------------------------------------------------------


def _starts(name: str, operand: Any, start_indices: Any, allow_negative: Any) -> list[Any]:
    """The starts that users give, as Python ints where they are known and as arrays where they are not."""
    shape = shape_of(operand)
    flags = [allow_negative] * len(shape) if isinstance(allow_negative, bool) else list(allow_negative)
    starts = _components(start_indices)
    if not len(starts) == len(flags) == len(shape):
        raise ValueError(f"{name} needs one start index for each axis of shape {shape}; got {len(starts)}")
    return [_start(s, d, f) for s, d, f in zip(starts, shape, flags, strict=True)]


def _components(start_indices: Any) -> list[Any]:
    if not hasattr(start_indices, "aval"):
        return list(start_indices)
    shape = shape_of(start_indices)
    if len(shape) != 1:
        raise TypeError(f"start indices are a sequence of scalars or a vector, got an array of shape {shape}")
    return [slicing.index_in_dim(start_indices, k, keepdims=False) for k in range(shape[0])]


def _start(start: Any, length: int, allow_negative: bool) -> Any:
    known = start if type(start) is int else None if hasattr(start, "aval") else _integer(start)
    if known is None:
        signed = aval_of(start).dtype.kind == "i"
        return start if allow_negative or not signed else max(start, 0)
    if known < 0 and not allow_negative:
        raise ValueError(f"index {known} is out of bounds: allow_negative_indices=False, length {length}")
    return known


def _integer(start: Any) -> int:
    try:
        return as_int(start)
    except TypeError:
        raise TypeError(f"start indices must be integers, got {start!r} of type {type(start)}") from None


def _static_places(operand: Any, sizes: Sequence[int], starts: Sequence[int]) -> list[int]:
    return [_inside(s, d, n) for s, d, n in zip(starts, shape_of(operand), sizes, strict=True)]


def _as_operands(starts: Sequence[Any]) -> list[Any]:
    """Starts of one dtype: ints take that of the arrays beside them."""
    dtype = next((aval_of(s).dtype for s in starts if type(s) is not int), dtypes.int32)
    return [literal(s, dtype) if type(s) is int else s for s in starts]
