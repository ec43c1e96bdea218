"""The binomial distribution of `n` trials of probability `p`."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import betaln, xlog1py, xlogy
from cujax.scipy.stats.arguments import arguments, inside, kept, valid


def logpmf(k: ArrayLike, n: ArrayLike, p: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The logarithm of the probability of k."""
    k, n, p, loc = arguments("binom.logpmf", k, n, p, loc)
    k = k - loc
    within = (k >= 0) & (k <= n)
    at = kept(within, k, 0.0)
    choices = -jnp.log1p(n) - betaln(n - at + 1, at + 1)
    value = choices + xlogy(at, p) + xlog1py(n - at, -p)
    return valid((p >= 0) & (p <= 1) & (n >= 0), inside(within, value))


def pmf(k: ArrayLike, n: ArrayLike, p: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The probability of k."""
    return jnp.exp(logpmf(k, n, p, loc))
