"""Special functions in plain NumPy, for machines without SciPy; float64 results.

    erf  erfc  lgamma  digamma  hurwitz_zeta

The error functions and lgamma are those of Python's math.  The others go the textbook way: an asymptotic
series for large arguments, the recurrence to reach them, a reflection for negative ones (Abramowitz and
Stegun, Handbook of Mathematical Functions, 1964, chapters 6 and 23).
"""

from __future__ import annotations

import math

import numpy as np

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)  # B2, B4, ...
_LARGE = 12  # from here on the series below has the accuracy of float64


def _lgamma(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # a pole; a result beyond float64
        return math.inf


_of_each = {f: np.frompyfunc(f, 1, 1) for f in (math.erf, math.erfc, _lgamma)}


def erf(x: np.ndarray) -> np.ndarray:
    """The error function."""
    return np.asarray(_of_each[math.erf](x), np.float64)


def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf(x)."""
    return np.asarray(_of_each[math.erfc](x), np.float64)


def lgamma(x: np.ndarray) -> np.ndarray:
    """log |gamma(x)|; infinite at the poles."""
    return np.asarray(_of_each[_lgamma](x), np.float64)


def digamma(x: np.ndarray) -> np.ndarray:
    """The logarithmic derivative of gamma; NaN at the poles."""
    reflected = np.where(x < 0.5, 1 - x, x)
    result = _digamma_positive(reflected)
    cotangent = 1 / np.tan(np.pi * (x - np.rint(x)))
    result = np.where(x < 0.5, result - np.pi * cotangent, result)
    return np.where((x <= 0) & (x == np.floor(x)), np.nan, result)


def _digamma_positive(x: np.ndarray) -> np.ndarray:
    """A&S 6.3.18, after steps of 6.3.5."""
    steps = sum(np.where(x + k < _LARGE, 1 / (x + k), 0) for k in range(_LARGE))
    large = x + np.maximum(0, np.ceil(_LARGE - x))
    terms = sum(b / (2 * n * large ** (2 * n)) for n, b in enumerate(_BERNOULLI, 1))
    return np.log(large) - 0.5 / large - terms - steps


def hurwitz_zeta(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The sum of (q + k)**-s over k = 0, 1, ..., for s > 1; infinite where a term is."""
    positive = _zeta_positive(s, np.where(q > 0, q, 1.0))
    if not np.any(q <= 0):
        return positive
    return np.where(q > 0, positive, np.where(q == np.floor(q), np.inf, _zeta_negative(s, q)))


def _zeta_positive(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """The Euler-Maclaurin formula after `_LARGE` terms."""
    end = q + _LARGE
    total = sum((q + k) ** -s for k in range(_LARGE)) + end ** (1 - s) / (s - 1) + end**-s / 2
    factor = s * end ** (-s - 1)
    for n, b in enumerate(_BERNOULLI, 1):
        total = total + factor * (b / math.factorial(2 * n))
        factor = factor * (s + 2 * n - 1) * (s + 2 * n) / end**2
    return total


def _zeta_negative(s: np.ndarray, q: np.ndarray) -> np.ndarray:
    """For whole s the terms with q + k < 0 are those of a finite sum with the sign (-1)**s."""
    size = np.where(q < 0, -q, 0.5)
    fraction = size - np.floor(size)
    fraction = np.where(fraction == 0, 0.5, fraction)
    below = _zeta_positive(s, fraction) - _zeta_positive(s, size + 1)
    sign = np.where(s % 2 == 0, 1.0, np.where(s % 2 == 1, -1.0, np.nan))
    return _zeta_positive(s, 1 - fraction) + sign * below
