"""The distribution of one trial, 1 with probability `p` and else 0."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import xlog1py, xlogy
from cujax.scipy.stats.arguments import arguments, inside, kept, valid


def logpmf(k: ArrayLike, p: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The logarithm of the probability of k."""
    k, p, loc = arguments("bernoulli.logpmf", k, p, loc)
    k = k - loc
    within = (k >= 0) & (k <= 1)
    at = kept(within, k, 0.0)
    return valid((p >= 0) & (p <= 1), inside(within, xlogy(at, p) + xlog1py(1 - at, -p)))


def pmf(k: ArrayLike, p: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The probability of k."""
    return jnp.exp(logpmf(k, p, loc))


def cdf(k: ArrayLike, p: ArrayLike) -> Array:
    """The distribution function, the probability of numbers up to k; NaN where p is no probability."""
    k, p = arguments("bernoulli.cdf", k, p)
    value = jnp.where(k < 0, 0.0, jnp.where(k < 1, 1 - p, 1.0))
    return valid((p >= 0) & (p <= 1) & ~jnp.isnan(k), value)


def ppf(q: ArrayLike, p: ArrayLike) -> Array:
    """The inverse of `cdf`: 0 up to q = 1 - p, then 1; NaN where q or p is no probability."""
    q, p = arguments("bernoulli.ppf", q, p)
    within = (q >= 0) & (q <= 1) & (p >= 0) & (p <= 1)
    return valid(within, jnp.where(q <= 1 - p, 0 * q, 0 * q + 1))
