"""The exponential distribution."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special.logarithms import log1mexp
from cujax.scipy.stats.arguments import arguments, inside, kept, standard


def logpdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density."""
    z, scale = standard("expon.logpdf", x, loc, scale)
    return inside(z >= 0, -z - jnp.log(scale))


def pdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, loc, scale))


def cdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x."""
    z = standard("expon.cdf", x, loc, scale)[0]
    return inside(z >= 0, -jnp.expm1(-kept(z >= 0, z, 1.0)), 0.0)


def logcdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `cdf`."""
    z = standard("expon.logcdf", x, loc, scale)[0]
    return inside(z >= 0, log1mexp(kept(z >= 0, z, 1.0)))


def sf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """1 - cdf(x), accurate where that is small."""
    z = standard("expon.sf", x, loc, scale)[0]
    return inside(z >= 0, jnp.exp(-kept(z >= 0, z, 1.0)), 1.0)


def logsf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `sf`."""
    z = standard("expon.logsf", x, loc, scale)[0]
    return inside(z >= 0, -z, 0.0)


def ppf(q: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The inverse of `cdf`: the number up to which the probability is q; NaN outside of [0, 1]."""
    q, loc, scale = arguments("expon.ppf", q, loc, scale)
    return loc - scale * jnp.log1p(-inside((q >= 0) & (q <= 1), q, math.nan))
