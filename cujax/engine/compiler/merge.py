"""Which regions become one kernel, and in what order the steps run.

    Merger       puts regions together and orders the steps

Kernels over one iteration space are merged, as long as each element needs of the other kernel's values only the one at
its own place, and no cycle of steps arises: each region into one of the latest groups as it comes, and at last groups
that later regions have brought together.
"""

from __future__ import annotations

from math import prod

from cujax.engine.compiler.expression import Evaluator, Place, reachable
from cujax.engine.compiler.fuse import MOST_NODES, Region, Step
from cujax.engine.core.tape import Literal, Var

_MOST_BUFFERS = 60  # of one kernel
_SMALL = 1 << 16  # elements below which a launch costs more than the work
_MOST_COUNTED = 4 * MOST_NODES  # operations of two kernels that may have some in common


class _Group:
    """Merged regions, or one equation; `ancestors` is a bit set of the groups that must run before."""

    __slots__ = ("ancestors", "bit", "position", "step")

    def __init__(self, step: Step, bit: int, position: int) -> None:
        self.step, self.bit, self.position = step, bit, position
        self.ancestors = 0


class Merger:
    """Puts steps into groups, in the order of the tape, and orders the groups."""

    def __init__(self) -> None:
        self.groups: list[_Group] = []
        self._made: list[_Group] = []  # by position, those among them that were joined to others later
        self._writer: dict[Var, _Group] = {}
        self._candidates: dict[tuple, list[_Group]] = {}

    def add(self, step: Step) -> None:
        reads = step.needs if isinstance(step, Region) else step.inputs
        needed = {g.bit: g for a in reads if isinstance(a, Var) and (g := self._writer.get(a)) is not None}
        if type(step) is Region:
            for group in self._candidates_for(step):
                if self._merge(group, step, needed):
                    return
        group = _Group(step, 1 << len(self.groups), len(self.groups))
        for other in needed.values():
            group.ancestors |= other.bit | other.ancestors
        self.groups.append(group)
        self._made.append(group)
        self._register(group, step)

    def _register(self, group: _Group, step: Step) -> None:
        for var in step.writes if isinstance(step, Region) else step.outputs:
            self._writer[var] = group
        if type(step) is Region:
            for key in {step.shape, step.kept_shape}:
                self._candidates.setdefault(key, []).append(group)

    def _candidates_for(self, region: Region) -> list[_Group]:
        """The latest groups first."""
        found = {g.bit: g for key in (region.shape, region.kept_shape) for g in self._candidates.get(key, [])[-8:]}
        return sorted(found.values(), key=lambda g: -g.position)

    def _depend(self, group: _Group, needed: dict[int, _Group]) -> None:
        new = 0
        for bit, other in needed.items():
            if other is not group:
                new |= bit | other.ancestors
        added = new & ~group.ancestors
        if added:
            group.ancestors |= added
            for other in self.groups:
                if other.ancestors & group.bit:
                    other.ancestors |= added

    def _merge(self, group: _Group, region: Region, needed: dict[int, _Group]) -> bool:
        if any(g.ancestors & group.bit for g in needed.values() if g is not group):
            return False
        if not isinstance(group.step, Region) or not _fits(group.step, region):
            return False
        size = _common_size(group.step, region)
        if size > MOST_NODES:
            return False
        _absorb(group.step, region, size)
        self._depend(group, needed)
        for var in region.writes:
            self._writer[var] = group
        self._candidates.setdefault(group.step.kept_shape, [])
        if group not in self._candidates[group.step.kept_shape]:
            self._candidates[group.step.kept_shape].append(group)
        return True

    def join_groups(self) -> None:
        """Merge groups that nothing related when they began, but that later regions have brought together."""
        earlier: dict[tuple, list[_Group]] = {}
        for group in list(self.groups):
            if type(group.step) is Region:
                near = earlier.setdefault(group.step.shape, [])
                joined = next((g for g in reversed(near[-8:]) if self._join(g, group)), None)
                if joined is None:
                    near.append(group)

    def _join(self, group: _Group, other: _Group) -> bool:
        """Make one of two groups, in `group`, if one kernel can be both and nothing has to run in between."""
        first, second = (other, group) if group.ancestors & other.bit else (group, other)
        one, two = first.step, second.step
        assert isinstance(one, Region) and isinstance(two, Region)
        if not _fits(one, two) or self._runs_between(first, second):
            return False
        if (size := _common_size(one, two)) > MOST_NODES:
            return False
        _absorb(one, two, size)
        self.groups.remove(other)
        group.step, group.ancestors = one, (group.ancestors | other.ancestors) & ~(group.bit | other.bit)
        for g in self.groups:
            if g.ancestors & (group.bit | other.bit):
                g.ancestors = (g.ancestors | group.bit | group.ancestors) & ~other.bit
        return True

    def _runs_between(self, first: _Group, second: _Group) -> bool:
        """Whether a group needs `first` and is needed by `second`; the last of them is found first."""
        if not second.ancestors & first.bit:
            return False
        left = second.ancestors & ~(first.ancestors | first.bit)
        while left:
            position = left.bit_length() - 1
            if self._made[position].ancestors & first.bit:
                return True
            left ^= 1 << position
        return False

    def ordered(self) -> list[Step]:
        """The steps, each after all that it needs, else as on the tape."""
        done, order = 0, []
        waiting = list(self.groups)
        while waiting:
            ready = next(g for g in waiting if not g.ancestors & ~done)
            waiting.remove(ready)
            done |= ready.bit
            order.append(ready.step)
        return order


