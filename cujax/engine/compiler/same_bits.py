"""Which tapes have the same results, to the bit, op by op and as kernels.

    has_same_bits(tape) -> bool

What only moves, compares, chooses or counts has, and so have operations that IEEE 754 rounds correctly, and random
numbers, whose bits are promised.  Functions such as `exp` are those of NumPy or ours, and sums of floats are taken in
another order.
"""

from __future__ import annotations

from cujax.engine.core.tape import Eqn, Tape
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config

# Families.
_OF_ANY_NUMBERS = frozenset(("mover", "comparison", "select", "creation", "indexing", "sorting", "random"))
_OF_INTEGERS = frozenset(("unary", "binary", "ternary", "reduction", "cumulative", "scatter", "contraction"))
# Ops.
_CONVERSIONS = frozenset(("convert_element_type", "bitcast_convert_type", "real", "imag", "stop_gradient"))
_OF_FLOATS = frozenset((
    "add", "sub", "mul", "div", "rem", "sqrt", "square", "fma", "neg", "abs", "sign", "floor", "ceil", "round",
    "is_finite", "nextafter", "max", "min", "clamp", "reduce_max", "reduce_min", "argmax", "argmin", "scatter",
    "erf_inv",
))  # fmt: skip
_OF_SINGLES = frozenset(("portable_log", "portable_log1p"))
_NUMBERS = frozenset((*dtypes.SIGNED, *dtypes.UNSIGNED, dtypes.as_dtype(bool), dtypes.float32))


def has_same_bits(tape: Tape) -> bool:
    """See the module's docstring."""
    return config.fused_multiply_add != "everywhere" and all(map(_is_same, tape.eqns))


def _is_same(eqn: Eqn) -> bool:
    name, family = eqn.primitive.name, eqn.primitive.family
    if family in _OF_ANY_NUMBERS or name in _CONVERSIONS:
        return True
    kinds = {a.aval.dtype for a in (*eqn.inputs, *eqn.outputs)}
    if all(dtypes.is_integer(d) or dtypes.is_bool(d) for d in kinds):
        return family in _OF_INTEGERS
    return (name in _OF_FLOATS and kinds <= _NUMBERS | {dtypes.float64}) or (name in _OF_SINGLES and kinds <= _NUMBERS)
