"""Arithmetic and the elementary functions of real and complex numbers.

    add sub mul div rem neg square integer_pow reciprocal pow fma summand mul_nonzero
    exp exp2 expm1 log log1p logistic sqrt rsqrt cbrt
    sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh

An op is one declaration (see families.py); what needs more than an expression stands above its
declaration.  Derivatives of complex functions are those of the holomorphic function: a tangent is
multiplied by f'(x), and nothing is conjugated.  Integers wrap around; x / 0 is -1 (all bits set) and the
remainder of x by 0 is x, as in XLA.
"""

from __future__ import annotations

from collections.abc import Callable
from math import log as natural_log
from operator import index
from typing import Any

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import NOT_LINEAR, Parity, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_linear
from cujax.engine.ground import dtypes
from cujax.engine.ops.accuracy import AccuracyMode, Tolerance
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.families import (
    FLOAT,
    INEXACT,
    NUMBER,
    Domain,
    binary,
    common_shape,
    dtype_error,
    elementwise_batch,
    fitted_operands,
    operands,
    partials_jvp,
    ternary,
    unary,
)
from cujax.engine.ops.logic import eq, select_n
from cujax.engine.ops.structural import dtype_of

# --- arithmetic ---------------------------------------------------------------------------------------

neg_p, neg = unary(
    "neg", domain=NUMBER, doc="Minus x.", cuda="-{x}", ufunc="negative", parity=Parity.ODD,
    jvp=lambda t, out, x: neg(t), transpose=lambda ct, x: (neg(ct),),
)
add_p, add = binary(
    "add", domain=NUMBER, doc="x + y.", cuda="{x} + {y}", commutes=True,
    jvp=(lambda t, out, x, y: t, lambda t, out, x, y: t), transpose=lambda ct, x, y: (ct, ct),
)
sub_p, sub = binary(
    "sub", domain=NUMBER, doc="x - y.", cuda="{x} - {y}", ufunc="subtract",
    jvp=(lambda t, out, x, y: t, lambda t, out, x, y: neg(t)), transpose=lambda ct, x, y: (ct, neg(ct)),
)
mul_p, mul = binary(
    "mul", domain=NUMBER, doc="x * y.", cuda="{x} * {y}", ufunc="multiply", commutes=True,
    jvp=(lambda t, out, x, y: mul(t, y), lambda t, out, x, y: mul(x, t)),
    transpose=lambda ct, x, y: (mul(ct, y), None) if is_linear(x) else (None, mul(x, ct)),
)


def integer_div(xp: Any, x: Any, y: Any) -> Any:
    """Truncated quotient; all bits set where y is 0; the most negative integer by -1 is itself."""
    if y.dtype.kind == "u":
        quotient = xp.floor_divide(x, xp.where(y == 0, 1, y))
        return xp.where(y == 0, y.dtype.type(np.iinfo(y.dtype).max), quotient)
    divisor = xp.where((y == 0) | (y == -1), 1, y)
    floor = xp.floor_divide(x, divisor)
    truncated = floor + ((floor < 0) & (floor * divisor != x))
    return xp.where(y == 0, -1, xp.where(y == -1, xp.negative(x), truncated))


def _div_impl(xp: Any, x: Any, y: Any, **out: Any) -> Any:
    return xp.divide(x, y, **out) if dtypes.is_inexact(x.dtype) else integer_div(xp, x, y)


div_p, div = binary(
    "div", domain=NUMBER, doc="x / y; integers are rounded toward zero.", cuda="cj::div({x}, {y})",
    impl=_div_impl, may_overwrite=True,
    jvp=(lambda t, out, x, y: div(t, y), lambda t, out, x, y: mul(mul(neg(t), x), square(reciprocal(y)))),
    transpose=lambda ct, x, y: (div(ct, y), None),
)
square_p, square = unary(
    "square", domain=NUMBER, doc="x * x.", cuda="{x} * {x}", parity=Parity.EVEN,
    jvp=lambda t, out, x: mul(t, mul(2, x)),
)
mul_nonzero_p, mul_nonzero = binary(
    "mul_nonzero", domain=Domain("floating-point", "f"), doc="x * y; 0 where y is, whatever x is.",
    cuda="cj::mul_nonzero({x}, {y})", impl=lambda xp, x, y: xp.where(y == 0, y, xp.multiply(x, y)),
    jvp=(lambda t, out, x, y: mul_nonzero(t, y), lambda t, out, x, y: mul_nonzero(x, t)),
    transpose=lambda ct, x, y: (mul_nonzero(ct, y), None) if is_linear(x) else (None, mul_nonzero(x, ct)),
)

