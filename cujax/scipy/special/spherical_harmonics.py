"""Spherical harmonics, by recurrences of normalized associated Legendre functions.

With u = cos(theta), s = sin(theta) and the normalization of the harmonics included (T. Limpanuparb, J. Milthorpe,
arXiv 1410.1748, which is DLMF 14.10.3 rescaled):

    P[m, m] = -s sqrt((2m + 1) / (2m)) P[m-1, m-1],    P[0, 0] = sqrt(1 / (4 pi))
    P[n, m] = a (u P[n-1, m] - b P[n-2, m])
    a = sqrt((4 n^2 - 1) / (n^2 - m^2)),  b = sqrt(((n - 1)^2 - m^2) / (4 (n - 1)^2 - 1))
"""

from __future__ import annotations

import math
import operator

from cujax import lax
from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.engine.core.trace import Tracer
from cujax.engine.ground.errors import ConcretizationTypeError
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact


def sph_harm_y(
    n: ArrayLike, m: ArrayLike, theta: ArrayLike, phi: ArrayLike, diff_n: int | None = None, n_max: int | None = None
) -> Array:
    """The spherical harmonics Y[n, m](theta, phi); elementwise, with broadcasting.

    n, m: integers; n from 0 on, and |m| <= n, otherwise the result is 0.  theta: the polar angle, from 0 to pi.  phi:
    the azimuth.  n_max: the largest n, needed where n is not known while tracing; larger n are taken for it.
    Returns complex numbers.  NotImplementedError for `diff_n`.
    """
    if diff_n is not None:
        raise NotImplementedError("sph_harm_y: diff_n is not supported; differentiate by cujax.jvp")
    n, m = jnp.asarray(n), jnp.asarray(m)
    if n_max is None:
        n_max = _largest(n)
    theta, phi = arrays_of(promote_inexact("sph_harm_y", theta, phi))
    degree, order, theta, phi = jnp.broadcast_arrays(jnp.minimum(n, n_max), m, theta, phi)
    size = jnp.abs(order)
    legendre = _legendre(degree, size, theta, operator.index(n_max))
    legendre = jnp.where((order < 0) & (size % 2 == 1), -legendre, legendre)
    angle = order * phi
    return lax.complex(legendre * jnp.cos(angle), legendre * jnp.sin(angle))


def _largest(n: Array) -> int:
    known = n.concrete() if isinstance(n, Tracer) else n
    if known is None:
        raise ConcretizationTypeError(
            "sph_harm_y: the largest degree says how many steps the recurrence takes, and n is a traced array of type "
            f"{n.aval.str_short()}. {n.origin()} Give `n_max`, the largest degree."
        )
    return int(known.to_numpy().max(initial=0))


def _legendre(n: Array, m: Array, theta: Array, largest: int) -> Array:
    """P[n, m] of the module's docstring, for 0 <= m; 0 for m > n.  In the dtype of theta."""
    u, s = jnp.cos(theta), jnp.sin(theta)
    dtype = theta.dtype

    def raise_order(k: Array, value: Array) -> Array:
        factor = jnp.sqrt((2 * k + 1) / (2 * k)).astype(dtype)
        return jnp.where(k <= m, -s * factor * value, value)

    start = lax.fori_loop(1, largest + 1, raise_order, jnp.full_like(theta, math.sqrt(1 / (4 * math.pi))))

    def raise_degree(k: Array, values: tuple[Array, Array]) -> tuple[Array, Array]:
        before, at = values
        goes = (k > m) & (k <= n)
        square = jnp.where(goes, k * k - m * m, 1).astype(dtype)
        a = jnp.sqrt((4 * k * k - 1) / square)
        below = jnp.where(goes & (k > m + 1), (k - 1) * (k - 1) - m * m, 0).astype(dtype)
        b = jnp.sqrt(below / jnp.maximum(4 * (k - 1) * (k - 1) - 1, 1))
        return jnp.where(goes, at, before), jnp.where(goes, a * (u * at - b * before), at)

    value = lax.fori_loop(1, largest + 1, raise_degree, (jnp.zeros_like(theta), start))[1]
    return jnp.where(m <= n, value, 0.0)
