"""Functions of logarithms: logistic, log1mexp (public in `nn`), entropies, Box-Cox transforms, log-sum-exp, softmax.

Integers and booleans are converted to floats first.  Functions with x log x in them are 0 at 0 and have
derivatives of their own, so that no 0 * inf appears; those derivatives stand below each function.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.api.traced_once import traced_once
from cujax.engine.control.stop_gradient import stop_gradient
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_args_inexact, promote_inexact
from cujax.scipy.special.declare import horner, of_op, of_reals

Axis = int | Sequence[int] | None

# --- elementwise ops --------------------------------------------------------------------------------------

expit = of_op("expit", lax.logistic, "The logistic function 1 / (1 + exp(-x)).")


@custom_jvp
def _logit(x: Array) -> Array:
    return jnp.log(x / (1 - x))


_logit.defjvps(lambda t, out, x: t / (x * (1 - x)))


def logit(x: ArrayLike) -> Array:
    """log(x / (1 - x)), the inverse of `expit`; elementwise, in floating point.  NaN for x outside [0, 1]."""
    return _logit(*arrays_of(promote_inexact("logit", x)))


def log1mexp(x: ArrayLike) -> Array:
    """log(1 - exp(-x)), elementwise, accurate for small and for large x; NaN for negative x.

    M. Maechler, "Accurately Computing log(1 - exp(-|a|))", 2012: the form changes at log 2.  TypeError for booleans.
    """
    x = as_array("log1mexp", x)
    if dtypes.is_bool(x.dtype):
        raise TypeError("log1mexp does not accept booleans; convert them first: x.astype('float32')")
    return _log1mexp(*arrays_of(promote_inexact("log1mexp", x)))


@custom_jvp
def _log1mexp(x: Array) -> Array:
    return jnp.where(x < math.log(2), jnp.log(-jnp.expm1(-x)), jnp.log1p(-jnp.exp(-x)))


# 1 / expm1(x), in a form of which nothing overflows, in derivatives of any order
_log1mexp.defjvps(lambda t, out, x: t * (jnp.exp(-x) / -jnp.expm1(-x)))


# --- x log y ------------------------------------------------------------------------------------------------


def _product(x: Array, log: Array, y: Array) -> Array:
    """x * log, and 0 where x is 0 and y, of which it is the logarithm, is a number."""
    return jnp.where((x == 0) & (y == y), 0.0, x * log)


@custom_jvp
def _xlogy(x: Array, y: Array) -> Array:
    return _product(x, jnp.log(y), y)


_xlogy.defjvps(lambda t, out, x, y: t * jnp.log(y), lambda t, out, x, y: t * x / y)


@custom_jvp
def _xlog1py(x: Array, y: Array) -> Array:
    return _product(x, jnp.log1p(y), y)


_xlog1py.defjvps(lambda t, out, x, y: t * jnp.log1p(y), lambda t, out, x, y: t * x / (1 + y))


@custom_jvp
def _xlogx(x: Array) -> Array:
    return _xlogy(x, x)


_xlogx.defjvps(lambda t, out, x: t * (jnp.log(x) + 1))


def xlogy(x: ArrayLike, y: ArrayLike) -> Array:
    """x * log(y), and 0 where x is 0 and y is not NaN; elementwise, with broadcasting."""
    return _xlogy(*_of_one_shape("xlogy", x, y))


def xlog1py(x: ArrayLike, y: ArrayLike) -> Array:
    """x * log(1 + y), and 0 where x is 0 and y is not NaN; accurate for small y.  With broadcasting."""
    return _xlog1py(*_of_one_shape("xlog1py", x, y))


def _of_one_shape(name: str, x: ArrayLike, y: ArrayLike) -> list[Array]:
    return arrays_of(promote_args_inexact(name, x, y))


def entr(x: ArrayLike) -> Array:
    """-x * log(x), 0 at 0 and -inf below; elementwise.  ValueError for complex numbers."""
    (x,) = arrays_of(promote_inexact("entr", x))
    if dtypes.is_complex(x.dtype):
        raise ValueError(f"entr takes real numbers, got {x.aval.str_short()}")
    return jnp.where(x < 0, -jnp.inf, -_xlogx(x))


@of_reals(
    lambda t, out, p, q: jnp.where((p > 0) & (q > 0), t * (_log_ratio(p, q) + 1), 0.0),
    lambda t, out, p, q: jnp.where((p > 0) & (q > 0), t * -_ratio(p, q), 0.0),
    weak=True,
)
def rel_entr(p: Array, q: Array) -> Array:
    """p * log(p / q), 0 where p is 0 and q is not negative, infinite where one is negative; elementwise.

    ValueError for complex numbers.
    """
    inside, empty = (p > 0) & (q > 0), (p == 0) & (q >= 0)
    value = jnp.where(inside, p * _log_ratio(p, q), jnp.where(empty, 0.0, math.inf))
    return jnp.where(jnp.isnan(p) | jnp.isnan(q), math.nan, value)


def _ratio(p: Array, q: Array) -> Array:
    """p / q where both are positive, else 1."""
    return jnp.divide(*_where_positive(p, q))


def _log_ratio(p: Array, q: Array) -> Array:
    """log(p / q) where both are positive, else 0; of the two logarithms where the quotient is too large or small."""
    p, q = _where_positive(p, q)
    ratio = p / q
    normal = (ratio >= float(dtypes.finfo(ratio.dtype).tiny)) & (ratio < math.inf)
    return jnp.where(normal, jnp.log(jnp.where(normal, ratio, 1)), jnp.log(p) - jnp.log(q))


def _where_positive(p: Array, q: Array) -> tuple[Array, Array]:
    """p and q where both are positive, else 1 and 1."""
    inside = (p > 0) & (q > 0)
    return jnp.where(inside, p, 1), jnp.where(inside, q, 1)


def kl_div(p: ArrayLike, q: ArrayLike) -> Array:
    """rel_entr(p, q) - p + q, the terms of the Kullback-Leibler divergence; elementwise.

    ValueError for complex numbers.
    """
    entropy = rel_entr(p, q)
    p, q = _of_one_shape("kl_div", p, q)
    return entropy - p + q


# --- power transforms ---------------------------------------------------------------------------------------


@custom_jvp
def _boxcox_of_log(log: Array, lmbda: Array) -> Array:
    """(exp(lmbda * log) - 1) / lmbda, and `log` where lmbda is 0."""
    zero = lmbda == 0
    return jnp.where(zero, log, jnp.expm1(lmbda * log) / jnp.where(zero, 1, lmbda))


def _boxcox_slope(t: Array, out: Array, log: Array, lmbda: Array) -> Array:
    """(log exp(lmbda log) - out) / lmbda; near 0 by its series."""
    u = lmbda * log
    near = jnp.abs(u) < 0.05
    series = log * log * horner(u, [(n - 1) / math.factorial(n) for n in range(10, 1, -1)])
    away = (log * jnp.exp(u) - out) / jnp.where(near, 1, lmbda)
    return t * jnp.where(near, series, away)


_boxcox_of_log.defjvps(lambda t, out, log, lmbda: t * jnp.exp(lmbda * log), _boxcox_slope)


def boxcox(x: ArrayLike, lmbda: ArrayLike) -> Array:
    """(x**lmbda - 1) / lmbda, and log(x) where lmbda is 0; elementwise, with broadcasting.  NaN for negative x."""
    x, lmbda = _of_one_shape("boxcox", x, lmbda)
    return _boxcox_of_log(*jnp.broadcast_arrays(jnp.log(x), lmbda))


def boxcox1p(x: ArrayLike, lmbda: ArrayLike) -> Array:
    """boxcox(1 + x, lmbda), accurate for small x; elementwise, with broadcasting."""
    x, lmbda = _of_one_shape("boxcox1p", x, lmbda)
    return _boxcox_of_log(*jnp.broadcast_arrays(jnp.log1p(x), lmbda))


# --- log-sum-exp ------------------------------------------------------------------------------------------


@traced_once("a", "b")
def logsumexp(
    a: ArrayLike, axis: Axis = None, b: ArrayLike | None = None, keepdims: bool = False, return_sign: bool = False,
    where: ArrayLike | None = None,
) -> Any:
    """log(sum(b * exp(a))) over axes, without overflow.

    a: array.  axis: an axis, several, or None for all.  b: factors, broadcast against a.  keepdims: leave axes of
    length 1.  where: booleans that say what counts, broadcast against a.
    Returns the logarithm, NaN where the sum is negative; or, with return_sign, the logarithm of the sum's
    magnitude and the sum's sign.
    """
    a, factor = _with_factor(a, b)
    if where is not None:
        a = jnp.where(where, a, -jnp.inf)  # else exp could overflow there, and the derivative be 0 * inf
    largest = _finite_maximum(a, axis)
    terms = jnp.exp(a - largest)
    total = jnp.sum(terms if factor is None else terms * factor, axis, keepdims=keepdims, where=where)
    sign = jnp.sign(total)
    if return_sign or not dtypes.is_complex(total.dtype):
        total = jnp.abs(total)
    out = jnp.log(total) + largest.reshape(total.shape).astype(total.dtype)
    if return_sign:
        return out, sign
    if factor is not None and not dtypes.is_complex(out.dtype):
        out = jnp.where(sign < 0, jnp.nan, out)
    return out


def _with_factor(a: ArrayLike, b: ArrayLike | None) -> tuple[Array, Array | None]:
    """The exponents and the factors, if any; where a factor is 0 its exponent shall not be the largest."""
    if b is None:
        return arrays_of(promote_inexact("logsumexp", a))[0], None
    a, factor = _of_one_shape("logsumexp", a, b)
    return jnp.where(factor != 0, a, -jnp.inf), factor


def _finite_maximum(a: Array, axis: Axis) -> Array:
    """The largest real part over axes, kept, as a constant of differentiation; 0 where it is not finite."""
    largest = jnp.max(jnp.real(a), axis, keepdims=True, initial=-jnp.inf)
    return stop_gradient(jnp.where(jnp.isfinite(largest), largest, 0))


@traced_once("x")
def softmax(x: ArrayLike, /, *, axis: Axis = None) -> Array:
    """exp(x) divided by its sum over axes: positive numbers with the sum 1.

    axis: an axis, several, or None for all.  TypeError for booleans.
    """
    exponential = jnp.exp(_below_maximum("softmax", x, axis))
    return exponential / jnp.sum(exponential, axis, keepdims=True)


@traced_once("x")
def log_softmax(x: ArrayLike, /, *, axis: Axis = None) -> Array:
    """The logarithm of `softmax`, without overflow.  Arguments and errors as there."""
    shifted = _below_maximum("log_softmax", x, axis)
    return shifted - jnp.log(jnp.sum(jnp.exp(shifted), axis, keepdims=True))


def _below_maximum(name: str, x: ArrayLike, axis: Axis) -> Array:
    """x minus its maximum, which cancels out of a quotient of exponentials and so needs no derivative."""
    x = as_array(name, x)
    x = lax.convert_element_type(x, x.dtype) if x.aval.weak_type else x
    return x - stop_gradient(jnp.max(x, axis, keepdims=True)) if x.size else x
