"""The steps of a program: which equations share a kernel, in which order they run, and what is changed in place.

    make_plan(tape, language) -> Plan
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from cujax.engine.compiler.cells import NO_CELLS, Cells, find_cells
from cujax.engine.compiler.delayed_sums import delay_sums
from cujax.engine.compiler.epilogues import fuse_epilogues
from cujax.engine.compiler.fuse import PRICES, Decision, Region, Step
from cujax.engine.compiler.in_parts import in_parts
from cujax.engine.compiler.in_place import write_in_place
from cujax.engine.compiler.joined_pads import join_pads
from cujax.engine.compiler.joined_transforms import join_transforms
from cujax.engine.compiler.kinds import COND, LANES, LOOPS, OPAQUE, SCATTER, Producers
from cujax.engine.compiler.lane_costs import Slower, why_kernels
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.lanes import Lanes, Mixed, evaluations, find_lanes
from cujax.engine.compiler.merge import Merger
from cujax.engine.compiler.multiply_add import fuse_multiply_adds
from cujax.engine.compiler.scatter_order import order_scatters
from cujax.engine.compiler.short_axes import reduce_short_axes_first
from cujax.engine.compiler.small_matrices import gather_stacks
from cujax.engine.compiler.unscaled_transforms import leave_out_factors
from cujax.engine.compiler.update import Update
from cujax.engine.core.tape import Eqn, Tape, Var
from cujax.engine.ops.convolution_epilogue import has_plan

_MOST_LOCAL = 1 << 14  # bytes of arrays that a device's thread holds: of all that fit on an H200 that makes 4.4 GB


class Plan(NamedTuple):
    """Regions and equations, in an order in which they can run.

    changed: inputs of the tape whose buffers the steps overwrite.  taken: as in `in_place.Changes`.  mixed: loops and
    branches that are no kernels.
    """

    steps: list[Step]
    changed: frozenset[Var]
    taken: Mapping[Eqn, tuple[int, ...]] = MappingProxyType({})
    mixed: Mapping[Eqn, Mixed] = MappingProxyType({})

    def __str__(self) -> str:
        """One line for each step, for `config.dump`."""
        return "\n".join(map(_describe, self.steps))


def _describe(step: Step) -> str:
    if isinstance(step, Eqn):
        return f"step    {step.primitive.name}: {', '.join(v.aval.str_short() for v in step.outputs)}"
    if isinstance(step, LaneRegion):
        return f"lanes   {step.eqn.primitive.name}, {step.lanes.number} lanes {step.shape}, {step.size} operations"
    if isinstance(step, Update):
        where = "in place" if step.in_place else "in a copy"
        return f"update  {step.eqn.primitive.name} over {step.shape}, {where}: {step.full[0].aval.str_short()}"
    kind = "map   " if step.axes is None else "reduce"
    over = f"over {step.shape}" + ("" if step.axes is None else f" along {step.axes}")
    made = ", ".join(
        f"{step.producers[v].primitive.name} {v.aval.str_short()}{' in place' if v in step.in_place else ''}"
        for v in step.writes
    )
    return f"{kind}  {over}, {step.size} operations: {made}"


def make_plan(tape: Tape, language: str, owned: Iterable[Var] = (), placed: Collection[Var] = ()) -> Plan:
    """The steps that compute `tape` by kernels in `language`.

    The buffers of `owned` inputs may be overwritten; for results in `placed` the caller gives buffers.
    """
    tape = order_scatters(fuse_multiply_adds(join_pads(delay_sums(tape)), language))
    tape = in_parts(tape, language)
    if language == "host":
        tape = reduce_short_axes_first(tape)
    if language == "cuda":
        tape = leave_out_factors(join_transforms(fuse_epilogues(tape, has_plan)))
    gathered, stacks = gather_stacks(tape, language)
    plan = _plan(gathered, stacks, find_cells(gathered), language, frozenset(owned), placed)
    if any(s in plan.mixed for s in stacks):
        plan = _plan(tape, [], find_cells(tape), language, frozenset(owned), placed)
    return plan


def _plan(
    tape: Tape, stacks: Collection[Eqn], cells: Cells, language: str, owned: frozenset[Var], placed: Collection[Var]
) -> Plan:
    """stacks: equations of `tape` that stand for kernels, beside its loops."""
    producers = Producers(tape)
    for eqn, terms in cells.sums.items():
        producers.write_out(eqn, terms)
    lanes, mixed = _lanes_of(tape, stacks, language)
    while True:
        decision = Decision(
            tape, producers, lambda eqn: LANES if eqn in lanes else producers.kind(eqn),
            lambda eqn, operand: evaluations(eqn, operand, lanes[eqn]), PRICES[language],
            cells.short_axes, reverses=language == "cuda",
        )
        apart = {v for e, k in decision.kinds.items() if k in (OPAQUE, SCATTER, LANES) for v in e.outputs}
        inside = {v for v in producers if v not in decision.written and v not in apart}
        refused = set(mixed)
        steps, is_whole = _steps(tape, decision, producers, inside, lanes, mixed, language)
        if is_whole:
            return _plan(tape, stacks, NO_CELLS, language, owned, placed)
        if set(mixed) == refused:
            break
    changes = write_in_place(_without_unread(steps, tape), tape, inside, language, owned, placed)
    return Plan(changes.steps, owned & changes.overwritten, changes.taken, mixed)


def _lanes_of(
    tape: Tape, stacks: Collection[Eqn], language: str
) -> tuple[dict[Eqn, Lanes], dict[Eqn, Mixed]]:
    """The loops, branches and stacks that may be kernels, and why the others are not.

    One branch for all, outside of loops, is none on the host, which sees the number of the branch for nothing.
    """
    lanes: dict[Eqn, Lanes] = {}
    mixed: dict[Eqn, Mixed] = {}
    for eqn in tape.eqns:
        is_plain_branch = eqn.primitive.name == COND and not eqn.inputs[0].aval.ndim
        is_loop = eqn.primitive.name in LOOPS and not (language == "host" and is_plain_branch)
        if is_loop or eqn in stacks:
            try:
                found = find_lanes(eqn)
                why = why_kernels(eqn, found, language) if is_loop else ""
                if why:
                    raise Slower(why, eqn)
                lanes[eqn] = found
            except Mixed as error:
                mixed[eqn] = error
    return lanes, mixed


def _steps(
    tape: Tape, decision: Decision, producers: Producers, inside: set[Var], lanes: dict[Eqn, Lanes],
    mixed: dict[Eqn, Mixed], language: str,
) -> tuple[list[Step], bool]:
    """The steps in order, and whether what is computed for a cell is too much to be written out side by side.

    A loop that turns out not to be a kernel goes from `lanes` to `mixed`.
    """
    merger, is_whole = Merger(), False
    for eqn in tape.eqns:
        kind = decision.kinds[eqn]
        if kind == LANES:
            try:
                region = LaneRegion(producers, inside, eqn, lanes[eqn])
                if language == "cuda" and region.program.shares_stacks:
                    raise Mixed("what an inner loop stacks is the same for all lanes, which run at the same time", eqn)
                if language == "cuda" and region.program.local_bytes > _MOST_LOCAL:
                    raise Mixed(f"each lane would hold arrays of {region.program.local_bytes} bytes", eqn)
                merger.add(region)
            except Mixed as error:
                mixed[eqn] = error
                del lanes[eqn]
        elif kind == SCATTER:
            merger.add(Update(producers, inside, eqn))
        elif kind == OPAQUE or eqn in decision.views:
            merger.add(eqn)
        for var in eqn.outputs:
            if var in decision.written:
                map_or_sum = Region(producers, inside, var, decision.apart.get(var, ()))
                is_whole |= var in decision.of_cells and not map_or_sum.apart
                merger.add(map_or_sum)
    merger.join_groups()
    return merger.ordered(), is_whole


def _without_unread(steps: list[Step], tape: Tape) -> list[Step]:
    """`steps` without regions of which nobody reads anything, as when an index turned out to be constant.

    What only its own region reads, now that regions are merged, is marked.
    """
    outside, kept = set(tape.outputs), []
    for step in reversed(steps):
        if isinstance(step, Region):
            step.hidden = {v for v in step.makes if v not in outside}
            if not step.writes:
                continue
        outside.update(step.needs if isinstance(step, Region) else step.inputs)
        kept.append(step)
    return kept[::-1]
