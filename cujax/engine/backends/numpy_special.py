"""Special functions for NumPy arrays, float32 and float64: SciPy's where it is installed, else our series.

The rarer ones are SciPy's alone (`special`).

SciPy's module is imported when a function is first called: it takes longer than all of this package.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from cujax.engine.backends import series


@functools.cache
def _scipy() -> Any:
    """`scipy.special`, or None where SciPy is not installed."""
    try:
        import scipy.special
    except ImportError:
        return None
    return scipy.special


def erf(x: np.ndarray) -> np.ndarray:
    """The error function."""
    return _scipy().erf(x) if _scipy() else series.erf(x).astype(x.dtype)


def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf(x)."""
    return _scipy().erfc(x) if _scipy() else series.erfc(x).astype(x.dtype)


def lgamma(x: np.ndarray) -> np.ndarray:
    """log |gamma(x)|; infinite at the poles and at both infinities."""
    if not _scipy():
        return series.lgamma(x).astype(x.dtype)
    return np.where(x == -np.inf, x.dtype.type(np.inf), _scipy().gammaln(x))


def digamma(x: np.ndarray) -> np.ndarray:
    """The derivative of lgamma; NaN at the poles."""
    if not _scipy():
        return series.digamma(x.astype(np.float64)).astype(x.dtype)
    return np.where((x == 0) | np.isneginf(x), x.dtype.type(np.nan), _scipy().digamma(x))


def polygamma(m: np.ndarray, x: np.ndarray) -> np.ndarray:
    """The derivative of order m of digamma, from Hurwitz's zeta (A&S 6.4.10); NaN unless m is whole."""
    s = np.asarray(m, np.float64) + 1
    zeta = _scipy().zeta if _scipy() else series.hurwitz_zeta
    sign = np.where(s % 2 == 0, 1.0, np.where(s % 2 == 1, -1.0, np.nan))
    value = sign * np.exp(lgamma(s)) * zeta(s, x.astype(np.float64))
    return np.where(s == 1, digamma(x), value.astype(x.dtype))


def zeta(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Hurwitz's zeta function: infinite at s = 1 and where a term is, NaN for s < 1, 0 for infinite q."""
    if _scipy():
        value = _scipy().zeta(s, q)
    else:
        with np.errstate(all="ignore"):
            value = series.hurwitz_zeta(s.astype(np.float64), q.astype(np.float64)).astype(q.dtype)
    return np.where(s < 1, q.dtype.type(np.nan), np.where(s == 1, q.dtype.type(np.inf), value))


def special(name: str, *xs: np.ndarray) -> np.ndarray:
    """The function of this name of `scipy.special`; ModuleNotFoundError where SciPy is not installed."""
    if not _scipy():
        raise ModuleNotFoundError(
            f"{name} of NumPy arrays needs SciPy, which is not installed: pip install scipy.  "
            "(Under jit, with a C++ compiler, it does not.)"
        )
    return getattr(_scipy(), name)(*xs)
