"""Bessel functions: of orders 0 and 1 the ops, of whole orders by recurrences in the order.

    i0 i1 i0e i1e k0 k1 k0e k1e    modified
    j0 j1 y0 y1                    of the first and second kind
    jn bessel_jn                   of the first kind and of whole orders
"""

from __future__ import annotations

import math

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops import bessel as ops
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact
from cujax.scipy.special.declare import of_op, of_reals

_REAL = "TypeError for complex numbers."


def _modified(kind: str, order: int) -> str:
    return f"The modified Bessel function of the {kind} kind and of order {order}"


_AT_ZERO = "infinite at 0, NaN below"
i0e = of_op("i0e", lax.bessel_i0e, f"{_modified('first', 0)}, times exp(-|x|).  {_REAL}")
i1e = of_op("i1e", lax.bessel_i1e, f"{_modified('first', 1)}, times exp(-|x|).  {_REAL}")
k0e = of_op("k0e", ops.bessel_k0e, f"{_modified('second', 0)}, times exp(x): {_AT_ZERO}.  {_REAL}")
k1e = of_op("k1e", ops.bessel_k1e, f"{_modified('second', 1)}, times exp(x): {_AT_ZERO}.  {_REAL}")
j0 = of_op("j0", ops.bessel_j0, f"The Bessel function of the first kind and of order 0.  {_REAL}")
j1 = of_op("j1", ops.bessel_j1, f"The Bessel function of the first kind and of order 1.  {_REAL}")
y0 = of_op("y0", ops.bessel_y0, f"The Bessel function of the second kind and order 0: -inf at 0, NaN below.  {_REAL}")
y1 = of_op("y1", ops.bessel_y1, f"The Bessel function of the second kind and order 1: -inf at 0, NaN below.  {_REAL}")


@of_reals(lambda t, out, x: t * i1(x), error=TypeError, weak=True)
def i0(x: Array) -> Array:
    """The modified Bessel function of the first kind and of order 0; elementwise.  TypeError for complex numbers."""
    return jnp.exp(jnp.abs(x)) * lax.bessel_i0e(x)


def _i1_slope(t: Array, out: Array, x: Array) -> Array:
    return t * (i0(x) - ops.over_x(x, out, ops.series_of_i1))


@of_reals(_i1_slope, error=TypeError, weak=True)
def i1(x: Array) -> Array:
    """The modified Bessel function of the first kind and of order 1; elementwise.  TypeError for complex numbers."""
    return jnp.exp(jnp.abs(x)) * lax.bessel_i1e(x)


@of_reals(lambda t, out, x: -t * k1(x), error=TypeError, weak=True)
def k0(x: Array) -> Array:
    """The modified Bessel function of the second kind and of order 0; elementwise.  Infinite at 0, NaN below.

    TypeError for complex numbers.
    """
    return jnp.exp(-x) * ops.bessel_k0e(x)


@of_reals(lambda t, out, x: -t * (k0(x) + out / x), error=TypeError, weak=True)
def k1(x: Array) -> Array:
    """The modified Bessel function of the second kind and of order 1; elementwise.  Infinite at 0, NaN below.

    TypeError for complex numbers.
    """
    return jnp.exp(-x) * ops.bessel_k1e(x)


# --- whole orders ----------------------------------------------------------------------------------------------


def _forward(n: Array, x: Array, largest: Array) -> Array:
    """By the recurrence DLMF 10.6.1 from orders 0 and 1, which is stable for n <= x."""

    def step(k: Array, values: tuple[Array, Array]) -> tuple[Array, Array]:
        before, at = values
        goes = k < n
        return jnp.where(goes, at, before), jnp.where(goes, 2 * k.astype(x.dtype) / x * at - before, at)

    return lax.fori_loop(1, largest, step, (ops.bessel_j0(x), ops.bessel_j1(x)))[1]


def _backward(n: Array, x: Array, largest: Array) -> Array:
    """J. Miller's algorithm (DLMF 3.6(iii)) for n > x: the recurrence downwards, then J0 + 2 J2 + 2 J4 + ... = 1."""
    top = largest + 16 + 2 * jnp.sqrt(10.0 * largest).astype(largest.dtype)
    big = 1e100 if x.dtype.itemsize > 4 else 1e15

    def step(i: Array, values: tuple[Array, ...]) -> tuple[Array, ...]:
        above, at, found, total = values
        k = top - i
        below = 2 * k.astype(x.dtype) / x * at - above
        order = k - 1
        found = jnp.where(order == n, below, found)
        total = total + jnp.where(order % 2 == 0, jnp.where(order == 0, 1.0, 2.0), 0.0) * below
        scale = jnp.where(jnp.abs(below) > big, 1 / big, 1.0)
        return at * scale, below * scale, found * scale, total * scale

    zero = jnp.zeros_like(x)
    *_, found, total = lax.fori_loop(0, top, step, (zero, zero + 1 / big, zero, zero))
    return found / total


def _jn_slope(t: Array, out: Array, n: Array, x: Array) -> Array:
    return t * (0.5 * (jn(n - 1, x) - jn(n + 1, x)))


@custom_jvp
def _jn(n: Array, x: Array) -> Array:
    order, size = jnp.abs(n).astype(x.dtype), jnp.abs(x)
    largest = jnp.max(jnp.abs(n), initial=0).astype("int32")
    forward = (order <= size) | (size == 0)
    rising = _forward(order, jnp.where(forward & (size > 0), size, 1), largest)
    falling = _backward(order, jnp.where(forward, order + 1, size), largest)
    value = jnp.where(order == 0, ops.bessel_j0(size), jnp.where(forward, rising, falling))
    value = jnp.where((size == 0) & (order > 0), 0.0, jnp.where(size == math.inf, 0.0, value))
    odd = (order % 2 == 1) & ((x < 0) != (n < 0))
    return jnp.where(jnp.isnan(x), x, jnp.where(odd, -value, value))


_jn.defjvps(None, _jn_slope)


def jn(n: ArrayLike, x: ArrayLike) -> Array:
    """The Bessel function of the first kind and of whole order n; elementwise, with broadcasting.

    Takes as many steps as the largest |n| for all elements.  Differentiable with respect to x.  ValueError if n has no
    integer dtype, TypeError for complex numbers.
    """
    if not dtypes.is_integer(jnp.result_type(n)):
        raise ValueError(f"jn: the order n must be of integer type, got {jnp.result_type(n)}")
    (x,) = arrays_of(promote_inexact("jn", x))
    if dtypes.is_complex(x.dtype):
        raise TypeError(f"jn takes real numbers, got {x.aval.str_short()}")
    return _jn(*jnp.broadcast_arrays(jnp.asarray(n), x))


def bessel_jn(z: ArrayLike, *, v: int, n_iter: int = 50) -> Array:
    """Bessel functions of the first kind and of orders 0, 1, ..., v, an array of shape (v + 1, *z.shape).

    v: a number known while tracing.  n_iter: what JAX starts its recurrence at; here the start follows from v, and
    the argument is of no influence.  TypeError if v is not an int, and for complex z.
    """
    if not isinstance(v, int):
        raise TypeError(f"bessel_jn: v must be an int, got {v!r}")
    (z,) = arrays_of(promote_inexact("bessel_jn", z))
    z = lax.convert_element_type(z, z.dtype) if z.aval.weak_type else z
    orders = jnp.arange(max(v + 1, 0)).reshape(-1, *[1] * z.ndim)
    return jn(orders, z[None])
