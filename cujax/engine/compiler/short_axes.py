"""Reductions of many short rows, on a CPU: what a row has in common is computed once for it.

    reduce_short_axes_first(tape) -> tape

The virial of all pairs is a sum over i, j and the two or three components of a distance.  Its last axis fills no
vector, and each component would compute again what belongs to the pair: the root, the power.  As a sum of sums,

    reduce_sum(x, (0, 1, 2))    becomes    reduce_sum(reduce_sum(x, (2,)), (0, 1))

the inner one is written out (kinds.py: SHORT), and vectors go over pairs.  Where nothing is broadcast along the last
axis, all axes are one to the loop, and the reduction stays as it is.
"""

from __future__ import annotations

from math import prod

from cujax.engine.compiler.kinds import ELEMENTWISE, REDUCTION, SHORT_LENGTH, Producers
from cujax.engine.core.tape import Eqn, Tape, Var

_OPS = frozenset(("reduce_sum", "reduce_prod", "reduce_max", "reduce_min", "reduce_or", "reduce_and"))
_FEWEST_ROWS = 64
_MOST_SEEN = 200  # equations that are looked at


def reduce_short_axes_first(tape: Tape) -> Tape:
    """See the module's docstring."""
    if not any(e.primitive.name in _OPS for e in tape.eqns):
        return tape
    producers = Producers(tape)
    eqns = [new for eqn in tape.eqns for new in (_in_two(eqn) if _gains(eqn, producers) else [eqn])]
    return tape if len(eqns) == len(tape.eqns) else Tape(tape.inputs, eqns, tape.outputs, tape.name)


def _in_two(eqn: Eqn) -> list[Eqn]:
    operand, op, params = eqn.inputs[0], eqn.primitive, eqn.params
    last = operand.aval.ndim - 1
    of_rows = {**params, "axes": (last,)}
    rows = Var(op.abstract((operand.aval,), of_rows))
    others = {**params, "axes": tuple([a for a in params["axes"] if a != last])}
    return [Eqn(op, [operand], [rows], of_rows, eqn.source), Eqn(op, [rows], eqn.outputs, others, eqn.source)]


def _gains(eqn: Eqn, producers: Producers) -> bool:
    """Whether the last axis is a short one among others, and something is the same along it.

    Halves are summed in single precision, and would be rounded in between.
    """
    if eqn.primitive.name not in _OPS or producers.kind(eqn) != REDUCTION:
        return False
    aval, axes = eqn.inputs[0].aval, eqn.params["axes"]
    last = aval.ndim - 1
    rows = prod(aval.shape[a] for a in axes if a != last)
    is_row = last in axes and 1 < aval.shape[last] <= SHORT_LENGTH and rows >= _FEWEST_ROWS
    return is_row and aval.dtype.itemsize != 2 and _is_broadcast_along_rows(eqn.inputs[0], producers)


def _is_broadcast_along_rows(operand: object, producers: Producers) -> bool:
    pending, seen = [operand], set[object]()
    while pending and len(seen) < _MOST_SEEN:
        eqn = producers.get(atom) if isinstance(atom := pending.pop(), Var) else None
        if eqn is None or eqn in seen:
            continue
        seen.add(eqn)
        if eqn.primitive.name == "broadcast_in_dim":
            (source,), last = eqn.inputs, eqn.outputs[0].aval.ndim - 1
            lengths = dict(zip(eqn.params["broadcast_dimensions"], source.aval.shape, strict=True))
            if source.aval.size > 1 and lengths.get(last, 1) == 1:
                return True
        elif producers.kind(eqn) == ELEMENTWISE:
            pending += eqn.inputs
    return False
