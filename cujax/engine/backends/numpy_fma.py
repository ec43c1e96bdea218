"""x * y + z with one rounding, as the fused multiply-add of processors gives it.

NumPy has no such function.  float32 is done in float64, where the product is exact; float64 in parts, after
Boldo and Melquiond, "Emulation of FMA and correctly rounded sums" (IEEE Trans. Computers 57, 2008).  Both
must avoid rounding twice: a sum is first rounded "to odd" (if it is not exact, to the neighbour whose last
bit is set), from where every later rounding goes the right way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

_SPLITTER = np.float64(2**27 + 1)  # Veltkamp's, for 53 bits
_BELOW_FLOAT32 = np.int64(2**29 - 1)  # the bits of a float64 that a float32 lacks
_HALF = np.int64(2**28)


def fma(x: Any, y: Any, z: Any) -> np.ndarray:
    """x * y + z, rounded once, elementwise; all float32 or all float64."""
    if _rounds_once(y, z):
        return np.add(np.multiply(x, y), z)
    return _fma32(x, y, z) if np.dtype(y.dtype) == np.float32 else _fma64(x, y, z)


def _rounds_once(y: Any, z: Any) -> bool:
    """Whether one of the two plain operations is exact: y a power of two, or z zero (scalars only)."""
    return np.size(y) == 1 == np.size(z) and bool(np.all(z == 0) or np.all(np.abs(np.frexp(y)[0]) == 0.5))


def _fma32(x: Any, y: Any, z: Any) -> np.ndarray:
    product = np.multiply(x, y, dtype=np.float64)
    total = np.asarray(np.add(product, z, dtype=np.float64))
    halfway = (total.view(np.int64) & _BELOW_FLOAT32) == _HALF
    if halfway.any():  # once in 2**29 numbers
        total = np.where(halfway, _rounded_to_odd(product, np.float64(z), total), total)
    return total.astype(np.float32)


def _rounded_to_odd(a: Any, b: Any, total: np.ndarray) -> np.ndarray:
    """a + b rounded to odd, given `total`, the same rounded to nearest."""
    error = np.asarray(_sum_error(a, b, total))
    bits = total.view(np.int64)
    outward = np.signbit(error) == np.signbit(total)
    moved = np.where(outward, bits + 1, bits - 1)
    return np.where((error != 0) & (bits & 1 == 0), moved, bits).view(np.float64)


def _sum_error(a: Any, b: Any, total: Any) -> Any:
    """a + b - total exactly, where total is a + b rounded (Knuth's TwoSum)."""
    part = total - a
    return (a - (total - part)) + (b - part)


def _product_error(a: Any, b: Any, product: Any) -> Any:
    """a * b - product exactly, where product is a * b rounded (Dekker)."""
    a_high, b_high = _high_half(a), _high_half(b)
    a_low, b_low = a - a_high, b - b_high
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low


def _high_half(a: Any) -> Any:
    scaled = _SPLITTER * a
    return scaled - (scaled - a)


def _fma64(x: Any, y: Any, z: Any) -> np.ndarray:
    product = np.asarray(np.multiply(x, y))
    product_error = _product_error(x, y, product)
    low = z + product_error
    low_error = _sum_error(z, product_error, low)
    high = np.asarray(product + low)
    high_error = _sum_error(product, low, high)
    rest = np.asarray(low_error + high_error)
    exact = high + _rounded_to_odd(low_error, high_error, rest)
    return np.where(np.isfinite(exact), exact, product + z)  # beyond 2**996 the halves overflow
