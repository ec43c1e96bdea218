"""Which results take the buffer of an operand that nobody reads afterwards.

    write_in_place(steps, tape, inside, owned) -> steps     with `in_place` of each kernel's region set

The buffer has to belong to the program: one of its kernels has made it, or the caller has given it away (`owned`), and
no opaque step has seen it, which might have kept a view.  An update then changes elements of it; without that it is
made in a copy.  An op on a window becomes an update only in place, since otherwise its whole result is written anyway
and fuses like any map.  A map takes the buffer of an operand that it reads nowhere but at the place that it writes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.fuse import Region, Step
from cujax.engine.compiler.index import flatten
from cujax.engine.compiler.update import Update
from cujax.engine.core.primitive import UpdateMap
from cujax.engine.core.tape import Eqn, Literal, Tape, Var

IsFree = Callable[[Var | Literal], bool]


def write_in_place(steps: Sequence[Step], tape: Tape, inside: set[Var], owned: frozenset[Var]) -> list[Step]:
    """`steps` with every result that can take an operand's buffer doing so."""
    opaque = {a for s in steps if isinstance(s, Eqn) for a in (*s.inputs, *s.outputs)}
    made = {v for s in steps if isinstance(s, Region) for v in s.writes}
    outputs = set(tape.outputs)
    last = {a: k for k, s in enumerate(steps) for a in (s.needs if isinstance(s, Region) else s.inputs)}

    def is_free(atom: Var | Literal, step: int) -> bool:
        return (
            isinstance(atom, Var) and (atom in made or atom in owned) and atom not in opaque
            and atom not in outputs and last.get(atom) == step
        )

    return [_in_place(s, inside, partial(is_free, step=k)) for k, s in enumerate(steps)]


def _in_place(step: Step, inside: set[Var], is_free: IsFree) -> Step:
    if isinstance(step, Update):
        return _changing_its_target(step) if is_free(step.target) and step.target not in step.reads else step
    if not isinstance(step, Region) or step.axes is not None:
        return step
    update = _as_update(step, inside, is_free)
    if update is not None:
        return update
    step.in_place = _own_places(step, is_free)
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


def _own_places(region: Region, is_free: IsFree) -> dict[Var, Var]:
    """For results of a map an operand of the same type and shape that is read only where the result is written."""
    own = flatten(region.axis_indices(), region.shape)
    operands = [
        v for v, places in region.reads.items()
        if isinstance(v, Var) and is_free(v) and all(flatten(p, v.aval.shape) == own for p in places)
    ]
    found: dict[Var, Var] = {}
    for result in region.writes:
        fitting = [v for v in operands if _layout(v) == _layout(result)]
        if fitting:
            found[result] = fitting[0]
            operands.remove(fitting[0])
    return found


def _layout(var: Var) -> tuple:
    return physical(var.aval.dtype), var.aval.shape
