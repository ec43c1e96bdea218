"""What a region's kernel computes in each place, before it is written for a target.

    Body        loop axes, stores, and phases of reductions
    Axis        a loop: neighbouring axes are merged where every index treats them as one
    Accumulator one running reduction
    Store       one element written

A kernel with reductions goes over its reduced axes once for each phase: the values of phase 1 need results of
phase 0.  In which order loops go over axes: layout.py.  Short innermost ones are written out (`unrolled`), so that what
their elements share is computed once: the three components of a force share one distance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product
from math import prod
from typing import NamedTuple

from cujax.engine.compiler.expression import (
    Choice,
    Load,
    Node,
    Reduced,
    Reduction,
    index_elements,
    reachable,
)
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.index import (
    AxisAtom,
    Condition,
    Index,
    as_index,
    axes_in,
    axis_index,
    flatten,
    is_positional,
    of_atom,
    shifts_in,
    visit,
)
from cujax.engine.compiler.layout import loop_order
from cujax.engine.compiler.update import Update
from cujax.engine.core.tape import Literal, Var

UNROLL_LENGTH = 4
_MOST_UNROLLED = 400  # operations in all places of a short row
_MOST_SPELLED = 16


class Axis(NamedTuple):
    """Loop over `extent` values; `number` is the iteration axis whose name it has.

    is_reduced: elements along it are combined, in their order.
    """

    number: int
    extent: int
    is_reduced: bool


class Store(NamedTuple):
    """`var`'s element `place` becomes `node`; or, where `condition` holds, it is combined with it by `reduction`."""

    var: Var
    place: Index
    node: Node
    condition: Condition | bool = True
    reduction: str = ""

    def indices(self) -> list[Index]:
        return [self.place, *(self.condition.indices if isinstance(self.condition, Condition) else ())]


class Accumulator(NamedTuple):
    """A reduction of `node` over the reduced axes; `position` is the place along them, for argmax."""

    result: Reduced
    reduction: Reduction
    node: Node
    position: Index


