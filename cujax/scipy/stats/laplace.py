"""Laplace's distribution."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.stats.arguments import standard


def logpdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density."""
    z, scale = standard("laplace.logpdf", x, loc, scale)
    return -jnp.abs(z) - jnp.log(2 * scale)


def pdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, loc, scale))


def cdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x."""
    z = standard("laplace.cdf", x, loc, scale)[0]
    left, right = jnp.where(z <= 0, z, 0), jnp.where(z <= 0, 0, z)  # not |z|, whose derivative at 0 is not +1 or -1
    return jnp.where(z <= 0, 0.5 * jnp.exp(left), 1 - 0.5 * jnp.exp(-right))
