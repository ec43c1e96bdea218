"""Ops that kernels compute better than a library does, in the equations that their records give for them.

    in_parts(tape, language) -> tape
"""

from __future__ import annotations

from collections.abc import Iterator

from cujax.engine.core.check import check_if_asked
from cujax.engine.core.recording import record_pure
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Atom, Eqn, Tape, Var, replaced


def in_parts(tape: Tape, language: str) -> Tape:
    """`tape` with other equations for those whose primitive has `parts` for them in this language."""
    found = {eqn: made for eqn in tape.eqns if (made := _parts(eqn, language)) is not None}
    if not found:
        return tape
    eqns = [new for eqn in tape.eqns for new in (_in_place_of(eqn, found[eqn]) if eqn in found else [eqn])]
    written = remove_dead_code(Tape(tape.inputs, eqns, tape.outputs, tape.name))[0]
    return check_if_asked(written, "after in_parts")


def _parts(eqn: Eqn, language: str) -> Tape | None:
    """The equations instead of one, which give a result of their own."""
    parts = eqn.primitive.parts
    avals = [a.aval for a in eqn.inputs]
    function = None if parts is None else parts(*avals, language=language, **eqn.params)
    if function is None:
        return None
    return record_pure(lambda *operands: [function(*operands)], avals, eqn.primitive.name)


def _in_place_of(eqn: Eqn, tape: Tape) -> Iterator[Eqn]:
    """The equations of `tape` on the operands of `eqn`; the last results are those of `eqn`."""
    known: dict[Var, Atom] = dict(zip(tape.inputs, eqn.inputs, strict=True))
    results = dict(zip(tape.outputs, eqn.outputs, strict=True))
    for part in tape.eqns:
        inputs = replaced(part.inputs, known)
        outputs = [results.get(v) or Var(v.aval) for v in part.outputs]
        known.update(zip(part.outputs, outputs, strict=True))
        yield Eqn(part.primitive, inputs, outputs, part.params, eqn.source)
