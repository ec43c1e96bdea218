"""The error function, the gamma function and the zeta function, with their relatives.

    erf erfc erf_inv             erf_inv by Giles' polynomials, see below
    lgamma gamma digamma polygamma zeta
    portable_log portable_log1p  log and log1p with the same bits on every target

Real floats only.  float16 and bfloat16 are computed in float32.  What NumPy does not have comes from the
backend's library.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import factorial, pi, sqrt
from typing import Any

import numpy as np

from cujax.engine.backends.select import library
from cujax.engine.core.primitive import Parity
from cujax.engine.ops.elementwise import add, div, exp, integer_pow, log, mul, neg, pow, square, sub
from cujax.engine.ops.families import FLOAT, binary, unary
from cujax.engine.ops.log1p import log1p_as_fused, log_as_fused


def _in_float32(xp: Any, function: Callable, *xs: Any) -> Any:
    """`function(*xs)`, with 16-bit floats widened and the result narrowed again."""
    dtype = xs[0].dtype
    if dtype.itemsize > 2:
        return function(*xs)
    return function(*[x.astype(np.float32) for x in xs]).astype(dtype)


def _from_library(name: str) -> Callable:
    return lambda xp, *xs: _in_float32(xp, getattr(library(xp), name), *xs)


def from_scipy(name: str) -> Callable:
    """The `impl` that is a function of `scipy.special`, or of CuPy's twin of it."""
    return lambda xp, *xs: _in_float32(xp, lambda *xs: library(xp).special(name, *xs), *xs)


# --- error functions ----------------------------------------------------------------------------------

erf_p, erf = unary(
    "erf", domain=FLOAT, doc="The error function, 2/sqrt(pi) times the integral of exp(-s*s) from 0 to x.",
    cuda="cj::erf({x})", impl=_from_library("erf"), parity=Parity.ODD,
    jvp=lambda t, out, x: mul(2 / sqrt(pi), mul(t, exp(neg(square(x))))),
)
erfc_p, erfc = unary(
    "erfc", domain=FLOAT, doc="1 - erf(x), accurate where erf(x) is near 1.", cuda="cj::erfc({x})",
    impl=_from_library("erfc"), jvp=lambda t, out, x: mul(-2 / sqrt(pi), mul(t, exp(neg(square(x))))),
)

# M. Giles, "Approximating the erfinv function", GPU Computing Gems, Jade edition, 2012.  With
# w = -log(1 - x*x) the inverse is x times a polynomial in w (in the centre) or in sqrt(w) (in the tails).
# A row: the upper end of the range of w, what is taken from w or sqrt(w), coefficients from the highest on.
_ERF_INV_SINGLE = (
    (5.0, 2.5, (
        2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
        -0.00417768164, 0.246640727, 1.50140941)),
    (np.inf, 3.0, (
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
        0.00943887047, 1.00167406, 2.83297682)),
)
_ERF_INV_DOUBLE = (
    (6.25, 3.125, (
        -3.6444120640178196996e-21, -1.685059138182016589e-19, 1.2858480715256400167e-18,
        1.115787767802518096e-17, -1.333171662854620906e-16, 2.0972767875968561637e-17,
        6.6376381343583238325e-15, -4.0545662729752068639e-14, -8.1519341976054721522e-14,
        2.6335093153082322977e-12, -1.2975133253453532498e-11, -5.4154120542946279317e-11,
        1.051212273321532285e-09, -4.1126339803469836976e-09, -2.9070369957882005086e-08,
        4.2347877827932403518e-07, -1.3654692000834678645e-06, -1.3882523362786468719e-05,
        0.0001867342080340571352, -0.00074070253416626697512, -0.0060336708714301490533,
        0.24015818242558961693, 1.6536545626831027356)),
    (16.0, 3.25, (
        2.2137376921775787049e-09, 9.0756561938885390979e-08, -2.7517406297064545428e-07,
        1.8239629214389227755e-08, 1.5027403968909827627e-06, -4.013867526981545969e-06,
        2.9234449089955446044e-06, 1.2475304481671778723e-05, -4.7318229009055733981e-05,
        6.8284851459573175448e-05, 2.4031110387097893999e-05, -0.0003550375203628474796,
        0.00095328937973738049703, -0.0016882755560235047313, 0.0024914420961078508066,
        -0.0037512085075692412107, 0.005370914553590063617, 1.0052589676941592334,
        3.0838856104922207635)),
    (np.inf, 5.0, (
        -2.7109920616438573243e-11, -2.5556418169965252055e-10, 1.5076572693500548083e-09,
        -3.7894654401267369937e-09, 7.6157012080783393804e-09, -1.4960026627149240478e-08,
        2.9147953450901080826e-08, -6.7711997758452339498e-08, 2.2900482228026654717e-07,
        -9.9298272942317002539e-07, 4.5260625972231537039e-06, -1.9681778105531670567e-05,
        7.5995277030017761139e-05, -0.00021503011930044477347, -0.00013871931833623122026,
        1.0103004648645343977, 4.8499064014085844221)),
)


