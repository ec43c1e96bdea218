"""Order, rounding and representation of real numbers.

    max min clamp                           NaN in an operand gives NaN; complex numbers are compared by
                                            real, then by imaginary part
    floor ceil round is_finite
    rem                                     remainder of truncated division, with the sign of x
    nextafter reduce_precision
"""

from __future__ import annotations

import enum
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import NOT_LINEAR, Parity, Primitive, Refused
from cujax.engine.core.tape import Literal, literal
from cujax.engine.ground import dtypes
from cujax.engine.ops.complex_parts import abs, sign
from cujax.engine.ops.elementwise import div, integer_div, mul, neg
from cujax.engine.ops.families import (
    FLOAT,
    NUMERIC,
    ORDERED,
    REAL,
    ZERO_TANGENT,
    binary,
    elementwise_batch,
    elementwise_shape,
    operands,
    partials_jvp,
    unary,
)
from cujax.engine.ops.logic import bitwise_and, eq, gt, lt, select_n
from cujax.engine.ops.structural import dtype_of, linear_jvp, move_dim, zero_tangent_jvp

# --- extrema ------------------------------------------------------------------------------------------


def _like(x: Any, value: float) -> Literal:
    return literal(value, dtype_of(x))


def share_of_tie(x: Any, out: Any, y: Any) -> Any:
    """1 where x alone is the result, 1/2 where y equals it, 0 elsewhere."""
    share = select_n(eq(y, out), _like(out, 1), _like(out, 0.5))
    return select_n(eq(x, out), _like(out, 0), share)


_EXTREMUM_JVP = (
    lambda t, out, x, y: mul(t, share_of_tie(x, out, y)),
    lambda t, out, x, y: mul(t, share_of_tie(y, out, x)),
)
max_p, max = binary(
    "max", domain=NUMERIC, doc="The greater of x and y, NaN if either is.", cuda="cj::max({x}, {y})",
    ufunc="maximum", jvp=_EXTREMUM_JVP,
)
min_p, min = binary(
    "min", domain=NUMERIC, doc="The smaller of x and y, NaN if either is.", cuda="cj::min({x}, {y})",
    ufunc="minimum", jvp=_EXTREMUM_JVP,
)


def _clamp_shape(low: ShapedArray, x: ShapedArray, high: ShapedArray) -> ShapedArray:
    for name, bound in (("min", low), ("max", high)):
        if bound.shape not in ((), x.shape):
            raise TypeError(f"clamp: {name} must be a scalar or have x's shape {x.shape}, got {bound.shape}")
    return _clamp_type(low, x, high)


_clamp_type = elementwise_shape("clamp", ORDERED, lambda dtype: dtype)


def _clamp_batch(axis: AxisData, xs: Sequence[Any], dims: Sequence[int | None]) -> tuple[Any, int]:
    """x has the shape of the result, so it varies wherever a bound does."""
    low, x, high = xs
    return _elementwise_batch(axis, [low, move_dim(axis, x, dims[1], 0), high], [dims[0], 0, dims[2]])


_elementwise_batch = elementwise_batch(lambda: clamp_p)


def _masked(mask: Any, t: Any) -> Any:
    return select_n(mask, _like(t, 0), t)


def _clamp_impl(xp: Any, low: Any, x: Any, high: Any, **out: Any) -> Any:
    return xp.minimum(xp.maximum(low, x), high, **out)


clamp_p: Primitive = Primitive(
    "clamp", shape=_clamp_shape, impl=_clamp_impl, may_overwrite=True,
    jvp=partials_jvp(lambda: clamp_p, (
        lambda t, out, low, x, high: _masked(bitwise_and(gt(low, x), lt(low, high)), t),
        lambda t, out, low, x, high: _masked(bitwise_and(gt(x, low), lt(x, high)), t),
        lambda t, out, low, x, high: _masked(lt(high, x), t),
    )),
    transpose=NOT_LINEAR, batch=_clamp_batch, cuda="cj::clamp({x}, {y}, {z})",
    doc="x, at least min and at most max.", domain=ORDERED, family="ternary",
)


def clamp(min: Any, x: Any, max: Any) -> Any:
    """x, at least `min` and at most `max`, elementwise; the bounds are scalars or have x's shape.

    Accepts booleans, integers and floats.  TypeError for other shapes or unequal dtypes.
    """
    return clamp_p.bind(*operands(min, x, max))


# --- rounding -----------------------------------------------------------------------------------------

floor_p, floor = unary(
    "floor", domain=FLOAT, doc="The greatest integer up to x.", cuda="cj::floor({x})", jvp=ZERO_TANGENT,
)
ceil_p, ceil = unary(
    "ceil", domain=FLOAT, doc="The least integer from x on.", cuda="cj::ceil({x})", jvp=ZERO_TANGENT,
)
is_finite_p, is_finite = unary(
    "is_finite", domain=FLOAT, doc="Neither infinite nor NaN.", cuda="cj::is_finite({x})", jvp=ZERO_TANGENT,
    impl=lambda xp, x: xp.isfinite(x), result=lambda dtype: dtypes.bool_,
)


class RoundingMethod(enum.IntEnum):
    """Where `round` takes numbers half-way between two integers."""

    AWAY_FROM_ZERO = 0
    TO_NEAREST_EVEN = 1


