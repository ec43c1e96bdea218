"""`gaussian_kde`: a density estimated from samples, the sum of a normal density around each."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax import lax, random, tree_util
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact
from cujax.scipy.special import logsumexp, ndtr

Bandwidth = None | str | float | Array | Callable[[Any], Array]


@tree_util.register_pytree_node_class
@dataclasses.dataclass(frozen=True, init=False)
class gaussian_kde:
    """A density estimated from samples.

    dataset: samples, of shape (n,), or (d, n) in d dimensions.  bw_method: the width of each normal density in units of
    the samples' standard deviation: "scott" (as None: neff**(-1/(d+4))), "silverman" ((neff (d+2)/4)**(-1/(d+4))), a
    number, or a function of this object.  weights: of the samples, of shape (n,).

    A pytree of the number of samples that count `neff`, `dataset`, `weights`, `covariance` and its inverse `inv_cov`.
    ValueError for other shapes and methods, NotImplementedError for complex samples.
    """

    neff: Any
    dataset: Any
    weights: Any
    covariance: Any
    inv_cov: Any

    def __init__(self, dataset: ArrayLike, bw_method: Bandwidth = None, weights: ArrayLike | None = None) -> None:
        (samples,) = arrays_of(promote_inexact("gaussian_kde", dataset))
        samples = _rows(samples)
        _check_samples(samples)
        factors = _weights(samples, weights)
        self._set(dataset=samples, weights=factors, neff=1 / jnp.sum(jnp.square(factors)))
        covariance = jnp.atleast_2d(jnp.cov(samples, rowvar=True, bias=False, aweights=factors))
        inverse = jnp.linalg.inv(covariance)
        scale = jnp.square(jnp.asarray(self._width(bw_method), samples.dtype))
        self._set(covariance=covariance * scale, inv_cov=inverse / scale)

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self, name, value)

    def _width(self, method: Bandwidth) -> Any:
        if isinstance(method, str | None) and method in ("scott", None):
            return jnp.power(self.neff, -1.0 / (self.d + 4))
        if isinstance(method, str) and method == "silverman":
            return jnp.power(self.neff * (self.d + 2) / 4.0, -1.0 / (self.d + 4))
        if callable(method):
            return method(self)
        if isinstance(method, str) or np.ndim(method):
            raise ValueError(
                f"gaussian_kde: bw_method must be 'scott', 'silverman', a number or a function, got {method!r}"
            )
        return method

    def tree_flatten(self) -> tuple[tuple, None]:
        """The arrays; there is nothing else."""
        return (self.neff, self.dataset, self.weights, self.covariance, self.inv_cov), None

    @classmethod
    def tree_unflatten(cls, aux_data: None, children: Sequence) -> gaussian_kde:
        """From the arrays."""
        kde = cls.__new__(cls)
        kde._set(**dict(zip((f.name for f in dataclasses.fields(cls)), children, strict=True)))
        return kde

    @property
    def d(self) -> int:
        """The number of dimensions."""
        return self.dataset.shape[0]

    @property
    def n(self) -> int:
        """The number of samples."""
        return self.dataset.shape[1]

    def evaluate(self, points: ArrayLike) -> Array:
        """The density at m points, of shape (d, m), or (m,) in one dimension, or (d,): an array of shape (m,)."""
        return jnp.exp(self.logpdf(points))

    def __call__(self, points: ArrayLike) -> Array:
        """As `evaluate`."""
        return self.evaluate(points)

    def pdf(self, x: ArrayLike) -> Array:
        """As `evaluate`."""
        return self.evaluate(x)

    def logpdf(self, x: ArrayLike) -> Array:
        """The logarithm of the density at m points; shapes as for `evaluate`."""
        return _log_sums(self._points(x), self.dataset, self.weights, lax.linalg.cholesky(self.covariance))

    def _points(self, points: ArrayLike) -> Array:
        (points,) = arrays_of(promote_inexact("gaussian_kde", points))
        if dtypes.is_complex(points.dtype):
            raise NotImplementedError("gaussian_kde does not support complex points")
        points = _rows(points)
        if points.shape[0] != self.d and points.shape == (1, self.d):
            points = points.T
        if points.shape[0] != self.d:
            raise ValueError(f"gaussian_kde: points have dimension {points.shape[0]}, the dataset has {self.d}")
        return points

    def integrate_gaussian(self, mean: ArrayLike, cov: ArrayLike) -> Array:
        """The integral of the density times a normal density, of `mean` (d,) and `cov` (d, d)."""
        mean = jnp.atleast_1d(jnp.squeeze(jnp.asarray(mean)))
        cov = jnp.atleast_2d(jnp.asarray(cov))
        if mean.shape != (self.d,):
            raise ValueError(f"gaussian_kde: mean does not have dimension {self.d}, its shape is {mean.shape}")
        if cov.shape != (self.d, self.d):
            raise ValueError(f"gaussian_kde: covariance does not have dimension {self.d}, its shape is {cov.shape}")
        factor = lax.linalg.cholesky(self.covariance + cov.astype(self.covariance.dtype))
        return jnp.exp(_log_sums(mean[:, None].astype(self.dataset.dtype), self.dataset, self.weights, factor)[0])

    def integrate_box_1d(self, low: ArrayLike, high: ArrayLike) -> Array:
        """The probability of numbers from `low` to `high`, in one dimension.  ValueError in more."""
        if self.d != 1:
            raise ValueError(f"gaussian_kde: integrate_box_1d takes one dimension, there are {self.d}")
        if np.ndim(low) or np.ndim(high):
            raise ValueError("gaussian_kde: the limits of integration must be numbers")
        sigma = jnp.sqrt(self.covariance[0, 0])
        below, above = ((jnp.asarray(x, self.dataset.dtype) - self.dataset[0]) / sigma for x in (low, high))
        return jnp.sum(self.weights * (ndtr(above) - ndtr(below)))

    def integrate_kde(self, other: gaussian_kde) -> Array:
        """The integral of the product with another estimated density of as many dimensions."""
        if other.d != self.d:
            raise ValueError(f"gaussian_kde: the dimensions of the densities differ: {self.d} and {other.d}")
        factor = lax.linalg.cholesky(self.covariance + other.covariance)
        logs = _log_sums(self.dataset, other.dataset, other.weights, factor)
        return jnp.sum(jnp.exp(logs) * self.weights)

    def resample(self, key: Any, shape: Sequence[int] = ()) -> Array:
        """Random numbers of the estimated density, of shape (d, *shape)."""
        index_key, noise_key = random.split(key)
        which = random.choice(index_key, self.n, shape=tuple(shape), p=self.weights)
        noise = random.multivariate_normal(
            noise_key, jnp.zeros(self.d, self.covariance.dtype), self.covariance, tuple(shape), self.dataset.dtype
        )
        return self.dataset[:, which] + jnp.moveaxis(noise, -1, 0)

    def integrate_box(self, low_bounds: Any, high_bounds: Any, maxpts: Any = None) -> Array:
        """NotImplementedError: only `integrate_box_1d` is there."""
        raise NotImplementedError("gaussian_kde: only integrals in one dimension are there: integrate_box_1d")

    def set_bandwidth(self, bw_method: Any = None) -> None:
        """NotImplementedError: the object does not change; make another."""
        raise NotImplementedError("gaussian_kde does not change; make another one with the bw_method")


def _rows(x: Array) -> Array:
    """With at least two axes."""
    return x if x.ndim >= 2 else x.reshape(1, -1)


def _check_samples(samples: Array) -> None:
    if dtypes.is_complex(samples.dtype):
        raise NotImplementedError("gaussian_kde does not support complex samples")
    if samples.ndim != 2:
        raise ValueError(f"gaussian_kde: dataset must have shape (n,) or (d, n), got {samples.shape}")
    if samples.size <= 1:
        raise ValueError("gaussian_kde: dataset must have several elements")


def _weights(samples: Array, weights: ArrayLike | None) -> Array:
    """With the sum 1."""
    n = samples.shape[1]
    if weights is None:
        return jnp.full(n, 1.0 / n, samples.dtype)
    factors = jnp.asarray(weights).astype(samples.dtype)
    if factors.shape != (n,):
        raise ValueError(f"gaussian_kde: weights must have shape ({n},), got {factors.shape}")
    return factors / jnp.sum(factors)


def _log_sums(points: Array, samples: Array, weights: Array, factor: Array) -> Array:
    """At each point, of shape (d, m), the logarithm of the sum of normal densities around samples of shape (d, n).

    `factor` is Cholesky's of their covariance.
    """
    solve = lax.linalg.triangular_solve
    white_points, white = (solve(factor, x, left_side=True, lower=True) for x in (points, samples))
    squares = jnp.sum(jnp.square(white_points[:, :, None] - white[:, None, :]), axis=0)
    log_scale = 0.5 * points.shape[0] * math.log(2 * math.pi) + jnp.sum(jnp.log(jnp.diagonal(factor)))
    return logsumexp(-0.5 * squares, axis=1, b=weights) - log_scale
