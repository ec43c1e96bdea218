"""The regularized incomplete gamma and beta functions, and how a gamma-distributed number changes with its parameter.

    igamma igammac                 P(a, x), the distribution function of gamma-distributed numbers, and 1 - P
    igamma_grad_a                  dP/da
    random_gamma_grad              dx/da where x keeps its place in the gamma distribution of parameter a
    regularized_incomplete_beta    the distribution function of beta-distributed numbers; public as `betainc`

Distribution functions come from the backend's library, their derivatives stand here.  The number
x(a) for which P(a, x(a)) stays as it is has the derivative

    dx/da = -(dP/da) / (dP/dx)

(M. Figurnov, S. Mohamed, A. Mnih, "Implicit reparameterization gradients", NeurIPS 2018).  P and 1 - P are
x**a exp(-x) / gamma(a + 1) times a series (DLMF 8.11.4) or a continued fraction (8.9.2), whose derivatives by a
are summed along with them; the large powers cancel in the quotient.  Generated code (`kernels/incomplete.h`) does
the same.  Here all is computed in float64, as many terms for all elements as the slowest one needs: where x is
near a up to 7 sqrt(a).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.core.tape import literal
from cujax.engine.ground import dtypes
from cujax.engine.ops.elementwise import add, div, exp, log, log1p, mul, mul_nonzero, neg, sub
from cujax.engine.ops.families import FLOAT, binary, ternary
from cujax.engine.ops.logic import bitwise_and, bitwise_or, eq, gt, select
from cujax.engine.ops.special import digamma, from_scipy, lgamma
from cujax.engine.ops.structural import dtype_of

_SETTLED = 1e-13  # relative size of what is left out; rounding errors of the fraction's slope are as large
_LONGEST = 200_000  # terms
_STRIDE = 16  # terms between looks at whether the sums have settled


def _series(xp: Any, a: Any, x: Any) -> tuple[Any, Any]:
    """1 + x/(a + 1) + x**2/((a + 1)(a + 2)) + ... and its derivative by a; for x not far above a."""
    term, total = xp.ones_like(x), xp.ones_like(x)
    slope, slope_total = xp.zeros_like(x), xp.zeros_like(x)
    for n in range(1, _LONGEST):
        ratio = x / (a + n)
        slope = (slope - term / (a + n)) * ratio
        term = term * ratio
        total, slope_total = total + term, slope_total + slope
        if n % _STRIDE == 0 and bool(xp.all(64 * (term - slope) <= _SETTLED * total)):
            break
    return total, slope_total


def _fraction(xp: Any, a: Any, x: Any) -> tuple[Any, Any]:
    """1/(x + 1 - a + (a - 1)/(x + 3 - a + 2 (a - 2)/(x + 5 - a + ...))) and its derivative by a; for x above a.

    Rows of `above` and `below` are numerator and denominator, their derivatives, and both of the step before.
    """
    b = x + 1 - a
    one, zero = xp.ones_like(x), xp.zeros_like(x)
    above, below = [one, zero, zero, zero], [b, -one, one, zero]
    value = slope = zero
    for n in range(1, _LONGEST):
        b = b + 2
        above, below = (_next_level(rows, n * (a - n), n, b) for rows in (above, below))
        if n % _STRIDE == 0:
            before, before_slope = value, slope
            value = above[0] / below[0]
            slope = (above[1] - value * below[1]) / below[0]
            change = xp.absolute(value - before) + xp.absolute(slope - before_slope)
            if bool(xp.all(change <= _SETTLED * (value + xp.absolute(slope)))):
                break
            scale = xp.where(xp.absolute(below[0]) > 1e100, 1e-100, 1.0)
            above, below = ([row * scale for row in rows] for rows in (above, below))
    return value, slope


def _next_level(rows: list[Any], c: Any, c_slope: Any, b: Any) -> list[Any]:
    """b y + c y_before and its derivative, from y, its derivative and those before; that of b is -1."""
    y, slope, before, slope_before = rows
    return [b * y + c * before, b * slope - y + c * slope_before + c_slope * before, y, slope]


def _slope_ratio(xp: Any, a: Any, x: Any) -> Any:
    """dP/da over dP/dlog(x), for positive finite a and x."""
    near = xp.absolute(x - a) < a / 2
    of_mean = library(xp).digamma(a + 1)
    of_factor = xp.where(near, xp.log1p(xp.where(near, x - a, 0) / a) - (of_mean - xp.log(a)), xp.log(x) - of_mean)
    out = xp.empty_like(x)
    below = (x <= 1) | (x <= a + xp.sqrt(a))
    total, slope = _series(xp, a[below], x[below])
    out[below] = (slope + total * of_factor[below]) / a[below]
    value, slope = _fraction(xp, a[~below], x[~below])
    out[~below] = -(slope + value * (of_factor[~below] + 1 / a[~below]))
    return out


def _where_inside(function: Callable) -> Callable:
    """An `impl`: `function(xp, a, x)` of positive finite a and x; 0 where x is 0, NaN beyond."""

    def impl(xp: Any, a: Any, x: Any) -> Any:
        a, x = xp.broadcast_arrays(a, x)
        wide_a, wide_x = a.reshape(-1).astype(np.float64), x.reshape(-1).astype(np.float64)
        inside = (wide_a > 0) & (wide_x > 0) & xp.isfinite(wide_a + wide_x)
        out = xp.where((wide_a > 0) & (wide_x == 0) & xp.isfinite(wide_a), 0.0, xp.nan)
        out[inside] = function(xp, wide_a[inside], wide_x[inside])
        return out.reshape(x.shape).astype(x.dtype)

    return impl


def _density(xp: Any, a: Any, x: Any) -> Any:
    """dP/d log(x), for positive finite a and x."""
    return xp.exp(a * xp.log(x) - x - library(xp).lgamma(a))


# --- distribution functions -----------------------------------------------------------------------------


def _power(y: Any, x: Any, log_x: Any) -> tuple[Any, Any]:
    """x**y as a factor and a logarithm, which is constant at x = 0; there the factor is x for y = 1, else 1.

    So derivatives at 0 are finite: those of x**0 and x**1, and 0 for the other powers of positive y.
    """
    is_zero = eq(x, 0)
    is_linear = bitwise_and(is_zero, eq(y, 1))
    steep = select(gt(y, 0), -math.inf, literal(math.inf, dtype_of(y)))
    at_zero = select(bitwise_or(is_linear, eq(y, 0)), 0.0, steep)
    return select(is_linear, x, 1.0), select(is_zero, at_zero, mul(y, log_x))


def _gamma_density(a: Any, x: Any) -> Any:
    """dP/dx"""
    x = select(eq(x, math.inf), float(dtypes.finfo(dtype_of(x)).max), x)  # where exp(-x) is 0 as well
    factor, power = _power(sub(a, 1), x, log(select(eq(x, 0), 1.0, x)))
    return mul(factor, exp(sub(sub(power, x), lgamma(a))))


igamma_p, igamma = binary(
    "igamma", domain=FLOAT, arguments="a x", cuda="cj::igamma({x}, {y})", impl=from_scipy("gammainc"),
    doc="The integral of t**(a-1) exp(-t) / gamma(a) from 0 to x.",
    jvp=(lambda t, out, a, x: mul(t, igamma_grad_a(a, x)), lambda t, out, a, x: mul(t, _gamma_density(a, x))),
)
igammac_p, igammac = binary(
    "igammac", domain=FLOAT, arguments="a x", cuda="cj::igammac({x}, {y})", impl=from_scipy("gammaincc"),
    doc="1 - igamma(a, x), accurate where igamma(a, x) is near 1.",
    jvp=(lambda t, out, a, x: neg(mul(t, igamma_grad_a(a, x))), lambda t, out, a, x: neg(mul(t, _gamma_density(a, x)))),
)


def _no_beta_parameter_partial(t: Any, out: Any, *operands: Any) -> Any:
    raise ValueError("betainc has no derivative with respect to a and b, only with respect to x")


def _beta_density(a: Any, b: Any, x: Any) -> Any:
    """dI/dx"""
    rest = sub(1, x)
    factor, power = _power(sub(a, 1), x, log(select(eq(x, 0), 1.0, x)))
    rest_factor, rest_power = _power(sub(b, 1), rest, log1p(neg(select(eq(rest, 0), 0.0, x))))
    log_beta = sub(add(lgamma(a), lgamma(b)), lgamma(add(a, b)))
    return mul(mul(factor, rest_factor), exp(sub(add(power, rest_power), log_beta)))


regularized_incomplete_beta_p, regularized_incomplete_beta = ternary(
    "regularized_incomplete_beta", domain=FLOAT, arguments="a b x", cuda="cj::betainc({x}, {y}, {z})",
    impl=from_scipy("betainc"), public="betainc",
    doc="The integral of t**(a-1) (1-t)**(b-1) / beta(a, b) from 0 to x.",
    jvp=(
        _no_beta_parameter_partial, _no_beta_parameter_partial,
        lambda t, out, a, b, x: mul(t, _beta_density(a, b, x)),
    ),
)

# --- derivatives with respect to a ------------------------------------------------------------------------


def _no_second_partial(t: Any, out: Any, a: Any, x: Any) -> Any:
    raise NotImplementedError(
        "igamma_grad_a has no derivative with respect to a: second derivatives of gammainc and gammaincc with respect "
        "to their first argument are not supported"
    )


igamma_grad_a_p, igamma_grad_a = binary(
    "igamma_grad_a", domain=FLOAT, arguments="a x", doc="The derivative of igamma(a, x) with respect to a.",
    cuda="cj::igamma_grad_a({x}, {y})",
    impl=_where_inside(lambda xp, a, x: _density(xp, a, x) * _slope_ratio(xp, a, x)),
    jvp=(_no_second_partial, lambda t, out, a, x: mul(t, mul_nonzero(sub(log(x), digamma(a)), _gamma_density(a, x)))),
)


def _parameter_partial(t: Any, out: Any, a: Any, x: Any) -> Any:
    raise NotImplementedError(
        "random_gamma_grad has no derivative with respect to a: second derivatives of gamma-distributed numbers "
        "with respect to their parameter are not supported"
    )


def _number_partial(t: Any, out: Any, a: Any, x: Any) -> Any:
    """Of -(dP/da) / p, where log p = (a - 1) log(x) - x - lgamma(a)."""
    slope_of_log_p = sub(div(sub(a, 1), x), 1)
    return mul(t, sub(sub(digamma(a), log(x)), mul(out, slope_of_log_p)))


random_gamma_grad_p, random_gamma_grad = binary(
    "random_gamma_grad", domain=FLOAT,
    doc="The derivative, with respect to its parameter x, of a gamma-distributed number y.",
    cuda="cj::random_gamma_grad({x}, {y})", impl=_where_inside(lambda xp, a, x: -x * _slope_ratio(xp, a, x)),
    jvp=(_parameter_partial, _number_partial),
)
