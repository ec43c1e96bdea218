"""Vector quantization: the nearest of some points."""

from __future__ import annotations

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact

__all__ = ["vq"]


def vq(obs: ArrayLike, code_book: ArrayLike, check_finite: bool = True) -> tuple[Array, Array]:
    """For each observation the number of the nearest code, an int of the default dtype, and the distance to it.

    obs: (m, n), or (m,) for numbers.  code_book: (k, n), or (k,).  Both results have shape (m,); of equal distances the
    first counts.  check_finite: accepted.  ValueError for ranks that differ or are above 2,
    TypeError for lengths n that differ.
    """
    obs, code_book = arrays_of(promote_inexact("vq", obs, code_book))
    if obs.ndim != code_book.ndim or obs.ndim not in (1, 2):
        raise ValueError(
            f"vq: obs and code_book must both have rank 1 or 2, got shapes {obs.shape} and {code_book.shape}"
        )
    if obs.ndim == 1:
        obs, code_book = obs[:, None], code_book[:, None]
    if obs.shape[1] != code_book.shape[1]:
        raise TypeError(
            f"vq: observations and codes must have as many numbers, got shapes {obs.shape} and {code_book.shape}"
        )
    distances = jnp.sqrt(jnp.sum(jnp.square(jnp.abs(obs[:, None, :] - code_book)), -1))
    return jnp.argmin(distances, -1), jnp.min(distances, -1)
