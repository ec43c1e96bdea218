"""The distribution of the number of failures before the success number `n`."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import betaln, xlog1py, xlogy
from cujax.scipy.stats.arguments import arguments, inside, kept


def logpmf(k: ArrayLike, n: ArrayLike, p: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The logarithm of the probability of k."""
    k, n, p, loc = arguments("nbinom.logpmf", k, n, p, loc)
    k = k - loc
    within = k >= 0
    at = kept(within, k, 0.0)
    choices = -betaln(n, at + 1) - jnp.log(n + at)
    return inside(within, choices + xlogy(n, p) + xlog1py(at, -p))


def pmf(k: ArrayLike, n: ArrayLike, p: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The probability of k."""
    return jnp.exp(logpmf(k, n, p, loc))
