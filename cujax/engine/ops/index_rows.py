"""From index vectors to rows of the operand: the arithmetic of the impls of gather and scatter.

The operand's axes fall into two groups: `indexed` axes, along which a place has to be computed, and
`whole` axes, along which every window takes everything.  With the indexed axes in front and counted as
one, the operand is a list of rows (of the shape of the whole axes), and a window is a list of row numbers.
What reads or writes rows has the axes (batch..., window inside the indexed axes..., whole axes...);
`Plan.to_result` is the permutation from there to the result of a gather or the updates of a scatter.

A plan depends on shapes only and is remembered; start at `plan_rows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.ops import axes as ax
from cujax.engine.ops.index_dimensions import GatherDimensionNumbers, window_axes


class Along(NamedTuple):
    """How the place along one indexed axis is found: start plus offset in the window, or the batch's own."""

    length: int
    size: int
    component: int | None  # of the index vector; None: the window starts at 0
    batch_axis: int | None  # for batching axes, which have no window
    window_axis: int | None  # among the axes of a row number; None: the window has one place

    @property
    def last_start(self) -> int:
        return self.length - self.size


class Plan(NamedTuple):
    """See the module's docstring.  `row_shape`: batch and window axes of the row numbers."""

    indexed: tuple[int, ...]
    whole: tuple[int, ...]
    along: tuple[Along, ...]
    num_batch: int
    row_shape: tuple[int, ...]
    num_rows: int
    whole_shape: tuple[int, ...]
    to_result: tuple[int, ...]


@lru_cache(maxsize=4096)
def plan_rows(
    shape: tuple[int, ...], batch: tuple[int, ...], numbers: GatherDimensionNumbers, sizes: tuple[int, ...]
) -> Plan:
    """The plan for windows of `sizes` in an operand of `shape`, with index vectors of batch shape `batch`."""
    kept = window_axes(len(shape), numbers)
    whole = tuple(a for a in kept if a not in numbers.start_index_map and sizes[a] == shape[a])
    indexed = ax.other_axes(len(shape), whole)
    inside = [a for a in indexed if a in kept]
    along = tuple(_along(a, shape, sizes, numbers, len(batch), inside) for a in indexed)
    order = [*inside, *whole]
    window = iter([len(batch) + order.index(a) for a in kept])
    places = iter(range(len(batch)))
    rank = len(batch) + len(kept)
    return Plan(
        indexed, whole, along, len(batch),
        row_shape=(*batch, *(sizes[a] for a in inside)),
        num_rows=prod(shape[a] for a in indexed),
        whole_shape=tuple(shape[a] for a in whole),
        to_result=tuple(next(window) if d in numbers.offset_dims else next(places) for d in range(rank)),
    )


def _along(
    axis: int, shape: Sequence[int], sizes: Sequence[int], numbers: GatherDimensionNumbers, num_batch: int,
    inside: Sequence[int],
) -> Along:
    batch_axis = None
    if axis in numbers.operand_batching_dims:
        batch_axis = numbers.start_indices_batching_dims[numbers.operand_batching_dims.index(axis)]
    component = numbers.start_index_map.index(axis) if axis in numbers.start_index_map else None
    window_axis = num_batch + inside.index(axis) if axis in inside else None
    return Along(shape[axis], sizes[axis], component, batch_axis, window_axis)


def as_places(xp: Any, indices: Any) -> Any:
    """`indices` as 64-bit integers; those that are larger become the largest."""
    if indices.dtype == np.uint64:
        indices = xp.minimum(indices, np.uint64(np.iinfo(np.int64).max))
    return indices.astype(np.int64, copy=False)


def places_and_inside(xp: Any, plan: Plan, indices: Any) -> tuple[Any, Any]:
    """Index vectors as `coordinates` takes them, and for each whether its window lies inside; None: all are known to.

    They become 64-bit integers, but for places used as they stand, which NumPy's functions widen by themselves.
    """
    components = [along for along in plan.along if along.component is not None]
    if all(library(xp).are_within(indices[..., along.component], along.last_start) for along in components):
        as_they_stand = len(plan.along) == 1 and plan.along[0].size == 1 and np.can_cast(indices.dtype, np.int64)
        return (indices if as_they_stand else as_places(xp, indices)), None
    indices = as_places(xp, indices)
    found = None
    for along in components:
        start = indices[..., along.component]
        fits = (start >= 0) & (start <= along.last_start)
        found = fits if found is None else found & fits
    return indices, found


def coordinates(xp: Any, plan: Plan, indices: Any, are_inside: bool) -> list[Any]:
    """For each indexed axis its places, aligned with `row_shape`; windows beyond an axis are moved inside.

    are_inside: there are none of these.
    """
    return [_places(xp, along, indices, plan, are_inside) for along in plan.along]


def _places(xp: Any, along: Along, indices: Any, plan: Plan, are_inside: bool) -> Any:
    rank = len(plan.row_shape)
    if along.batch_axis is not None:
        return _aligned(xp, along.length, along.batch_axis, rank)
    places: Any = np.int64(0)
    if along.component is not None:
        start = indices[..., along.component]
        if not are_inside:
            start = xp.minimum(xp.maximum(start, 0), along.last_start)
        places = xp.reshape(start, start.shape + (1,) * (rank - plan.num_batch))
    if along.window_axis is not None and along.size != 1:
        places = places + _aligned(xp, along.size, along.window_axis, rank)
    return places


def _aligned(xp: Any, length: int, axis: int, rank: int) -> Any:
    """0, 1, ... along one of `rank` axes."""
    return xp.reshape(xp.arange(length, dtype=np.int64), [length if a == axis else 1 for a in range(rank)])


def row_numbers(xp: Any, plan: Plan, coordinates: Sequence[Any]) -> Any:
    """The number of each row that the windows touch, of shape `row_shape`."""
    total: Any = None
    for along, places in zip(plan.along, coordinates, strict=True):
        total = places if total is None else total * along.length + places
    total = np.int64(0) if total is None else total
    return total if total.shape == plan.row_shape else xp.broadcast_to(total, plan.row_shape)


def as_rows(xp: Any, plan: Plan, x: Any) -> Any:
    """The operand with the indexed axes in front."""
    order = (*plan.indexed, *plan.whole)
    return x if order == tuple(range(len(order))) else xp.transpose(x, order)
