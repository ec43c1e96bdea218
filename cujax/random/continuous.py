"""Continuous distributions that are a function of one uniform number, most by inverting the distribution.

    normal truncated_normal              erf_inv of a number in (-1, 1)
    exponential laplace logistic         logarithms
    gumbel cauchy

Each reads the bits of `uniform` in the same order, so equal keys give related numbers: split keys.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.core.tape import literal
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.random.arguments import arrays, canonical_shape, float_dtype, sample_shape, stretch
from cujax.random.keys import single_key, split_in
from cujax.random.uniform import uniform_between, unit_interval

# --- the normal distribution --------------------------------------------------------------------------------


@traced_once("key")
def normal(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of the normal distribution with mean 0 and variance 1: sqrt(2) erf_inv(u), u uniform in (-1, 1).

    shape: of the result, an int or a sequence of ints.  dtype: floating-point, float by default, or complex: real and
    imaginary part then have variance 1/2 each.  ValueError for another dtype, TypeError for what is no key and no
    shape.

    >>> x = 5 + 0.1 * random.normal(random.key(0), (1000, 3))
    """
    one, _ = single_key("normal", key)
    dtype = float_dtype("normal", dtype, or_complex=True)
    shape = canonical_shape("normal", shape)
    if not dtypes.is_complex(dtype):
        return real_normal(one, shape, dtype)
    real, imaginary = (real_normal(k, shape, dtypes.to_real(dtype)) for k in split_in(one, 2))
    return lax.div(lax.complex(real, imaginary), literal(sqrt(2), dtype))


