"""Uniform floating-point numbers: random bits as the mantissa of a number from 1 to 2.

A float of m mantissa bits in [1, 2) has the exponent of 1 and any mantissa, so m random bits put below the
exponent of 1.0 and a subtraction of 1 give multiples of 2**-m in [0, 1).  Other intervals are reached by
u * (maxval - minval) + minval, for float32 and float64 rounded once, as XLA compiles it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.core.tape import Literal, literal
from cujax.engine.ground import dtypes
from cujax.engine.ops.elementwise import fma
from cujax.numpy.promotion import operand
from cujax.random.arguments import canonical_shape, float_dtype, parameter, sample_shape, stretch
from cujax.random.bits import raw_bits
from cujax.random.keys import single_key


@traced_once("key", "minval", "maxval")
def uniform(
    key: Any, shape: Any = (), dtype: Any = None, minval: Any = 0.0, maxval: Any = 1.0, *,
    out_sharding: Any = None,
) -> Array:
    """Uniform random floats from minval up to, but not including, maxval.

    shape: of the result, an int or a sequence of ints.  minval, maxval: numbers or arrays that broadcast to
    it.  dtype: floating-point, float by default.  Differentiable with respect to minval and maxval.  ValueError for
    another dtype, TypeError for what is no key and for shapes that do not broadcast.

    >>> angles = random.uniform(random.key(0), (100,), minval=-jnp.pi, maxval=jnp.pi)
    """
    one, _ = single_key("uniform", key)
    dtype = float_dtype("uniform", dtype)
    low, high = parameter("uniform", "minval", minval, dtype), parameter("uniform", "maxval", maxval, dtype)
    bounds = {"minval": low.shape, "maxval": high.shape}
    shape = sample_shape("uniform", canonical_shape("uniform", shape), bounds, error=TypeError)
    return uniform_between(one, shape, dtype, low, high)


def uniform_between(key: Array, shape: tuple[int, ...], dtype: Any, low: Any, high: Any) -> Array:
    """Numbers in [low, high), which are operands of `dtype` or Python numbers, from one typed key."""
    unit = unit_interval(key, shape, dtype)
    low, high = (literal(x, dtype) if isinstance(x, float | int) else x for x in (low, high))
    if _is(low, 0) and _is(high, 1):
        return unit
    low, high = stretch(low, shape), stretch(high, shape)
    span = lax.sub(high, low)
    if dtypes.finfo(dtype).bits >= 32:
        return lax.max(low, fma(unit, span, low))
    return lax.max(low, lax.add(lax.mul(unit, span), low))


def _is(x: Any, value: float) -> bool:
    return type(x) is Literal and x.val == value


def unit_interval(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
    """Numbers in [0, 1) of a floating-point `dtype` from one typed key."""
    info = dtypes.finfo(dtype)
    width = info.bits if info.nmant >= 8 else 8  # bfloat16 and the 8-bit floats need no more
    word = np.dtype(f"uint{info.bits}")
    mantissa = lax.shift_right_logical(
        lax.convert_element_type(raw_bits(key, shape, width), word), literal(width - info.nmant, word)
    )
    one_to_two = lax.bitwise_or(mantissa, literal(int(np.ones((), dtype).view(word)), word))
    return lax.sub(lax.bitcast_convert_type(one_to_two, dtype), literal(1, dtype))


# --- coins ------------------------------------------------------------------------------------------------


@traced_once("key", "p")
def bernoulli(
    key: Any, p: Any = 0.5, shape: Any = None, mode: str = "low", *, out_sharding: Any = None
) -> Array:
    """Booleans that are True with probability p.

    p: floating-point, a number or an array that broadcasts to `shape` (None: the shape of p); TypeError for
    another dtype.  mode: "high" spends twice the bits, so that probabilities far below the spacing of floats
    at 1 are met; ValueError for another word than that and "low", and for shapes that do not broadcast.

    >>> kept = random.bernoulli(random.key(0), 0.9, (1000,))
    """
    one, _ = single_key("bernoulli", key)
    if mode not in ("low", "high"):
        raise ValueError(f"bernoulli: got mode={mode!r}, expected 'high' or 'low'")
    p = operand("bernoulli", p, "p")
    if not dtypes.is_float(p.dtype):
        raise TypeError(f"bernoulli probability `p` must have a floating dtype, got {p.dtype}. Write p=float(p).")
    shape = sample_shape("bernoulli", shape, {"p": p.shape})
    return coins(one, shape, stretch(p, shape), mode)


def coins(key: Array, shape: tuple[int, ...], p: Any, mode: str = "low") -> Array:
    """True with probability p, an operand that is scalar or of `shape`."""
    if mode == "low":
        return lax.lt(unit_interval(key, shape, p.dtype), p)
    pair = unit_interval(key, (2, *shape), p.dtype)
    coarse, fine = (lax.index_in_dim(pair, i, 0, keepdims=False) for i in (0, 1))
    eps = literal(dtypes.finfo(p.dtype).eps, p.dtype)
    return lax.lt(lax.mul(fine, eps), lax.sub(p, coarse))


@traced_once("key")
def rademacher(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Random signs: -1 or 1, with equal probability.

    shape: of the result, an int or a sequence of ints.  dtype: any dtype of numbers, int by default; of unsigned ones
    -1 is the greatest.  ValueError for another, TypeError for what is no key and no shape.
    """
    one, _ = single_key("rademacher", key)
    dtype = dtypes.canonicalize_user(int if dtype is None else dtype, "rademacher")
    if dtypes.is_key(dtype):
        raise ValueError(f"rademacher: dtype must be a dtype of numbers, got {dtype}")
    half = literal(0.5, dtypes.python_scalar_dtype(float))
    heads = coins(one, canonical_shape("rademacher", shape), half)
    return lax.select(heads, literal(1, dtype), literal(np.asarray(-1).astype(dtype), dtype))
