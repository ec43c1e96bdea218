"""The distribution of the number of the first success in trials of probability `p`."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import xlog1py
from cujax.scipy.stats.arguments import arguments, inside, kept


def logpmf(k: ArrayLike, p: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The logarithm of the probability of k."""
    k, p, loc = arguments("geom.logpmf", k, p, loc)
    k = k - loc
    return inside(k > 0, jnp.log(p) + xlog1py(kept(k > 0, k, 1.0) - 1, -p))


def pmf(k: ArrayLike, p: ArrayLike, loc: ArrayLike = 0) -> Array:
    """The probability of k."""
    return jnp.exp(logpmf(k, p, loc))
