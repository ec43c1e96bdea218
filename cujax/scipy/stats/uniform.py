"""The uniform distribution between loc and loc + scale."""

from __future__ import annotations

import math

from cujax import lax
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.stats.arguments import arguments, inside, limited


def logpdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The logarithm of the density."""
    x, loc, scale = arguments("uniform.logpdf", x, loc, scale)
    value = jnp.broadcast_to(-jnp.log(scale), jnp.broadcast_shapes(x.shape, loc.shape, scale.shape))
    return inside((x >= loc) & (x <= loc + scale), jnp.where(jnp.isnan(x), x, value))


def pdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, loc, scale))


def cdf(x: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The distribution function, the probability of numbers up to x."""
    x, loc, scale = arguments("uniform.cdf", x, loc, scale)
    z = (x - loc) / scale
    value = limited(z, 0, 1, z, 0.0, 1.0)
    return lax.convert_element_type(value, value.dtype)


def ppf(q: ArrayLike, loc: ArrayLike = 0, scale: ArrayLike = 1) -> Array:
    """The inverse of `cdf`: the number up to which the probability is q; NaN outside of [0, 1]."""
    q, loc, scale = arguments("uniform.ppf", q, loc, scale)
    return loc + scale * inside((q >= 0) & (q <= 1), q, math.nan)