# --- one rounding -------------------------------------------------------------------------------------

_FUSED = Domain("float32, float64", "f")
fma_p, fma = ternary(
    "fma", domain=_FUSED, doc="x * y + z, rounded once.",
    cuda="cj::fma({x}, {y}, {z})", impl=lambda xp, x, y, z: library(xp).fma(x, y, z),
    jvp=(lambda t, out, x, y, z: mul(t, y), lambda t, out, x, y, z: mul(x, t), lambda t, out, x, y, z: t),
)
summand_p, summand = binary(
    "summand", domain=_FUSED, doc="x * y, which a kernel that sums it rounds together with the sum.",
    cuda="{x} * {y}", ufunc="multiply", commutes=True,
    jvp=(lambda t, out, x, y: mul(t, y), lambda t, out, x, y: mul(x, t)),
)

# --- powers -------------------------------------------------------------------------------------------


def _power_by_squaring(xp: Any, x: Any, y: int) -> Any:
    result = None
    while y:
        if y & 1:
            result = x if result is None else xp.multiply(result, x)
        y >>= 1
        if y:
            x = xp.multiply(x, x)
    return xp.ones_like(x) if result is None else result


def _integer_pow_impl(xp: Any, x: Any, *, y: int) -> Any:
    power = _power_by_squaring(xp, x, -y if y < 0 else y)
    return xp.divide(1, power) if y < 0 else power


def _integer_pow_shape(x: ShapedArray, *, y: int) -> ShapedArray:
    if x.dtype not in NUMBER:
        raise dtype_error("integer_pow", x.dtype, NUMBER)
    if y < 0 and dtypes.is_integer(x.dtype):
        raise TypeError(
            f"Integers cannot be raised to negative powers, got integer_pow({x.str_short()}, {y}). "
            "Convert the base to a floating dtype."
        )
    return x


def _integer_pow_partial(t: Any, out: Any, x: Any, *, y: int) -> Any:
    if y == 0:
        return Zero(aval_of(out).to_tangent_aval())
    return t if y == 1 else mul(t, mul(y, x if y == 2 else integer_pow(x, y - 1)))


integer_pow_p: Primitive = Primitive(
    "integer_pow", shape=_integer_pow_shape, impl=_integer_pow_impl,
    jvp=partials_jvp(lambda: integer_pow_p, (_integer_pow_partial,)),
    transpose=NOT_LINEAR, batch=elementwise_batch(lambda: integer_pow_p),
    cuda="cj::integer_pow<{y}>({x})", doc="x to the power of a Python int.", domain=NUMBER, family="unary",
)


def integer_pow(x: Any, y: int) -> Any:
    """x to the power y, a Python int, by repeated multiplication.  Elementwise, for numbers.

    TypeError for a negative power of integers.
    """
    return integer_pow_p.bind(*operands(x), y=index(y))


def reciprocal(x: Any) -> Any:
    """1 / x.  Elementwise, for floating-point and complex numbers."""
    if not dtypes.is_inexact(dtype_of(x)):
        raise dtype_error("reciprocal", dtype_of(x), INEXACT)
    return integer_pow(x, -1)


def _pow_shape(x: ShapedArray, y: ShapedArray) -> ShapedArray:
    integer_exponent = dtypes.is_integer(y.dtype) and x.dtype in INEXACT
    if x.dtype not in NUMBER or (y.dtype != x.dtype and not integer_exponent):
        raise TypeError(
            f"pow does not accept dtypes {x.dtype} and {y.dtype}: the exponent has the dtype of the base, or "
            "an integer dtype beside a floating-point or complex base."
        )
    return ShapedArray(common_shape("pow", (x, y)), x.dtype, x.weak_type and y.weak_type)


def _pow_impl(xp: Any, x: Any, y: Any) -> Any:
    if dtypes.is_inexact(x.dtype):
        return xp.power(x, y.astype(x.dtype))
    power = xp.power(x, xp.maximum(y, 0))
    return power if x.dtype.kind == "u" else xp.where(y < 0, _inverse_power(xp, x, y), power)


def _inverse_power(xp: Any, x: Any, y: Any) -> Any:
    """x ** y for negative integers y, rounded toward zero: only 1 and -1 leave something."""
    return xp.where(x == -1, 1 - 2 * (y & 1), (x == 1).astype(x.dtype))


