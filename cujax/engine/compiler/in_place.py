"""Which results take the buffer of an operand that nobody reads afterwards.

    write_in_place(steps, tape, inside, language, owned, placed) -> Changes     and `in_place` of each region is set
    overwritten_operands(tape) -> {result: operand}                             where every equation is a step

The buffer has to belong to the program: one of its kernels or a library has made it, or the caller has given it away
(`owned`), and no step has seen it that might have kept a view.  An update then changes elements of it; without that it
is made in a copy.  An op on a window becomes an update only in place, since otherwise its whole result is written
anyway and fuses like any map.  A map takes the buffer of an operand that it reads nowhere but at the place that it
writes; with reductions in the same kernel, if no later pass over the elements reads it (`_by_phases`).  A loop that
runs on the host changes its carry in place from the start.  Results for which the caller gives a buffer (`placed`) take
no other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import NamedTuple

from cujax.engine.compiler.body import UNROLL_LENGTH, Body
from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.fuse import Region, Step
from cujax.engine.compiler.index import Index, flatten
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.schedule import is_large
from cujax.engine.compiler.update import Update
from cujax.engine.core.primitive import UpdateMap
from cujax.engine.core.tape import Eqn, Literal, Tape, Var

IsFree = Callable[[Var | Literal], bool]


class Changes(NamedTuple):
    """taken: for loops on the host the numbers of the operands that they overwrite.  overwritten: by any step."""

    steps: list[Step]
    taken: dict[Eqn, tuple[int, ...]]
    overwritten: frozenset[Var]


def write_in_place(
    steps: Sequence[Step], tape: Tape, inside: set[Var], language: str, owned: Collection[Var],
    placed: Collection[Var] = (),
) -> Changes:
    """`steps` with every result that can take an operand's buffer doing so."""
    loops = {s: overwrites_of(s, language) for s in steps if isinstance(s, Eqn)}
    seen = {a for s, overwritten in loops.items() for a in _seen_by(s, overwritten)}
    belonging = {*made_by(steps, language), *owned} - seen - {*tape.outputs}
    last = {a: k for k, s in enumerate(steps) for a in (s.needs if isinstance(s, Region) else s.inputs)}

    def is_free(atom: Var | Literal, step: int) -> bool:
        return atom in belonging and last.get(atom) == step

    taken = {s: _taken(s, loops[s], partial(is_free, step=k)) for k, s in enumerate(steps) if isinstance(s, Eqn)}
    found = [_in_place(s, inside, partial(is_free, step=k), placed) for k, s in enumerate(steps)]
    changed = {v for s in found if isinstance(s, Region) for v in s.in_place.values()}
    changed |= {a for s, numbers in taken.items() for i in numbers if isinstance(a := s.inputs[i], Var)}
    return Changes(found, {s: numbers for s, numbers in taken.items() if numbers}, frozenset(changed))


def overwritten_operands(tape: Tape) -> dict[Var, Var]:
    """The same for a program without kernels: large results that an op of the library writes over an operand.

    Memory that a program has just freed goes back to the system; the next result would be in fresh pages, and to get
    those takes longer than the arithmetic.  (NumPy does so itself inside of an expression, unless it is a function.)
    """
    steps = tape.eqns
    seen = {a for s in steps for a in _seen_by(s, {})}
    free = made_by(steps, None) - seen - {*tape.outputs}
    last = {a: k for k, s in enumerate(steps) for a in s.inputs}
    found: dict[Var, Var] = {}
    for k, step in enumerate(steps):
        if step.primitive.may_overwrite and is_large(step):
            operands = [a for a in step.inputs if isinstance(a, Var) and a in free and last[a] == k]
            found |= _matched(step.outputs, operands)
    return found


def overwrites_of(eqn: Eqn, language: str | None) -> Mapping[int, int]:
    """As `Runs.overwrites`."""
    return {} if eqn.primitive.runs is None else eqn.primitive.runs(language, **eqn.params).overwrites


def made_by(steps: Sequence[Step | Kernel], language: str | None) -> set[Var]:
    """The results of steps that are memory of the program's own."""
    made: set[Var] = set()
    for step in steps:
        if not isinstance(step, Eqn):
            made.update(step.writes)
        elif step.primitive.is_fresh:
            made.update(step.outputs)
        else:
            made |= {step.outputs[k] for k in overwrites_of(step, language).values()}
    return made


def shared_by(outputs: Sequence[Var | Literal], steps: Sequence[Step | Kernel], language: str | None) -> set[Var]:
    """The values whose memory may be that of an output that is a view, or what a branch has chosen."""
    made = made_by(steps, language)
    makers = {v: s for s in steps if isinstance(s, Eqn) for v in s.outputs if v not in made}
    pending = [a for a in outputs if isinstance(a, Var)]
    found: set[Var] = set()
    while pending:
        maker = makers.get(pending.pop())
        if maker is not None:
            seen = {a for a in _seen_by(maker, overwrites_of(maker, language)) if isinstance(a, Var)}
            pending += seen - found
            found |= seen
    return found


