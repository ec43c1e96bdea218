"""Special functions for CuPy arrays, float32 and float64: the twins of `numpy_special.py`.

CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

from typing import Any


def erf(x: Any) -> Any:
    """The error function."""
    from cupyx.scipy import special

    return special.erf(x)


def erfc(x: Any) -> Any:
    """1 - erf(x)."""
    from cupyx.scipy import special

    return special.erfc(x)


def lgamma(x: Any) -> Any:
    """log |gamma(x)|; infinite at the poles and at both infinities."""
    import cupy
    from cupyx.scipy import special

    return cupy.where(x == -cupy.inf, x.dtype.type(cupy.inf), special.gammaln(x))


def digamma(x: Any) -> Any:
    """The derivative of lgamma; NaN at the poles."""
    import cupy
    from cupyx.scipy import special

    return cupy.where((x == 0) | cupy.isneginf(x), x.dtype.type(cupy.nan), special.digamma(x))


def polygamma(m: Any, x: Any) -> Any:
    """The derivative of order m of digamma, from Hurwitz's zeta (A&S 6.4.10); NaN unless m is whole."""
    import cupy
    from cupyx.scipy import special

    s = cupy.asarray(m, cupy.float64) + 1
    sign = cupy.where(s % 2 == 0, 1.0, cupy.where(s % 2 == 1, -1.0, cupy.nan))
    value = sign * cupy.exp(special.gammaln(s)) * special.zeta(s, x.astype(cupy.float64))
    return cupy.where(s == 1, digamma(x), value.astype(x.dtype))
