"""Bessel functions of orders 0 and 1.

    bessel_i0e bessel_i1e    modified, of the first kind, times exp(-|x|)
    bessel_k0e bessel_k1e    modified, of the second kind, times exp(x)
    bessel_j0 bessel_j1      of the first kind
    bessel_y0 bessel_y1      of the second kind

Real floats only.  Values come from the backend's library and from `kernels/bessel.h`; derivatives are the recurrences
DLMF 10.6.3 and 10.29.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cujax.engine.core.primitive import Primitive
from cujax.engine.ops.complex_parts import sign
from cujax.engine.ops.elementwise import add, div, mul, neg, sub
from cujax.engine.ops.families import FLOAT, unary
from cujax.engine.ops.logic import eq, select
from cujax.engine.ops.special import from_scipy


def _over(x: Any, out: Any, at_zero: float) -> Any:
    """out / x, and its limit at 0."""
    is_zero, limit = eq(x, 0), add(mul(x, 0.0), at_zero)
    return select(is_zero, limit, div(out, select(is_zero, add(x, 1.0), x)))


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
    lambda t, out, x: mul(t, sub(sub(bessel_i0e(x), mul(sign(x), out)), _over(x, out, 0.5))),
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
    lambda t, out, x: mul(t, sub(bessel_j0(x), _over(x, out, 0.5))),
)
bessel_y0_p, bessel_y0 = _bessel(
    "y0", "The Bessel function of the second kind of order 0: minus infinity at 0, NaN below.",
    lambda t, out, x: neg(mul(t, bessel_y1(x))),
)
bessel_y1_p, bessel_y1 = _bessel(
    "y1", "The Bessel function of the second kind of order 1: minus infinity at 0, NaN below.",
    lambda t, out, x: mul(t, sub(bessel_y0(x), div(out, x))),
)