def _seen_by(eqn: Eqn, overwritten: Mapping[int, int]) -> list[Var | Literal]:
    """The operands and results that may share memory after a step that is no kernel."""
    if eqn.primitive.is_fresh:
        return []
    own = set(overwritten.values())
    operands = [a for i, a in enumerate(eqn.inputs) if i not in overwritten]
    return [*operands, *[v for k, v in enumerate(eqn.outputs) if k not in own]]


def _taken(eqn: Eqn, overwritten: Mapping[int, int], is_free: IsFree) -> tuple[int, ...]:
    return tuple([i for i in overwritten if is_free(eqn.inputs[i]) and eqn.inputs.count(eqn.inputs[i]) == 1])


def _in_place(step: Step, inside: set[Var], is_free: IsFree, placed: Collection[Var]) -> Step:
    if isinstance(step, Update):
        can_change = step.full[0] not in placed and is_free(step.target) and step.target not in step.reads
        return _changing_its_target(step) if can_change else step
    if not isinstance(step, Region) or isinstance(step, LaneRegion):
        return step
    if step.axes is not None:
        step.in_place = _by_phases(step, is_free, placed)
        return step
    update = None if step.makes[0] in placed else _as_update(step, inside, is_free)
    if update is not None:
        return update
    step.in_place = _own_places(step, is_free, placed)
    return step


def _as_update(step: Region, inside: set[Var], is_free: IsFree) -> Update | None:
    """The map as an update of its operand, where it changes a window of one and can do so in place."""
    eqn = step.producers[step.makes[0]]
    if len(step.makes) != 1 or not isinstance(eqn.primitive.update_map, UpdateMap):
        return None
    target = eqn.inputs[0]
    if not is_free(target) or step.reads.get(target) != {step.axis_indices()}:
        return None
    update = Update(step.producers, inside, eqn)
    return None if target in update.reads else _changing_its_target(update)


def _changing_its_target(update: Update) -> Update:
    assert isinstance(update.target, Var)
    update.in_place = {update.full[0]: update.target}
    return update


def _own_places(region: Region, is_free: IsFree, placed: Collection[Var]) -> dict[Var, Var]:
    """For results of a map an operand of the same type and shape that is read only where the result is written.

    Where places along short axes are computed side by side, all that is read of a cell is read before it is written.
    """
    if region.apart:
        operands = [v for v in region.reads if isinstance(v, Var) and is_free(v) and _is_read_in_its_cell(v, region)]
    else:
        operands = _read_at(flatten(region.axis_indices(), region.shape), region, is_free)
    return _matched([v for v in region.writes if v not in placed], operands)


def _is_read_in_its_cell(var: Var, region: Region) -> bool:
    own = region.axis_indices()
    return var.aval.shape == region.shape and all(
        index == own[k] or (k in region.apart and not index.terms)
        for place in region.reads[var] for k, index in enumerate(place)
    )


def _read_at(place: Index, region: Region, is_free: IsFree) -> list[Var]:
    """The operands that may be overwritten, of which only this place is read."""
    return [
        v for v, places in region.reads.items()
        if isinstance(v, Var) and is_free(v) and all(flatten(p, v.aval.shape) == place for p in places)
    ]


def _matched(
    results: Sequence[Var], operands: list[Var], allows: Callable[[Var, Var], bool] = lambda result, operand: True
) -> dict[Var, Var]:
    """For each result one of `operands` of its type and shape, each of which is taken once."""
    found: dict[Var, Var] = {}
    for result in results:
        taken = next((v for v in operands if _layout(v) == _layout(result) and allows(result, v)), None)
        if taken is not None:
            found[result] = taken
            operands.remove(taken)
    return found


def _by_phases(region: Region, is_free: IsFree, placed: Collection[Var]) -> dict[Var, Var]:
    """The same for a region with reductions.

    Its full results are written in one of its passes over the elements: no later one may read the operand.  Its kept
    results are written by one thread, at the end; others could still be reading, if there are full results to write,
    and of a few elements they read before they know whether it is they who write.
    """
    full = [v for v in region.full if v not in region.hidden and v not in placed]
    operands = _read_at(flatten(region.axis_indices(), region.shape), region, is_free)
    if full and operands:
        phases = Body(region).phases_of_buffers()
        return _matched(full, operands, lambda result, operand: phases[operand] <= phases[result])
    if any(v not in region.hidden for v in region.full):
        return {}
    kept = [v for v in region.kept if v not in region.hidden and v not in placed and v.aval.size > UNROLL_LENGTH]
    return _matched(kept, _read_at(flatten(region.kept_indices(), region.kept_shape), region, is_free))


def _layout(var: Var) -> tuple:
    return physical(var.aval.dtype), var.aval.shape
