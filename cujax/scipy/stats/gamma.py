"""The gamma distribution of shape `a`."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import gammainc, gammaincc, gammaln, xlogy
from cujax.scipy.stats.arguments import bounded, inside, kept, log_of, standard, valid


def logpdf(x: ArrayLike, a: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density."""
    z, a, scale = standard("gamma.logpdf", x, a, loc, scale)
    at = kept(z >= 0, z, 1.0)
    return valid(a > 0, inside(z >= 0, xlogy(a - 1, at) - at - gammaln(a) - jnp.log(scale)))


def pdf(x: ArrayLike, a: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, a, loc, scale))


def cdf(x: ArrayLike, a: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x."""
    z, a, _ = standard("gamma.cdf", x, a, loc, scale)
    within = bounded(z, a)
    return valid(a > 0, inside(within, gammainc(a, kept(within, z, 1.0)), 0.0))


def logcdf(x: ArrayLike, a: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `cdf`."""
    return log_of(cdf(x, a, loc, scale))


def sf(x: ArrayLike, a: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """1 - cdf(x), accurate where that is small."""
    z, a, _ = standard("gamma.sf", x, a, loc, scale)
    within = bounded(z, a)
    return valid(a > 0, inside(within, gammaincc(a, kept(within, z, 1.0)), 1.0))


def logsf(x: ArrayLike, a: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `sf`."""
    return log_of(sf(x, a, loc, scale))
