"""The normal distribution between a and b, given in units of scale from loc."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import log_ndtr
from cujax.scipy.special.logarithms import log1mexp
from cujax.scipy.stats import norm
from cujax.scipy.stats.arguments import kept, standard, valid


def _log_difference(x: Array, y: Array) -> Array:
    """log(exp(x) - exp(y)), for x >= y."""
    return x + log1mexp(jnp.maximum(x - y, 0))


def _log_mass(a: Array, b: Array) -> Array:
    """The logarithm of the normal probability between a and b; from whichever tail is smaller."""
    upper = a > 0
    low, high = jnp.where(upper, -b, a), jnp.where(upper, -a, b)
    across = (a <= 0) & (b > 0)
    tails = jnp.exp(log_ndtr(jnp.where(across, a, -1))) + jnp.exp(log_ndtr(jnp.where(across, -b, -1)))
    apart = _log_difference(log_ndtr(jnp.where(across, 1, high)), log_ndtr(jnp.where(across, -1, low)))
    return jnp.where(across, jnp.log1p(-tails), apart)


def _ordered(a: Array, b: Array) -> tuple[Array, Array]:
    """The limits, and others where they are none, so that derivatives are 0 there."""
    return kept(a < b, a, -1.0), kept(a < b, b, 1.0)


def _limited(z: Array, a: Array, b: Array, value: Array, below: float, above: float) -> Array:
    """`value` from a to b, else the limits; NaN where a >= b."""
    return valid((a < b) & ~jnp.isnan(z), jnp.where(z < a, below, jnp.where(z > b, above, value)))


def logpdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density.  TypeError for complex numbers."""
    z, a, b, scale = standard("truncnorm.logpdf", x, a, b, loc, scale)
    value = norm.logpdf(z) - jnp.log(scale) - _log_mass(*_ordered(a, b))
    return _limited(z, a, b, value, -math.inf, -math.inf)


def pdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density.  TypeError for complex numbers."""
    return jnp.exp(logpdf(x, a, b, loc, scale))


def logcdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `cdf`.  TypeError for complex numbers."""
    z, a, b, _ = standard("truncnorm.logcdf", x, a, b, loc, scale)
    within = (z > a) & (z < b)
    low, high = _ordered(a, b)
    value = _log_mass(low, jnp.where(within, z, high)) - _log_mass(low, high)
    return _limited(z, a, b, jnp.where(z <= a, -math.inf, value), -math.inf, 0.0)


def cdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x.  TypeError for complex numbers."""
    return jnp.exp(logcdf(x, a, b, loc, scale))


def logsf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `sf`.  TypeError for complex numbers."""
    z, a, b, _ = standard("truncnorm.logsf", x, a, b, loc, scale)
    within = (z > a) & (z < b)
    low, high = _ordered(a, b)
    value = _log_mass(jnp.where(within, z, low), high) - _log_mass(low, high)
    return _limited(z, a, b, jnp.where(z >= b, -math.inf, value), 0.0, -math.inf)


def sf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """1 - cdf(x), accurate where that is small.  TypeError for complex numbers."""
    return jnp.exp(logsf(x, a, b, loc, scale))
