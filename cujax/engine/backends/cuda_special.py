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


def zeta(s: Any, q: Any) -> Any:
    """Hurwitz's zeta function: infinite at s = 1 and where a term is, NaN for s < 1, 0 for infinite q."""
    import cupy
    from cupyx.scipy import special

    inf, nan = q.dtype.type(cupy.inf), q.dtype.type(cupy.nan)
    return cupy.where(s < 1, nan, cupy.where(s == 1, inf, special.zeta(s, q)))


def special(name: str, *xs: Any) -> Any:
    """The function of this name of `cupyx.scipy.special`."""
    from cupyx.scipy import special

    return getattr(special, name)(*xs)
