"""Bessel functions of orders 0 and 1.

    bessel_i0e bessel_i1e    modified, of the first kind, times exp(-|x|)
    bessel_k0e bessel_k1e    modified, of the second kind, times exp(x)
    bessel_j0 bessel_j1      of the first kind
    bessel_y0 bessel_y1      of the second kind

Real floats only.  Values come from the backend's library and from `kernels/bessel.h`; derivatives are the recurrences
DLMF 10.6.3 and 10.29.3.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from cujax.engine.core.primitive import Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.ops.complex_parts import abs, sign
from cujax.engine.ops.constants import full_of
from cujax.engine.ops.elementwise import add, div, exp, mul, neg, sub
from cujax.engine.ops.families import FLOAT, unary
from cujax.engine.ops.logic import lt, select
from cujax.engine.ops.special import from_scipy

_TERMS = 9  # of the series of x below 1, for float64


def over_x(x: Any, out: Any, series: Callable) -> Any:
    """out / x, near 0 by the series of that, so that derivatives of all orders are right there."""
    near, aval = lt(abs(x), 1.0), aval_of(x)
    small = select(near, x, full_of(aval, 0))
    return select(near, series(small), div(out, select(near, full_of(aval, 1), x)))


def _series_of_j1(x: Any, sign_of_square: float = -1.0) -> Any:
    """J1(x) / x, and for the other sign I1(x) / x: the sum of (-x^2/4)^k / (k! (k+1)! 2) (DLMF 10.2.2, 10.25.2)."""
    y, total = mul(mul(x, x), 0.25 * sign_of_square), full_of(aval_of(x), 0)
    for k in reversed(range(_TERMS)):
        total = add(mul(total, y), 0.5 / (math.factorial(k) * math.factorial(k + 1)))
    return total


def _series_of_i1e(x: Any) -> Any:
    return mul(_series_of_j1(x, 1.0), exp(neg(abs(x))))


def series_of_i1(x: Any) -> Any:
    """I1(x) / x near 0."""
    return _series_of_j1(x, 1.0)


def _bessel(name: str, doc: str, jvp: Callable) -> tuple[Primitive, Callable]:
    impl = from_scipy(name) if name.endswith("e") else _still_at_infinity(name)
    return unary(f"bessel_{name}", domain=FLOAT, doc=doc, cuda=f"cj::bessel_{name}({{x}})", impl=impl, jvp=jvp)


def _still_at_infinity(name: str) -> Callable:
    """SciPy's function, and the limit 0 at infinity, where that is NaN; for j0 and j1 at minus infinity too."""
    impl, is_j = from_scipy(name), name[0] == "j"
    return lambda xp, x: xp.where((xp.abs(x) if is_j else x) == np.inf, x.dtype.type(0), impl(xp, x))


bessel_i0e_p, bessel_i0e = _bessel(
    "i0e", "The modified Bessel function of the first kind of order 0, times exp(-|x|).",
    lambda t, out, x: mul(t, sub(bessel_i1e(x), mul(sign(x), out))),
)
bessel_i1e_p, bessel_i1e = _bessel(
    "i1e", "The modified Bessel function of the first kind of order 1, times exp(-|x|).",
    lambda t, out, x: mul(t, sub(sub(bessel_i0e(x), mul(sign(x), out)), over_x(x, out, _series_of_i1e))),
)
bessel_k0e_p, bessel_k0e = _bessel(
    "k0e", "The modified Bessel function of the second kind of order 0, times exp(x); NaN for x < 0.",
    lambda t, out, x: mul(t, sub(out, bessel_k1e(x))),
)
bessel_k1e_p, bessel_k1e = _bessel(
    "k1e", "The modified Bessel function of the second kind of order 1, times exp(x); NaN for x < 0.",
    lambda t, out, x: mul(t, sub(sub(out, div(out, x)), bessel_k0e(x))),
)
bessel_j0_p, bessel_j0 = _bessel(
    "j0", "The Bessel function of the first kind of order 0.", lambda t, out, x: neg(mul(t, bessel_j1(x)))
)
bessel_j1_p, bessel_j1 = _bessel(
    "j1", "The Bessel function of the first kind of order 1.",
    lambda t, out, x: mul(t, sub(bessel_j0(x), over_x(x, out, _series_of_j1))),
)
bessel_y0_p, bessel_y0 = _bessel(
    "y0", "The Bessel function of the second kind of order 0: minus infinity at 0, NaN below.",
    lambda t, out, x: neg(mul(t, bessel_y1(x))),
)
bessel_y1_p, bessel_y1 = _bessel(
    "y1", "The Bessel function of the second kind of order 1: minus infinity at 0, NaN below.",
    lambda t, out, x: mul(t, sub(bessel_y0(x), div(out, x))),
)
