"""The normal distribution in several dimensions."""

from __future__ import annotations

import math

from cujax import lax
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact


def logpdf(x: ArrayLike, mean: ArrayLike, cov: ArrayLike, allow_singular: None = None) -> Array:
    """The logarithm of the density, by Cholesky's factorization of the covariance.

    x, mean: vectors along the last axis, of shape (..., n).  cov: covariances of shape (..., n, n), or a number, the
    variance in all directions.  ValueError for a mean and a covariance of other shapes, NotImplementedError for
    `allow_singular`.
    """
    if allow_singular is not None:
        raise NotImplementedError("multivariate_normal: allow_singular is not supported; add to the diagonal of cov")
    x, mean, cov = arrays_of(promote_inexact("multivariate_normal", x, mean, cov))
    if not mean.shape:
        return -0.5 * jnp.square(x - mean) / cov - 0.5 * (math.log(2 * math.pi) + jnp.log(cov))
    n = mean.shape[-1]
    if not cov.shape:
        difference = x - mean
        squares = jnp.sum(jnp.square(difference), axis=-1) / cov
        return -0.5 * squares - 0.5 * n * (math.log(2 * math.pi) + jnp.log(cov))
    if cov.ndim < 2 or cov.shape[-2:] != (n, n):
        raise ValueError(
            f"multivariate_normal: a mean of {n} elements needs cov of shape (..., {n}, {n}), got {cov.shape}"
        )
    factor = lax.linalg.cholesky(cov)
    solved = _solved(factor, x - mean)
    log_diagonal = jnp.sum(jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)
    return -0.5 * jnp.sum(jnp.square(solved), axis=-1) - 0.5 * n * math.log(2 * math.pi) - log_diagonal


def _solved(factor: Array, difference: Array) -> Array:
    """factor**-1 difference, for vectors along the last axis; many vectors of one factor are columns of one matrix."""
    n = difference.shape[-1]
    if factor.ndim == 2:
        columns = difference.reshape(-1, n).T
        return lax.linalg.triangular_solve(factor, columns, left_side=True, lower=True).T.reshape(difference.shape)
    shape = jnp.broadcast_shapes(factor.shape[:-2], difference.shape[:-1])
    factor = jnp.broadcast_to(factor, (*shape, n, n))
    columns = jnp.broadcast_to(difference, (*shape, n))[..., None]
    return lax.linalg.triangular_solve(factor, columns, left_side=True, lower=True)[..., 0]


def pdf(x: ArrayLike, mean: ArrayLike, cov: ArrayLike) -> Array:
    """The density.  Arguments and errors as for `logpdf`."""
    return jnp.exp(logpdf(x, mean, cov))