_WORK_BYTES = 64  # of temporaries for each element, in `_erf_inv`


def _in_blocks(xp: Any, function: Callable, x: Any) -> Any:
    """`function(xp, x)`, piece by piece; pieces have one axis."""
    flat = xp.reshape(x, (-1,))
    out = xp.empty_like(flat)
    size = library(xp).workspace_bytes() // _WORK_BYTES
    for start in range(0, flat.size, size):
        out[start : start + size] = function(xp, flat[start : start + size])
    return xp.reshape(out, x.shape)


def _erf_inv(xp: Any, x: Any) -> Any:
    """Of x of shape (n,).  With every product and sum rounded as in XLA normal random numbers have JAX's bits."""
    kind, horner = x.dtype.type, library(xp).horner
    w = -log1p_as_fused(xp, -x * x)
    (end, shift, coefficients), *tails = _ERF_INV_DOUBLE if kind is np.float64 else _ERF_INV_SINGLE
    p = horner(w - kind(shift), coefficients)  # of all, for the others are few
    rest = xp.flatnonzero(~(w < kind(end)))
    p[rest] = _in_tails(xp, w[rest], tails)
    return xp.where(xp.absolute(x) == 1, x * kind(np.inf), p * x)


def _in_tails(xp: Any, w: Any, tails: Sequence[tuple]) -> Any:
    kind, p = w.dtype.type, w  # stays where w is NaN, for x beyond 1
    root = xp.sqrt(w)
    for end, shift, coefficients in reversed(tails):
        p = xp.where(w < kind(end), library(xp).horner(root - kind(shift), coefficients), p)
    return p


erf_inv_p, erf_inv = unary(
    "erf_inv", domain=FLOAT, doc="The inverse of erf: infinite at -1 and 1, NaN beyond.",
    cuda="cj::erf_inv({x})", parity=Parity.ODD,
    impl=lambda xp, x: _in_float32(xp, lambda x: _in_blocks(xp, _erf_inv, x), x),
    jvp=lambda t, out, x: mul(sqrt(pi) / 2, mul(t, exp(square(out)))),
)

# --- logarithms to the bit ----------------------------------------------------------------------------
#
# The logarithms of NumPy, of the C library and of CUDA differ in the last places.  Where a sampler compares or
# rounds what it computed, one of ten thousand draws would differ with them.  float64 is left as it is: there the
# last places decide one of 10**13.


def _portable(single: Callable, name: str) -> Callable:
    """An `impl`: `single(xp, x)`, which takes float32 of shape (n,); for float64 the function of NumPy."""

    def in_single(xp: Any, x: Any) -> Any:
        if x.dtype == np.float64:
            return getattr(xp, name)(x)
        return xp.reshape(single(xp, xp.reshape(x, (-1,))), x.shape)

    return lambda xp, x: _in_float32(xp, lambda x: in_single(xp, x), x)


