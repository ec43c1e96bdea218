"""The gamma function and what is made of it: factorials, beta functions, incomplete integrals, zeta, Bernoulli numbers.

Quotients of gamma functions are quotients where these are finite, else they are computed by `_log_ratio`, which takes
no difference of large logarithms; so `betaln`, `comb` and `poch` stay accurate for large arguments.

    loggamma gamma      complex ones by Stirling's series (DLMF 5.11.1) after steps of the recurrence, and reflection
"""

from __future__ import annotations

import math
import operator
from fractions import Fraction
from typing import Any

import numpy as np

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops import special as ops
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_args_inexact, promote_inexact
from cujax.scipy.special.declare import horner, of_op, of_reals, real_arrays

_REAL = "TypeError for complex numbers."

gammaln = of_op("gammaln", lax.lgamma, f"log |gamma(x)|, infinite at 0, -1, -2, ...  {_REAL}")
digamma = of_op("digamma", lax.digamma, f"The derivative of gammaln, NaN at 0, -1, -2, ...  {_REAL}")


# --- the gamma function ------------------------------------------------------------------------------------


@of_reals(None)
def gammasgn(x: Array) -> Array:
    """The sign of the gamma function: that of x at 0, NaN at -1, -2, ... and at -inf; elementwise.

    ValueError for complex numbers.
    """
    whole = jnp.floor(x)
    sign = jnp.where(whole % 2 == 0, 1.0, -1.0)
    below = jnp.where(whole == x, math.nan, sign)
    return jnp.where(x == 0, jnp.copysign(1.0, x), jnp.where(x > 0, 1.0, jnp.where(x < 0, below, math.nan)))


def gamma(x: ArrayLike) -> Array:
    """The gamma function, (x - 1)! for natural numbers; elementwise, for real and complex numbers.

    Infinite with the sign of x at 0, NaN at -1, -2, ... and at -inf.
    """
    (x,) = arrays_of(promote_inexact("gamma", x))
    x = lax.convert_element_type(x, x.dtype) if x.aval.weak_type else x
    return jnp.exp(_complex_loggamma(x)) if dtypes.is_complex(x.dtype) else ops.gamma(x)


def loggamma(x: ArrayLike) -> Array:
    """The logarithm of the gamma function; elementwise, for real and complex numbers.

    Real numbers below 0 have none: NaN.  For complex ones it is continuous but on the negative real axis, so its
    imaginary part is not confined to (-pi, pi].
    """
    (x,) = arrays_of(promote_inexact("loggamma", x))
    if dtypes.is_complex(x.dtype):
        return _complex_loggamma(x)
    return jnp.where(x > 0, lax.lgamma(jnp.where(x > 0, x, 1)), jnp.where(x == 0, math.inf, math.nan))


_STEPS = 10  # of the recurrence, after which Stirling's series has float64's accuracy
_STIRLING = (1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12)


def _right_loggamma(z: Array) -> Array:
    """For numbers with a real part of at least 1/2."""
    near = jnp.abs(z) < _STEPS
    steps = jnp.zeros_like(z)
    for k in range(_STEPS):
        steps = steps + jnp.log(jnp.where(near, z + k, 1))
    w = jnp.where(near, z + _STEPS, z)
    inverse = 1 / w
    series = inverse * horner(inverse * inverse, _STIRLING)
    return (w - 0.5) * jnp.log(w) - w + 0.5 * math.log(2 * math.pi) + series - steps


@custom_jvp
def _complex_loggamma(z: Array) -> Array:
    x, y = jnp.real(z), jnp.imag(z)
    left, down = x < 0.5, y < 0
    upper = lax.complex(x, jnp.abs(y))
    right = _right_loggamma(jnp.where(left, 1 - upper, upper))
    out = jnp.where(left, math.log(math.pi) - _log_sine(upper) - right, right)
    out = jnp.where(down, jnp.conj(out), out)
    pole = (y == 0) & (x <= 0) & (x == jnp.round(x))
    return jnp.where(pole | jnp.isnan(x) | jnp.isnan(y), complex(math.nan, math.nan), out)


_complex_loggamma.defjvps(lambda t, out, z: t * _complex_digamma(z))


def _log_sine(z: Array) -> Array:
    """log(sin(pi z)) for z in the upper half-plane, continued from there to the real axis.

    sin(pi z) is i/2 exp(-i pi z) (1 - exp(2 pi i z)).
    """
    x, y = jnp.real(z), jnp.imag(z)
    turn, decay = 2 * math.pi * (x - jnp.round(x)), jnp.exp(-2 * math.pi * y)
    rest = lax.complex(-_expm1_times_cos(-2 * math.pi * y, turn), -decay * jnp.sin(turn))
    return jnp.log(rest) + lax.complex(math.pi * y - math.log(2), math.pi * (0.5 - x))


