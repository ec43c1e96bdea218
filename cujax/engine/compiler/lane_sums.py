"""Sums and other reductions of a lane's elements as loops: in the order in which they would be written out.

    reduce_elements(program, eqn, held, evaluator)      of a reduction
    sum_terms(program, eqn, held, evaluator)            of an op whose rule gives its terms (RunningSum)

`program` is a RolledProgram, `held` the place for the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from cujax.engine.compiler.expression import Node, Place, Reduction, Register, reader
from cujax.engine.compiler.index import as_index
from cujax.engine.compiler.kinds import reduced_length
from cujax.engine.compiler.lane_blocks import Action, Set
from cujax.engine.compiler.lane_registers import TapeEvaluator
from cujax.engine.compiler.lanes import Mixed
from cujax.engine.core.tape import Eqn
from cujax.engine.ops.axes import unravel

_MOST_SUMS = 4  # that are taken side by side


def reduce_elements(program: Any, eqn: Eqn, held: Any, evaluator: TapeEvaluator) -> None:
    """Elements are combined in their order."""
    (x,), axes, (out,) = eqn.inputs, eqn.params["axes"], eqn.outputs
    reduction, extents = Reduction.of(eqn), [x.aval.shape[a] for a in axes]

    def term(index: Place, number: Any) -> Node:
        at = list(index)
        for axis, i in sorted(zip(axes, unravel(number, extents), strict=True)):
            at.insert(axis, as_index(i))
        return evaluator.element(x, at)

    def result(total: Node, index: Place) -> Node:
        return evaluator._call(reduction.lower, (total,), out.aval.dtype)

    _accumulate(program, held, reduced_length(eqn), term, partial(evaluator.combined, reduction), result)


def sum_terms(program: Any, eqn: Eqn, held: Any, evaluator: TapeEvaluator) -> None:
    """As the op's rule says, which adds one term after the other."""
    e, rule, avals = reader(evaluator, eqn), eqn.primitive.lane_map.sum, [a.aval for a in eqn.inputs]
    _accumulate(
        program, held, rule.length(*avals, **eqn.params),
        lambda index, number: rule.term(e, index, number, *avals, **eqn.params), e.add,
        lambda total, _: rule.result(e, total, *avals, **eqn.params),
    )


def _accumulate(
    program: Any, held: Any, length: int, term: Callable, combine: Callable, result: Callable
) -> None:
    """Some sums side by side, so that none waits for its own last addition: they share what they read."""
    if not length:
        raise Mixed("a lane would sum nothing")
    rest = held.rest
    side = next(n for n in range(_MOST_SUMS, 0, -1) if not rest or rest[-1] % n == 0)

    def fill(place: Place) -> list[Action]:
        places = [(*place[:-1], place[-1] * side + k) for k in range(side)] if place else [()]
        wholes = [program.whole(held.axes, p) for p in places]
        totals = _totals(program, wholes, length, term, combine)
        return [held.put(p, result(t, w)) for p, t, w in zip(places, totals, wholes, strict=True)]

    program.loop((*rest[:-1], rest[-1] // side) if rest else (), fill)


def _totals(program: Any, wholes: Sequence[Place], length: int, term: Callable, combine: Callable) -> list[Node]:
    """The sums at some places, in one loop over their terms."""
    firsts = [term(w, 0) for w in wholes]
    if length == 1:
        return firsts
    names = [(f"sum{program.new_number()}", f.dtype) for f in firsts]
    running = [Register(*n) for n in names]
    program.act([Set(r, f) for r, f in zip(running, firsts, strict=True)])
    with program.counted(length - 1) as index:
        program.homes.update(dict.fromkeys(running, program.block))
        program.act([Set(r, combine(r, term(w, index + 1))) for r, w in zip(running, wholes, strict=True)])
    totals = [Register(*n) for n in names]
    program.homes.update(dict.fromkeys(totals, program.block))
    return list(totals)
