"""The reductions that have an op of their own, found by what the combining function does.

`lax.reduce` and `lax.reduce_window` are given a function of two scalars.  When its tape is one equation of
a known kind the whole reduction is one op; `monoid_of` tells which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from cujax.engine.core.primitive import Primitive
from cujax.engine.core.tape import Tape
from cujax.engine.ground import dtypes
from cujax.engine.ops.elementwise import add, add_p, mul, mul_p
from cujax.engine.ops.logic import and_p, bitwise_and, bitwise_or, bitwise_xor, or_p, xor_p
from cujax.engine.ops.reductions import (
    greatest_value,
    least_value,
    reduce_and,
    reduce_max,
    reduce_min,
    reduce_or,
    reduce_prod,
    reduce_xor,
)
from cujax.engine.ops.rounding import max, max_p, min, min_p
from cujax.engine.ops.structural import reduce_sum


class Monoid(NamedTuple):
    """`reduce(x, axes)` folds `combine(a, b)`, which `identity(dtype)` leaves unchanged."""

    combine: Callable
    reduce: Callable
    identity: Callable


def _all_bits(dtype: Any) -> Any:
    return ~dtype.type(0) if dtypes.is_integer(dtype) else dtype.type(True)


MONOIDS: dict[Primitive, Monoid] = {
    add_p: Monoid(add, reduce_sum, lambda dtype: dtype.type(0)),
    mul_p: Monoid(mul, reduce_prod, lambda dtype: dtype.type(1)),
    max_p: Monoid(max, reduce_max, least_value),
    min_p: Monoid(min, reduce_min, greatest_value),
    and_p: Monoid(bitwise_and, reduce_and, _all_bits),
    or_p: Monoid(bitwise_or, reduce_or, lambda dtype: dtype.type(0)),
    xor_p: Monoid(bitwise_xor, reduce_xor, lambda dtype: dtype.type(0)),
}


def monoid_of(tape: Tape) -> Monoid | None:
    """The monoid whose operation the tape of two scalars applies to its inputs, or None."""
    if len(tape.eqns) != 1 or len(tape.inputs) != 2 or len(tape.outputs) != 1:
        return None
    (eqn,) = tape.eqns
    if tape.outputs[0] is not eqn.outputs[0] or set(eqn.inputs) != set(tape.inputs):
        return None
    inner = eqn.params.get("tape")
    return monoid_of(inner) if isinstance(inner, Tape) else MONOIDS.get(eqn.primitive)