portable_log_p, portable_log = unary(
    "portable_log", domain=FLOAT, doc="log(x), of float32 with the same bits on every target.",
    cuda="cj::portable_log({x})", impl=_portable(log_as_fused, "log"), jvp=lambda t, out, x: div(t, x),
)
portable_log1p_p, portable_log1p = unary(
    "portable_log1p", domain=FLOAT, doc="log(1 + x), of float32 with the same bits on every target.",
    cuda="cj::portable_log1p({x})", impl=_portable(log1p_as_fused, "log1p"),
    jvp=lambda t, out, x: div(t, add(x, 1)),
)

# --- the gamma function -------------------------------------------------------------------------------

lgamma_p, lgamma = unary(
    "lgamma", domain=FLOAT, doc="log |gamma(x)|, infinite at 0, -1, -2, ...", cuda="cj::lgamma({x})",
    impl=_from_library("lgamma"), jvp=lambda t, out, x: mul(t, digamma(x)),
)
digamma_p, digamma = unary(
    "digamma", domain=FLOAT, doc="The derivative of lgamma, NaN at 0, -1, -2, ...", cuda="cj::digamma({x})",
    impl=_from_library("digamma"), jvp=lambda t, out, x: mul(t, polygamma(1, x)),
)


def _polygamma_order_partial(t: Any, out: Any, m: Any, x: Any) -> Any:
    raise ValueError("polygamma has no derivative with respect to its order m; close over m instead")


polygamma_p, polygamma = binary(
    "polygamma", domain=FLOAT, arguments="m x", doc="The derivative of order m of digamma at x; m is a natural number.",
    cuda="cj::polygamma({x}, {y})", impl=_from_library("polygamma"),
    jvp=(_polygamma_order_partial, lambda t, out, m, x: mul(t, polygamma(add(m, 1), x))),
)

gamma_p, gamma = unary(
    "gamma", domain=FLOAT, doc="The gamma function, NaN at -1, -2, ...; infinite with the sign of x at 0.",
    cuda="cj::gamma({x})", impl=from_scipy("gamma"), jvp=lambda t, out, x: mul(t, mul(out, digamma(x))),
)

# --- Hurwitz's zeta function ----------------------------------------------------------------------------

_TERMS = 12  # of the sum, after which the Euler-Maclaurin formula holds to float64
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)  # B2, B4, ...


def _zeta_slope(s: Any, q: Any) -> Any:
    """The derivative of zeta(s, q) with respect to s, for q > 0: that of DLMF 25.11.28, term by term."""
    total: Any = 0.0
    for k in range(_TERMS):
        base = add(q, k)
        total = sub(total, mul(log(base), pow(base, neg(s))))
    end = add(q, _TERMS)
    log_end, last, beyond = log(end), pow(end, neg(s)), sub(s, 1)
    of_integral = mul(div(mul(end, last), beyond), add(log_end, div(1.0, beyond)))
    total = sub(total, add(of_integral, mul(0.5, mul(last, log_end))))
    rising, rising_slope = s, 1.0  # s (s + 1) ... (s + 2n - 2) and its derivative
    for n, b in enumerate(BERNOULLI, 1):
        power = div(mul(b / factorial(2 * n), last), integer_pow(end, 2 * n - 1))
        total = add(total, mul(power, sub(rising_slope, mul(rising, log_end))))
        for k in (2 * n - 1, 2 * n):
            rising, rising_slope = mul(rising, add(s, k)), add(mul(rising_slope, add(s, k)), rising)
    return total


zeta_p, zeta = binary(
    "zeta", domain=FLOAT, arguments="x q",
    doc="Hurwitz's zeta function, the sum of (q + k)**-x over k = 0, 1, ...; NaN for x < 1.",
    cuda="cj::zeta({x}, {y})", impl=_from_library("zeta"),
    jvp=(
        lambda t, out, s, q: mul(t, _zeta_slope(s, q)),
        lambda t, out, s, q: neg(mul(t, mul(s, zeta(add(s, 1), q)))),
    ),
)
