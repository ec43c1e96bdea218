"""`Update`: a kernel that changes some elements of a buffer, over the elements of the updates.

A scatter is one, and `.at[window].set` where nobody else needs the buffer (in_place.py).

The axes of a scatter's updates are those of the *batch*, one index vector for each of its elements, and those inside
the windows.  Updates of one place stand in the order of the batch.  How many meet there nobody knows before the
kernel runs; that none meet is known along some axes.  All elements of a window that lie along such axes go where the
*start* of the window goes, the place of the first of them: two windows that meet in one of them meet in all.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

from cujax.engine.compiler.expression import Evaluator, Node, Place, index_elements, reachable, reader
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.index import Condition, Index, as_index, flatten
from cujax.engine.compiler.kinds import Producers
from cujax.engine.core.tape import Eqn, Literal, Var
from cujax.engine.ground.config import config
from cujax.engine.ground.dtypes import is_complex, is_inexact
from cujax.engine.ops.index_dimensions import as_gather, overlapping_dims, window_axes, windows_are_unique


class Change(NamedTuple):
    """Where `condition` holds (True: always) the element `place` is combined with `node`."""

    condition: Condition | bool
    place: Index
    node: Node

    def nodes(self) -> list[Node]:
        """The roots of what is computed."""
        return [self.node, *[e for i in self.indices() for e in index_elements(i)]]

    def indices(self) -> list[Index]:
        return [self.place, *(self.condition.indices if isinstance(self.condition, Condition) else ())]


class Update(Region):
    """Over the elements of the updates: each is combined with one element of the result.

    change: what the update at each place does.  target: what the result is before.  ordered_axes: the axes of the
    updates that are gone along in order, those of the batch and those along which windows may overlap in part; none
    where no two updates meet.
    """

    __slots__ = ("change", "eqn", "ordered_axes", "target")

    def __init__(self, producers: Producers, inside: set[Var], eqn: Eqn) -> None:
        (out,) = eqn.outputs
        self.eqn, self.target = eqn, eqn.inputs[0]
        self.producers, self.in_place, self.apart = producers, {}, frozenset()
        self.axes, self.full, self.kept, self.hidden, self.reductions = None, [out], [], set(), {}
        self.shape = eqn.inputs[eqn.primitive.update_map.updates].aval.shape
        self.ordered_axes = _ordered_axes(eqn)
        self.evaluator = Evaluator(producers, inside.__contains__, {})
        self.change = self._change(self.axis_indices())
        self.reads, self.size = dict(self.evaluator.reads), len(reachable(self.change.nodes()))

    def _change(self, index: Place) -> Change:
        """What the update at `index` does."""
        condition, place = self._place(index)
        return Change(condition, place, self.evaluator.element(self.eqn.inputs[self._map.updates], index))

    def _place(self, index: Place) -> tuple[Condition | bool, Index]:
        """Where it goes, and whether."""
        avals = [a.aval for a in self.eqn.inputs]
        condition, place = self._map.rule(reader(self.evaluator, self.eqn), index, *avals, **self.eqn.params)
        return condition, flatten(place, self.target.aval.shape)

    @property
    def _map(self) -> Any:
        return self.eqn.primitive.update_map

    @property
    def reduction(self) -> str:
        """How an update is combined with what is there: a class of kernels/reduce.h."""
        return str(self._map.reduction)

    @property
    def needs(self) -> list[Var | Literal]:
        """What the step reads, its target among it."""
        return [*self.reads, self.target]

    @property
    def start(self) -> Index:
        """The place of an update's window along all but the ordered axes."""
        own = self.axis_indices()
        return self._place(tuple([i if k in self.ordered_axes else as_index(0) for k, i in enumerate(own)]))[1]

    @property
    def start_spacing(self) -> int:
        """What all starts are multiples of."""
        return min([step for _, step in self._start_steps()], default=1)

    @property
    def last_start(self) -> int:
        """The greatest place that a start can be."""
        return sum((extent - 1) * step for extent, step in self._start_steps())

    def _start_steps(self) -> list[tuple[int, int]]:
        """The extents and strides of the axes of the target along which starts differ."""
        numbers, shape = self.eqn.params["dimension_numbers"], self.target.aval.shape
        axes = zip(window_axes(len(shape), as_gather(numbers)), numbers.update_window_dims, strict=True)
        indexed, updates = numbers.scatter_dims_to_operand_dims, self.shape
        begun_at_0 = {axis for axis, dim in axes if axis not in indexed or updates[dim] == shape[axis]}
        return [(d, prod(shape[a + 1 :])) for a, d in enumerate(shape) if d > 1 and a not in begun_at_0]

    @property
    def independent_axes(self) -> tuple[int, ...]:
        """The axes along which no two updates meet, among them batching axes, which the target has too."""
        batching = ()
        if self.ordered_axes:
            numbers = self.eqn.params["dimension_numbers"]
            dims = [k for k in range(len(self.shape)) if k not in numbers.update_window_dims]
            batching = tuple([dims[d] for d in numbers.scatter_indices_batching_dims])
        return tuple([k for k in range(len(self.shape)) if k not in self.ordered_axes or k in batching])

    @property
    def can_be_gathered(self) -> bool:
        """Whether updates of a place may be combined with each other, in any order, before they enter the target."""
        return not self.order_counts and self.has_neutral

    @property
    def has_neutral(self) -> bool:
        """Whether there is an element that changes none: complex products have none, since 1 makes NaN of infinity."""
        is_complex_product = self.reduction == "cj::Product" and is_complex(self.full[0].aval.dtype)
        return self.reduction != "cj::Last" and not is_complex_product

    @property
    def order_counts(self) -> bool:
        """Whether the result depends, in its last bits at least, on which of two updates of one place comes first.

        Where two updates overwrite one place the last one stays, whatever `config.deterministic` says.
        """
        dtype = self.full[0].aval.dtype
        if self.reduction == "cj::Last":
            return True
        rounds = is_inexact(dtype) if self.reduction in ("cj::Sum", "cj::Product") else is_complex(dtype)
        return bool(rounds and config.deterministic)


def _ordered_axes(eqn: Eqn) -> tuple[int, ...]:
    """As `Update.ordered_axes`."""
    params = eqn.params
    if eqn.primitive.family != "scatter" or params["unique_indices"]:
        return ()
    numbers = params["dimension_numbers"]
    if windows_are_unique(eqn.inputs[1].aval, numbers):
        return ()
    x, _, updates = [a.aval for a in eqn.inputs]
    overlapping = overlapping_dims(x, updates, numbers)
    return tuple(k for k in range(updates.ndim) if k in overlapping or k not in numbers.update_window_dims)


def goes_in_order(eqn: Eqn) -> bool:
    """Whether going along the axes of the updates in their order enters those of one place in the batch's order.

    It does not where windows that may overlap in part have such an axis before one of the batch.
    """
    x, _, updates = [a.aval for a in eqn.inputs]
    numbers = eqn.params["dimension_numbers"]
    batch = [k for k in range(updates.ndim) if k not in numbers.update_window_dims]
    overlapping = overlapping_dims(x, updates, numbers)
    return not _ordered_axes(eqn) or not overlapping or not batch or overlapping[0] > batch[-1]
