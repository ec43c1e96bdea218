"""Pareto's distribution of exponent `b`: from scale on."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special.logarithms import log1mexp
from cujax.scipy.stats.arguments import arguments, inside, kept, standard, valid


def logpdf(x: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density."""
    z, b, scale = standard("pareto.logpdf", x, b, loc, scale)
    at = kept(z >= 1, z, 2.0)
    return valid(b > 0, inside(z >= 1, jnp.log(b) - (b + 1) * jnp.log(at) - jnp.log(scale)))


def pdf(x: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, b, loc, scale))


def cdf(x: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x."""
    z, b, _ = standard("pareto.cdf", x, b, loc, scale)
    return valid(b > 0, inside(z >= 1, -jnp.expm1(-b * jnp.log(kept(z >= 1, z, 2.0))), 0.0))


def logcdf(x: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `cdf`."""
    z, b, _ = standard("pareto.logcdf", x, b, loc, scale)
    return valid(b > 0, inside(z > 1, log1mexp(b * jnp.log(kept(z > 1, z, 2.0)))))


def sf(x: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """1 - cdf(x), accurate where that is small."""
    return jnp.exp(logsf(x, b, loc, scale))


def logsf(x: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of `sf`."""
    z, b, _ = standard("pareto.logsf", x, b, loc, scale)
    return valid(b > 0, inside(z >= 1, -b * jnp.log(kept(z >= 1, z, 2.0)), 0.0))


def ppf(q: ArrayLike, b: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The inverse of `cdf`: the number up to which the probability is q; NaN outside of [0, 1]."""
    q, b, loc, scale = arguments("pareto.ppf", q, b, loc, scale)
    return loc + scale * jnp.exp(-jnp.log1p(-inside((q >= 0) & (q <= 1), q, math.nan)) / b)
