"""Reading and adding at lists of places: gather, and scatter_add, which transposes it.

    gather_p        one window of the operand for each index vector
    scatter_add_p   the operand with a window added for each index vector; windows may overlap

What the dimension numbers mean stands in index_dimensions.py, how impls find the places in index_rows.py;
the scatters that overwrite, multiply or compare are in scatter_updates.py.  Negative indices are not counted
from the end here: `wrap_negative` does that, for the layers above.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import ABSENT, Primitive
from cujax.engine.core.tape import literal
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import add_p, neg
from cujax.engine.ops.families import ANY, NUMBER, operands
from cujax.engine.ops.index_dimensions import (
    GatherDimensionNumbers,
    GatherScatterMode,
    ScatterDimensionNumbers,
    as_gather,
    as_scatter,
    gather_numbers,
    gather_shape,
    window_axes,
    window_sizes,
    with_leading_axis,
    with_more_indices,
)
from cujax.engine.ops.index_rows import Plan, as_rows, coordinates, places_and_inside, plan_rows, row_numbers
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.logic import lt_p, select_n_p
from cujax.engine.ops.scatter_family import scatter_primitive
from cujax.engine.ops.slicing import ints
from cujax.engine.ops.structural import dtype_of, expand_dims, move_dim, ndim_of, shape_of

FILL = GatherScatterMode.FILL_OR_DROP
CLIP = GatherScatterMode.CLIP


def wrap_negative(indices: Any, length: int) -> Any:
    """`indices` with those below zero counted from the end of an axis, as at least 32-bit integers."""
    dtype = dtype_of(indices)
    if dtype.kind == "u":
        return indices
    if dtype.itemsize < 4:
        indices, dtype = convert_element_type(indices, dtypes.int32), dtypes.int32
    from_end = add_p.bind(indices, literal(length, dtype))
    return select_n_p.bind(lt_p.bind(indices, literal(0, dtype)), indices, from_end)


# --- gather -------------------------------------------------------------------------------------------


def _gather_shape(
    x: ShapedArray, indices: ShapedArray, *, dimension_numbers: GatherDimensionNumbers, slice_sizes: tuple,
    **_: Any,
) -> ShapedArray:
    return x.update(shape=gather_shape(x, indices, dimension_numbers, slice_sizes))


def _gather_impl(
    xp: Any, x: Any, indices: Any, *, dimension_numbers: GatherDimensionNumbers, slice_sizes: tuple,
    mode: GatherScatterMode, fill_value: Any, **_: Any,
) -> Any:
    plan = plan_rows(x.shape, indices.shape[:-1], dimension_numbers, slice_sizes)
    indices, known = places_and_inside(xp, plan, indices)
    out = _read_rows(xp, plan, x, coordinates(xp, plan, indices, known is None))
    if known is not None and mode is FILL:
        fill = default_fill(x.dtype) if fill_value is None else np.asarray(fill_value).astype(x.dtype)[()]
        out = xp.where(xp.reshape(known, known.shape + (1,) * (out.ndim - known.ndim)), out, fill)
    return xp.transpose(out, plan.to_result)


def _read_rows(xp: Any, plan: Plan, x: Any, places: Sequence[Any]) -> Any:
    """Rows at `places`, one array for each indexed axis.

    `take` is the fastest way where memory is contiguous; it would copy all of an operand that is not.
    """
    if len(places) == 1:
        return _take_along(xp, x, row_numbers(xp, plan, places), plan.indexed[0])
    rows = as_rows(xp, plan, x)
    if rows.flags.c_contiguous or not places:
        rows = xp.reshape(rows, (plan.num_rows, *plan.whole_shape))
        return rows.take(row_numbers(xp, plan, places), axis=0)
    return rows[(xp.broadcast_to(places[0], plan.row_shape), *places[1:])]


def _take_along(xp: Any, x: Any, numbers: Any, axis: int) -> Any:
    """Elements of `x` at `numbers` along `axis`, the axes of `numbers` in front."""
    out = x.take(numbers, axis=axis) if x.flags.c_contiguous else x[(*(slice(None),) * axis, numbers)]
    end = axis + numbers.ndim
    return xp.transpose(out, (*range(axis, end), *range(axis), *range(end, out.ndim))) if axis else out


def default_fill(dtype: Any) -> Any:
    """What stands for a window outside: NaN, the least signed integer, the greatest unsigned one, True."""
    if dtypes.is_inexact(dtype):
        return dtype.type(np.nan)
    if dtypes.is_bool(dtype):
        return np.True_
    info = np.iinfo(dtype)
    return dtype.type(info.min if info.min < 0 else info.max)


def _gather_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple:
    out = gather_p.bind(*primals, **params)
    if type(tangents[0]) is Zero:
        return out, Zero(aval_of(out).to_tangent_aval())
    return out, gather_p.bind(tangents[0], primals[1], **{**params, "fill_value": 0})


def _gather_transpose(
    ct: Any, x: Any, indices: Any, *, dimension_numbers: GatherDimensionNumbers, mode: GatherScatterMode,
    indices_are_sorted: bool, unique_indices: bool, **_: Any,
) -> list[Any]:
    added = scatter_add_p.bind(
        zeros_of(x.aval), indices, ct, dimension_numbers=as_scatter(dimension_numbers), mode=mode,
        indices_are_sorted=indices_are_sorted, unique_indices=unique_indices,
    )
    return [added, None]


def _gather_batch(
    axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None], *,
    dimension_numbers: GatherDimensionNumbers, slice_sizes: tuple, indices_are_sorted: bool,
    unique_indices: bool, **params: Any,
) -> tuple[Any, int]:
    has_x, has_indices = (d is not None for d in dims)
    x, indices = (v if d is None else move_dim(axis, v, d, 0) for v, d in zip(xs, dims, strict=True))
    if has_x:
        numbers = with_leading_axis(dimension_numbers, offset=not has_indices, indices=has_indices)
        slice_sizes = (min(axis.size, 1) if has_indices else axis.size, *slice_sizes)
    else:
        numbers = with_more_indices(dimension_numbers)
    out = gather_p.bind(
        x, indices, dimension_numbers=numbers, slice_sizes=slice_sizes,
        indices_are_sorted=indices_are_sorted and not has_indices, unique_indices=unique_indices and has_x,
        **params,
    )
    return out, 0


def _gather_index_map(
    e: Any, index: tuple, x: ShapedArray, indices: ShapedArray, *,
    dimension_numbers: GatherDimensionNumbers, slice_sizes: tuple, mode: GatherScatterMode, fill_value: Any,
    **_: Any,
) -> Any:
    numbers = dimension_numbers
    batch = tuple(i for d, i in enumerate(index) if d not in numbers.offset_dims)
    place: list[Any] = [0] * x.ndim
    for axis, dim in zip(window_axes(x.ndim, numbers), numbers.offset_dims, strict=True):
        place[axis] = index[dim]
    for axis, dim in zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True):
        place[axis] = batch[dim]
    known: Any = True
    for component, axis in enumerate(numbers.start_index_map):
        start, last = e.read(1, (*batch, component)), x.shape[axis] - slice_sizes[axis]
        known = known & (start >= 0) & (start <= last)
        place[axis] = place[axis] + e.where(start < 0, 0, e.where(start > last, last, start))
    found = e.read(0, tuple(place))
    if mode is not FILL:
        return found
    fill = default_fill(getattr(x.dtype, "physical", x.dtype)) if fill_value is None else fill_value
    return e.where(known, found, e.value(fill, x.dtype))


gather_p: Primitive = Primitive(
    "gather", shape=_gather_shape, impl=_gather_impl, jvp=_gather_jvp, transpose=_gather_transpose,
    batch=_gather_batch, cuda=ABSENT, index_map=_gather_index_map,
    doc="One window of the operand for each index vector.", domain=ANY, family="indexing",
)


def gather(
    operand: Any, start_indices: Any, dimension_numbers: GatherDimensionNumbers,
    slice_sizes: Sequence[int], *, unique_indices: bool = False, indices_are_sorted: bool = False,
    mode: Any = None, fill_value: Any = None,
) -> Any:
    """Windows of `operand` of shape `slice_sizes`, one for each vector along the last axis of start_indices.

    mode: None or "promise_in_bounds" (a window outside is moved inside, as with "clip"), "clip", or "fill",
    which reads fill_value (by default NaN, the least signed, the greatest unsigned integer, True).
    TypeError for dimension numbers or a fill_value that do not fit, ValueError for indices that are not
    integers.
    """
    parsed = GatherScatterMode.PROMISE_IN_BOUNDS if mode is None else GatherScatterMode.from_any(mode)
    return gather_p.bind(
        *operands(operand, start_indices), dimension_numbers=gather_numbers(dimension_numbers),
        slice_sizes=ints(slice_sizes), mode=parsed, indices_are_sorted=bool(indices_are_sorted),
        unique_indices=bool(unique_indices),
        fill_value=_fill_param(fill_value, dtype_of(operand)) if parsed is FILL else None,
    )


def _fill_param(fill_value: Any, dtype: Any) -> Any:
    """A fill value as a Python number; None for the default, which NaN is: it does not equal itself."""
    value = None if fill_value is None else np.asarray(fill_value).item()
    if isinstance(value, complex) and not dtypes.is_complex(dtype):
        raise TypeError(f"gather: fill_value {value} is not a value of dtype {dtype}")
    return None if value != value and dtypes.is_inexact(dtype) else value


def index_take(src: Any, idxs: Sequence[Any], axes: Sequence[int]) -> Any:
    """Elements of `src` at the places `idxs`, one array of integers for each of `axes`, all of one shape.

    Shape: that of the indices, then the other axes of `src`.  Negative indices count from the end.
    """
    axes = ints(axes)
    shape = shape_of(src)
    vectors = [expand_dims(wrap_negative(i, shape[a]), (-1,)) for i, a in zip(idxs, axes, strict=True)]
    numbers = GatherDimensionNumbers(
        tuple(range(ndim_of(idxs[0]), ndim_of(idxs[0]) + len(shape) - len(axes))), tuple(sorted(axes)), axes
    )
    sizes = [1 if a in axes else d for a, d in enumerate(shape)]
    return gather(src, concatenate(vectors, ndim_of(idxs[0])), numbers, sizes)


# --- scatter_add --------------------------------------------------------------------------------------


def read_windows(x: Any, indices: Any, updates: ShapedArray, params: dict[str, Any]) -> Any:
    """What the scatter with these params writes over, in the layout of its updates; 0 for what it drops."""
    numbers = params["dimension_numbers"]
    sizes = window_sizes(aval_of(x), updates, numbers)
    return gather_p.bind(
        x, indices, dimension_numbers=as_gather(numbers), slice_sizes=sizes, fill_value=0,
        **{name: params[name] for name in ("mode", "indices_are_sorted", "unique_indices")},
    )


def _scatter_add_jvp(primals: Sequence[Any], tangents: Sequence[Any], **params: Any) -> tuple:
    out = scatter_add_p.bind(*primals, **params)
    t, _, t_updates = tangents
    if type(t_updates) is Zero:
        return out, t
    t = zeros_of(t.aval) if type(t) is Zero else t
    return out, scatter_add_p.bind(t, primals[1], t_updates, **params)


def _scatter_add_transpose(ct: Any, x: Any, indices: Any, updates: Any, **params: Any) -> list[Any]:
    ct_updates = read_windows(ct, indices, updates.aval, params) if is_linear(updates) else None
    return [ct if is_linear(x) else None, None, ct_updates]


scatter_add_p, scatter_add = scatter_primitive(
    "scatter_add", "add", public="scatter_add", domain=NUMBER, jvp=_scatter_add_jvp,
    transpose=_scatter_add_transpose, cuda="cj::Sum",
    doc="The operand with an update added at each index vector; updates of one place add up.",
)


def scatter_sub(
    operand: Any, scatter_indices: Any, updates: Any, dimension_numbers: ScatterDimensionNumbers, *,
    indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
) -> Any:
    """As `scatter_add`, with the updates subtracted."""
    operand, updates = operands(operand, updates)
    return scatter_add(
        operand, scatter_indices, neg(updates), dimension_numbers, indices_are_sorted=indices_are_sorted,
        unique_indices=unique_indices, mode=mode,
    )

