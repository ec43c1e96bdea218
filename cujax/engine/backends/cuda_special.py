"""Special functions for CuPy arrays, float32 and float64: the twins of `numpy_special.py`."""

from __future__ import annotations

from typing import Any

import cupy
import cupyx.scipy.special as cupyx_special

erf = cupyx_special.erf
erfc = cupyx_special.erfc


def lgamma(x: Any) -> Any:
    """log |gamma(x)|; infinite at the poles and at both infinities."""
    return cupy.where(x == -cupy.inf, x.dtype.type(cupy.inf), cupyx_special.gammaln(x))


def digamma(x: Any) -> Any:
    """The derivative of lgamma; NaN at the poles."""
    return cupy.where((x == 0) | cupy.isneginf(x), x.dtype.type(cupy.nan), cupyx_special.digamma(x))


def polygamma(m: Any, x: Any) -> Any:
    """The derivative of order m of digamma, from Hurwitz's zeta (A&S 6.4.10); NaN unless m is whole."""
    s = cupy.asarray(m, cupy.float64) + 1
    sign = cupy.where(s % 2 == 0, 1.0, cupy.where(s % 2 == 1, -1.0, cupy.nan))
    value = sign * cupy.exp(cupyx_special.gammaln(s)) * cupyx_special.zeta(s, x.astype(cupy.float64))
    return cupy.where(s == 1, digamma(x), value.astype(x.dtype))
