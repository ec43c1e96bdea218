"""Poisson's distribution of mean `mu`."""

from __future__ import annotations

import math

from cujax import lax
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import gammaincc, gammaln, xlogy
from cujax.scipy.stats.arguments import arguments, inside, kept


def logpmf(k: ArrayLike, mu: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The logarithm of the probability of k."""
    k, mu, loc = arguments("poisson.logpmf", k, mu, loc)
    k = k - loc
    within = (k >= 0) & (k == jnp.floor(k))
    at = kept(within, k, 0.0)
    return inside(within, xlogy(at, mu) - gammaln(at + 1) - mu)


def pmf(k: ArrayLike, mu: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The probability of k."""
    return jnp.exp(logpmf(k, mu, loc))


def cdf(k: ArrayLike, mu: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The distribution function, the probability of numbers up to k."""
    k, mu, loc = arguments("poisson.cdf", k, mu, loc)
    k = k - loc
    value = gammaincc(jnp.floor(kept(k >= 0, k, 0.0)) + 1, mu)
    return inside(k >= 0, jnp.where(jnp.isnan(k), k, value), 0.0)


_SUMMED = 100.0  # up to this mean the entropy is a sum, beyond an asymptotic series
_TERMS = 250


def entropy(mu: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The entropy, -sum(p log(p)); for large mu by the series of R. Evans and J. Boersma (SIAM Review 30, 1988).

    `loc` has no influence but on the shape.
    """
    mu, loc = jnp.broadcast_arrays(*arguments("poisson.entropy", mu, loc))
    mu = lax.convert_element_type(mu, mu.dtype)
    k = jnp.arange(_TERMS, dtype=mu.dtype)
    logs = logpmf(k, jnp.expand_dims(jnp.clip(mu, 0, _SUMMED), -1))
    summed = -jnp.sum(jnp.exp(logs) * kept(jnp.exp(logs) > 0, logs, 0.0), axis=-1)
    r = 1 / jnp.maximum(mu, _SUMMED)
    series = -r * (1 / 12 + r * (1 / 24 + r * (19 / 360 + r * (9 / 80))))
    value = jnp.where(mu <= _SUMMED, summed, 0.5 * jnp.log(2 * math.pi * math.e / r) + series)
    return jnp.where(mu >= 0, value, math.nan)
