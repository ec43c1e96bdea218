"""Distributions made of gamma numbers.

    beta dirichlet          shares of gamma numbers in their sum, from their logarithms
    chisquare f t           sums of squares of normal numbers, and quotients with them
    generalized_normal      a power of a gamma number with a random sign

Differentiable with respect to the parameters as `gamma` is: once, along a fixed place in the distribution of each
gamma number.  (L. Devroye, "Non-uniform random variate generation", Springer 1986, chapter IX.)
"""

from __future__ import annotations

from typing import Any

from cujax import lax
from cujax import numpy as jnp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.numpy.promotion import as_array
from cujax.random.arguments import (
    canonical_shape,
    fitting_parameters,
    float_dtype,
    parameter_arrays,
    sample_shape,
)
from cujax.random.continuous import real_normal
from cujax.random.gamma import gamma_typed, loggamma_typed
from cujax.random.keys import single_key, split_in
from cujax.random.uniform import rademacher

# --- shares -------------------------------------------------------------------------------------------------


def beta(key: Any, a: Any, b: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of density proportional to x**(a - 1) (1 - x)**(b - 1) for 0 < x < 1.

    a, b: parameters, numbers or arrays that broadcast to `shape` (None: the shape they broadcast to).  dtype:
    floating-point, float by default.  Differentiable with respect to a and b, once.

    ValueError for another dtype, parameters of a wider one and shapes that do not broadcast, TypeError for what is
    no key and no array.
    """
    one, _ = single_key("beta", key)
    dtype = float_dtype("beta", dtype)
    parameters = fitting_parameters("beta", shape, dtype, a=a, b=b)
    log_a, log_b = (loggamma_typed(k, p) for k, p in zip(split_in(one, 2), parameters, strict=True))
    largest = jnp.maximum(log_a, log_b)
    share_a, share_b = jnp.exp(log_a - largest), jnp.exp(log_b - largest)
    return share_a / (share_a + share_b)


def dirichlet(key: Any, alpha: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random vectors of positive numbers that sum to 1, of density proportional to prod(x**(alpha - 1)).

    alpha: parameters along the last axis, axes before it are batches, which broadcast to `shape` (None: the
    batches' shape).  The result has shape `(*shape, alpha.shape[-1])`.  dtype: floating-point, float by default.
    Differentiable with respect to alpha, once.

    ValueError for another dtype, a scalar alpha and shapes that do not broadcast, TypeError for what is no key
    and no array.
    """
    one, _ = single_key("dirichlet", key)
    dtype = float_dtype("dirichlet", dtype)
    alpha = as_array("dirichlet", alpha, "alpha")
    if not alpha.ndim:
        raise ValueError("dirichlet requires alpha.ndim >= 1, got a scalar: give the parameters of all components")
    batch = sample_shape("dirichlet", shape, {"batches of alpha": alpha.shape[:-1]})
    logarithms = loggamma_typed(one, *parameter_arrays("dirichlet", (*batch, alpha.shape[-1]), dtype, alpha=alpha))
    largest = jnp.max(logarithms, -1, keepdims=True, initial=-jnp.inf)
    shares = jnp.exp(logarithms - lax.stop_gradient(largest))
    return shares / jnp.sum(shares, -1, keepdims=True)


# --- squares of normal numbers --------------------------------------------------------------------------------


def chisquare(key: Any, df: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers distributed as the sum of the squares of `df` normal ones; df need not be whole.

    df: degrees of freedom, a number or an array that broadcasts to `shape` (None: the shape of df).  dtype:
    floating-point, float by default.  Differentiable with respect to df, once.  Errors as `beta`.
    """
    one, _ = single_key("chisquare", key)
    dtype = float_dtype("chisquare", dtype)
    return _chisquare(one, *fitting_parameters("chisquare", shape, dtype, df=df))


def _chisquare(key: Array, df: Array) -> Array:
    return jnp.exp(loggamma_typed(key, df / 2)) * 2


def f(
    key: Any, dfnum: Any, dfden: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
) -> Array:
    """Random numbers of the F distribution: the quotient of two means of squares of normal numbers.

    dfnum, dfden: degrees of freedom above and below, numbers or arrays that broadcast to `shape` (None: the shape
    they broadcast to).  dtype: floating-point, float by default.  Differentiable with respect to both, once.
    Errors as `beta`.
    """
    one, _ = single_key("f", key)
    dtype = float_dtype("f", dtype)
    above, below = fitting_parameters("f", shape, dtype, dfnum=dfnum, dfden=dfden)
    key_below, key_above = split_in(one, 2)
    return (_chisquare(key_above, above) / above) / (_chisquare(key_below, below) / below)


@traced_once("key", "df")
def t(key: Any, df: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of Student's t distribution: a normal one over the root of a mean of `df` squares of others.

    df: degrees of freedom, a number or an array that broadcasts to `shape` (None: the shape of df).  dtype:
    floating-point, float by default.  Differentiable with respect to df, once.  Errors as `beta`.
    """
    one, _ = single_key("t", key)
    dtype = float_dtype("t", dtype)
    (df,) = fitting_parameters("t", shape, dtype, df=df)
    normal_key, gamma_key = split_in(one, 2)
    half = df / 2
    return real_normal(normal_key, df.shape, dtype) * jnp.sqrt(half / gamma_typed(gamma_key, half))


# --- powers -------------------------------------------------------------------------------------------------


def generalized_normal(
    key: Any, p: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None
) -> Array:
    """Random numbers of density proportional to exp(-|x|**p).

    p: a positive number, or an array that broadcasts to `shape`.  dtype: floating-point, float by default.
    Differentiable with respect to p, once.

    ValueError for another dtype and shapes that do not broadcast, TypeError for what is no key and no array.
    """
    one, _ = single_key("generalized_normal", key)
    dtype = float_dtype("generalized_normal", dtype)
    shape = canonical_shape("generalized_normal", shape)
    return generalized_normal_typed(one, as_array("generalized_normal", p, "p"), shape, dtype)


def generalized_normal_typed(key: Array, p: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """The numbers of `generalized_normal` from one typed key."""
    gamma_key, sign_key = split_in(key, 2)
    numbers = gamma_typed(gamma_key, *parameter_arrays("generalized_normal", shape, dtype, p=1 / p))
    return rademacher(sign_key, shape, dtype) * numbers ** (1 / p)