def _round_impl(xp: Any, x: Any, *, rounding_method: RoundingMethod) -> Any:
    if rounding_method == RoundingMethod.TO_NEAREST_EVEN:
        return xp.rint(x)
    whole = xp.trunc(x)
    return xp.where(xp.absolute(x - whole) >= 0.5, whole + xp.copysign(1, x), whole)


def _round_shape(x: ShapedArray, *, rounding_method: RoundingMethod) -> ShapedArray:
    return _round_type(x)


_round_type = elementwise_shape("round", FLOAT, lambda dtype: dtype)

round_p: Primitive = Primitive(
    "round", shape=_round_shape, impl=_round_impl, jvp=zero_tangent_jvp(lambda: round_p),
    transpose=NOT_LINEAR, batch=elementwise_batch(lambda: round_p),
    cuda="cj::round<{rounding_method}>({x})", doc="The nearest integer.", domain=FLOAT, family="unary",
    parity=Parity.ODD,
)


def round(x: Any, rounding_method: RoundingMethod = RoundingMethod.AWAY_FROM_ZERO) -> Any:
    """The nearest integer, as a float; ties go as `rounding_method` says.  Elementwise, for floats."""
    return round_p.bind(*operands(x), rounding_method=RoundingMethod(rounding_method))


# --- remainder, neighbours, precision -----------------------------------------------------------------


def _rem_impl(xp: Any, x: Any, y: Any) -> Any:
    if dtypes.is_float(x.dtype):
        return xp.fmod(x, y)
    return xp.subtract(x, xp.multiply(integer_div(xp, x, y), y))


def _truncated_ratio(x: Any, y: Any) -> Any:
    ratio = div(x, y)
    return mul(sign(ratio), floor(abs(ratio)))


rem_p, rem = binary(
    "rem", domain=REAL, doc="Remainder of x / y with the sign of x; x where an integer y is 0.",
    cuda="cj::rem({x}, {y})", impl=_rem_impl,
    jvp=(lambda t, out, x, y: t, lambda t, out, x, y: mul(neg(t), _truncated_ratio(x, y))),
)
nextafter_p, nextafter = binary(
    "nextafter", domain=FLOAT, arguments="x1 x2", doc="The next number that the dtype has after x1, towards x2.",
    cuda="cj::nextafter({x}, {y})", jvp=ZERO_TANGENT,
)
nextafter_p.jvp = Refused("a step from one representable number to the next has no derivative")


def _reduce_precision_shape(x: ShapedArray, *, exponent_bits: int, mantissa_bits: int) -> ShapedArray:
    if exponent_bits < 1 or mantissa_bits < 0:
        raise ValueError(
            "reduce_precision needs exponent_bits >= 1 and mantissa_bits >= 0, got "
            f"{exponent_bits} and {mantissa_bits}"
        )
    return _reduce_precision_type(x)


_reduce_precision_type = elementwise_shape("reduce_precision", FLOAT, lambda dtype: dtype)


def _reduce_precision_impl(xp: Any, x: Any, *, exponent_bits: int, mantissa_bits: int) -> Any:
    """Rounds the mantissa to even on the bits, as an integer; then cuts off the range of the exponent."""
    info = dtypes.finfo(x.dtype)
    word = np.dtype(f"uint{info.bits}").type
    dropped = info.nmant - mantissa_bits
    if dropped > 0:
        bits = x.view(word)
        odd = (bits >> word(dropped)) & word(1)
        rounded = (bits + (word((1 << (dropped - 1)) - 1) + odd)) & ~word((1 << dropped) - 1)
        x = xp.where(xp.isnan(x), x, rounded.view(x.dtype))
    return _with_exponent_range(xp, x, exponent_bits, info.nexp)


def _with_exponent_range(xp: Any, x: Any, exponent_bits: int, own_bits: int) -> Any:
    """Numbers above the range become infinite, below it (subnormal there) zero."""
    if exponent_bits >= own_bits:
        return x
    bias = (1 << (exponent_bits - 1)) - 1
    size = xp.absolute(x)
    x = xp.where(size >= 2.0 ** (bias + 1), xp.copysign(xp.inf, x).astype(x.dtype), x)
    return xp.where(size < 2.0 ** (1 - bias), xp.copysign(0, x), x)


reduce_precision_p: Primitive = Primitive(
    "reduce_precision", shape=_reduce_precision_shape, impl=_reduce_precision_impl,
    jvp=linear_jvp(lambda: reduce_precision_p),
    transpose=lambda ct, x, **params: (reduce_precision_p.bind(ct, **params),),
    batch=elementwise_batch(lambda: reduce_precision_p),
    cuda="cj::reduce_precision<{exponent_bits}, {mantissa_bits}>({x})",
    doc="Rounded to a float with fewer bits, in the same dtype.", domain=FLOAT, family="unary",
)


def reduce_precision(operand: Any, exponent_bits: int, mantissa_bits: int) -> Any:
    """`operand` rounded to what a float with so many exponent and mantissa bits can hold; dtype unchanged.

    ValueError for fewer than one exponent bit or a negative number of mantissa bits.
    """
    params = {"exponent_bits": operator.index(exponent_bits), "mantissa_bits": operator.index(mantissa_bits)}
    return reduce_precision_p.bind(*operands(operand), **params)
