"""The generalized normal distribution, with density proportional to exp(-|x|**beta)."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import gammaincc, gammaln
from cujax.scipy.stats.arguments import arguments, valid


def logpdf(x: ArrayLike, beta: ArrayLike) -> Array:
    """The logarithm of the density."""
    z, beta = arguments("gennorm.logpdf", x, beta)
    return valid(beta > 0, jnp.log(0.5 * beta) - gammaln(1 / beta) - jnp.abs(z) ** beta)


def pdf(x: ArrayLike, beta: ArrayLike) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, beta))


def cdf(x: ArrayLike, beta: ArrayLike) -> Array:
    """The distribution function, the probability of numbers up to x."""
    z, beta = arguments("gennorm.cdf", x, beta)
    size = jnp.abs(z) ** beta
    tail = 0.5 * gammaincc(1 / beta, size)
    return valid(beta > 0, jnp.where(z > 0, 1 - tail, tail))
