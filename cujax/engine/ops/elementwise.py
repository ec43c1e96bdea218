"""Elementwise ops of real, complex, integer and boolean numbers: thin slice, see families.py."""

from __future__ import annotations

from cujax.engine.ops.families import (
    INEXACT,
    NUMBER,
    REAL,
    ZERO_TANGENT,
    binary,
    comparison,
    unary,
)

neg_p, neg = unary(
    "neg", domain=NUMBER, doc="Minus x.", cuda="-{x}", impl=lambda xp, x: xp.negative(x),
    jvp=lambda t, out, x: neg(t), transpose=lambda ct, x: (neg(ct),),
)
sin_p, sin = unary(
    "sin", domain=INEXACT, doc="Sine; the argument is in radians.", cuda="cj::sin({x})",
    jvp=lambda t, out, x: mul(t, cos(x)),
)
cos_p, cos = unary(
    "cos", domain=INEXACT, doc="Cosine; the argument is in radians.", cuda="cj::cos({x})",
    jvp=lambda t, out, x: neg(mul(t, sin(x))),
)
add_p, add = binary(
    "add", domain=NUMBER, doc="x + y.", cuda="{x} + {y}",
    jvp=(lambda t, out, x, y: t, lambda t, out, x, y: t), transpose=lambda ct, x, y: (ct, ct),
)


def _mul_transpose(ct, x, y):
    return (mul(ct, y), None) if type(y).__name__ != "Linear" else (None, mul(x, ct))


mul_p, mul = binary(
    "mul", domain=NUMBER, doc="x * y.", cuda="{x} * {y}", impl=lambda xp, x, y: xp.multiply(x, y),
    jvp=(lambda t, out, x, y: mul(t, y), lambda t, out, x, y: mul(x, t)), transpose=_mul_transpose,
)
lt_p, lt = comparison("lt", "<", REAL, "x < y.", "less")
_ = ZERO_TANGENT
