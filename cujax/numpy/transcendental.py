"""Exponentials, logarithms, roots, circular and hyperbolic functions, and those built of them.

All return floats (complex for complex input): integers and booleans are converted first.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from cujax import lax
from cujax.api.custom_jvp import custom_jvp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.declare import unary
from cujax.numpy.promotion import (
    ArrayLike,
    arrays_of,
    join_inexact,
    number_like,
    promote_args_inexact,
    promote_inexact,
)

exp = unary("exp", "exp", join_inexact, "e to the power x.")
exp2 = unary("exp2", "exp2", join_inexact, "2 to the power x.")
expm1 = unary("expm1", "expm1", join_inexact, "exp(x) - 1, accurate near 0.")
log = unary("log", "log", join_inexact, "Natural logarithm; NaN below 0, -inf at 0.")
log1p = unary("log1p", "log1p", join_inexact, "log(1 + x), accurate near 0.")
sqrt = unary("sqrt", "sqrt", join_inexact, "Square root; NaN below 0.")
cbrt = unary("cbrt", "cbrt", join_inexact, "Cube root, of negative numbers too.  TypeError for complex.")
sin = unary("sin", "sin", join_inexact, "Sine of x, in radians.")
cos = unary("cos", "cos", join_inexact, "Cosine of x, in radians.")
tan = unary("tan", "tan", join_inexact, "Tangent of x, in radians.")
arcsin = unary("arcsin", "asin", join_inexact, "The angle in [-pi/2, pi/2] whose sine is x.")
arccos = unary("arccos", "acos", join_inexact, "The angle in [0, pi] whose cosine is x.")
arctan = unary("arctan", "atan", join_inexact, "The angle in (-pi/2, pi/2) whose tangent is x.")
sinh = unary("sinh", "sinh", join_inexact, "Hyperbolic sine.")
cosh = unary("cosh", "cosh", join_inexact, "Hyperbolic cosine.")
tanh = unary("tanh", "tanh", join_inexact, "Hyperbolic tangent.")
arcsinh = unary("arcsinh", "asinh", join_inexact, "The number whose hyperbolic sine is x.")
arccosh = unary("arccosh", "acosh", join_inexact, "The number not below 0 whose hyperbolic cosine is x.")
arctanh = unary("arctanh", "atanh", join_inexact, "The number whose hyperbolic tangent is x.")

asin, acos, atan = arcsin, arccos, arctan
asinh, acosh, atanh = arcsinh, arccosh, arctanh


def log2(x: ArrayLike, /) -> Array:
    """Logarithm to base 2, elementwise, in floating point."""
    (x,) = promote_inexact("log2", x)
    return _by_parts(lambda log: lax.div(log, lax.log(_constant(log, 2.0))), lax.log(x))


def log10(x: ArrayLike, /) -> Array:
    """Logarithm to base 10, elementwise, in floating point."""
    (x,) = promote_inexact("log10", x)
    return _by_parts(lambda log: lax.mul(log, _constant(log, 1 / math.log(10))), lax.log(x))


def _by_parts(scaled: Callable[[Array], Array], x: Array) -> Array:
    """`scaled(x)`, of each part of complex numbers by itself: a complex factor makes NaN of infinities and zeros."""
    if not dtypes.is_complex(x.dtype):
        return scaled(x)
    return lax.complex(scaled(lax.real(x)), scaled(lax.imag(x)))


def degrees(x: ArrayLike, /) -> Array:
    """Radians to degrees, elementwise."""
    (x,) = promote_inexact("degrees", x)
    return lax.mul(x, 180 / math.pi)


def radians(x: ArrayLike, /) -> Array:
    """Degrees to radians, elementwise."""
    (x,) = promote_inexact("radians", x)
    return lax.mul(x, math.pi / 180)


rad2deg, deg2rad = degrees, radians


def _constant(x: ArrayLike, value: float) -> np.generic:
    return x.dtype.type(value)


@traced_once("x")
def sinc(x: ArrayLike, /) -> Array:
    """sin(pi x) / (pi x), elementwise, and 1 at 0, with its derivatives there and near it."""
    (x,) = promote_inexact("sinc", x)
    angle = lax.mul(x, math.pi)
    is_near = lax.lt(lax.abs(angle), 1.0)  # there the derivatives of the quotient cancel
    far = lax.select_n(is_near, angle, number_like(x, 1))
    near = lax.select_n(is_near, number_like(x, 0), angle)
    return lax.select_n(is_near, lax.div(lax.sin(far), far), _sinc_series(near))


def _sinc_series(angle: ArrayLike) -> Array:
    """The Maclaurin series of sin(a)/a for |a| < 1, up to 1e-17."""
    square = lax.square(angle)
    total = lax.mul(square, 0.0)
    for k in range(8, 0, -1):
        total = lax.mul(square, lax.add(total, (-1) ** k / math.factorial(2 * k + 1)))
    return lax.add(total, 1.0)


@traced_once("x1", "x2")
def logaddexp(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """log(exp(x1) + exp(x2)), elementwise, without overflow."""
    x1, x2 = arrays_of(promote_args_inexact("logaddexp", x1, x2))
    return (_logaddexp_complex if dtypes.is_complex(x1.dtype) else _logaddexp)(x1, x2)


@custom_jvp
def _logaddexp(x1: Array, x2: Array) -> Array:
    """Its own rule makes it smooth where x1 and x2 are equal, as the formula is not."""
    larger = lax.max(x1, x2)
    equal = lax.eq(x1, x2)  # two equal infinities differ by 0, not NaN
    gap = lax.select_n(equal, lax.sub(x1, x2), number_like(larger, 0))
    return lax.add(larger, lax.log1p(lax.exp(lax.neg(lax.abs(gap)))))


def _share(t: Array, out: Array, x: Array) -> Array:
    """t times the part that exp(x) has in exp(out); all of it where both are infinite."""
    gap = lax.sub(_without_inf(x), _without_inf(out))
    return lax.mul(t, lax.convert_element_type(lax.exp(gap), t.dtype))


def _without_inf(x: Array) -> Array:
    return lax.select_n(lax.eq(x, np.inf), x, number_like(x, 0))


_logaddexp.defjvps(lambda t, out, x1, x2: _share(t, out, x1), lambda t, out, x1, x2: _share(t, out, x2))


def _logaddexp_complex(x1: Array, x2: Array) -> Array:
    larger = lax.max(x1, x2)
    smaller = lax.sub(lax.add(x1, x2), larger)
    total = lax.add(larger, lax.log1p(lax.exp(lax.sub(smaller, larger))))
    turned = lax.rem(lax.add(lax.imag(total), math.pi), 2 * math.pi)
    turned = lax.select_n(lax.lt(turned, 0), turned, lax.add(turned, 2 * math.pi))
    return lax.complex(lax.real(total), lax.sub(turned, math.pi))


@traced_once("x1", "x2")
def logaddexp2(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """log2(2**x1 + 2**x2), elementwise, without overflow."""
    x1, x2 = promote_args_inexact("logaddexp2", x1, x2)
    ln2 = math.log(2)
    return lax.div(logaddexp(lax.mul(x1, ln2), lax.mul(x2, ln2)), ln2)
