"""Removing from a tape what nobody reads.

A pure rewrite, needed on every floor above: linear tapes drop the tangents of unused results before
their residuals are counted, the compiler drops dead equations before it fuses.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.core.tape import Eqn, Literal, Tape, Var


def remove_dead_code(tape: Tape, used_outputs: Sequence[bool] | None = None) -> tuple[Tape, list[bool]]:
    """The tape of the used outputs only, and which of its inputs it still reads.

    Equations with effects stay.  All inputs stay on the tape; use `drop_inputs` to remove some.
    """
    outputs = tape.outputs if used_outputs is None else [
        o for o, used in zip(tape.outputs, used_outputs, strict=True) if used
    ]
    needed: set[Var] = {a for a in outputs if not isinstance(a, Literal)}
    kept: list[Eqn] = []
    for eqn in reversed(tape.eqns):
        if eqn.has_effect or any(v in needed for v in eqn.outputs):
            kept.append(eqn)
            needed.update(a for a in eqn.inputs if not isinstance(a, Literal))
    pruned = Tape(tape.inputs, kept[::-1], outputs, tape.name)
    return pruned, [v in needed for v in tape.inputs]


def drop_inputs(tape: Tape, kept: Sequence[bool]) -> Tape:
    """The tape without the inputs that it does not read."""
    inputs = [v for v, keep in zip(tape.inputs, kept, strict=True) if keep]
    return Tape(inputs, tape.eqns, tape.outputs, tape.name)
