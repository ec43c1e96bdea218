"""Random bits, and what is made of them by integer arithmetic alone: integers, coins and signs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.core.tape import literal
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ops.random_bits import random_bits
from cujax.numpy.promotion import operand
from cujax.random.arguments import canonical_shape, integer_dtype, sample_shape, stretch, stretch_together
from cujax.random.keys import single_key, split_in


def raw_bits(key: Array, shape: tuple[int, ...], width: int) -> Array:
    """Unsigned integers of `width` random bits from one typed key, in the layout that `config` names."""
    return random_bits(key, width, shape, config.threefry_partitionable)


@traced_once("key")
def bits(key: Any, shape: Any = (), dtype: Any = None, *, out_sharding: Any = None) -> Array:
    """Uniform random bits as unsigned integers: Threefry hashes of the key and of the numbers of the elements.

    shape: of the result, an int or a sequence of ints.  dtype: an unsigned integer dtype, by default the widest one
    that is enabled; ValueError for another, TypeError for what is no key and no shape.

    >>> random.bits(random.key(0), (2,), "uint8")
    Array([167, 146], dtype=uint8)
    """
    one, _ = single_key("bits", key)
    found = dtypes.canonicalize(dtypes.uint64) if dtype is None else dtypes.canonicalize_user(dtype, "bits")
    if found not in dtypes.UNSIGNED:
        raise ValueError(f"dtype argument to `bits` must be an unsigned int dtype, got {found}")
    return raw_bits(one, canonical_shape("bits", shape), max(8, dtypes.iinfo(found).bits))


# --- integers from an interval --------------------------------------------------------------------------
#
# A double word of random bits, modulo the length of the interval: with high and low words h and l of w bits,
# (h * 2**w + l) mod span = ((h mod span) * (2**w mod span) + l mod span) mod span.


class _Interval(NamedTuple):
    """`low`, in the dtype of the draw; `span` values from there, and 2**w mod span, in its unsigned dtype.

    A span of 0 stands for 2**w: all values of the dtype.  A multiplier that is known to be 0 is None.
    """

    low: Any
    span: Any
    multiplier: Any


@traced_once("key")
def randint(
    key: Any, shape: Any, minval: Any, maxval: Any, dtype: Any = None, *, out_sharding: Any = None
) -> Array:
    """Uniform random integers from minval to maxval - 1.

    shape: of the result, an int or a sequence of ints.  minval, maxval: integers, or arrays that broadcast to it;
    bounds outside the range of the dtype are moved to its ends, and a maxval above it includes the greatest value.
    Where maxval <= minval the result is minval.  dtype: an integer dtype, int by default; TypeError for another.
    Raises OverflowError for Python ints beyond the default integer dtype, ValueError for shapes that do not broadcast.

    >>> dice = random.randint(random.key(0), (10,), 1, 7)

    Remainders of random words, as in JAX: where maxval - minval divides no power of two the probabilities of two values
    differ by a share of up to (maxval - minval) / 2**32, of 64-bit dtypes / 2**64.
    """
    one, _ = single_key("randint", key)
    found = integer_dtype("randint", dtype, error=TypeError)
    work = found if dtypes.iinfo(found).bits >= 32 else dtypes.int32
    low, high = _bound("minval", minval), _bound("maxval", maxval)
    shape = sample_shape("randint", canonical_shape("randint", shape), {"minval": low.shape, "maxval": high.shape})
    if type(minval) is int and type(maxval) is int:
        interval = _known_interval(minval, maxval, dtypes.iinfo(found), work)
    else:
        low, high = stretch_together("randint", low, high)
        interval = _interval(low, high, dtypes.iinfo(found), work)
    return _draw(one, shape, *interval, work, found)


def _draw(
    key: Array, shape: tuple[int, ...], low: Any, span: Any, multiplier: Any, work: Any, dtype: Any
) -> Array:
    """Integers of the interval, computed in the dtype `work`."""
    low, span = stretch(low, shape), stretch(span, shape)
    width = dtypes.iinfo(work).bits
    high_key, low_key = split_in(key, 2)
    offset = lax.rem(raw_bits(low_key, shape, width), span)
    if multiplier is not None:
        high = lax.rem(raw_bits(high_key, shape, width), span)
        offset = lax.rem(lax.add(lax.mul(high, stretch(multiplier, shape)), offset), span)
    return lax.convert_element_type(lax.add(low, lax.convert_element_type(offset, work)), dtype)


def _bound(which: str, value: Any) -> Any:
    """A bound of `randint` as an operand; one that is no integer is converted to int."""
    found = operand("randint", value, which)
    return found if dtypes.is_integer(found.dtype) else lax.convert_element_type(found, int)


def _unsigned(dtype: Any) -> Any:
    return np.dtype(f"uint{dtypes.iinfo(dtype).bits}")


def _known_interval(minval: int, maxval: int, range_: Any, work: Any) -> _Interval:
    """The interval between Python ints, in literals; where the multiplier is 0 that saves half of the bits."""
    least, greatest = int(range_.min), int(range_.max)
    low = min(max(minval, least), greatest)
    span = max(min(maxval, greatest + 1) - low, 1)
    width = dtypes.iinfo(work).bits
    multiplier = (2 ** (width // 2) % span) ** 2 % 2**width % span  # the square wraps, as it does on arrays
    unsigned = _unsigned(work)
    factor = literal(multiplier, unsigned) if multiplier else None
    return _Interval(literal(low, work), literal(span % 2**width, unsigned), factor)


def _interval(minval: Any, maxval: Any, range_: Any, work: Any) -> _Interval:
    """The interval between operands.

    Where the end lies beyond `work` it is moved to the greatest value, and the length is one more.
    """
    least, greatest = int(range_.min), int(range_.max)
    unsigned, end = _unsigned(work), min(greatest + 1, int(dtypes.iinfo(work).max))
    low, high = _bounded(minval, least, greatest, work), _bounded(maxval, least, end, work)
    length = lax.convert_element_type(lax.sub(high, low), unsigned)
    if end == greatest < dtypes.iinfo(maxval.dtype).max:
        length = lax.add(length, lax.convert_element_type(lax.gt(maxval, greatest), unsigned))
    span = lax.select(lax.gt(high, low), length, literal(1, unsigned))
    root = lax.rem(literal(2 ** (dtypes.iinfo(work).bits // 2), unsigned), span)
    return _Interval(low, span, lax.rem(lax.mul(root, root), span))


def _bounded(x: Any, least: int, greatest: int, dtype: Any) -> Any:
    """`x` moved into [least, greatest] and converted to `dtype`."""
    own = dtypes.iinfo(x.dtype)
    low, high = literal(max(least, int(own.min)), x.dtype), literal(min(greatest, int(own.max)), x.dtype)
    return lax.convert_element_type(lax.clamp(low, x, high), dtype)

