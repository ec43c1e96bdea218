"""Large draws outside `jit` run as one kernel.

Op by op a draw makes a dozen passes over memory, and NumPy's hash is slower than a vectorised one: 2^24 normal numbers
took 5.0 s where the kernel takes 0.13 s (two cores).  Below `LARGE` values that gains less than a new kernel takes to
compile, once on each machine.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeVar

from cujax.engine.control.call import jit_p
from cujax.engine.core.array import Array
from cujax.engine.core.recording import record_pure
from cujax.engine.core.tape import Eqn, Literal, Tape
from cujax.engine.core.trace import is_evaluating
from cujax.engine.ground.config import config

LARGE = 2**16

Draw = TypeVar("Draw", bound=Callable)


def in_bulk(draw: Draw) -> Draw:
    """`draw(key, shape, *others) -> array`, compiled where it is called with a large shape and known values.

    Inside transformed functions the ops take part in the program around them.  Arrays and literals among `others` are
    operands, all else is part of the program.
    """

    @functools.wraps(draw)
    def drawn(key: Array, shape: tuple[int, ...], *others: Any) -> Array:
        if prod(shape) < LARGE or config.disable_jit or not is_evaluating():
            return draw(key, shape, *others)
        is_operand = tuple([isinstance(x, Array | Literal) for x in others])
        operands = [key, *[x for x, dynamic in zip(others, is_operand, strict=True) if dynamic]]
        fixed = tuple([x for x, dynamic in zip(others, is_operand, strict=True) if not dynamic])
        tape = _tape(draw, shape, is_operand, fixed, tuple([x.aval for x in operands]), config.trace_key())
        return jit_p.bind(*operands, tape=tape, name=tape.name)[0]

    return drawn  # type: ignore[return-value]


@functools.lru_cache(maxsize=1024)
def _tape(
    draw: Callable, shape: tuple[int, ...], is_operand: Sequence[bool], fixed: Sequence[Any], avals: Sequence[Any],
    options: int,
) -> Tape:
    """The ops of a draw under the `options` in force, as (key, operands) -> array.

    They belong to no line of the user's: it is the call's that counts.
    """

    def run(key: Any, *operands: Any) -> list[Any]:
        dynamic, static = iter(operands), iter(fixed)
        return [draw(key, shape, *[next(dynamic if d else static) for d in is_operand])]

    tape = record_pure(run, avals, draw.__name__)
    eqns = [Eqn(e.primitive, e.inputs, e.outputs, e.params, None) for e in tape.eqns]
    return Tape(tape.inputs, eqns, tape.outputs, tape.name)
