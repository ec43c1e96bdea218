"""Continuous distributions that are a function of a few uniform or normal numbers and of parameters.

    lognormal maxwell double_sided_maxwell wald     of normal numbers
    pareto rayleigh triangular weibull_min          the inverse of the distribution function

Differentiable with respect to the parameters to any order: the draw stays, the function changes.  (L. Devroye,
"Non-uniform random variate generation", Springer 1986, chapters II, IV and IX.)
"""

from __future__ import annotations

from typing import Any

from cujax import numpy as jnp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.numpy.promotion import broadcast_shape
from cujax.random.arguments import arrays, canonical_shape, fitting_parameters, float_dtype, sample_shape
from cujax.random.continuous import exponential, normal, real_normal
from cujax.random.decisions import fused
from cujax.random.keys import single_key, split_in
from cujax.random.uniform import rademacher, unit_interval

# --- of normal numbers --------------------------------------------------------------------------------------


@traced_once("key", "sigma")
def lognormal(
    key: Any, sigma: Any = 1.0, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
) -> Array:
    """Random numbers whose logarithms are normal with mean 0 and standard deviation `sigma`.

    sigma: a number, or an array that broadcasts to `shape` (None: the shape of sigma).  dtype: floating-point, float
    by default, or complex.

    ValueError for another dtype, parameters of a wider one and shapes that do not broadcast, TypeError for what is
    no key and no array.
    """
    one, _ = single_key("lognormal", key)
    dtype = float_dtype("lognormal", dtype, or_complex=True)
    (sigma,) = fitting_parameters("lognormal", shape, dtype, sigma=sigma)
    return jnp.exp(normal(one, sigma.shape, dtype) * sigma)


@traced_once("key")
def maxwell(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of density sqrt(2/pi) x*x exp(-x*x/2) for x > 0: lengths of vectors of 3 normal numbers.

    shape: of the result, an int or a sequence of ints.  dtype: floating-point, float by default.  ValueError for
    another dtype, TypeError for what is no key and no shape.
    """
    one, _ = single_key("maxwell", key)
    dtype = float_dtype("maxwell", dtype)
    return _maxwell(one, canonical_shape("maxwell", shape), dtype)


def _maxwell(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    vectors = real_normal(key, (*shape, 3), dtype)
    return jnp.sqrt(jnp.sum(vectors * vectors, -1))


@traced_once("key", "loc", "scale")
def double_sided_maxwell(key: Any, loc: Any, scale: Any, shape: Any = (), dtype: Any = None) -> Array:
    """loc + scale * s * m, where s is a random sign and m a number as `maxwell` gives it.

    loc, scale: numbers or arrays, which broadcast to a shape of their own.  The result has `shape` followed by that
    shape, which occurs twice if `shape` is empty, as in JAX; and the dtype to which the parameters and `dtype` promote:
    floating-point, float by default.  Errors as `lognormal`.
    """
    one, _ = single_key("double_sided_maxwell", key)
    dtype = float_dtype("double_sided_maxwell", dtype)
    loc, scale = arrays("double_sided_maxwell", loc=loc, scale=scale)
    own = sample_shape("double_sided_maxwell", None, {"loc": loc.shape, "scale": scale.shape})
    full = (*(canonical_shape("double_sided_maxwell", shape) or own), *own)
    size_key, sign_key = split_in(one, 2)
    return rademacher(sign_key, full, dtype) * _maxwell(size_key, full, dtype) * scale + loc


@traced_once("key", "mean")
def wald(key: Any, mean: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of the inverse Gaussian distribution of the given mean and of scale 1.

    mean: positive, a number or an array that broadcasts to `shape` (None: the shape of mean).  dtype: floating-point,
    float by default.  Errors as `lognormal`.

    Of the two roots of a quadratic equation with a squared normal number one is taken at random: J. R. Michael, W. R.
    Schucany, R. W. Haas, "Generating random variates using transformations with multiple roots", The American
    Statistician 30, 1976.
    """
    one, _ = single_key("wald", key)
    dtype = float_dtype("wald", dtype)
    (mean,) = fitting_parameters("wald", shape, dtype, mean=mean)
    normal_key, uniform_key = split_in(one, 2)
    square = jnp.square(real_normal(normal_key, mean.shape, dtype))
    mean_square = mean * mean
    root = jnp.sqrt(fused(4 * mean, square, mean_square * (square * square)))
    smaller = fused(-(mean / 2), root, mean + mean_square * square / 2)
    unit = unit_interval(uniform_key, mean.shape, dtype)
    return jnp.where(unit <= mean / (mean + smaller), smaller, mean_square / smaller)


# --- inverse distribution functions ---------------------------------------------------------------------------


@traced_once("key", "b")
def pareto(key: Any, b: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of density b / x**(b + 1) for x >= 1.

    b: positive, a number or an array that broadcasts to `shape` (None: the shape of b).  dtype: floating-point, float
    by default.  Errors as `lognormal`.
    """
    one, _ = single_key("pareto", key)
    dtype = float_dtype("pareto", dtype)
    (b,) = fitting_parameters("pareto", shape, dtype, b=b)
    return jnp.exp(exponential(one, b.shape, dtype) / b)


@traced_once("key", "scale")
def rayleigh(key: Any, scale: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of density x exp(-x*x/2) for x > 0, times `scale`: lengths of vectors of 2 normal numbers.

    scale: a number, or an array that broadcasts to `shape` (None: the shape of scale).  dtype: floating-point, float
    by default.  Errors as `lognormal`.
    """
    one, _ = single_key("rayleigh", key)
    dtype = float_dtype("rayleigh", dtype)
    (scale,) = fitting_parameters("rayleigh", shape, dtype, scale=scale)
    return scale * jnp.sqrt(jnp.log(unit_interval(one, scale.shape, dtype)) * -2)


@traced_once("key", "left", "mode", "right")
def triangular(
    key: Any, left: Any, mode: Any, right: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
) -> Array:
    """Random numbers whose density rises linearly from `left` to `mode` and falls linearly to `right`.

    left, mode, right: numbers in this order, or arrays that broadcast to `shape` (None: the shape they broadcast to).
    dtype: floating-point, float by default.  Errors as `lognormal`.
    """
    one, _ = single_key("triangular", key)
    dtype = float_dtype("triangular", dtype)
    left, mode, right = fitting_parameters("triangular", shape, dtype, left=left, mode=mode, right=right)
    unit, width = unit_interval(one, left.shape, dtype), right - left
    rising = left + jnp.sqrt(unit * width * (mode - left))
    falling = right - jnp.sqrt((1 - unit) * width * (right - mode))
    return jnp.where(unit < (mode - left) / width, rising, falling)


@traced_once("key", "scale", "concentration")
def weibull_min(key: Any, scale: Any, concentration: Any, shape: Any = (), dtype: Any = None) -> Array:
    """Random numbers scale * e**(1/concentration), where e is exponentially distributed.

    scale, concentration: positive numbers, or arrays that broadcast with `shape`, against which the result is
    broadcast.  dtype: of the uniform numbers, floating-point, float by default; the result's is what it promotes to
    with the parameters.

    ValueError for another dtype, TypeError for shapes that do not broadcast, and what is no key and no array.
    """
    one, _ = single_key("weibull_min", key)
    dtype = float_dtype("weibull_min", dtype)
    scale, concentration = arrays("weibull_min", scale=scale, concentration=concentration)
    shape = canonical_shape("weibull_min", shape)
    broadcast_shape("weibull_min", [shape, scale.shape, concentration.shape])
    return exponential(one, shape, dtype) ** (1.0 / concentration) * scale
