"""Ops that change some elements of their first operand, within a lane: where its array lies, if nobody reads it later.

    updated(program, scope, tape, number, evaluator) -> the array with the result of equation `number` of the tape

`program` is a RolledProgram.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.compiler.expression import Node, Place, reader
from cujax.engine.compiler.index import as_index
from cujax.engine.compiler.lane_blocks import Action
from cujax.engine.compiler.lane_locals import HeldArray
from cujax.engine.compiler.lane_registers import TapeEvaluator, tape_reader
from cujax.engine.compiler.lanes import INLINED, Scope, links_of
from cujax.engine.core.tape import Eqn, Tape

_WHILE_CONDITION = "cond"


def updated(program: Any, scope: Scope, tape: Tape, number: int, evaluator: TapeEvaluator) -> HeldArray:
    """The first operand, of which some elements are combined with the updates in their order."""
    eqn = tape.eqns[number]
    (out,), target = eqn.outputs, eqn.inputs[0]
    found = _overwritable(program, scope, tape, number, evaluator)
    if found is None:
        found = program.array_of(scope, out)
        found.live_in(program.block, program)
        program.fill(found, tape_reader(evaluator, target))
    _enter_updates(program, eqn, found, evaluator)
    held = found.afterwards()
    held.live_in(program.block, program)
    return held


def _enter_updates(program: Any, eqn: Eqn, held: HeldArray, evaluator: TapeEvaluator) -> None:
    rule, avals = eqn.primitive.update_map, [a.aval for a in eqn.inputs]
    e, updates = reader(evaluator, eqn), eqn.inputs[rule.updates]
    axes = _update_axes(eqn, held)

    def change(place: Place) -> list[Action]:
        index = program.whole(axes, place)
        condition, there = rule.rule(e, index, *avals, **eqn.params)
        at = tuple([as_index(i) for i, a in zip(there, held.axes, strict=True) if a is None])
        old = held.read(tuple(map(as_index, there)))
        return [held.put(at, _combined(e, rule.reduction, old, e.read(rule.updates, index)), True, condition)]

    program.loop([d for d, a in zip(updates.aval.shape, axes, strict=True) if a is None], change)


def _update_axes(eqn: Eqn, held: HeldArray) -> list[int | None]:
    """The lane axes of the updates: those that go to the lane axes of the result."""
    number = eqn.primitive.update_map.updates
    links = {x.axis: x.result[1] for x in links_of(eqn) if x.operand == number and x.result}
    return [held.axes[links[d]] if d in links else None for d in range(eqn.inputs[number].aval.ndim)]


def _overwritable(program: Any, scope: Scope, tape: Tape, number: int, evaluator: TapeEvaluator) -> HeldArray | None:
    """The array of the first operand, if nobody reads it afterwards; what is made of it is computed before."""
    eqn = tape.eqns[number]
    target = eqn.inputs[0]
    held = getattr(evaluator.bound.get(target), "__self__", None)
    if not isinstance(held, HeldArray) or program.arrays[held.local] is not program.block:
        return None
    if scope[-1:] == (_WHILE_CONDITION,):  # it reads the carry of the body
        return None
    if target in tape.outputs or any(target in e.inputs for e in tape.eqns[number + 1 :]):
        return None
    if any(a is target for a in eqn.inputs[1:]):
        return None
    _compute_readers(program, scope, tape, number, evaluator)
    return held


def _compute_readers(program: Any, scope: Scope, tape: Tape, number: int, evaluator: TapeEvaluator) -> None:
    """What is computed where it is read, from an array that is about to change: results of ops and of calls."""
    read_later = {a for e in tape.eqns[number:] for a in e.inputs} | {*tape.outputs}
    target = tape.eqns[number].inputs[0]
    depending: set[Any] = {target}
    for eqn in tape.eqns[:number]:
        is_call = eqn.primitive.name in INLINED
        for var in eqn.outputs:
            if (is_call or var not in evaluator.bound) and any(a in depending for a in eqn.inputs):
                depending.add(var)
                if var in read_later:
                    kept = program.place_for(scope, var)
                    program.compute(var, evaluator, kept)
                    evaluator.bound[var] = kept.read


_COMBINED = {
    "cj::Last": lambda e, old, update: update,
    "cj::Sum": lambda e, old, update: e.add(old, update),
    "cj::Product": lambda e, old, update: e.multiply(old, update),
    "cj::Min": lambda e, old, update: e.apply("cj::min({0}, {1})", old, update),
    "cj::Max": lambda e, old, update: e.apply("cj::max({0}, {1})", old, update),
}


def _combined(e: Any, reduction: str, old: Node, update: Node) -> Node:
    return _COMBINED[reduction](e, old, update)