def _expm1_times_cos(x: Array, turn: Array) -> Array:
    """exp(x) cos(turn) - 1, without cancellation."""
    return jnp.expm1(x) * jnp.cos(turn) - 2 * jnp.square(jnp.sin(turn / 2))


_DIGAMMA_SERIES = (-1 / 12, 691 / 32760, -1 / 132, 1 / 240, -1 / 252, 1 / 120, -1 / 12)


def _complex_digamma(z: Array) -> Array:
    """The derivative of `loggamma`, from that of each of its parts."""
    left = jnp.real(z) < 0.5
    w = jnp.where(left, 1 - z, z)
    steps: Any = 0
    for k in range(_STEPS):
        steps = steps + 1 / (w + k)
    w = w + _STEPS
    square = 1 / (w * w)
    right = jnp.log(w) - 0.5 / w + square * horner(square, _DIGAMMA_SERIES) - steps
    return jnp.where(left, right - math.pi / jnp.tan(math.pi * jnp.where(left, z, 0.5)), right)


def factorial(n: ArrayLike, exact: bool = False) -> Array:
    """n! as a float, gamma(n + 1); 0 for negative n.  Elementwise.

    NotImplementedError for `exact`, TypeError for complex numbers.
    """
    if exact:
        raise NotImplementedError("factorial with exact=True: there are no integers of more than 64 bits")
    (n,) = arrays_of(promote_inexact("factorial", n))
    value = ops.gamma(jnp.where(n < 0, 0, n) + 1)
    return jnp.where(n < 0, 0.0, value)


def polygamma(n: ArrayLike, x: ArrayLike) -> Array:
    """The derivative of order n of `digamma`; elementwise, with broadcasting.

    n: natural numbers.  ValueError if n has no integer dtype, or for complex x.
    """
    if not dtypes.is_integer(jnp.result_type(n)):
        raise ValueError(f"polygamma: the order n must be of integer type, got {jnp.result_type(n)}")
    order, argument = real_arrays("polygamma", n, x, weak=True)
    return ops.polygamma(lax.stop_gradient(order), argument)


def multigammaln(a: ArrayLike, d: ArrayLike) -> Array:
    """log of the gamma function of d dimensions: the sum of gammaln(a - j/2), j below d, and d (d-1)/4 log(pi).

    d: a number known while tracing.  TypeError if it is an array with axes.
    """
    count = int(d)
    (a,) = arrays_of(promote_inexact("multigammaln", a))
    offsets = jnp.arange(count, dtype=a.dtype) / 2
    constant = count * (count - 1) / 4 * math.log(math.pi)
    return jnp.sum(lax.lgamma(jnp.expand_dims(a, -1) - offsets), axis=-1) + constant


# --- quotients of gamma functions ----------------------------------------------------------------------------

_LARGE = 10.0  # from here on Stirling's series has the accuracy of float64
_LOG1P = tuple(1 / n for n in range(33, 1, -2))


def _log1p_less(u: Array) -> Array:
    """log(1 + u) - u for u from 0 to 1: for small u the series of the inverse hyperbolic tangent."""
    t = u / (2 + u)
    series = horner(t * t, _LOG1P)
    return jnp.where(u < 0.5, 2 * t * t * t * series - t * u, jnp.log1p(u) - u)


def _stirling_rest(x: Array) -> Array:
    """lgamma(x + 1) less (x + 1/2) log(x) - x + log(2 pi) / 2, for large x."""
    r = 1 / x
    return r * horner(r * r, _STIRLING)


def _log_ratio(large: Array, small: Array) -> Array:
    """lgamma(large + small) - lgamma(large) for large >= 10 and 0 <= small <= large, by Stirling's series."""
    total, part = large + small, small / large
    powers = large * _log1p_less(part) - 0.5 * jnp.log1p(part) + small * jnp.log(total)
    return powers + _stirling_rest(total) - _stirling_rest(large)


