"""Counts: of failures before a success, and of events in a unit of time.

    geometric    the inverse of the distribution function
    poisson      waiting times for low rates, else rejection: W. Hormann, "The transformed rejection method for
                 generating Poisson random variables", Insurance: Mathematics and Economics 12, 1993 (PTRS)

The binomial distribution has a file of its own.  Results are equal to JAX's: what decides them is in decisions.py.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from cujax import lax
from cujax import numpy as jnp
from cujax.api.jit import jit
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import arrays_of, promote_inexact
from cujax.random.arguments import arrays, integer_dtype, parameter_arrays, sample_shape
from cujax.random.decisions import fused, log, log1p, log_gamma
from cujax.random.keys import clone, single_key, split_in
from cujax.random.rejection import until_accepted
from cujax.random.uniform import unit_interval

# --- geometric ----------------------------------------------------------------------------------------------


@traced_once("key", "p")
def geometric(
    key: Any, p: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
) -> Array:
    """The number of trials up to and with the first success, where each succeeds with probability `p`.

    p: in (0, 1], a number or an array that broadcasts to `shape` (None: the shape of p).  dtype: an integer dtype, int
    by default.  Numbers that it cannot hold become its greatest one.

    ValueError for another dtype and shapes that do not broadcast, TypeError for what is no key and no array.

    1 + floor(log(u) / log(1 - p)) of a uniform number u.
    """
    one, _ = single_key("geometric", key)
    dtype = integer_dtype("geometric", dtype)
    (p,) = arrays_of(promote_inexact("geometric", *arrays("geometric", p=p)))
    shape = sample_shape("geometric", shape, {"p": p.shape})
    unit = unit_interval(one, shape, p.dtype)
    logarithm, of_failure = log(jnp.where(unit == 0, 1, unit)), log1p(-p)
    # XLA multiplies by the reciprocal of what is repeated: it decides one of 10**5 large numbers.
    quotient = logarithm / of_failure if p.shape == shape else logarithm * (1 / of_failure)
    return (jnp.floor(quotient) + 1).astype(dtype)


# --- poisson ------------------------------------------------------------------------------------------------

_LOW_RATE = 10  # below it, and so below NaN, waiting times are added up


def poisson(key: Any, lam: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """The number of events in a unit of time, where `lam` happen on average.

    lam: the rate, a number or an array that broadcasts to `shape` (None: the shape of lam); taken in float32.  dtype:
    an integer dtype, int by default.  -1 where lam is negative or NaN.

    ValueError for another dtype and shapes that do not broadcast, TypeError for what is no key and no array.

    Waiting times for low rates, else rejection: W. Hormann, "The transformed rejection method for generating Poisson
    random variables", Insurance: Mathematics and Economics 12, 1993.
    """
    one, _ = single_key("poisson", key)
    dtype = integer_dtype("poisson", dtype)
    return _poisson(one, *parameter_arrays("poisson", shape, dtypes.float32, lam=lam), dtype)


@partial(jit, static_argnames=("dtype",))
def _poisson(key: Array, rate: Array, dtype: Any) -> Array:
    """Both methods read the same bits, and each is given a harmless rate where the other is used."""
    low = jnp.isnan(rate) | (rate < _LOW_RATE)
    counted = _by_waiting(key, jnp.where(low, rate, 0), dtype)
    rejected = _by_rejection(clone(key), jnp.where(low, 1e5, rate), jnp.any(~low))
    return jnp.where(rate == 0, 0, jnp.where(low, counted, rejected.astype(dtype)))


def _by_waiting(key: Array, rate: Array, dtype: Any) -> Array:
    """How many exponential waiting times of mean 1 fit into `rate`; `log_rest` is minus the time passed."""

    def goes_on(log_rest: Array) -> Array:
        return log_rest > -rate

    def wait(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        key, events, log_rest = state
        following, now = split_in(key, 2)
        events = jnp.where(goes_on(log_rest), events + 1, events)
        return following, events, log_rest + log(unit_interval(now, rate.shape, rate.dtype))

    start = (key, jnp.zeros(rate.shape, dtype), jnp.zeros(rate.shape, rate.dtype))
    return lax.while_loop(lambda state: jnp.any(goes_on(state[2])), wait, start)[1] - 1


class _Hat(NamedTuple):
    """The constants of PTRS for a rate: the table-mountain hat over the density, and the box inside it."""

    rate: Array
    log_rate: Array
    a: Array
    b: Array
    inverse_alpha: Array
    top_of_box: Array


def _hat(rate: Array) -> _Hat:
    b = fused(jnp.sqrt(rate), 2.53, 0.931)
    return _Hat(
        rate, log(rate), fused(b, 0.02483, -0.059), b, 1.1239 + 1.1328 / (b - 3.4), 0.9277 - 3.6224 / (b - 2)
    )


def _proposal(keys: list[Array], hat: _Hat) -> tuple[Array, Array]:
    """A number for each element, and whether it is accepted."""
    rate, log_rate, a, b, inverse_alpha, top_of_box = hat
    u, v = (unit_interval(k, rate.shape, rate.dtype) for k in keys)
    u = u - 0.5
    distance = 0.5 - jnp.abs(u)
    k = jnp.floor(fused((2 * a) / distance + b, u, rate) + 0.43)
    log_hat = log((v * inverse_alpha) / (a / (distance * distance) + b))
    log_density = fused(k, log_rate, -rate) - log_gamma(k + 1)
    in_box = (distance >= 0.07) & (v <= top_of_box)
    outside = (k < 0) | ((distance < 0.013) & (v > distance))
    return k, in_box | (~outside & (log_hat <= log_density))


def _by_rejection(key: Array, rate: Array, needed: Array) -> Array:
    """As `until_accepted`."""
    hat = _hat(rate)
    return until_accepted(key, lambda keys: _proposal(keys, hat), rate, needed)
