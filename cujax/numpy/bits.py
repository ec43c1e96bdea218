"""Bits and whole numbers: packbits, unpackbits, gcd, lcm."""

from __future__ import annotations

import operator

import numpy as np

from cujax import lax
from cujax.api.loops import while_loop
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.numpy.arithmetic import floor_divide
from cujax.numpy.creation import asarray
from cujax.numpy.logic import choose_where, truth
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_dtypes
from cujax.numpy.reductions import any as any_of
from cujax.numpy.reductions import sum as sum_of
from cujax.numpy.reshaping import broadcast_arrays, moveaxis, ravel


def _weights(bitorder: str) -> np.ndarray:
    if bitorder not in ("little", "big"):
        raise ValueError(f"'order' must be either 'little' or 'big', got {bitorder!r}")
    ascending = 2 ** np.arange(8, dtype=np.uint8)
    return ascending if bitorder == "little" else ascending[::-1].copy()


def packbits(a: ArrayLike, axis: int | None = None, bitorder: str = "big") -> Array:
    """Truth values packed into bytes along `axis`, eight in each, zeros filling the last.

    bitorder: whether the first value is the highest bit ("big") or the lowest.  TypeError for floats.
    """
    a = as_array("packbits", a)
    if dtypes.is_inexact(a.dtype):
        raise TypeError("Expected an input array of integer or boolean data type")
    weights = asarray(_weights(bitorder))
    a, axis = (ravel(a), 0) if axis is None else (a, canonical_axis(axis, a.ndim))
    bits = moveaxis(lax.convert_element_type(truth("packbits", a), np.uint8), axis, -1)
    missing = -bits.shape[-1] % 8
    bits = lax.pad(bits, np.uint8(0), [*[(0, 0, 0)] * (bits.ndim - 1), (0, missing, 0)])
    octets = lax.reshape(bits, (*bits.shape[:-1], bits.shape[-1] // 8, 8))
    return moveaxis(sum_of(octets * weights, -1, promote_integers=False), -1, axis)


def unpackbits(
    a: ArrayLike, axis: int | None = None, count: int | None = None, bitorder: str = "big"
) -> Array:
    """The bits of bytes along `axis`, as uint8 zeros and ones; `count` of them, or all but the last -count.

    TypeError for another dtype than uint8.
    """
    a = as_array("unpackbits", a)
    if a.dtype != np.uint8:
        raise TypeError("Expected an input array of unsigned byte data type")
    weights = asarray(_weights(bitorder))
    a, axis = (ravel(a), 0) if axis is None else (a, canonical_axis(axis, a.ndim))
    octets = moveaxis(a, axis, -1)
    bits = lax.convert_element_type((octets[..., None] & weights) > 0, np.uint8)
    bits = lax.reshape(bits, (*octets.shape[:-1], octets.shape[-1] * 8))
    if count is not None:
        count = operator.index(count)
        if count > bits.shape[-1]:
            bits = lax.pad(
                bits, np.uint8(0), [*[(0, 0, 0)] * (bits.ndim - 1), (0, count - bits.shape[-1], 0)]
            )
        bits = bits[..., :count]
    return moveaxis(bits, -1, axis)


def _integers(name: str, x1: ArrayLike, x2: ArrayLike) -> list[Array]:
    x1, x2 = arrays_of(promote_dtypes(name, x1, x2))
    if not dtypes.is_integer(x1.dtype):
        raise ValueError(f"Arguments to jnp.{name} must be integers, got {x1.dtype}")
    return broadcast_arrays(x1, x2)


@traced_once("x1", "x2")
def gcd(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Greatest common divisor, elementwise, not below 0 (Euclid).  ValueError for other than integers."""
    x1, x2 = _integers("gcd", x1, x2)

    def step(pair: tuple[Array, Array]) -> tuple[Array, Array]:
        x, y = pair
        goes_on = y != 0
        rest = lax.rem(x, choose_where(goes_on, y, y.dtype.type(1)))
        return choose_where(goes_on, y, x), choose_where(goes_on, rest, y.dtype.type(0))

    return while_loop(lambda pair: any_of(pair[1] != 0), step, (_magnitude(x1), _magnitude(x2)))[0]


def _magnitude(x: Array) -> Array:
    return lax.abs(x) if dtypes.is_signed(x.dtype) else x


@traced_once("x1", "x2")
def lcm(x1: ArrayLike, x2: ArrayLike) -> Array:
    """Least common multiple, elementwise, not below 0.  ValueError for other than integers."""
    x1, x2 = (_magnitude(x) for x in _integers("lcm", x1, x2))
    divisor = gcd(x1, x2)
    safe = choose_where(divisor == 0, divisor.dtype.type(1), divisor)
    return choose_where(divisor == 0, x1.dtype.type(0), x1 * floor_divide(x2, safe))
