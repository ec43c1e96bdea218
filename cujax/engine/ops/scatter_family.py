"""The family of scatters: ops that combine updates into an operand at lists of places.

`scatter_primitive` makes one from how it combines and how it differentiates; shape, impl and batching are
the same for all.  A scatter of a single window at a place that the host knows is a copy and an assignment
to a slice; any other writes rows, as index_rows.py numbers them, in one call of the backend's library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import LaneMap, Primitive, UpdateMap
from cujax.engine.core.trace import aval_of
from cujax.engine.ops import axes as ax
from cujax.engine.ops.families import Domain, dtype_error, operands
from cujax.engine.ops.index_dimensions import (
    GatherScatterMode,
    ScatterDimensionNumbers,
    as_gather,
    check_scatter,
    scatter_numbers,
    window_axes,
    window_sizes,
    windows_are_unique,
    with_leading_axis,
)
from cujax.engine.ops.index_rows import Plan, as_rows, coordinates, places_and_inside, plan_rows, row_numbers
from cujax.engine.ops.lane_maps import chosen
from cujax.engine.ops.structural import move_dim


def _scatter_impl(kind: str) -> Callable:
    """The impl of the scatter that combines by `kind`: set, add, multiply, minimum or maximum."""

    def rule(
        xp: Any, x: Any, indices: Any, updates: Any, *, dimension_numbers: ScatterDimensionNumbers,
        mode: GatherScatterMode, unique_indices: bool, **_: Any,
    ) -> Any:
        sizes = window_sizes(x, updates, dimension_numbers)
        starts = library(xp).host_ints(indices) if indices.ndim == 1 else None
        if starts is not None:
            return _write_window(xp, kind, x, starts, updates, dimension_numbers, mode, sizes)
        plan = plan_rows(x.shape, indices.shape[:-1], as_gather(dimension_numbers), sizes)
        return _write_rows(xp, kind, plan, x, indices, updates, mode, unique_indices)

    return rule


def _write_window(
    xp: Any, kind: str, x: Any, starts: tuple[int, ...], updates: Any, numbers: ScatterDimensionNumbers,
    mode: GatherScatterMode, sizes: tuple[int, ...],
) -> Any:
    """A single window at a known place: a copy, and an assignment to a slice of it."""
    first = [0] * x.ndim
    for start, axis in zip(starts, numbers.scatter_dims_to_operand_dims, strict=True):
        last = x.shape[axis] - sizes[axis]
        if mode is not GatherScatterMode.CLIP and not 0 <= start <= last:
            return x
        first[axis] = min(max(start, 0), last)
    out = xp.array(x)
    window = out[tuple([slice(s, s + n) for s, n in zip(first, sizes, strict=True)])]
    updates = xp.reshape(updates, sizes)
    window[...] = updates if kind == "set" else getattr(xp, kind)(window, updates)
    return out


def _write_rows(
    xp: Any, kind: str, plan: Plan, x: Any, indices: Any, updates: Any, mode: GatherScatterMode, unique: bool
) -> Any:
    """The operand's rows in a buffer with one row more, to which the windows outside are written."""
    order = (*plan.indexed, *plan.whole)
    rows = as_rows(xp, plan, x)
    out = xp.empty((plan.num_rows + 1, *plan.whole_shape), x.dtype)
    out[:-1] = xp.reshape(rows, (plan.num_rows, *plan.whole_shape))
    indices, known = places_and_inside(xp, plan, indices)
    numbers = row_numbers(xp, plan, coordinates(xp, plan, indices, known is None))
    if known is not None and mode is not GatherScatterMode.CLIP:
        known = xp.reshape(known, known.shape + (1,) * (len(plan.row_shape) - plan.num_batch))
        numbers = xp.where(known, numbers, plan.num_rows)
    updates = xp.transpose(updates, np.argsort(plan.to_result))
    library(xp).scatter_rows(
        kind, out, xp.reshape(numbers, (-1,)), xp.reshape(updates, (numbers.size, *plan.whole_shape)), unique
    )
    return xp.transpose(xp.reshape(out[:-1], rows.shape), np.argsort(order))


def _scatter_batch(primitive: Callable[[], Primitive]) -> Callable:
    def rule(
        axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None], *,
        dimension_numbers: ScatterDimensionNumbers, indices_are_sorted: bool, **params: Any,
    ) -> tuple[Any, int]:
        each = dims[1] is not None
        x, updates = (move_dim(axis, xs[k], dims[k], 0) for k in (0, 2))
        indices = move_dim(axis, xs[1], dims[1], 0) if each else xs[1]
        out = primitive().bind(
            x, indices, updates, indices_are_sorted=indices_are_sorted and not each,
            dimension_numbers=with_leading_axis(dimension_numbers, offset=not each, indices=each), **params,
        )
        return out, 0

    return rule


def _scatter_place(
    e: Any, index: tuple, x: ShapedArray, indices: ShapedArray, updates: ShapedArray, *,
    dimension_numbers: ScatterDimensionNumbers, mode: GatherScatterMode, **_: Any,
) -> tuple:
    """Where an element of the updates goes: each window whole, or not at all unless it is moved inside."""
    numbers, sizes = as_gather(dimension_numbers), window_sizes(x, updates, dimension_numbers)
    batch = tuple(i for d, i in enumerate(index) if d not in numbers.offset_dims)
    place: list[Any] = [0] * x.ndim
    for axis, dim in zip(window_axes(x.ndim, numbers), numbers.offset_dims, strict=True):
        place[axis] = index[dim]
    for axis, dim in zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True):
        place[axis] = batch[dim]
    known: Any = True
    for component, axis in enumerate(numbers.start_index_map):
        start, last = e.read(1, (*batch, component)), x.shape[axis] - sizes[axis]
        if mode is GatherScatterMode.CLIP:
            start = e.where(start < 0, 0, e.where(start > last, last, start))
        else:
            known = known & (start >= 0) & (start <= last)
        place[axis] = place[axis] + start
    return known, tuple(place)


