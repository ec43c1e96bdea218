"""Bessel functions: of orders 0 and 1 the ops, of whole orders by recurrences in the order.

    i0 i1 i0e i1e k0 k1 k0e k1e    modified
    j0 j1 y0 y1                    of the first and second kind
    jn bessel_jn                   of the first kind and of whole orders
"""

from __future__ import annotations

import functools
import math
from typing import Any

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops import bessel as ops
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact
from cujax.numpy.windows import modified_bessel_0, modified_bessel_1
from cujax.scipy.special.declare import composed_of_reals, of_op, of_reals

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


@composed_of_reals(error=TypeError, weak=True)
def i0(x: Array) -> Array:
    """The modified Bessel function of the first kind and of order 0; elementwise.  TypeError for complex numbers."""
    return modified_bessel_0(x)


@composed_of_reals(error=TypeError, weak=True)
def i1(x: Array) -> Array:
    """The modified Bessel function of the first kind and of order 1; elementwise.  TypeError for complex numbers."""
    return modified_bessel_1(x)


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


def _start(order: Any, root: Any) -> Any:
    """The order from which quotients J_k / J_(k-1), k > x, are computed downwards, so that from `order` on they have
    all digits.  root: the square root of 10 order, rounded down."""
    return order + 16 + 2 * root


def _quotient(k: Array, above: Array, x: Array) -> Array:
    """J_k(x) / J_(k-1)(x) from that of the next order (DLMF 10.6.1, 10.10.1); for k > x errors become smaller."""
    return x / (2 * k.astype(x.dtype) - x * above)


def _next(k: Array, before: Array, at: Array, x: Array) -> Array:
    """J_k(x) from those of the two orders before (DLMF 10.6.1), stable for k <= x; of order -1 it is -J_1."""
    return 2 * (k - 1).astype(x.dtype) / x * at - before


def _jn_of_positive(n: Array, x: Array, largest: Array) -> Array:
    """J_n(x) for n >= 0 and x > 0, each element of its own order, so that of the orders in between none is kept:
    upwards to the last order <= x, then times the quotients beyond."""
    top = _start(largest, jnp.sqrt(10.0 * largest).astype(largest.dtype))

    def down(i: Array, values: tuple[Array, Array]) -> tuple[Array, Array]:
        k = top - i
        quotient = _quotient(k, values[0], x)
        return quotient, jnp.where((k <= n) & (k.astype(x.dtype) > x), values[1] * quotient, values[1])

    def up(k: Array, values: tuple[Array, Array]) -> tuple[Array, Array]:
        before, at = values
        goes = (k <= n) & (k.astype(x.dtype) <= x)
        return jnp.where(goes, at, before), jnp.where(goes, _next(k, before, at, x), at)

    _, beyond = lax.fori_loop(0, top, down, (jnp.zeros_like(x), jnp.ones_like(x)))
    return lax.fori_loop(1, largest + 1, up, (-ops.bessel_j1(x), ops.bessel_j0(x)))[1] * beyond


def _jn_slope(t: Array, out: Array, n: Array, x: Array) -> Array:
    return t * (0.5 * (jn(n - 1, x) - jn(n + 1, x)))


@custom_jvp
def _jn(n: Array, x: Array) -> Array:
    order, size = jnp.abs(n), jnp.abs(x)
    largest = jnp.max(order, initial=0).astype("int32")
    value = _jn_of_positive(order, size, largest)
    odd = (order % 2 == 1) & ((x < 0) != (n < 0))
    return jnp.where(odd, -value, value)


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
    order = jnp.asarray(n).astype(jnp.result_type(n, dtypes.int32))  # one more or less is an order too
    return _jn(*jnp.broadcast_arrays(order, x))


@functools.partial(custom_jvp, nondiff_argnums=(0,))
def _orders_up_to(v: int, x: Array) -> Array:
    """J_0, J_1, ..., J_v, along a new first axis."""
    size, top = jnp.abs(x), _start(v, math.isqrt(10 * v))

    def down(above: Array, k: Array) -> tuple[Array, Array]:
        quotient = _quotient(k, above, size)
        return quotient, quotient

    def up(values: tuple[Array, Array], step: tuple[Array, Array]) -> tuple[tuple[Array, Array], Array]:
        (before, at), (k, quotient) = values, step
        value = jnp.where(k.astype(x.dtype) <= size, _next(k, before, at, size), at * quotient)
        return (at, value), value

    zeroth = ops.bessel_j0(size)
    if not v:
        return zeroth[None]
    orders = jnp.arange(1, v + 1)
    start = lax.fori_loop(0, top - v, lambda i, above: _quotient(top - i, above, size), jnp.zeros_like(x))
    quotients = lax.scan(down, start, orders, reverse=True)[1]
    values = lax.scan(up, (-ops.bessel_j1(size), zeroth), (orders, quotients))[1]
    odd = (orders % 2 == 1).reshape(-1, *[1] * x.ndim)
    return jnp.concatenate([zeroth[None], jnp.where(odd & (x < 0), -values, values)])


@_orders_up_to.defjvp
def _slopes_up_to(v: int, primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    values = _orders_up_to(v + 1, *primals)
    before = jnp.concatenate([-values[1:2], values[:v]])
    return values[:-1], tangents[0] * (0.5 * (before - values[1:]))


@traced_once("z")
def bessel_jn(z: ArrayLike, *, v: int, n_iter: int = 50) -> Array:
    """Bessel functions of the first kind and of orders 0, 1, ..., v, an array of shape (v + 1, *z.shape).

    v: a number known while tracing.  n_iter: what JAX starts its recurrence at; here the start follows from v, and
    the argument is of no influence.  TypeError if v is not an int, and for complex z.
    """
    if not isinstance(v, int):
        raise TypeError(f"bessel_jn: v must be an int, got {v!r}")
    (z,) = arrays_of(promote_inexact("bessel_jn", z))
    z = lax.convert_element_type(z, z.dtype) if z.aval.weak_type else z
    return _orders_up_to(v, z) if v >= 0 else jnp.zeros((0, *z.shape), z.dtype)