@custom_jvp
def _betaln(a: Array, b: Array) -> Array:
    large, small = jnp.maximum(a, b), jnp.minimum(a, b)
    start, step = jnp.where(small < 0, large + small, large), jnp.abs(small)
    stirling = (start >= _LARGE) & (step <= start) & (large < math.inf)
    ratio = _log_ratio(jnp.where(stirling, start, _LARGE), jnp.where(stirling, step, 1))
    by_ratio = lax.lgamma(small) + jnp.where(small < 0, ratio, -ratio)
    return jnp.where(stirling, by_ratio, lax.lgamma(a) + (lax.lgamma(b) - lax.lgamma(a + b)))


_betaln.defjvps(
    lambda t, out, a, b: t * (lax.digamma(a) - lax.digamma(a + b)),
    lambda t, out, a, b: t * (lax.digamma(b) - lax.digamma(a + b)),
)


def betaln(a: ArrayLike, b: ArrayLike) -> Array:
    """log |beta(a, b)|; elementwise, with broadcasting.  TypeError for complex numbers."""
    return _betaln(*real_arrays("betaln", a, b, error=TypeError, weak=True))


def _gamma_range(x: Array) -> float:
    """Up to which size of its argument the gamma function is finite."""
    return 170.0 if x.dtype.itemsize > 4 else 34.0


@of_reals(
    lambda t, out, a, b: t * (out * (lax.digamma(a) - lax.digamma(a + b))),
    lambda t, out, a, b: t * (out * (lax.digamma(b) - lax.digamma(a + b))),
)
def beta(a: Array, b: Array) -> Array:
    """The beta function, gamma(a) gamma(b) / gamma(a + b); elementwise, with broadcasting.

    ValueError for complex numbers.
    """
    total = a + b
    largest = jnp.maximum(jnp.abs(total), jnp.maximum(jnp.abs(a), jnp.abs(b)))
    direct = (largest < _gamma_range(a)) & ~_is_pole(total)
    x, y = jnp.where(direct, a, 1), jnp.where(direct, b, 1)
    sign = gammasgn(a) * gammasgn(b) * jnp.where(_is_pole(total), 1, gammasgn(total))
    zero = _is_pole(total) & ~_is_pole(a) & ~_is_pole(b)
    quotient = ops.gamma(x) / ops.gamma(x + y) * ops.gamma(y)
    return jnp.where(direct, quotient, jnp.where(zero, 0.0, sign * jnp.exp(_betaln(a, b))))


def _comb_slope_n(t: Array, out: Array, n: Array, k: Array) -> Array:
    return t * jnp.where(out == 0, 0.0, out * (lax.digamma(n + 1) - lax.digamma(n - k + 1)))


def _comb_slope_k(t: Array, out: Array, n: Array, k: Array) -> Array:
    return t * jnp.where(out == 0, 0.0, out * (lax.digamma(n - k + 1) - lax.digamma(k + 1)))


@custom_jvp
def _comb(n: Array, k: Array) -> Array:
    inside = (n >= 0) & (k >= 0) & (k <= n)
    n, k = jnp.where(inside, n, 1), jnp.where(inside, k, 1)
    direct = n + 1 < _gamma_range(n)
    small = jnp.where(direct, n, 1), jnp.where(direct, k, 1)
    quotient = ops.gamma(small[0] + 1) / ops.gamma(small[1] + 1) / ops.gamma(small[0] - small[1] + 1)
    value = jnp.where(direct, quotient, jnp.exp(-_betaln(n - k + 1, k + 1) - jnp.log(n + 1)))
    exact = (n == jnp.round(n)) & (k == jnp.round(k)) & (value < 1 / dtypes.finfo(n.dtype).eps)
    return jnp.where(inside, jnp.where(exact, jnp.round(value), value), 0.0)


_comb.defjvps(_comb_slope_n, _comb_slope_k)


def comb(N: ArrayLike, k: ArrayLike, *, repetition: bool = False) -> Array:
    """The number of ways to take k of N things, as a float; 0 for k < 0, N < 0 or k > N.  Elementwise.

    repetition: things may be taken again: comb(N + k - 1, k).  TypeError for complex numbers.
    """
    n, k = real_arrays("comb", N, k, error=TypeError, weak=True)
    if not repetition:
        return _comb(n, k)
    inside = (n >= 0) & (k >= 0)
    return jnp.where(inside, jnp.where((n == 0) & (k == 0), 1.0, _comb(n + k - 1, k)), 0.0)


