"""The normal distribution between a and b, given in units of scale from loc."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import erf, log_ndtr, ndtr
from cujax.scipy.special.logarithms import log1mexp
from cujax.scipy.stats import norm
from cujax.scipy.stats.arguments import inside, kept, standard, valid


def _finite(limit: Array) -> Array:
    """The limit; instead of an infinite one a number at which densities and their derivatives are 0 as well."""
    largest = math.sqrt(float(dtypes.finfo(limit.dtype).max)) / 2
    return jnp.clip(limit, -largest, largest)


def _near_zero(a: Array, b: Array) -> Array:
    """The logarithm of the normal probability between small a and b."""
    return jnp.log((erf(b * math.sqrt(0.5)) - erf(a * math.sqrt(0.5))) / 2)


def _across_zero(a: Array, b: Array) -> Array:
    """The same between a < 0 and b > 0, by what is left out."""
    return jnp.log1p(-(ndtr(a) + ndtr(-b)))


def _in_tail(a: Array, b: Array) -> Array:
    """The same between a and b of one sign, from the tail in which they are."""
    upper = a >= 0
    high, low = log_ndtr(jnp.where(upper, -a, b)), log_ndtr(jnp.where(upper, -b, a))
    return high + log1mexp(jnp.maximum(high - low, 0))


def _log_mass(a: Array, b: Array) -> Array:
    """The logarithm of the normal probability between a and b > a."""
    a, b = _finite(a), _finite(b)
    near = (a >= -1) & (b <= 1)
    across = ~near & (a < 0) & (b > 0)
    apart = ~near & ~across
    of_near = _near_zero(kept(near, a, -1.0), kept(near, b, 1.0))
    of_across = _across_zero(kept(across, a, -1.0), kept(across, b, 1.0))
    of_apart = _in_tail(kept(apart, a, 1.0), kept(apart, b, 2.0))
    return jnp.where(near, of_near, jnp.where(across, of_across, of_apart))


def _log_odds(z: Array, a: Array, b: Array) -> Array:
    """The logarithm of the probability from a to z over that from z to b; where z is not between, any number."""
    within = (a < z) & (z < b)
    z, a, b = kept(within, z, 0.0), kept(within, a, -1.0), kept(within, b, 1.0)
    return _log_mass(a, z) - _log_mass(z, b)


def _limited(z: Array, a: Array, b: Array, value: Array, below: float, above: float) -> Array:
    """`value` between a and b, else the limits; NaN where a >= b."""
    return valid((a < b) & ~jnp.isnan(z), jnp.where(z <= a, below, jnp.where(z >= b, above, value)))


def logpdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density.  TypeError for complex numbers."""
    z, a, b, scale = standard("truncnorm.logpdf", x, a, b, loc, scale)
    exists = a < b
    mass = _log_mass(kept(exists, a, -1.0), kept(exists, b, 1.0))
    return valid(exists, inside((z >= a) & (z <= b), norm.logpdf(z) - jnp.log(scale) - mass))


def pdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density.  TypeError for complex numbers."""
    return jnp.exp(logpdf(x, a, b, loc, scale))


def logcdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `cdf`.  TypeError for complex numbers."""
    z, a, b, _ = standard("truncnorm.logcdf", x, a, b, loc, scale)
    return _limited(z, a, b, -jnp.logaddexp(0, -_log_odds(z, a, b)), -math.inf, 0.0)


def cdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x.  TypeError for complex numbers."""
    return jnp.exp(logcdf(x, a, b, loc, scale))


def logsf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `sf`.  TypeError for complex numbers."""
    z, a, b, _ = standard("truncnorm.logsf", x, a, b, loc, scale)
    return _limited(z, a, b, -jnp.logaddexp(0, _log_odds(z, a, b)), 0.0, -math.inf)


def sf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """1 - cdf(x), accurate where that is small.  TypeError for complex numbers."""
    return jnp.exp(logsf(x, a, b, loc, scale))
