"""Cauchy's distribution."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.stats.arguments import arguments, inside, log_of, standard


def _log_cdf(z: Array) -> Array:
    """The logarithm of `cdf`, from the tail which is nearer."""
    above = z > 0
    tail = jnp.arctan2(1, jnp.where(above, z, -z)) / math.pi
    return jnp.where(above, jnp.log1p(-tail), log_of(tail))


def _standard_ppf(q: Array) -> Array:
    """-cot(pi q), from whichever end is nearer; infinite at 0 and 1, NaN beyond."""
    at = inside((q >= 0) & (q <= 1), q, math.nan)
    return jnp.where(at < 0.5, -1 / jnp.tan(math.pi * at), 1 / jnp.tan(math.pi * (1 - at)))


def logpdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density."""
    z, scale = standard("cauchy.logpdf", x, loc, scale)
    return -math.log(math.pi) - jnp.log(scale) - jnp.log1p(z * z)


def pdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, loc, scale))


def cdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x."""
    z = standard("cauchy.cdf", x, loc, scale)[0]
    return jnp.arctan2(1, -z) / math.pi


def logcdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `cdf`."""
    z = standard("cauchy.logcdf", x, loc, scale)[0]
    return _log_cdf(z)


def sf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """1 - cdf(x), accurate where that is small."""
    z = standard("cauchy.sf", x, loc, scale)[0]
    return jnp.arctan2(1, z) / math.pi


def logsf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `sf`."""
    z = standard("cauchy.logsf", x, loc, scale)[0]
    return _log_cdf(-z)


def ppf(q: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The inverse of `cdf`: the number up to which the probability is q; NaN outside of [0, 1]."""
    q, loc, scale = arguments("cauchy.ppf", q, loc, scale)
    return loc + scale * _standard_ppf(q)


def isf(q: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The inverse of `sf`; NaN outside of [0, 1]."""
    q, loc, scale = arguments("cauchy.isf", q, loc, scale)
    return loc - scale * _standard_ppf(q)
