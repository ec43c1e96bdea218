"""Removing from a tape what nobody reads.

A pure rewrite, needed on every floor above: linear tapes drop the tangents of unused results before
their residuals are counted, the compiler drops dead equations before it fuses.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.core.tape import Eqn, Literal, Tape, Var


def remove_dead_code(tape: Tape, used_outputs: Sequence[bool] | None = None) -> tuple[Tape, list[bool]]:
    """The tape of the used outputs only, and which of its inputs it still reads.

    Equations with effects stay, and of loops what the results that somebody reads depend on.  All inputs stay on the
    tape; use `drop_inputs` to remove some.
    """
    outputs = tape.outputs if used_outputs is None else [
        o for o, used in zip(tape.outputs, used_outputs, strict=True) if used
    ]
    needed: set[Var] = {a for a in outputs if not isinstance(a, Literal)}
    kept: list[Eqn] = []
    for eqn in reversed(tape.eqns):
        read = [v in needed for v in eqn.outputs]
        if eqn.has_effect or any(read):
            eqn = _without_unread(eqn, read)
            kept.append(eqn)
            needed.update(a for a in eqn.inputs if not isinstance(a, Literal))
    pruned = Tape(tape.inputs, kept[::-1], outputs, tape.name)
    return pruned, [v in needed for v in tape.inputs]


def _without_unread(eqn: Eqn, read: Sequence[bool]) -> Eqn:
    """`eqn` without the results that nobody reads, where its op has a rule for that."""
    prune = eqn.primitive.prune
    if prune is None or all(read):
        return eqn
    operands, results, params = prune(read, **eqn.params)
    inputs = [a for a, keep in zip(eqn.inputs, operands, strict=True) if keep]
    outputs = [v for v, keep in zip(eqn.outputs, results, strict=True) if keep]
    return Eqn(eqn.primitive, inputs, outputs, params, eqn.source)


def drop_inputs(tape: Tape, kept: Sequence[bool]) -> Tape:
    """The tape without the inputs that it does not read."""
    inputs = [v for v, keep in zip(tape.inputs, kept, strict=True) if keep]
    return Tape(inputs, tape.eqns, tape.outputs, tape.name)


def rearrange(tape: Tape, inputs: Sequence[int], outputs: Sequence[int] | None = None) -> Tape:
    """The same equations with inputs and outputs in another order; outputs may be repeated or left out."""
    new_outputs = tape.outputs if outputs is None else [tape.outputs[i] for i in outputs]
    return Tape([tape.inputs[i] for i in inputs], tape.eqns, new_outputs, tape.name)


def part_depending_on(tape: Tape, allowed: Sequence[bool]) -> tuple[list[Eqn], list[bool]]:
    """The equations that read nothing but the allowed inputs, and which outputs they suffice for."""
    tainted = {v for v, ok in zip(tape.inputs, allowed, strict=True) if not ok}
    kept: list[Eqn] = []
    for eqn in tape.eqns:
        if eqn.has_effect or any(a in tainted for a in eqn.inputs):
            tainted.update(eqn.outputs)
        else:
            kept.append(eqn)
    return kept, [o not in tainted for o in tape.outputs]
