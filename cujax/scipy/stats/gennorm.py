"""The generalized normal distribution, with density proportional to exp(-|x|**beta)."""

from __future__ import annotations

import functools

from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.api.derivatives import jvp
from cujax.custom_derivatives import SymbolicZero
from cujax.engine.core.array import Array
from cujax.numpy.promotion import ArrayLike
from cujax.scipy.special import gammaincc, gammaln
from cujax.scipy.stats.arguments import arguments, kept, valid


def logpdf(x: ArrayLike, beta: ArrayLike) -> Array:
    """The logarithm of the density."""
    z, beta = arguments("gennorm.logpdf", x, beta)
    return valid(beta > 0, jnp.log(0.5 * beta) - gammaln(1 / beta) - jnp.abs(z) ** beta)


def pdf(x: ArrayLike, beta: ArrayLike) -> Array:
    """The density."""
    return jnp.exp(logpdf(x, beta))


def cdf(x: ArrayLike, beta: ArrayLike) -> Array:
    """The distribution function, the probability of numbers up to x."""
    return _cdf(*arguments("gennorm.cdf", x, beta))


def _probability(z: Array, beta: Array) -> Array:
    tail = 0.5 * gammaincc(1 / beta, jnp.abs(z) ** beta)
    return valid(beta > 0, jnp.where(z > 0, 1 - tail, tail))


_cdf = custom_jvp(_probability)


def _cdf_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """By z the density: the chain rule would multiply zero and infinity at 0."""
    z, beta = primals
    out = _cdf(z, beta)
    parts = [jnp.zeros_like(out)]
    if type(tangents[0]) is not SymbolicZero:
        parts.append(tangents[0] * pdf(z, beta))
    if type(tangents[1]) is not SymbolicZero:
        away = kept(z != 0, z, 1.0)  # at 0 it is 1/2 for every beta
        slope = jvp(lambda b: _probability(away, b), (beta,), (tangents[1],))[1]
        parts.append(jnp.where(z == 0, 0, slope))
    return out, functools.reduce(jnp.add, parts)


_cdf.defjvp(_cdf_jvp, symbolic_zeros=True)
