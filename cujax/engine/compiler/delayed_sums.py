"""Sums over lanes that a loop adds up step by step, taken once after it.

    delay_sums(tape) -> tape

The gradient by a parameter that all lanes share is such a sum: in every step, c + sum(x over the lanes).  As it stands
the loop mixes its lanes.  With a running sum for each lane, which is summed over the lanes at the end, it does not:

    scan(c -> c + sum(x))     becomes     s = scan(s -> s + x);  c + sum(s)

That is done where it makes lanes of axes that were none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from cujax.engine.compiler.kinds import SCAN
from cujax.engine.compiler.lanes import Mixed, find_lanes
from cujax.engine.compiler.passes import optimized
from cujax.engine.core.simplify import remove_dead_code
from cujax.engine.core.tape import Atom, Eqn, Tape, Var, literal
from cujax.engine.ops.structural import add_any_p, broadcast_in_dim_p, reduce_sum_p

_SUMS = ("add", "add_any")


class _Running(NamedTuple):
    """A carry that is a running sum: its number, and what each step adds, before it is summed over `axes`."""

    carry: int
    terms: tuple[Var, ...]
    axes: tuple[int, ...]


def delay_sums(tape: Tape) -> Tape:
    """`tape` with the sums of its loops taken after them, where that makes them lane programs."""
    eqns: list[Eqn] = []
    for eqn in tape.eqns:
        eqns += _delayed(eqn) if eqn.primitive.name == SCAN else [eqn]
    return tape if len(eqns) == len(tape.eqns) else Tape(tape.inputs, eqns, tape.outputs, tape.name)


def _delayed(eqn: Eqn) -> list[Eqn]:
    found = running_sums(optimized(eqn.params["tape"]), eqn.params["num_consts"], eqn.params["num_carry"])
    if not found:
        return [eqn]
    before, loop, after = _rewritten(eqn, found)
    return [*before, loop, *after] if _number_of_lanes(loop) > _number_of_lanes(eqn) else [eqn]


def _number_of_lanes(eqn: Eqn) -> int:
    try:
        return find_lanes(eqn).number
    except Mixed:
        return 0


def running_sums(tape: Tape, num_consts: int, num_carry: int) -> list[_Running]:
    """The carries that nothing reads but the sum that takes their place."""
    makers = {v: e for e in tape.eqns for v in e.outputs}
    uses = Counter([*[a for e in tape.eqns for a in e.inputs], *tape.outputs])
    found = []
    for k, out in enumerate(tape.outputs[:num_carry]):
        before = tape.inputs[num_consts + k]
        terms = _terms(out, makers, uses)
        if before in terms and uses[before] == 1:
            added = _summed_alike([t for t in terms if t is not before], makers)
            if added is not None:
                found.append(_Running(k, *added))
    return found


def _terms(atom: Atom, makers: dict[Var, Eqn], uses: Counter[Atom]) -> list[Atom]:
    """What a tree of sums adds; a sum that something else reads too is a term."""
    eqn = makers.get(atom) if isinstance(atom, Var) and uses[atom] == 1 else None
    if eqn is None or eqn.primitive.name not in _SUMS or any(a.aval.shape != atom.aval.shape for a in eqn.inputs):
        return [atom]
    return [t for a in eqn.inputs for t in _terms(a, makers, uses)]


def _summed_alike(terms: Sequence[Atom], makers: dict[Var, Eqn]) -> tuple[tuple[Var, ...], tuple[int, ...]] | None:
    """What `terms` are the sums of, and over which axes, if all are sums of equal shapes over the same axes."""
    operands, kinds = [], set()
    for term in terms:
        eqn = makers.get(term) if isinstance(term, Var) else None
        if eqn is None or eqn.primitive.name != "reduce_sum" or not isinstance(operand := eqn.inputs[0], Var):
            return None
        operands.append(operand)
        kinds.add((operand.aval.shape, tuple(eqn.params["axes"])))
    if len(kinds) != 1:
        return None
    ((_, axes),) = kinds
    return tuple(operands), axes


def _rewritten(eqn: Eqn, sums: Sequence[_Running]) -> tuple[list[Eqn], Eqn, list[Eqn]]:
    """The loop with running sums for each lane, what goes before it, and what makes its results of them."""
    body, params = optimized(eqn.params["tape"]), eqn.params
    first = params["num_consts"]
    inputs, outputs, operands = list(body.inputs), list(body.outputs), list(eqn.inputs)
    results, eqns = list(eqn.outputs), list(body.eqns)
    before: list[Eqn] = []
    after: list[Eqn] = []
    for run in sums:
        aval = run.terms[0].aval.strip_weak_type()
        zeros, running, total, lanes = Var(aval), Var(aval), _total(eqns, run.terms), Var(aval)
        before.append(Eqn(
            broadcast_in_dim_p, [literal(0, aval.dtype)], [zeros],
            {"shape": aval.shape, "broadcast_dimensions": ()}, eqn.source,
        ))
        new = Var(aval)
        eqns.append(Eqn(add_any_p, [running, total], [new], {}, eqn.source))
        inputs[first + run.carry], outputs[run.carry] = running, new
        init, operands[first + run.carry] = operands[first + run.carry], zeros
        result, results[run.carry] = results[run.carry], lanes
        summed = Var(result.aval)
        after += [
            Eqn(reduce_sum_p, [lanes], [summed], {"axes": run.axes}, eqn.source),
            Eqn(add_any_p, [init, summed], [result], {}, eqn.source),
        ]
    tape = remove_dead_code(Tape(inputs, eqns, outputs, body.name))[0]
    tape.memo("optimized", lambda: tape)
    return before, Eqn(eqn.primitive, operands, results, {**params, "tape": tape}, eqn.source), after


def _total(eqns: list[Eqn], terms: Sequence[Var]) -> Var:
    """The sum of `terms`, made by equations appended to `eqns`."""
    total = terms[0]
    for term in terms[1:]:
        new = Var(total.aval)
        eqns.append(Eqn(add_any_p, [total, term], [new], {}, None))
        total = new
    return total
