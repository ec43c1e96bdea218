"""The gamma distribution, its logarithm, and how both change with the parameter.

A number of parameter a >= 1 is made from a normal one, x: with d = a - 1/3, c = 1/(3 sqrt(d)) and v = (1 + c x)**3 the
product d v is accepted if log(u) < x*x/2 + d (1 - v + log(v)) for a uniform u, nearly always decided by a bound without
logarithms.  A number of parameter a < 1 is one of parameter a + 1 times u**(1/a).  (G. Marsaglia and W. W. Tsang, "A
simple method for generating gamma variables", ACM Transactions on Mathematical Software 26, 2000.)

Each element has a key of its own and draws until it is done.  Derivatives with respect to a keep the place of the
number in its distribution, see `engine/ops/incomplete.py`.  Start at `_draw`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.api.jit import jit
from cujax.api.vectorize import vmap
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.random.arguments import float_dtype, parameter_arrays
from cujax.random.continuous import real_normal
from cujax.random.decisions import fused, log, log1p
from cujax.random.keys import single_key, split_in, split_typed
from cujax.random.uniform import unit_interval

# --- one number ---------------------------------------------------------------------------------------------


class _Proposal(NamedTuple):
    """x*x, v and u of the module's docstring, and the key of the next proposal."""

    key: Any
    square: Any
    cube: Any
    uniform: Any


def _is_rejected(d: Array, proposal: _Proposal) -> Array:
    _, square, cube, uniform = proposal
    beyond_bound = uniform >= fused(square * square, -0.0331, 1.0)
    return beyond_bound & (log(uniform) >= fused(square, 0.5, d * ((1.0 - cube) + log(cube))))


def _propose(c: Array, proposal: _Proposal) -> _Proposal:
    """The next proposal; normal numbers are drawn until 1 + c x is positive."""
    key, normal_key, uniform_key = split_in(proposal.key, 3)

    def redraw(state: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        following, now = split_in(state[0], 2)
        x = real_normal(now, (), c.dtype)
        return following, x, fused(x, c, 1.0)

    start = (normal_key, jnp.zeros((), c.dtype), jnp.full((), -1, c.dtype))
    _, x, root = lax.while_loop(lambda state: state[2] <= 0, redraw, start)
    return _Proposal(key, x * x, (root * root) * root, unit_interval(uniform_key, (), c.dtype))


def _accepted(key: Array, d: Array) -> Array:
    """v of the first proposal that is accepted."""
    none_yet = _Proposal(key, *[jnp.full((), start, d.dtype) for start in (0, 1, 2)])
    return lax.while_loop(partial(_is_rejected, d), partial(_propose, (1 / 3) / jnp.sqrt(d)), none_yet).cube


def _number(key: Array, a: Array) -> Array:
    """A number of parameter `a`, a scalar, from one key."""
    key, boost_key = split_in(key, 2)
    d = jnp.where(a >= 1, a, a + 1) - 1 / 3
    boost = (1 - unit_interval(boost_key, (), a.dtype)) ** (1 / a)
    return d * _accepted(key, d) * jnp.where(a >= 1, 1, boost)


def _logarithm(key: Array, a: Array) -> Array:
    """The logarithm of such a number, where that may be too small for the dtype."""
    key, boost_key = split_in(key, 2)
    d = jnp.where(a >= 1, a, a + 1) - 1 / 3
    log_unit = log1p(-unit_interval(boost_key, (), a.dtype))
    boost = jnp.where((a >= 1) | (log_unit == 0), 0, log_unit * (1 / a))
    return (log(d) + log(_accepted(key, d))) + boost


# --- an array of them ---------------------------------------------------------------------------------------


def _each(one: Callable[[Array, Array], Array], key: Array, a: Array) -> Array:
    """`one` of each element of `a`, with keys split from one."""
    if not a.size:
        return a
    return vmap(one)(split_typed(key, (a.size,)), a.reshape(-1)).reshape(a.shape)


@custom_jvp
def _gammas(key: Array, a: Array) -> Array:
    """Gamma numbers of the parameters `a`, floating-point, from one typed key."""
    return _each(_number, key, a)


@custom_jvp
def _log_gammas(key: Array, a: Array) -> Array:
    """The logarithms of gamma numbers of the parameters `a`, floating-point, from one typed key."""
    return _each(_logarithm, key, a)


def _slope_of_logarithm(a: Array, log_x: Array) -> Array:
    """d log(x) / da; the distribution function of a small x is x**a / gamma(a + 1)."""
    small = log_x < log(jnp.asarray(dtypes.finfo(a.dtype).eps, a.dtype))
    x = jnp.exp(jnp.where(small, 0, log_x))
    return jnp.where(small, (lax.digamma(a + 1) - log_x) / a, lax.random_gamma_grad(a, x) / x)


_gammas.defjvps(None, lambda t, out, key, a: t * lax.random_gamma_grad(a, out))
_log_gammas.defjvps(None, lambda t, out, key, a: t * _slope_of_logarithm(a, out))

gamma_typed, loggamma_typed = jit(_gammas), jit(_log_gammas)


# --- the public functions -----------------------------------------------------------------------------------


def gamma(key: Any, a: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of density x**(a - 1) exp(-x) / gamma(a) for x > 0.

    a: parameter, a number or an array that broadcasts to `shape` (None: the shape of a).  dtype: floating-point,
    float by default.  Differentiable with respect to a, once.  NaN where a is negative; a number so small that
    the dtype cannot hold it is 0, see `loggamma`.

    ValueError for another dtype and shapes that do not broadcast, TypeError for what is no key and no array.

    By rejection: G. Marsaglia and W. W. Tsang, "A simple method for generating gamma variables", ACM TOMS 26, 2000.
    """
    one, _ = single_key("gamma", key)
    dtype = float_dtype("gamma", dtype)
    return gamma_typed(one, *parameter_arrays("gamma", shape, dtype, a=a))


def loggamma(key: Any, a: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """The logarithms of random numbers of the gamma distribution, accurate where these are tiny.

    a, shape, dtype, derivatives and errors as for `gamma`; equal keys give other numbers where a < 1.
    """
    one, _ = single_key("loggamma", key)
    dtype = float_dtype("loggamma", dtype)
    return loggamma_typed(one, *parameter_arrays("loggamma", shape, dtype, a=a))
