"""Special functions, as `scipy.special`: error and gamma functions, entropies, logistic and log-sum-exp.

Integers and booleans are converted to floats first.  Functions with x log x in them are 0 at 0 and have
derivatives of their own, so that no 0 * inf appears; those derivatives stand below each function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.engine.control.stop_gradient import stop_gradient
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_args_inexact, promote_inexact

Axis = int | Sequence[int] | None

# --- elementwise ops --------------------------------------------------------------------------------------


def _of_op(name: str, op: Callable, doc: str) -> Callable:
    def function(x: ArrayLike) -> Array:
        return op(*promote_inexact(name, x))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}\n\nElementwise, in floating point.  Returns an array of the shape of x."
    return function


_REAL = "TypeError for complex numbers."

erf = _of_op("erf", lax.erf, f"The error function, the probability of |t| < x sqrt(2) for normal t.  {_REAL}")
erfc = _of_op("erfc", lax.erfc, f"1 - erf(x), accurate where erf(x) is near 1.  {_REAL}")
erfinv = _of_op("erfinv", lax.erf_inv, f"The inverse of erf: infinite at -1 and 1, NaN beyond.  {_REAL}")
gammaln = _of_op("gammaln", lax.lgamma, f"log |gamma(x)|, infinite at 0, -1, -2, ...  {_REAL}")
digamma = _of_op("digamma", lax.digamma, f"The derivative of gammaln, NaN at 0, -1, -2, ...  {_REAL}")
expit = _of_op("expit", lax.logistic, "The logistic function 1 / (1 + exp(-x)).")


@custom_jvp
def _logit(x: Array) -> Array:
    return jnp.log(x / (1 - x))


_logit.defjvps(lambda t, out, x: t / (x * (1 - x)))


def logit(x: ArrayLike) -> Array:
    """log(x / (1 - x)), the inverse of `expit`; elementwise, in floating point.  NaN for x outside [0, 1]."""
    return _logit(*arrays_of(promote_inexact("logit", x)))


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


# --- log-sum-exp ------------------------------------------------------------------------------------------


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
    largest = _finite_maximum(a, axis, where)
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


def _finite_maximum(a: Array, axis: Axis, where: ArrayLike | None) -> Array:
    """The largest real part over axes, kept, as a constant of differentiation; 0 where it is not finite."""
    largest = jnp.max(jnp.real(a), axis, keepdims=True, initial=-jnp.inf, where=where)
    return stop_gradient(jnp.where(jnp.isfinite(largest), largest, 0))
