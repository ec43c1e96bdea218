"""The beta distribution of shapes `a` and `b`."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import betainc, betaln, xlog1py, xlogy
from cujax.scipy.stats.arguments import bounded, inside, kept, log_of, standard, valid


def logpdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density."""
    z, a, b, scale = standard("beta.logpdf", x, a, b, loc, scale)
    within = (z >= 0) & (z <= 1)
    at = kept(within, z, 0.5)
    value = xlogy(a - 1, at) + xlog1py(b - 1, -at) - betaln(a, b) - jnp.log(scale)
    return valid((a > 0) & (b > 0), inside(within, value))


def pdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, a, b, loc, scale))


def cdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x."""
    z, a, b, _ = standard("beta.cdf", x, a, b, loc, scale)
    within = bounded(z, a) & bounded(1 - z, b)
    inner = betainc(a, b, kept(within, z, 0.5))
    return valid((a > 0) & (b > 0), inside(within, inner, jnp.where(z < 0.5, 0.0, 1.0)))


def logcdf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `cdf`."""
    return log_of(cdf(x, a, b, loc, scale))


def sf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """1 - cdf(x), accurate where that is small."""
    z, a, b, _ = standard("beta.sf", x, a, b, loc, scale)
    within = bounded(z, a) & bounded(1 - z, b)
    inner = betainc(b, a, 1 - kept(within, z, 0.5))
    return valid((a > 0) & (b > 0), inside(within, inner, jnp.where(z < 0.5, 1.0, 0.0)))


def logsf(x: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `sf`."""
    return log_of(sf(x, a, b, loc, scale))
