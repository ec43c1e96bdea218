"""Von Mises's distribution of concentration `kappa`, on a circle."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import i0e
from cujax.scipy.stats.arguments import arguments, valid


def logpdf(x: ArrayLike, kappa: ArrayLike) -> Array:
    """The logarithm of the density."""
    z, kappa = arguments("vonmises.logpdf", x, kappa)
    return valid(kappa > 0, kappa * (jnp.cos(z) - 1) - math.log(2 * math.pi) - jnp.log(i0e(kappa)))


def pdf(x: ArrayLike, kappa: ArrayLike) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, kappa))
