"""log(1 + y) in float32, for y from -1 to 0, rounded as the reference rounds it.

Normal random numbers are promised to the bit, and `erf_inv` takes this logarithm of -x*x.  The methods are
those of S. Moshier's Cephes library, `logf.c` and `log1p.c`: a rational function near 0, elsewhere the
exponent and a polynomial of the mantissa in three strands.  What decides the last bit is where products
and sums are fused into one rounding: where a product is taken in float64, in which that of two float32
numbers is exact, and the sum narrowed.  Generated code must keep to these places.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

_NUMERATOR = (
    4.5270000862445199635215e-5, 4.9854102823193375972212e-1, 6.5787325942061044846969e0,
    2.9911919328553073277375e1, 6.0949667980987787057556e1, 5.7112963590585538103336e1,
    2.0039553499201281259648e1,
)
_DENOMINATOR = (
    1.0, 1.5062909083469192043167e1, 8.3047565967967209469434e1, 2.2176239823732856465394e2,
    3.0909872225312059774938e2, 2.1642788614495947685003e2, 6.0118660497603843919306e1,
)
_STRANDS = (
    (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1),
    (-1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1),
    (2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
_LOG_2_LOW, _LOG_2_HIGH = -2.12194440e-4, 0.693359375  # log(2) in two parts, the second with few bits
_NEAR_ZERO = 0.41421356  # sqrt(2) - 1


def horner(x: Any, coefficients: Sequence[float]) -> Any:
    """The polynomial in float32, fused at every step."""
    first, second, *rest = (np.float32(c) for c in coefficients)
    wide = x.astype(np.float64)
    p = (wide * first + second).astype(np.float32)
    for c in rest:
        p = (wide * p + c).astype(np.float32)
    return p


def log1p_single(xp: Any, y: Any) -> Any:
    """log(1 + y) of float32 y <= 0: minus infinity at -1, NaN below."""
    return xp.where(xp.absolute(y) < np.float32(_NEAR_ZERO), _near_zero(y), _log(xp, y + np.float32(1)))


def _near_zero(y: Any) -> Any:
    """y - y*y/2 + y*y*y times a rational function of y."""
    squared = y * y
    rest = (y * squared) * (horner(y, _NUMERATOR) / horner(y, _DENOMINATOR))
    return y + (rest + squared.astype(np.float64) * -0.5).astype(np.float32)


def _log(xp: Any, x: Any) -> Any:
    mantissa, exponent = xp.frexp(xp.where(x > 0, x, np.float32(1)))
    low = mantissa < np.float32(0.707106781186547524)
    e = (exponent - low).astype(np.float32)
    z = xp.where(low, mantissa + mantissa, mantissa) - np.float32(1)
    squared = z * z
    cubed = (squared * z).astype(np.float64)
    a, b, c = (horner(z, strand) for strand in _STRANDS)
    p = (((a * cubed + b).astype(np.float32)) * cubed + c).astype(np.float32)
    small = (p * cubed + e * np.float32(_LOG_2_LOW)).astype(np.float32)
    log = (z - np.float32(0.5) * squared) + small
    log = (e.astype(np.float64) * _LOG_2_HIGH + log).astype(np.float32)
    return xp.where(x > 0, log, xp.where(x == 0, np.float32(-np.inf), np.float32(np.nan)))