def _pow_base_partial(t: Any, out: Any, x: Any, y: Any) -> Any:
    """y x**(y - 1); for a whole y of 0 this is 0 also at x = 0."""
    slope = mul(convert_element_type(y, dtype_of(x)), pow(x, sub(y, 1)))
    return mul(t, select_n(eq(y, 0), slope, 0) if dtypes.is_integer(dtype_of(y)) else slope)


def _pow_exponent_partial(t: Any, out: Any, x: Any, y: Any) -> Any:
    """log(x) x**y, and 0 at x = 0."""
    return mul(t, mul(log(select_n(eq(x, 0), x, 1)), out))


pow_p: Primitive = Primitive(
    "pow", shape=_pow_shape, impl=_pow_impl,
    jvp=partials_jvp(lambda: pow_p, (_pow_base_partial, _pow_exponent_partial)),
    transpose=NOT_LINEAR, batch=elementwise_batch(lambda: pow_p), cuda="cj::pow({x}, {y})",
    doc="x to the power of y.", domain=NUMBER, family="binary",
)


def pow(x: Any, y: Any) -> Any:
    """x to the power of y, elementwise.

    x is floating-point or complex and y of its dtype or an integer dtype, or both are integers of one dtype
    (negative powers are rounded toward zero).  TypeError otherwise.
    """
    return pow_p.bind(*fitted_operands(x, y))


# --- transcendental functions of one operand ----------------------------------------------------------


def _transcendental(name: str, *, domain: Any = INEXACT, **slots: Any) -> tuple[Primitive, Callable]:
    """A unary op whose public function takes JAX's `accuracy`, of which there is one kind: see `ops/accuracy.py`."""
    p, plain = unary(name, domain=domain, cuda=f"cj::{name}({{x}})", **slots)

    def function(x: Any, *, accuracy: Tolerance | AccuracyMode | None = None) -> Any:
        if not (accuracy is None or isinstance(accuracy, Tolerance | AccuracyMode)):
            raise NotImplementedError(f"{name}: accuracy must be a Tolerance or an AccuracyMode, got {accuracy!r}")
        return plain(x)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = plain.__doc__
    return p, function


exp_p, exp = _transcendental("exp", doc="e to the power of x.", jvp=lambda t, out, x: mul(t, out))
exp2_p, exp2 = _transcendental(
    "exp2", doc="2 to the power of x.", jvp=lambda t, out, x: mul(t, mul(natural_log(2), out)),
)


def _expm1_impl(xp: Any, x: Any, **out: Any) -> Any:
    """Of complex numbers as in `kernels/complex.h`: NumPy and CuPy multiply infinities by 0."""
    if x.dtype.kind != "c":
        return xp.expm1(x, **out)
    found = xp.asarray(xp.exp(x, **out))
    half = xp.sin(x.imag * 0.5)
    real = xp.expm1(x.real) * xp.cos(x.imag) - 2 * half * half + 0.0
    is_near = xp.isfinite(found.real) & (abs(x.real) < 80)  # beyond, 1 makes no difference, or all of it
    found.real = xp.where(is_near, real, found.real - 1)
    return found


expm1_p, expm1 = _transcendental(
    "expm1", doc="exp(x) - 1, accurate near 0.", impl=_expm1_impl,
    jvp=lambda t, out, x: mul(t, exp(x)),  # add(out, 1) would have no digits left far below 0
)
log_p, log = _transcendental("log", doc="Natural logarithm.", jvp=lambda t, out, x: div(t, x))
log1p_p, log1p = _transcendental(
    "log1p", doc="log(1 + x), accurate near 0.", jvp=lambda t, out, x: div(t, add(x, 1)),
)


def _logistic_impl(xp: Any, x: Any, **out: Any) -> Any:
    return xp.divide(1, xp.add(1, xp.exp(xp.negative(x, **out), **out), **out), **out)


def _rsqrt_impl(xp: Any, x: Any, **out: Any) -> Any:
    root = xp.sqrt(x, **out)
    if not dtypes.is_complex(x.dtype):
        return xp.divide(1, root, **out)
    return xp.where(xp.isinf(root), x.dtype.type(0), xp.divide(1, root))


