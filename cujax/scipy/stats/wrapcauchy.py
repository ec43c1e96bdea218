"""Cauchy's distribution wound around a circle, on [0, 2 pi), with mean length `c`."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.stats.arguments import arguments, inside, kept, valid


def logpdf(x: ArrayLike, c: ArrayLike) -> Array:
    """The logarithm of the density."""
    z, c = arguments("wrapcauchy.logpdf", x, c)
    within = (z >= 0) & (z <= 2 * math.pi)
    value = jnp.log1p(-c * c) - math.log(2 * math.pi) - jnp.log1p(c * c - 2 * c * jnp.cos(kept(within, z, 0.0)))
    return valid((c > 0) & (c < 1), inside(within, value))


def pdf(x: ArrayLike, c: ArrayLike) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, c))