class Body:
    """See the module's docstring.

    phases: for each pass over the reduced axes the accumulators that it fills.  full: stores in the last of the
    passes that they need, by phase (a map has one).  kept: stores after all passes.
    pack: of a map, how many elements along the last axis are written out; the axis is then that of their first ones.
    """

    def __init__(self, region: Region, language: str = "cuda", pack: int = 1) -> None:
        self.region = region
        self._pack = pack
        self._evaluator = region.evaluator
        self._order = loop_order(region)
        self._unrolled = set() if isinstance(region, Update) else _unrolled_axes(region, self._order, language)
        self._accumulators: dict[Reduced, Accumulator] = {}
        full = [self._change()] if isinstance(region, Update) else self._stores(region.full, region.shape, ())
        kept = self._stores(region.kept, region.shape, region.axes or ())
        self._demand([s.node for s in (*full, *kept)])
        self.kept = kept
        self.phases, self.full = self._arrange(full)
        self._nodes = self._all_nodes()
        self.axes = self._merged_axes()

    # --- what is stored -----------------------------------------------------------------------------------------

    def _stores(self, variables: Iterable[Var], shape: Sequence[int], without: Sequence[int]) -> list[Store]:
        axes = [k for k in range(len(shape)) if k not in without]
        found = []
        for values in product(*[range(shape[k]) if k in self._unrolled else (None,) for k in axes]):
            at = [
                axis_index(k, shape[k]) if value is None else as_index(value)
                for k, value in zip(axes, values, strict=True)
            ]
            for place in self._in_pack(at):
                flat = flatten(place, [shape[k] for k in axes])
                found += [
                    Store(v, flat, self._evaluator.element(v, place))
                    for v in variables if v not in self.region.hidden
                ]
        return found

    def _in_pack(self, place: list[Index]) -> list[list[Index]]:
        """The places of the elements of a pack that begins at `place`."""
        if self._pack == 1:
            return [place]
        last = self._order[-1]
        first = of_atom(AxisAtom(last, self.region.shape[last], self._pack))
        return [[*place[:last], first + k, *place[last + 1 :]] for k in range(self._pack)]

    def _change(self) -> Store:
        """What an update does at each place."""
        update = self.region
        assert isinstance(update, Update)
        condition, place, node = update.change
        return Store(update.full[0], place, node, condition, update.reduction)

    # --- reductions ---------------------------------------------------------------------------------------------

    def _demand(self, nodes: Sequence[Node]) -> None:
        """Accumulators for all results that `nodes` need, and for those that these need."""
        pending = list(nodes)
        while pending:
            new = [
                n for n in reachable(pending) if isinstance(n, Reduced) and n not in self._accumulators
            ]
            pending = [self._accumulate(n).node for n in new]

    def _accumulate(self, result: Reduced) -> Accumulator:
        eqn = self.region.reductions[result.var]
        x, axes = eqn.inputs[0], eqn.params["axes"]
        place = list(result.place)
        for axis in sorted(axes):
            place.insert(axis, axis_index(axis, self.region.shape[axis]))
        position = flatten([place[a] for a in axes], [self.region.shape[a] for a in axes])
        made = Accumulator(result, Reduction.of(eqn), self._evaluator.element(x, place), position)
        self._accumulators[result] = made
        return made

    def _arrange(self, full: list[Store]) -> tuple[list[list[Accumulator]], list[list[Store]]]:
        phase_of: dict[Reduced, int] = {}

        def phase(node: Node) -> int:
            needed = [n for n in reachable([node]) if isinstance(n, Reduced)]
            for n in needed:
                if n not in phase_of:
                    phase_of[n] = phase(self._accumulators[n].node)
            return max((phase_of[n] + 1 for n in needed), default=0)

        phases: dict[int, list[Accumulator]] = {}
        for result, accumulator in self._accumulators.items():
            phases.setdefault(phase_of.setdefault(result, phase(accumulator.node)), []).append(accumulator)
        stores: dict[int, list[Store]] = {}
        for store in full:
            stores.setdefault(phase(store.node), []).append(store)
        count = max([*phases, *stores, -1]) + 1
        return [phases.get(k, []) for k in range(count)], [stores.get(k, []) for k in range(count)]

    # --- axes ---------------------------------------------------------------------------------------------------

    def nodes(self) -> list[Node]:
        """All nodes, inputs first."""
        return self._nodes

    def _all_nodes(self) -> list[Node]:
        stores = [*[s for phase in self.full for s in phase], *self.kept]
        roots = [a.node for phase in self.phases for a in phase]
        elements = [e for s in stores for i in s.indices() for e in index_elements(i)]
        return reachable([*roots, *elements, *[s.node for s in stores]])

    def _indices(self) -> list[Index]:
        stores = [*self.kept, *[s for phase in self.full for s in phase]]
        accumulators = [a for phase in self.phases for a in phase]
        places = [i for n in self.nodes() for i in n.indices]
        positions = [a.position for a in accumulators if a.reduction.takes_index]
        return [*places, *[i for s in stores for i in s.indices()], *positions]

    def _merged_axes(self) -> list[Axis]:
        shape, reduced = self.region.shape, self._ordered_axes()
        parts: dict[Index, None] = {}
        for index in self._indices():
            visit(index, lambda part: parts.setdefault(part))
        coefficients = [{a.number: c for a, c in p.terms if isinstance(a, AxisAtom)} for p in parts]
        merged: list[Axis] = []
        for k in reversed([k for k in self._order if k not in self._unrolled]):
            axis = Axis(k, shape[k], k in reduced)
            last = merged[-1] if merged else None
            if last is not None and last.is_reduced == axis.is_reduced and all(
                c.get(k, 0) == c.get(last.number, 0) * last.extent for c in coefficients
            ):
                merged[-1] = last._replace(extent=last.extent * axis.extent)
            else:
                merged.append(axis)
        return merged[::-1]

    def _ordered_axes(self) -> tuple[int, ...]:
        """The axes along which elements are combined in their order."""
        return self.region.ordered_axes if isinstance(self.region, Update) else self.region.axes or ()

    @property
    def kept_axes(self) -> list[Axis]:
        return [a for a in self.axes if not a.is_reduced]

    @property
    def reduced_axes(self) -> list[Axis]:
        return [a for a in self.axes if a.is_reduced]

    @property
    def work(self) -> int:
        """Operations on elements in one call, roughly; 0 where nothing is written."""
        if isinstance(self.region, Update):
            return prod(self.region.shape) * (1 + self.region.size // 4)
        if all(v.aval.size == 0 for v in self.writes):
            return 0
        elements = prod(d for k, d in enumerate(self.region.shape) if k not in self.region.apart)
        return max(elements, 1) * (1 + self.region.size // 4)

    # --- buffers and conditions -----------------------------------------------------------------------------------

    @property
    def is_unrolled(self) -> bool:
        """Whether places along short axes are written out."""
        return bool(self._unrolled)

    @property
    def spelled(self) -> frozenset[int]:
        """Numbers that the text says: up to that of the places of short axes that it takes apart."""
        return frozenset(range(2, min(prod(self.region.shape[k] for k in self._unrolled), _MOST_SPELLED) + 1))

    @property
    def reads(self) -> list[Var | Literal]:
        """What is loaded, in the order of first use, but for buffers that are overwritten."""
        changed = self.region.in_place.values()
        loads = [n.source for n in self.nodes() if hasattr(n, "source") and n.source not in changed]
        return list(dict.fromkeys(loads))

    @property
    def writes(self) -> list[Var]:
        return self.region.writes

    def roots(self, phase: int) -> list[Node]:
        """What is computed for each element in one pass."""
        return [*[s.node for s in self.full[phase]], *[a.node for a in self.phases[phase]]]

    def phases_of_buffers(self) -> dict[Var | Literal, int]:
        """The last pass that reads, or the one that writes, each buffer of all elements."""
        found: dict[Var | Literal, int] = {}
        for phase, stores in enumerate(self.full):
            loads = [n.source for n in reachable(self.roots(phase)) if isinstance(n, Load)]
            found.update(dict.fromkeys([*loads, *[s.var for s in stores]], phase))
        return found

    def interior(self) -> dict[Condition, bool]:
        """The truth in the middle of the iteration space of each condition on the axes alone.

        Only conditions whose boundary a loop can be split at: each axis by itself with coefficient 1 or -1.
        """
        conditions = conditions_along(self.axes[-1], self.nodes()) if self.axes else []
        return {c: _middle_truth(c) for c in conditions if all(map(is_positional, c.indices))}


def _unrolled_axes(region: Region, order: Sequence[int], language: str) -> set[int]:
    """Those that a map takes apart, or that of the innermost loop, where it is short and others are left.

    Maps of the host whose rows are too short for a loop of vectors take them apart too: vectors then go over rows.
    """
    if region.apart:
        return _short_axes(region, order) if language == "host" else set(region.apart)
    if len(order) < 2 or 0 in region.shape or order[-1] in (region.axes or ()):
        return set()
    if language == "host" and region.axes is None and _is_row_by_row(region):
        return _short_axes(region, order)
    is_short = region.shape[order[-1]] <= UNROLL_LENGTH
    is_read_so = region.axes is not None or _is_broadcast_along(region, order[-1])
    return {order[-1]} if is_short and is_read_so else set()


def _short_axes(region: Region, order: Sequence[int]) -> set[int]:
    """The last axes of a map, all but the first one at most, as far as the text stays short; and those `apart`."""
    found, count = set(region.apart), prod(region.shape[k] for k in region.apart)
    operations = region.size  # in all places along the axes apart
    for axis in [k for k in reversed(order[1:]) if k not in found]:
        count, operations = count * region.shape[axis], operations * region.shape[axis]
        if count > UNROLL_LENGTH and (count > _MOST_SPELLED or operations > _MOST_UNROLLED):
            break
        found.add(axis)
    return found


def _is_broadcast_along(region: Region, axis: int) -> bool:
    """Whether something is read otherwise than whole: a flat loop over all axes would not do."""
    own = region.axis_indices()
    return any(place != own for v, places in region.reads.items() for place in places if v.aval.shape)


def _is_row_by_row(region: Region) -> bool:
    """Whether a map asks for more than the number of its element among all, of which a flat loop would do.

    Not so where places are read from memory: written out, their texts would be said once for each element.
    """
    place = region.axis_indices()
    nodes = reachable([region.evaluator.element(v, place) for v in region.full])
    indices = [i for n in nodes for i in n.indices if axes_in(i)]
    flat = flatten(place, region.shape)
    return any(i != flat for i in indices) and not any(index_elements(i) for i in indices)


def conditions_along(axis: Axis, nodes: Iterable[Node]) -> list[Condition]:
    """Those of choices, and those of shifts that are not the same for all of a row along `axis`."""
    nodes = list(nodes)
    choices = [n.condition for n in nodes if isinstance(n, Choice)]
    shifts = [shift.condition for shift in shifts_in([i for n in nodes for i in n.indices])]
    return [*choices, *[c for c in shifts if any(axis.number in axes_in(i) for i in c.indices)]]


def _middle_truth(condition: Condition) -> bool:
    return all(middle_value(i) >= 0 for i in condition.indices)


def middle_value(index: Index) -> int:
    """The value of an index on axes alone, in the middle of each."""
    return index.constant + sum(c * (a.extent // 2) for a, c in index.terms if isinstance(a, AxisAtom))


def total_extent(axes: Iterable[Axis]) -> int:
    return prod(a.extent for a in axes)
