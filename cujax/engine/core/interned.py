"""Tapes of loops and branches that say the same are one tape, with one program.

    interned(tape) -> an equal tape that was seen before, else this one

Outside `jit` each call of `scan` or `cond` records its functions anew, since what they capture may have changed; mostly
it has not.  Two tapes are equal if their equations are, from the same lines of the user's program: ops, params, types,
and literals to the bit.  Functions among the params (of callbacks, of rules) are equal to themselves alone.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastrlock.rlock import FastRLock

from cujax.engine.core.tape import Atom, Eqn, Literal, Tape, Var

_MOST = 512  # tapes, of which those are forgotten first that were seen longest ago

_seen: OrderedDict[tuple, Tape] = OrderedDict()
_lock = FastRLock()


def interned(tape: Tape) -> Tape:
    """See the module's docstring."""
    return tape.memo("interned", lambda: _first_of_its_kind(tape))


def forget() -> None:
    """The tapes that were seen; whoever holds one keeps it."""
    with _lock:
        _seen.clear()


def _first_of_its_kind(tape: Tape) -> Tape:
    key = _key(tape)
    if key is None:
        return tape
    with _lock:
        found = _seen.setdefault(key, tape)
        _seen.move_to_end(key)
        if len(_seen) > _MOST:
            _seen.popitem(last=False)
    return found


def _key(tape: Tape) -> tuple | None:
    """Equal for equal tapes; None where something cannot be compared."""
    numbers: dict[Var, int] = {v: k for k, v in enumerate(tape.inputs)}
    parts: list[Any] = [tape.name, tape.in_avals]
    for eqn in tape.eqns:
        parts.append(_key_of_equation(eqn, numbers))
        for var in eqn.outputs:
            numbers[var] = len(numbers)
    key = (*parts, *_atoms(tape.outputs, numbers))
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _key_of_equation(eqn: Eqn, numbers: dict[Var, int]) -> tuple:
    line = None if eqn.source is None else (id(eqn.source.code), eqn.source.line)  # the tape keeps the code
    params = tuple([(name, _typed(value)) for name, value in eqn.params.items()])
    return (eqn.primitive, line, params, *_atoms(eqn.inputs, numbers), *[v.aval for v in eqn.outputs])


def _atoms(atoms: Sequence[Atom], numbers: dict[Var, int]) -> list[Any]:
    return [_of_literal(a) if isinstance(a, Literal) else numbers[a] for a in atoms]


def _of_literal(literal: Literal) -> Any:
    """By bits: 0.0 and -0.0 differ, NaN equals itself.  Tables are equal to themselves alone."""
    return (literal.buffer.tobytes(), literal.aval) if isinstance(literal.buffer, np.generic) else literal


def _typed(value: Any) -> Any:
    """A param, told apart from those of other types that are equal: 1, 1.0 and True; and -0.0 from 0.0."""
    if isinstance(value, Tape):
        return interned(value)
    if type(value) is tuple:
        return tuple([_typed(v) for v in value])
    return (type(value), repr(value) if isinstance(value, float | complex) else value)
