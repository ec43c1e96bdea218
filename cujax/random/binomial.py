"""The binomial distribution, and the multinomial one that is made of it.

Few expected successes are found by geometric steps from one to the next; many by rejection from a hat with constant
parts: W. Hormann, "The generation of binomial random variates", Journal of Statistical Computation and Simulation 46,
1993 (BTRS).  Counts are floats, as in JAX, and equal to its: what decides them is in decisions.py.

As in JAX the correction terms of BTRS are those of 9 for all larger numbers, which changes the density by less than
a hundredth.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

from cujax import lax
from cujax import numpy as jnp
from cujax.api.jit import jit
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import arrays_of, promote_inexact
from cujax.numpy.reshaping import broadcast_to
from cujax.random.arguments import arrays, float_dtype, parameter_arrays, sample_shape
from cujax.random.decisions import fused, log, log1p
from cujax.random.keys import clone, single_key, split_in, split_typed
from cujax.random.rejection import until_accepted
from cujax.random.uniform import unit_interval

_MANY = 10  # expected successes from which rejection is used


def binomial(key: Any, n: Any, p: Any, shape: Any = None, dtype: Any = None) -> Array:
    """The number of successes in `n` trials, where each succeeds with probability `p`, as a float.

    n, p: numbers or arrays that broadcast to `shape` (None: the shape they broadcast to); of n the whole part counts.
    dtype: floating-point, float by default.  NaN where n is negative or p is not in [0, 1].

    ValueError for another dtype and shapes that do not broadcast, TypeError for what is no key and no real array.

    Geometric steps for few expected successes, else rejection: W. Hormann, "The generation of binomial random
    variates", Journal of Statistical Computation and Simulation 46, 1993.
    """
    one, _ = single_key("binomial", key)
    dtype = float_dtype("binomial", dtype)
    n, p = arrays_of(promote_inexact("binomial", *arrays("binomial", n=n, p=p)))
    if dtypes.is_complex(n.dtype):
        raise TypeError(f"binomial: n and p must be real, got {n.dtype}; write p.real")
    return _binomial(one, *parameter_arrays("binomial", shape, n.dtype, n=n, p=p), dtype)


@partial(jit, static_argnames=("dtype",))
def _binomial(key: Array, n: Array, p: Array, dtype: Any) -> Array:
    """Rare successes of probability below 1/2 are counted; for other p they are the failures."""
    rare = jnp.where(p < 0.5, p, 1 - p)
    bad = jnp.isnan(n) | (n < 0) | jnp.isnan(rare) | (rare < 0)
    counted = _successes(key, n, jnp.where(jnp.isnan(rare) | (rare < 0), 0.01, rare)).astype(dtype)
    counted = jnp.where(bad, jnp.nan, jnp.where(jnp.isinf(n), jnp.inf, counted))
    as_they_are = (p < 0.5) | bad | jnp.isinf(n)
    return jnp.where(as_they_are, counted, jnp.floor(n).astype(dtype) - counted)


def _successes(key: Array, n: Array, p: Array) -> Array:
    """For 0 <= p <= 1/2.  Both methods read the same bits, and each is given harmless numbers where it is not used."""
    few = jnp.isnan(n) | (n < 0) | (n * p <= _MANY) | (jnp.isinf(n) & (p == 0))
    whole = jnp.floor(n)
    stepped = _by_steps(key, jnp.where(few & ~jnp.isinf(n), whole, 0), p)
    rejected = _by_rejection(clone(key), jnp.where(few, 1e4, whole), jnp.where(few, 0.5, p), jnp.any(~few))
    return jnp.where(few, stepped, rejected)


def _by_steps(key: Array, n: Array, p: Array) -> Array:
    """How many geometric steps, from one success to the next, fit into n trials."""
    log_failure = log1p(-p)

    def step(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        key, successes, trials = state
        now, following = split_in(key, 2)
        successes = jnp.where(trials <= n, successes + 1, successes)
        return following, successes, trials + jnp.ceil(log(unit_interval(now, n.shape, n.dtype)) / log_failure)

    start = (key, jnp.zeros(n.shape, n.dtype), jnp.zeros(n.shape, n.dtype))
    return lax.while_loop(lambda state: jnp.any(state[2] <= n), step, start)[1] - 1


# --- BTRS -----------------------------------------------------------------------------------------------------


class _Hat(NamedTuple):
    """The constants of BTRS: the hat over the density, the box inside it, the odds and the mode."""

    n: Array
    a: Array
    b: Array
    centre: Array
    alpha: Array
    top_of_box: Array
    odds: Array
    mode: Array


def _hat(n: Array, p: Array) -> _Hat:
    failure = 1 - p
    deviation = jnp.sqrt(n * p * failure)
    b = fused(deviation, 2.53, 1.15)
    return _Hat(
        n=n, a=fused(p, 0.01, fused(b, 0.0248, -0.0873)), b=b, centre=fused(n, p, 0.5),
        alpha=(2.83 + 5.1 / b) * deviation, top_of_box=0.92 - 4.2 / b, odds=p / failure,
        mode=jnp.floor((n + 1) * p),
    )


def _proposal(keys: list[Array], hat: _Hat) -> tuple[Array, Array]:
    """A number for each element, and whether it is accepted."""
    n = hat.n
    u, v = (unit_interval(k, n.shape, n.dtype) for k in keys)
    u = u - 0.5
    distance = 0.5 - jnp.abs(u)
    k = jnp.floor(fused((2 * hat.a) / distance + hat.b, u, hat.centre))
    log_hat = log((v * hat.alpha) / (hat.a / (distance * distance) + hat.b))
    in_box = (distance >= 0.07) & (v <= hat.top_of_box)
    outside = (k < 0) | (k > n)
    return k, in_box | (~outside & (log_hat <= _log_density(k, hat)))


def _log_density(k: Array, hat: _Hat) -> Array:
    """The logarithm of the probability of k over that of the mode."""
    n, odds, mode = hat.n, hat.odds, hat.mode
    of_mode, of_k = (n - mode) + 1, (n - k) + 1
    powers = (n + 1) * log(of_mode / of_k)
    powers = fused(mode + 0.5, log((mode + 1) / (odds * of_mode)), powers)
    powers = fused(k + 0.5, log((odds * of_k) / (k + 1)), powers)
    return powers + _stirling_rest(mode) + _stirling_rest(n - mode) - _stirling_rest(k) - _stirling_rest(n - k)


# log(k!) - (k + 1/2) log(k + 1) + (k + 1) - log(2 pi) / 2 for k = 0, 1, ...
_STIRLING_RESTS = (
    0.08106146679532726, 0.04134069595540929, 0.02767792568499834, 0.02079067210376509, 0.01664469118982119,
    0.01387612882307075, 0.01189670994589177, 0.01041126526197209, 0.00925546218271273, 0.00833056343336287,
)


def _stirling_rest(k: Array) -> Array:
    table = jnp.asarray(_STIRLING_RESTS, k.dtype)
    return table[jnp.clip(k, 0, len(_STIRLING_RESTS) - 1).astype(dtypes.int32)]


def _by_rejection(key: Array, n: Array, p: Array, needed: Array) -> Array:
    """As `until_accepted`."""
    hat = _hat(n, p)
    return until_accepted(key, lambda keys: _proposal(keys, hat), n, needed)


# --- multinomial ------------------------------------------------------------------------------------------------


def multinomial(
    key: Any, n: Any, p: Any, *, shape: Any = None, dtype: Any = None, unroll: int | bool = 1
) -> Array:
    """How many of `n` trials have each of k outcomes: vectors of k counts that sum to n.

    n: a number, or an array that broadcasts to the shape of the batches.  p: the probabilities of the outcomes along
    the last axis, or weights, since only their shares in the sum count; axes before it are batches.  shape: of the
    result, to which p broadcasts (None: the shape of p).  dtype: float by default; integers will do.  unroll: as in
    `lax.scan`, for the loop over the outcomes.

    ValueError for a scalar p and shapes that do not broadcast, TypeError for what is no key and no array.
    """
    one, _ = single_key("multinomial", key)
    dtype = dtypes.canonicalize_user(float if dtype is None else dtype, "multinomial")
    n, p = arrays_of(promote_inexact("multinomial", *arrays("multinomial", n=n, p=p)))
    p = broadcast_to(p, sample_shape("multinomial", shape, {"p": p.shape}))
    if not p.ndim:
        raise ValueError("multinomial: p must have an axis of outcomes, got a scalar")
    batch = sample_shape("multinomial", None, {"n": n.shape, "batches of p": p.shape[:-1]})
    if batch != p.shape[:-1]:
        raise ValueError(
            f"multinomial: n of shape {n.shape} does not broadcast to the batches of p, of shape {p.shape[:-1]}; "
            f"write shape={(*batch, p.shape[-1])}"
        )
    return _multinomial(one, broadcast_to(n, batch), p, unroll).astype(dtype)


@partial(jit, static_argnames=("unroll",))
def _multinomial(key: Array, n: Array, p: Array, unroll: int | bool) -> Array:
    """One outcome after the other: of the trials that are left its share among the outcomes that are left."""
    p = jnp.moveaxis(p, -1, 0)
    left = lax.associative_scan(lax.add, p, reverse=True)
    shares = jnp.clip(p / jnp.where(left == 0, 1, left), 0, 1)

    def draw(trials: Array, outcome: tuple[Array, Array]) -> tuple[Array, Array]:
        key, share = outcome
        count = _binomial(key, trials, share, trials.dtype)
        return trials - count, count

    _, counts = lax.scan(draw, n, (split_typed(key, (len(p),)), shares), unroll=unroll)
    return jnp.moveaxis(counts, 0, -1)
