"""Student's distribution with `df` degrees of freedom."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import betaln
from cujax.scipy.stats.arguments import standard


def logpdf(x: ArrayLike, df: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density."""
    z, df, scale = standard("t.logpdf", x, df, loc, scale)
    half = df / 2
    return -(half + 0.5) * jnp.log1p(z * z / df) - betaln(half, 0.5) - 0.5 * jnp.log(df) - jnp.log(scale)


def pdf(x: ArrayLike, df: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, df, loc, scale))
