"""The verifier: is a tape well-formed, and does every equation have the avals its shape rule gives?

Run after every pass under `config.debug_passes`, and on everything in the tests.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.tape import Eqn, Literal, Tape, Var, subtapes
from cujax.engine.ground.config import config
from cujax.engine.ground.errors import JaxprTypeError


class TapeError(JaxprTypeError):
    """A tape breaks a rule: an engine bug, never a user's mistake."""


def check_tape(tape: Tape, after: str = "") -> Tape:
    """`tape`, once it has been verified; TapeError that names the equation and the pass otherwise."""
    defined: set[Var] = set(tape.inputs)
    if len(defined) != len(tape.inputs):
        raise TapeError(f"an input stands twice on the tape {after}:\n{tape}")
    for eqn in tape.eqns:
        _check_operands(eqn, defined, after)
        _check_avals(eqn, after)
        for inner in subtapes(eqn.params):
            check_tape(inner, after)
        if any(v in defined for v in eqn.outputs):
            raise TapeError(f"a variable is assigned twice {after}: {eqn}")
        defined.update(eqn.outputs)
    for atom in tape.outputs:
        if isinstance(atom, Var) and atom not in defined:
            raise TapeError(f"an output is not defined {after}:\n{tape}")
    return tape


def check_if_asked(tape: Tape, after: str) -> Tape:
    """Verify under `config.debug_passes`; the identity otherwise."""
    return check_tape(tape, after) if config.debug_passes else tape


def _check_operands(eqn: Eqn, defined: set[Var], after: str) -> None:
    for atom in eqn.inputs:
        if not isinstance(atom, Literal) and atom not in defined:
            raise TapeError(f"an operand is read before it is defined {after}: {eqn}")


def _check_avals(eqn: Eqn, after: str) -> None:
    avals: Any = eqn.primitive.shape(*[a.aval for a in eqn.inputs], **eqn.params)
    expected: list[ShapedArray] = list(avals) if eqn.primitive.multiple else [avals]
    found = [v.aval for v in eqn.outputs]
    if len(expected) != len(found) or not all(map(same_array_type, expected, found)):
        raise TapeError(f"{eqn.primitive.name} gives {expected}, the tape says {found} {after}: {eqn}")