logistic_p, logistic = _transcendental(
    "logistic", doc="1 / (1 + exp(-x)).",
    impl=_logistic_impl, may_overwrite=True,
    jvp=lambda t, out, x: mul(t, mul(out, sub(1, out))),
)
sqrt_p, sqrt = _transcendental("sqrt", doc="Square root.", jvp=lambda t, out, x: mul(t, mul(0.5, reciprocal(out))))
rsqrt_p, rsqrt = _transcendental(
    "rsqrt", doc="1 / sqrt(x).", impl=_rsqrt_impl, may_overwrite=True,
    jvp=lambda t, out, x: mul(t, mul(-0.5, div(out, x))),
)
cbrt_p, cbrt = _transcendental(
    "cbrt", domain=FLOAT, doc="Cube root.", parity=Parity.ODD,
    jvp=lambda t, out, x: mul(t, mul(1 / 3, integer_pow(out, -2))),
)
sin_p, sin = _transcendental(
    "sin", doc="Sine; x is in radians.", parity=Parity.ODD, jvp=lambda t, out, x: mul(t, cos(x)),
)
cos_p, cos = _transcendental(
    "cos", doc="Cosine; x is in radians.", parity=Parity.EVEN, jvp=lambda t, out, x: neg(mul(t, sin(x))),
)
tan_p, tan = _transcendental(
    "tan", doc="Tangent; x is in radians.", parity=Parity.ODD,
    jvp=lambda t, out, x: mul(t, add(1, square(out))),
)
tanh_p, tanh = _transcendental(
    "tanh", doc="Hyperbolic tangent.", parity=Parity.ODD,
    jvp=lambda t, out, x: mul(add(t, mul(t, out)), sub(1, out)),
)


def _inverse(name: str, of: str, jvp: Callable, parity: Parity | None = Parity.ODD) -> tuple[Primitive, Callable]:
    """The inverse of a trigonometric or hyperbolic function; NumPy has `arcsin` for `asin`."""

    def impl(xp: Any, x: Any) -> Any:
        return getattr(xp, "arc" + name[1:])(x)

    return unary(
        name, domain=INEXACT, doc=f"Inverse {of}.", cuda=f"cj::{name}({{x}})", impl=impl, jvp=jvp, parity=parity,
    )


asin_p, asin = _inverse("asin", "sine, in radians", lambda t, out, x: mul(t, rsqrt(sub(1, square(x)))))
acos_p, acos = _inverse(
    "acos", "cosine, in radians", lambda t, out, x: neg(mul(t, rsqrt(sub(1, square(x))))), parity=None,
)
atan_p, atan = _inverse("atan", "tangent, in radians", lambda t, out, x: div(t, add(1, square(x))))
asinh_p, asinh = _inverse("asinh", "hyperbolic sine", lambda t, out, x: mul(t, rsqrt(add(square(x), 1))))
# One root of (x - 1)(x + 1) would have the wrong sign where the real part of x is negative.
acosh_p, acosh = _inverse(
    "acosh", "hyperbolic cosine", lambda t, out, x: mul(t, mul(rsqrt(sub(x, 1)), rsqrt(add(x, 1)))), parity=None,
)
atanh_p, atanh = _inverse(
    "atanh", "hyperbolic tangent", lambda t, out, x: mul(reciprocal(add(1, x)), div(t, sub(1, x))),
)
sinh_p, sinh = unary(
    "sinh", domain=INEXACT, doc="Hyperbolic sine.", cuda="cj::sinh({x})", parity=Parity.ODD,
    jvp=lambda t, out, x: mul(t, cosh(x)),
)
cosh_p, cosh = unary(
    "cosh", domain=INEXACT, doc="Hyperbolic cosine.", cuda="cj::cosh({x})", parity=Parity.EVEN,
    jvp=lambda t, out, x: mul(t, sinh(x)),
)


def _atan2_impl(xp: Any, x: Any, y: Any) -> Any:
    if not dtypes.is_complex(x.dtype):
        return xp.arctan2(x, y)
    i = x.dtype.type(1j)
    return -i * xp.log((y + i * x) / xp.sqrt(x * x + y * y))


atan2_p, atan2 = binary(
    "atan2", domain=INEXACT, doc="The angle of the point (y, x), in radians.", cuda="cj::atan2({x}, {y})",
    impl=_atan2_impl,
    jvp=(
        lambda t, out, x, y: mul(t, div(y, add(square(x), square(y)))),
        lambda t, out, x, y: mul(t, div(neg(x), add(square(x), square(y)))),
    ),
)
