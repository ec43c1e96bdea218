"""Sums of terms that are negated or doubled: afterwards the sum is instead.

    scale_after_sums(tape) -> tape

The derivative of a square is twice a number, added to itself, and that of a difference has its sign changed: both for
every pair of particles where a force is wanted, of which only the sum is.

    sum(-(x + x))    becomes    0 - 2 * sum(x)

and if x is a product, it enters its sum in one instruction (multiply_add.py).  The bits are the same as long as no
x + x overflows, but for the sign of a zero: 0 less a sum, since one that is zero is +0 whatever the signs of its terms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any

from cujax.engine.compiler.kinds import reduced_length
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.tape import Atom, Eqn, Tape, Var, literal
from cujax.engine.ground import dtypes
from cujax.engine.ops.elementwise import add_p, mul_p, neg_p, sub_p
from cujax.engine.ops.structural import add_any_p, reduce_sum_p

_LARGEST = 4  # factor: in any dtype it is far from the end of the range


def scale_after_sums(tape: Tape) -> Tape:
    """See the module's docstring."""
    if not any(e.primitive is reduce_sum_p for e in tape.eqns):
        return tape
    uses = Counter([a for e in tape.eqns for a in {*e.inputs} if isinstance(a, Var)] + list(tape.outputs))
    producers: dict[Atom, Eqn] = {v: e for e in tape.eqns for v in e.outputs}
    eqns = [new for eqn in tape.eqns for new in _rewritten(eqn, producers, uses)]
    return tape if eqns == list(tape.eqns) else Tape(tape.inputs, eqns, tape.outputs, tape.name)


def _rewritten(eqn: Eqn, producers: Mapping[Atom, Eqn], uses: Mapping[Atom, int]) -> list[Eqn]:
    """`eqn`, or the sum of what it adds before that is scaled, and the sum scaled."""
    if eqn.primitive is not reduce_sum_p or not dtypes.is_inexact(eqn.inputs[0].aval.dtype) or reduced_length(eqn) < 2:
        return [eqn]
    (term,), factor = eqn.inputs, 1
    while abs(factor) < _LARGEST and uses[term] == 1 and term in producers and (step := _scale(producers[term])):
        term, by = step
        factor *= by
    if term is eqn.inputs[0]:
        return [eqn]
    (out,), eqns = eqn.outputs, list[Eqn]()
    number = partial(literal, dtype=out.aval.dtype, weak_type=out.aval.weak_type)

    def apply(primitive: Primitive, *inputs: Atom, **params: Any) -> Var:
        eqns.append(Eqn(primitive, inputs, [Var(out.aval)], params, eqn.source))
        return eqns[-1].outputs[0]

    total = apply(reduce_sum_p, term, **eqn.params)
    if abs(factor) > 1:
        total = apply(mul_p, number(abs(factor)), total)
    if factor < 0:
        apply(sub_p, number(0), total)
    *others, last = eqns
    return [*others, Eqn(last.primitive, last.inputs, eqn.outputs, last.params, last.source)]


def _scale(eqn: Eqn) -> tuple[Atom, int] | None:
    """What `eqn` negates or doubles, and by which factor."""
    if eqn.primitive is neg_p:
        return eqn.inputs[0], -1
    is_sum = eqn.primitive in (add_p, add_any_p)
    return (eqn.inputs[0], 2) if is_sum and eqn.inputs[0] is eqn.inputs[1] else None