def _fits(region: Region, other: Region) -> bool:
    """Whether one kernel can compute both, `other` after `region`."""
    if region.apart != other.apart or max(region.size, other.size) > MOST_NODES:
        return False
    if len({*region.reads, *other.reads}.difference(region.makes)) + 8 > _MOST_BUFFERS:
        return False
    if region.axes is not None and other.axes is not None:
        is_same_space = region.shape == other.shape and region.axes == other.axes
        fits = is_same_space and _at_own_place(region, other, False)
        return fits and (not _needs_reduction(region, other) or _has_short_rows(region))
    if region.axes is None and other.axes is not None:
        return region.shape == other.shape and _related(region, other) and _at_own_place(region, other, False)
    if region.axes is None:
        return region.shape == other.shape and _related(region, other) and _at_own_place(region, other, False)
    if other.shape == region.shape and _at_own_place(region, other, False) and _related(region, other):
        return not _needs_reduction(region, other) or _has_short_rows(region)
    return other.shape == region.kept_shape and _needs_reduction(region, other) and _at_own_place(region, other, True)


def _common_size(region: Region, other: Region) -> int:
    """Operations of both in one kernel; what they share is looked for only where without it they would be too many."""
    size = region.size + other.size
    if not MOST_NODES < size <= _MOST_COUNTED or region.apart or region.shape != other.shape:
        return size
    makes = {*region.makes, *other.makes}
    reductions = region.reductions | other.reductions
    evaluator = Evaluator(region.producers, lambda v: v in makes or v in region.inside, reductions)
    roots = [reductions[v].inputs[0] if v in reductions else v for v in makes]
    places = region.axis_indices(), region.kept_indices()
    return len(reachable([evaluator.element(v, places[len(v.aval.shape) < len(region.shape)]) for v in roots]))


def _related(region: Region, other: Region) -> bool:
    """Worth a common kernel: they share what they read, or are so small that a launch counts."""
    shared = any(v in other.reads for v in (*region.reads, *region.writes))
    return shared or prod(region.shape) <= _SMALL


def _needs_reduction(region: Region, other: Region) -> bool:
    return any(v in other.reads for v in region.kept)


def _has_short_rows(region: Region) -> bool:
    """Rows that one block, or one thread of the host, can go over again."""
    length = prod(region.shape[a] for a in region.axes or ())
    return length <= _SMALL


def _at_own_place(region: Region, other: Region, kept_space: bool) -> bool:
    """Whether `other` reads what `region` writes only at the place that it computes itself."""
    full = other.axis_indices()
    kept = full if kept_space else tuple(i for k, i in enumerate(full) if k not in (region.axes or ()))
    return all(
        place == (kept if v in region.kept else full)
        for v in region.writes
        for place in other.reads.get(v, ())
    ) and not (kept_space and any(v in other.reads for v in region.full))


def _absorb(region: Region, other: Region, size: int) -> None:
    region.reductions |= other.reductions
    if region.axes is None:
        region.axes = other.axes
    if other.axes is None and other.shape != region.shape:
        region.kept += other.full
    elif other.axes is None and region.axes is not None and region.shape == region.kept_shape:
        region.full += other.full
    else:
        region.full += other.full
        region.kept += other.kept
    region.size = size
    for atom, places in _reads_in(region, other).items():
        if atom not in region.writes:
            region.reads.setdefault(atom, set()).update(places)


def _reads_in(region: Region, other: Region) -> dict[Var | Literal, set[Place]]:
    """What `other` reads, at places along the axes of `region`; those of kept values have other numbers in `other`."""
    if other.shape == region.shape:
        return other.reads
    for var in other.full:
        region.evaluator.element(var, region.kept_indices())
    return region.evaluator.reads