@of_reals(
    lambda t, out, z, m: t * (out * (lax.digamma(z + m) - lax.digamma(z))),
    lambda t, out, z, m: t * (out * lax.digamma(z + m)),
)
def poch(z: Array, m: Array) -> Array:
    """Pochhammer's symbol, gamma(z + m) / gamma(z); elementwise, with broadcasting.

    Where both are infinite it is the limit for whole m.  ValueError for complex numbers.
    """
    total = z + m
    pole, total_pole = _is_pole(z), _is_pole(total)
    bound = _gamma_range(z)
    direct = ~pole & ~total_pole & (jnp.abs(z) < bound) & (jnp.abs(total) < bound)
    quotient = ops.gamma(jnp.where(direct, total, 1)) / ops.gamma(jnp.where(direct, z, 1))
    reflected = jnp.where(m % 2 == 0, 1.0, -1.0) * jnp.exp(_log_quotient(1 - total, m))
    far = jnp.where(pole & total_pole, reflected, gammasgn(total) * gammasgn(z) * jnp.exp(_log_quotient(z, m)))
    beyond = jnp.where(pole & ~total_pole, 0.0, jnp.where(total_pole & ~pole, math.inf, far))
    return jnp.where(m == 0, 1.0, jnp.where(direct, quotient, beyond))


def _is_pole(x: Array) -> Array:
    return (x <= 0) & (x == jnp.round(x))


def _log_quotient(z: Array, m: Array) -> Array:
    """log |gamma(z + m) / gamma(z)|"""
    start, step = jnp.where(m < 0, z + m, z), jnp.abs(m)
    stirling = (start >= _LARGE) & (step <= start)
    ratio = _log_ratio(jnp.where(stirling, start, _LARGE), jnp.where(stirling, step, 1))
    rising = jnp.where(stirling, ratio, lax.lgamma(start + step) - lax.lgamma(start))
    return jnp.where(m < 0, -rising, rising)


# --- incomplete integrals ------------------------------------------------------------------------------------


def gammainc(a: ArrayLike, x: ArrayLike) -> Array:
    """The integral of t**(a-1) exp(-t) / gamma(a) from 0 to x, the distribution function of gamma-distributed numbers.

    Elementwise, with broadcasting; NaN for negative a or x.  Differentiable with respect to both, to first order with
    respect to a.  TypeError for complex numbers.
    """
    return lax.igamma(*promote_args_inexact("gammainc", a, x))


def gammaincc(a: ArrayLike, x: ArrayLike) -> Array:
    """1 - gammainc(a, x), accurate where that is near 1.  Arguments and errors as there."""
    return lax.igammac(*promote_args_inexact("gammaincc", a, x))


def betainc(a: ArrayLike, b: ArrayLike, x: ArrayLike) -> Array:
    """The integral of t**(a-1) (1-t)**(b-1) / beta(a, b) from 0 to x, how beta-distributed numbers are distributed.

    Elementwise, with broadcasting; NaN for negative a or b and for x outside of [0, 1].  Differentiable with respect to
    x; ValueError for derivatives with respect to a and b, and for complex numbers.
    """
    return lax.betainc(*real_arrays("betainc", a, b, x, weak=True))


# --- zeta and Bernoulli ----------------------------------------------------------------------------------------


def zeta(x: ArrayLike, q: ArrayLike | None = None) -> Array:
    """Hurwitz's zeta function, the sum of (q + k)**-x over k = 0, 1, ...; elementwise, with broadcasting.

    Infinite for x = 1, NaN below.  NotImplementedError without q: Riemann's function is zeta(x, 1) for x > 1.
    TypeError for complex numbers.
    """
    if q is None:
        raise NotImplementedError("zeta without q, Riemann's function; for x > 1 it is zeta(x, 1)")
    return lax.zeta(*promote_args_inexact("zeta", x, q))


def bernoulli(n: int) -> Array:
    """The Bernoulli numbers 0, 1, ..., n, an array of shape (n + 1,) in the default float; number 1 is -1/2.

    TypeError if n is not an int, ValueError if it is negative.
    """
    n = operator.index(n)
    if n < 0:
        raise ValueError(f"bernoulli: n must not be negative, got {n}")
    return jnp.asarray(np.array([float(b) for b in _bernoulli_numbers(n)], dtypes.python_scalar_dtype(float)))


def _bernoulli_numbers(n: int) -> list[Fraction]:
    """By the recurrence DLMF 24.5.3, in fractions; from 258 on they are too large for float64."""
    numbers = [Fraction(1)]
    for m in range(1, n + 1):
        if m > 1 and m % 2:
            numbers.append(Fraction(0))
        else:
            total = sum((math.comb(m + 1, k) * numbers[k] for k in range(m) if numbers[k]), Fraction(0))
            numbers.append(-total / (m + 1))
    return numbers