# --- within a lane ------------------------------------------------------------------------------------

_MOST_UPDATES = 64  # of which a lane tries each for each element
_COMBINED = {
    "set": lambda e, x, update: update,
    "add": lambda e, x, update: e.add(x, update),
    "multiply": lambda e, x, update: e.multiply(x, update),
    "minimum": lambda e, x, update: e.apply("cj::min({0}, {1})", x, update),
    "maximum": lambda e, x, update: e.apply("cj::max({0}, {1})", x, update),
}


def _scatter_lane_axes(
    x: ShapedArray, indices: ShapedArray, updates: ShapedArray, *, dimension_numbers: ScatterDimensionNumbers, **_: Any
) -> list[tuple]:
    """Batching axes, and those along which each window is as long as the operand and stays where it is."""
    numbers = as_gather(dimension_numbers)
    batch = ax.other_axes(updates.ndim, numbers.offset_dims)
    pairs = zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True)
    passed = [(0, k, a, axis) for axis, d in pairs for k, a in ((0, axis), (1, d), (2, batch[d]))]
    for axis, dim in zip(window_axes(x.ndim, numbers), numbers.offset_dims, strict=True):
        if axis not in numbers.start_index_map and updates.shape[dim] == x.shape[axis]:
            passed += [(0, 0, axis, axis), (0, 2, dim, axis)]
    return passed


def _scatter_lane_map(kind: str) -> LaneMap:
    """Each element is a choice, by its place, among what the updates in their order make of it."""

    def element(
        e: Any, index: tuple, x: ShapedArray, indices: ShapedArray, updates: ShapedArray, **params: Any
    ) -> Any:
        own = {a: index[axis] for _, k, a, axis in _scatter_lane_axes(x, indices, updates, **params) if k == 2}
        found = e.read(0, index)
        for place in product(*[(own[d],) if d in own else range(n) for d, n in enumerate(updates.shape)]):
            hits, target = _scatter_place(e, place, x, indices, updates, **params)
            for i, at in zip(index, target, strict=True):
                hits = hits & (i - at >= 0) & (i - at <= 0)
            if hits is not False:
                found = chosen(e, hits, _COMBINED[kind](e, found, e.read(2, place)), found)
        return found

    def refusal(x: ShapedArray, indices: ShapedArray, updates: ShapedArray, **params: Any) -> str | None:
        passed = {a for _, k, a, _ in _scatter_lane_axes(x, indices, updates, **params) if k == 2}
        number = prod([d for a, d in enumerate(updates.shape) if a not in passed])
        return None if number <= _MOST_UPDATES else f"of {number} updates is too much for a lane"

    return LaneMap(_scatter_lane_axes, element, refusal)


def scatter_primitive(
    name: str, kind: str, *, domain: Domain, doc: str, jvp: Callable, transpose: Any, cuda: Any, public: str
) -> tuple[Primitive, Callable]:
    """The scatter that combines by `kind`, and its public function; `cuda` names the reduction in C++."""

    def shape(
        x: ShapedArray, indices: ShapedArray, updates: ShapedArray, *,
        dimension_numbers: ScatterDimensionNumbers, **_: Any,
    ) -> ShapedArray:
        if x.dtype not in domain:
            raise dtype_error(public, x.dtype, domain)
        check_scatter(public, x, indices, updates, dimension_numbers)
        return x

    p: Primitive = Primitive(
        name, shape=shape, impl=_scatter_impl(kind), jvp=jvp, transpose=transpose,
        batch=_scatter_batch(lambda: p), cuda=cuda, update_map=UpdateMap(2, cuda, _scatter_place),
        lane_map=_scatter_lane_map(kind), doc=doc, domain=domain, family="scatter",
    )

    def function(
        operand: Any, scatter_indices: Any, updates: Any, dimension_numbers: ScatterDimensionNumbers, *,
        indices_are_sorted: bool = False, unique_indices: bool = False, mode: Any = None,
    ) -> Any:
        operand, updates = operands(operand, updates)
        return p.bind(
            operand, scatter_indices, updates, dimension_numbers=scatter_numbers(dimension_numbers),
            mode=GatherScatterMode.from_any(mode), indices_are_sorted=bool(indices_are_sorted),
            unique_indices=bool(unique_indices),
        )

    function.__name__ = function.__qualname__ = public
    function.__doc__ = f"{doc}{_SCATTER_DOC}"
    return p, function


_SCATTER_DOC = """

    operand: array.  scatter_indices: integers; vectors of places along the last axis.  updates: array of the
    operand's dtype, of the shape that dimension_numbers give.  A window that is not inside the operand is
    dropped, or moved inside under mode="clip".  Returns an array like the operand.
    TypeError for dimension numbers that do not fit, ValueError for indices that are not integers.
    """


def is_unique(indices: Any, dimension_numbers: ScatterDimensionNumbers, unique_indices: bool) -> bool:
    """True when no two windows overlap, by the caller's word or because there is only one."""
    return unique_indices or windows_are_unique(aval_of(indices), dimension_numbers)
