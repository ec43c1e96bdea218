"""The normal distribution."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import log_ndtr, ndtr, ndtri
from cujax.scipy.stats.arguments import arguments, standard


def logpdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density, -z**2/2 - log(scale sqrt(2 pi)) for z = (x - loc) / scale."""
    z, scale = standard("norm.logpdf", x, loc, scale)
    return -0.5 * z * z - (0.5 * math.log(2 * math.pi) + jnp.log(scale))


def pdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, loc, scale))


def cdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x.  TypeError for complex numbers."""
    return ndtr(standard("norm.cdf", x, loc, scale)[0])


def logcdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `cdf`, accurate where that is near 0 or 1.  TypeError for complex numbers."""
    return log_ndtr(standard("norm.logcdf", x, loc, scale)[0])


def sf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """1 - cdf(x), accurate where that is small.  TypeError for complex numbers."""
    return ndtr(-standard("norm.sf", x, loc, scale)[0])


def logsf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `sf`.  TypeError for complex numbers."""
    return log_ndtr(-standard("norm.logsf", x, loc, scale)[0])


def ppf(q: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The inverse of `cdf`: the number up to which the probability is q.  TypeError for complex numbers."""
    q, loc, scale = arguments("norm.ppf", q, loc, scale)
    return ndtri(q) * scale + loc


def isf(q: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The inverse of `sf`.  TypeError for complex numbers."""
    q, loc, scale = arguments("norm.isf", q, loc, scale)
    return loc - ndtri(q) * scale