def real_normal(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Normal numbers of a floating-point `dtype` from one typed key."""
    symmetric = uniform_between(key, shape, dtype, _above_minus_one(dtype), 1)
    return lax.mul(literal(sqrt(2), dtype), lax.erf_inv(symmetric))


def _above_minus_one(dtype: Any) -> Any:
    """The least number above -1, where erf_inv and log1p are still finite."""
    return literal(np.nextafter(dtype.type(-1), dtype.type(0)), dtype)


@traced_once("key", "lower", "upper")
def truncated_normal(
    key: Any, lower: Any, upper: Any, shape: Any = None, dtype: Any = None, *, out_sharding: Any = None
) -> Array:
    """Normal numbers between `lower` and `upper`, both excluded.

    lower, upper: numbers or arrays that broadcast to `shape` (None: the shape they broadcast to).  dtype:
    floating-point, float by default.  Differentiable with respect to both.  ValueError for another dtype and shapes
    that do not broadcast, TypeError for what is no key and no array.

    The inverse of the distribution function at a number uniform between those of the bounds.
    """
    one, _ = single_key("truncated_normal", key)
    dtype = float_dtype("truncated_normal", dtype)
    bounds = arrays("truncated_normal", lower=lower, upper=upper)
    low, high = (lax.convert_element_type(x, dtype) for x in bounds)
    shape = sample_shape("truncated_normal", shape, {"lower": low.shape, "upper": high.shape})
    root = literal(sqrt(2), dtype)
    ends = [lax.erf(lax.div(x, root)) for x in (low, high)]
    inside = lax.mul(root, lax.erf_inv(uniform_between(one, shape, dtype, *ends)))
    least = lax.nextafter(lax.stop_gradient(low), literal(np.inf, dtype))
    greatest = lax.nextafter(lax.stop_gradient(high), literal(-np.inf, dtype))
    return lax.min(stretch(greatest, shape), lax.max(stretch(least, shape), inside))


# --- logarithms and a tangent -----------------------------------------------------------------------------


def _scale_free(name: str, key: Any, shape: Any, dtype: Any) -> tuple[Array, tuple[int, ...], Any]:
    """The arguments of a sampler without parameters: one typed key, shape and dtype."""
    one, _ = single_key(name, key)
    return one, canonical_shape(name, shape), float_dtype(name, dtype)


@traced_once("key")
def exponential(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of density exp(-x) for x >= 0: -log(1 - u) of a uniform number u.

    shape: of the result, an int or a sequence of ints.  dtype: floating-point, float by default.  ValueError for
    another dtype, TypeError for what is no key and no shape.
    """
    return _exponential(*_scale_free("exponential", key, shape, dtype))


def _exponential(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    return lax.neg(lax.log1p(lax.neg(unit_interval(key, shape, dtype))))


@traced_once("key")
def laplace(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of density exp(-|x|) / 2: sign(u) log(1 - |u|) of a number u uniform in (-1, 1).

    shape: of the result, an int or a sequence of ints.  dtype: floating-point, float by default.  ValueError for
    another dtype, TypeError for what is no key and no shape.
    """
    return _laplace(*_scale_free("laplace", key, shape, dtype))


def _laplace(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    symmetric = uniform_between(key, shape, dtype, _above_minus_one(dtype), 1)
    return lax.mul(lax.sign(symmetric), lax.log1p(lax.neg(lax.abs(symmetric))))


@traced_once("key")
def logistic(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers x for which 1 / (1 + exp(-x)) is uniform: log(u) - log(1 - u) of a uniform number u.

    shape: of the result, an int or a sequence of ints.  dtype: floating-point, float by default.  ValueError for
    another dtype, TypeError for what is no key and no shape.
    """
    return _logistic(*_scale_free("logistic", key, shape, dtype))


def _logistic(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    x = uniform_between(key, shape, dtype, float(dtypes.finfo(dtype).tiny), 1)
    return lax.sub(lax.log(x), lax.log1p(lax.neg(x)))


@traced_once("key")
def cauchy(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random numbers of density 1 / (pi (1 + x^2)): tan(pi (u - 1/2)) of a uniform number u.

    shape: of the result, an int or a sequence of ints.  dtype: floating-point, float by default.  ValueError for
    another dtype, TypeError for what is no key and no shape.
    """
    return _cauchy(*_scale_free("cauchy", key, shape, dtype))


def _cauchy(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    x = uniform_between(key, shape, dtype, float(dtypes.finfo(dtype).eps), 1)
    return lax.tan(lax.mul(literal(pi, dtype), lax.sub(x, literal(0.5, dtype))))


@traced_once("key")
def gumbel(
    key: Any, shape: Any = (), dtype: Any = None, mode: str | None = None, *, out_sharding: Any = None
) -> Array:
    """Random numbers with distribution function exp(-exp(-x)): -log(-log(u)) of a uniform number u.

    shape: of the result, an int or a sequence of ints.  dtype: floating-point, float by default.  mode: "high" spends
    twice the bits on the tail; "low" does not; None is what `config.high_dynamic_range_gumbel` says.  ValueError for
    another dtype or mode, TypeError for what is no key and no shape.
    """
    one, shape, dtype = _scale_free("gumbel", key, shape, dtype)
    return gumbel_typed(one, shape, dtype, mode)


def gumbel_typed(key: Array, shape: tuple[int, ...], dtype: Any, mode: str | None) -> Array:
    """Gumbel numbers from one typed key.  ValueError for a mode other than "high", "low" and None."""
    if mode is None:
        mode = "high" if config.high_dynamic_range_gumbel else "low"
    if mode not in ("high", "low"):
        raise ValueError(f"gumbel: mode must be 'high', 'low' or None, got {mode!r}")
    tiny = float(dtypes.finfo(dtype).tiny)
    if mode == "low":
        return lax.neg(lax.log(lax.neg(lax.log(uniform_between(key, shape, dtype, tiny, 1)))))
    x = _fine_below_half(key, shape, dtype, tiny)
    return lax.neg(lax.log(lax.neg(lax.log1p(lax.neg(x)))))


def _fine_below_half(key: Array, shape: tuple[int, ...], dtype: Any, tiny: float) -> Array:
    """Numbers in (0, 1), with the bits of a second one below the last bit of those under 1/2."""
    pair = unit_interval(key, (2, *shape), dtype)
    coarse, fine = (lax.index_in_dim(pair, i, 0, keepdims=False) for i in (0, 1))
    finer = lax.add(coarse, lax.mul(literal(dtypes.finfo(dtype).eps, dtype), fine))
    return lax.select(lax.ge(coarse, literal(0.5, dtype)), coarse, lax.add(finer, literal(tiny, dtype)))
