"""Dirichlet's distribution of numbers with the sum 1."""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact
from cujax.scipy.special import gammaln, xlogy

_TOLERANCE = 1e-10  # of what the sum may be from 1, in float64


def _checked(x: ArrayLike, alpha: ArrayLike) -> tuple[Array, Array]:
    x, alpha = arrays_of(promote_inexact("dirichlet", x, alpha))
    if alpha.ndim != 1:
        raise ValueError(f"dirichlet: alpha must have one axis, got shape {alpha.shape}")
    if x.ndim == 0 or x.shape[0] not in (alpha.shape[0], alpha.shape[0] - 1):
        raise ValueError(
            f"dirichlet: x must have as many rows as alpha has elements, {alpha.shape[0]}, or one fewer; "
            f"got shape {x.shape}"
        )
    return x, alpha


def logpdf(x: ArrayLike, alpha: ArrayLike) -> Array:
    """The logarithm of the density, an array of shape x.shape[1:].

    x: numbers with the sum 1 along the first axis; the last may be left out.  alpha: positive parameters, an array with
    one axis.  -inf where x is not on the simplex.  ValueError for other shapes.
    """
    x, alpha = _checked(x, alpha)
    if x.shape[0] != alpha.shape[0]:
        x = jnp.concatenate([x, 1 - jnp.sum(x, axis=0, keepdims=True)])
    tolerance = max(_TOLERANCE, 16 * float(jnp.finfo(x.dtype).eps) * alpha.shape[0])
    within = jnp.all((x >= 0) & (x <= 1), axis=0) & (jnp.abs(jnp.sum(x, axis=0) - 1) <= tolerance)
    exponents = jnp.reshape(alpha - 1, (-1, *[1] * (x.ndim - 1)))
    scale = gammaln(jnp.sum(alpha)) - jnp.sum(gammaln(alpha))
    return jnp.where(within, jnp.sum(xlogy(exponents, x), axis=0) + scale, -math.inf)


def pdf(x: ArrayLike, alpha: ArrayLike) -> Array:
    """The density.  Arguments and errors as for `logpdf`."""
    return jnp.exp(logpdf(x, alpha))
