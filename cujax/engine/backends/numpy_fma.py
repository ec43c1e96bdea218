"""x * y + z with one rounding, as the fused multiply-add of processors gives it.

    fma     of three arrays
    horner  of a polynomial, fused at every step

NumPy has no such function, but its product of complex numbers is made of fused multiply-adds where the
processor has them: re((x + iz)(y - i)) is xy + z rounded once, since the other product, of z and 1, is exact.
NumPy does not promise this, so it is tried out on numbers that tell the difference before it is relied on.

Elsewhere float32 is done in float64, where the product is exact; float64 in parts, after Boldo and Melquiond,
"Emulation of FMA and correctly rounded sums" (IEEE Trans. Computers 57, 2008).  Both must avoid rounding
twice: a sum is first rounded "to odd" (if it is not exact, to the neighbour whose last bit is set), from where
every later rounding goes the right way.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

_SPLITTER = np.float64(2**27 + 1)  # Veltkamp's, for 53 bits
_BELOW_FLOAT32 = np.int64(2**29 - 1)  # the bits of a float64 that a float32 lacks
_HALF = np.int64(2**28)
_BLOCK = 2**13  # elements for which the complex operands stay in the cache


def fma(x: Any, y: Any, z: Any) -> np.ndarray:
    """x * y + z, rounded once, elementwise; all float32 or all float64."""
    if _rounds_once(y, z):
        return np.add(np.multiply(x, y), z)
    shape = np.broadcast_shapes(np.shape(x), np.shape(y), np.shape(z))
    operands = [np.broadcast_to(a, shape).reshape(-1) for a in (x, y, z)]
    function = _fma_in_complex if _complex_product_is_fused() else _fma_in_software
    out = np.empty(operands[0].shape, operands[0].dtype)
    for start in range(0, out.size, _BLOCK):
        part = slice(start, start + _BLOCK)
        out[part] = function(*[a[part] for a in operands])
    return out.reshape(shape)


def horner(x: np.ndarray, coefficients: Sequence[float]) -> np.ndarray:
    """The polynomial with these coefficients, that of the highest power first, one rounding a step."""
    first, *rest = (x.dtype.type(c) for c in coefficients)
    if not _complex_product_is_fused():
        p = np.full_like(x, first)
        for c in rest:
            p = _fma_in_software(p, x, c)
        return p
    sums, factors = _complex(first, rest[0], x), _complex(x, -1, x)
    with np.errstate(all="ignore"):  # of the imaginary parts, which nobody reads
        np.multiply(sums, factors, out=sums)
        for c in rest[1:]:
            sums.imag = c
            np.multiply(sums, factors, out=sums)
    return sums.real


def _rounds_once(y: Any, z: Any) -> bool:
    """Whether one of the two plain operations is exact: y a power of two, or z zero (scalars only)."""
    return np.size(y) == 1 == np.size(z) and bool(np.all(z == 0) or np.all(np.abs(np.frexp(y)[0]) == 0.5))


# --- by complex numbers -------------------------------------------------------------------------------


@cache
def _complex_product_is_fused() -> bool:
    """Whether complex products round as fused multiply-adds do; an odd count tries the ends of loops too."""
    rng = np.random.default_rng(0)
    for dtype in (np.float32, np.float64):
        x, y = rng.uniform(1, 2, (2, 1031)).astype(dtype)
        z = -x * y  # what remains is the rounding error of the product
        if not np.array_equal(_fma_in_complex(x, y, z), _fma_in_software(x, y, z)):
            return False
    return True


def _fma_in_complex(x: Any, y: Any, z: Any) -> np.ndarray:
    sums = _complex(x, z, x)
    with np.errstate(all="ignore"):
        np.multiply(sums, _complex(y, -1, x), out=sums)
    return sums.real


def _complex(real: Any, imag: Any, like: np.ndarray) -> np.ndarray:
    """real + i imag; contiguous, as the fused loops need it."""
    z = np.empty(like.shape, np.result_type(like.dtype, np.complex64))
    z.real, z.imag = real, imag
    return z


# --- in software --------------------------------------------------------------------------------------


def _fma_in_software(x: np.ndarray, y: np.ndarray, z: Any) -> np.ndarray:
    return _fma32(x, y, z) if x.dtype == np.float32 else _fma64(x, y, z)


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
