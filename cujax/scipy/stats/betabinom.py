"""The binomial distribution with a beta-distributed probability."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import betaln
from cujax.scipy.stats.arguments import arguments, inside, kept, valid


def logpmf(k: ArrayLike, n: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The logarithm of the probability of k."""
    k, n, a, b, loc = arguments("betabinom.logpmf", k, n, a, b, loc)
    k = jnp.floor(k) - loc
    within = (k >= 0) & (k <= n)
    at = kept(within, k, 0.0)
    value = -jnp.log1p(n) - betaln(n - at + 1, at + 1) + betaln(at + a, n - at + b) - betaln(a, b)
    return valid((a > 0) & (b > 0) & (n >= 0), inside(within, value))


def pmf(k: ArrayLike, n: ArrayLike, a: ArrayLike, b: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The probability of k."""
    return jnp.exp(logpmf(k, n, a, b, loc))
