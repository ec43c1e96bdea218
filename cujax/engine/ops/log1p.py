"""log(x) and log(1 + y), rounded as the reference rounds them: both in float32, the second in float64 for y <= 0.

Random numbers are promised to the bit, and `erf_inv` takes this logarithm of -x*x.  The methods are
those of S. Moshier's Cephes library, `log1p.c` and, for float32, `logf.c`: a rational function near 0,
elsewhere log of the rounded sum 1 + y, for float32 the exponent and a polynomial of the mantissa in three
strands.  What decides the last bit is where products and sums are fused into one rounding.  Generated code
(`kernels/portable.h`) keeps to the same places.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.ops.double_log import log_double

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
_NEAR_ZERO = 0.41421356237309503  # sqrt(2) - 1


def log1p_as_fused(xp: Any, y: Any) -> Any:
    """log(1 + y) of y, of shape (n,): minus infinity at -1, NaN below; float32, or float64 and y <= 0."""
    near = xp.absolute(y) < y.dtype.type(_NEAR_ZERO)
    out = xp.empty_like(y)
    out[near] = _near_zero(xp, y[near])
    out[~near] = log_as_fused(xp, y[~near] + y.dtype.type(1))
    return out


def _near_zero(xp: Any, y: Any) -> Any:
    """y - y*y/2 + y*y*y times a rational function of y."""
    horner, squared = library(xp).horner, y * y
    rest = (y * squared) * (horner(y, _NUMERATOR) / horner(y, _DENOMINATOR))
    return y + library(xp).fma(squared, y.dtype.type(-0.5), rest)


def log_as_fused(xp: Any, x: Any) -> Any:
    """log(x): minus infinity at 0, NaN below; float32, or float64 not within 1/16 of 1."""
    kind = x.dtype.type
    method = _log_single if kind is np.float32 else log_double
    inside = (x > 0) & (x < kind(np.inf))
    log = method(xp, xp.where(inside, x, kind(0.5)))
    return xp.where(inside, log, xp.where(x > 0, x, xp.where(x == 0, kind(-np.inf), kind(np.nan))))


def _log_single(xp: Any, x: Any) -> Any:
    fma, horner = library(xp).fma, library(xp).horner
    mantissa, exponent = xp.frexp(x)
    low = mantissa < np.float32(0.707106781186547524)
    e = (exponent - low).astype(np.float32)
    z = xp.where(low, mantissa + mantissa, mantissa) - np.float32(1)
    squared = z * z
    cubed = squared * z
    a, b, c = (horner(z, strand) for strand in _STRANDS)
    p = fma(fma(a, cubed, b), cubed, c)
    small = fma(p, cubed, e * np.float32(_LOG_2_LOW))
    return fma(e, np.float32(_LOG_2_HIGH), (z - np.float32(0.5) * squared) + small)
