"""Random points and matrices.

    ball                   points of a ball, uniformly
    multivariate_normal    normal vectors with a given mean and covariance
    orthogonal             rotations and reflections, uniformly
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from cujax import lax
from cujax import numpy as jnp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.numpy.promotion import arrays_of, as_array, promote_inexact
from cujax.random.arguments import arrays, canonical_shape, float_dtype, sample_shape
from cujax.random.continuous import exponential, normal, real_normal
from cujax.random.gamma_family import generalized_normal_typed
from cujax.random.keys import single_key, split_in

# --- points of a ball ---------------------------------------------------------------------------------------


@traced_once("key", "p")
def ball(key: Any, d: int, p: Any = 2, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random points of the unit ball of the p-norm in `d` dimensions, uniformly: arrays of shape `(*shape, d)`.

    d: an int, not negative.  p: a positive number.  dtype: floating-point, float by default.

    ValueError for another dtype, TypeError for what is no key, another d and another shape.

    Numbers of density exp(-|x|**p) over the p-norm of themselves and one exponential more: F. Barthe, O. Guedon, S.
    Mendelson, A. Naor, "A probabilistic approach to the geometry of the l_p^n-ball", Annals of Probability 33, 2005.
    """
    one, _ = single_key("ball", key)
    dtype = float_dtype("ball", dtype)
    shape = canonical_shape("ball", shape)
    point_key, radius_key = split_in(one, 2)
    whole = canonical_shape("ball", (*shape, operator.index(d)))
    p = as_array("ball", p, "p")
    points = generalized_normal_typed(point_key, p, whole, dtype)
    powers = jnp.sum(jnp.abs(points) ** p, -1) + exponential(radius_key, shape, dtype)
    return points / (powers ** (1 / p))[..., None]


# --- normal vectors -----------------------------------------------------------------------------------------


def _by_eigenvectors(cov: Array) -> Array:
    vectors, values = lax.linalg.eigh(cov)
    return vectors * jnp.sqrt(values[..., None, :])


def _by_singular_vectors(cov: Array) -> Array:
    vectors, values, _ = lax.linalg.svd(cov)
    return vectors * jnp.sqrt(values[..., None, :])


_FACTORS: dict[str, Callable[[Array], Array]] = {
    "cholesky": lax.linalg.cholesky, "eigh": _by_eigenvectors, "svd": _by_singular_vectors,
}


@traced_once("key", "mean", "cov")
def multivariate_normal(
    key: Any, mean: Any, cov: Any, shape: Any = None, dtype: Any = None, method: str = "cholesky", *,
    out_sharding: Any = None,
) -> Array:
    """Random normal vectors with mean `mean` and covariance matrix `cov`.

    mean: (..., n).  cov: (..., n, n), symmetric and positive definite, or semidefinite for the methods "svd" and
    "eigh"; where it is not the result is NaN, or has another covariance.  shape: to which the leading axes of both
    broadcast (None: the shape they broadcast to); the result is `(*shape, n)`.  dtype: floating-point, that of the
    parameters by default; the result's is what it promotes to with them.  method: how cov is factored; the numbers of
    equal keys depend on it.  Differentiable with respect to mean and cov, as the factorization is.

    ValueError for another method or dtype and shapes that do not fit, NotImplementedError for a cov of small floats,
    TypeError for what is no key and no array.

    >>> mean, cov = jnp.array([1.0, 2.0]), jnp.array([[2.0, 0.5], [0.5, 1.0]])
    >>> points = random.multivariate_normal(random.key(0), mean, cov, (1000,))
    """
    one, _ = single_key("multivariate_normal", key)
    if method not in _FACTORS:
        raise ValueError(f"multivariate_normal: method must be one of {set(_FACTORS)}, got {method!r}")
    mean, cov = arrays_of(promote_inexact("multivariate_normal", *arrays("multivariate_normal", mean=mean, cov=cov)))
    dtype = float_dtype("multivariate_normal", mean.dtype if dtype is None else dtype)
    shape = _shape_of_vectors(shape, mean, cov)
    noise = real_normal(one, (*shape, mean.shape[-1]), dtype)
    return mean + jnp.einsum("...ij,...j->...i", _FACTORS[method](cov), noise)


def _shape_of_vectors(shape: Any, mean: Array, cov: Array) -> tuple[int, ...]:
    """The shape of the batch.  ValueError where the parameters are no vectors and matrices of one size."""
    if mean.ndim < 1:
        raise ValueError(f"multivariate_normal requires mean.ndim >= 1, got mean.ndim == {mean.ndim}")
    if cov.ndim < 2:
        raise ValueError(f"multivariate_normal requires cov.ndim >= 2, got cov.ndim == {cov.ndim}")
    n = mean.shape[-1]
    if cov.shape[-2:] != (n, n):
        raise ValueError(
            f"multivariate_normal: mean of shape {mean.shape} needs cov of shape (..., {n}, {n}), got {cov.shape}"
        )
    batches = {"batches of mean": mean.shape[:-1], "batches of cov": cov.shape[:-2]}
    return sample_shape("multivariate_normal", shape, batches)


# --- orthogonal matrices ------------------------------------------------------------------------------------


@traced_once("key")
def orthogonal(
    key: Any, n: int, shape: Any = (), dtype: Any = None, m: int | None = None, *, out_sharding: Any = None
) -> Array:
    """Random n x m matrices with orthonormal columns (rows, if n < m), uniformly: arrays of shape `(*shape, n, m)`.

    n, m: ints, m is n by default.  dtype: floating-point, float by default, or complex: then they are unitary.

    ValueError for another dtype and negative sizes, NotImplementedError for small floats, TypeError for what is no
    key and another size.

    The QR factorization of a matrix of normal numbers, with the phases that make it unique: F. Mezzadri, "How to
    generate random matrices from the classical compact groups", Notices of the AMS 54, 2007.
    """
    one, _ = single_key("orthogonal", key)
    dtype = float_dtype("orthogonal", dtype, or_complex=True)
    shape = canonical_shape("orthogonal", shape)
    rows = operator.index(n)
    columns = rows if m is None else operator.index(m)
    if rows < 0 or columns < 0:
        raise ValueError(f"orthogonal: sizes of matrices must not be negative, got n={n} and m={m}")
    tall = normal(one, (*shape, max(rows, columns), min(rows, columns)), dtype)
    q, r = lax.linalg.qr(tall, full_matrices=False)
    unique = q * jnp.sign(jnp.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    return unique if rows >= columns else jnp.matrix_transpose(unique)
