"""The chi-squared distribution with `df` degrees of freedom."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import gammainc, gammaincc, gammaln, xlogy
from cujax.scipy.stats.arguments import bounded, inside, kept, log_of, standard, valid


def _at_zero(half: Array, scale: Array) -> Array:
    """The logarithm of the density at 0, where only one degree count has a finite one."""
    return jnp.where(half == 1, -math.log(2) - jnp.log(scale), jnp.where(half < 1, math.inf, -math.inf))


def logpdf(x: ArrayLike, df: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density."""
    z, df, scale = standard("chi2.logpdf", x, df, loc, scale)
    at = kept(z > 0, z, 1.0)
    half = df / 2
    value = xlogy(half - 1, at) - at / 2 - half * math.log(2) - gammaln(half) - jnp.log(scale)
    return valid(df > 0, inside(z >= 0, jnp.where(z == 0, _at_zero(half, scale), value)))


def pdf(x: ArrayLike, df: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, df, loc, scale))


def cdf(x: ArrayLike, df: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x."""
    z, df, _ = standard("chi2.cdf", x, df, loc, scale)
    within = bounded(z, df / 2)
    return valid(df > 0, inside(within, gammainc(df / 2, kept(within, z, 1.0) / 2), 0.0))


def logcdf(x: ArrayLike, df: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `cdf`."""
    return log_of(cdf(x, df, loc, scale))


def sf(x: ArrayLike, df: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """1 - cdf(x), accurate where that is small."""
    z, df, _ = standard("chi2.sf", x, df, loc, scale)
    within = bounded(z, df / 2)
    return valid(df > 0, inside(within, gammaincc(df / 2, kept(within, z, 1.0) / 2), 1.0))


def logsf(x: ArrayLike, df: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `sf`."""
    return log_of(sf(x, df, loc, scale))
