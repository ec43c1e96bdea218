"""The multinomial distribution: how often each outcome comes in n trials."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_inexact
from cujax.scipy.special import gammaln, xlogy


def logpmf(x: ArrayLike, n: ArrayLike, p: ArrayLike) -> Array:
    """The logarithm of the probability of the counts x along the last axis.

    x: integers.  n: how many trials, integers.  p: the probabilities of outcomes.  -inf where the counts do not add up
    to n or are negative.  ValueError if x or n are no integers.
    """
    x, n = as_array("multinomial.logpmf", x), as_array("multinomial.logpmf", n)
    if not all(dtypes.is_integer(v.dtype) or dtypes.is_bool(v.dtype) for v in (x, n)):
        raise ValueError(f"multinomial: x and n must be of integer type, got {x.dtype} and {n.dtype}")
    (p,) = arrays_of(promote_inexact("multinomial.logpmf", p))
    counts, trials = x.astype(p.dtype), n.astype(p.dtype)
    value = gammaln(trials + 1) + jnp.sum(xlogy(counts, p) - gammaln(counts + 1), axis=-1)
    return jnp.where((jnp.sum(x, axis=-1) == n) & jnp.all(x >= 0, axis=-1), value, -math.inf)


def pmf(x: ArrayLike, n: ArrayLike, p: ArrayLike) -> Array:
    """The probability of the counts.  Arguments and errors as for `logpmf`."""
    return jnp.exp(logpmf(x, n, p))
