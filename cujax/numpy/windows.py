"""Window functions of signal processing.  TypeError for a negative number of points M."""

from __future__ import annotations

import math

from cujax import lax
from cujax.api.custom_jvp import custom_jvp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops import bessel
from cujax.numpy.creation import full
from cujax.numpy.logic import choose_where
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_args_inexact


def _counted(M: int) -> tuple[Array, int]:
    """0, 1, ..., M - 1 in the default float, and M, a whole number or what `int` takes for one."""
    number = int(M)
    if number < 0:
        raise TypeError(f"a window has M >= 0 points, got M = {number}")
    return lax.iota(dtypes.python_scalar_dtype(float), number), number


def _one(n: Array) -> Array:
    return full(n.shape, 1, n.dtype)


def bartlett(M: int) -> Array:
    """The triangular window with M points, 0 at both ends."""
    n, M = _counted(M)
    if M <= 1:
        return _one(n)
    return choose_where(n < (M - 1) / 2, 2 * n / (M - 1), 2 - 2 * n / (M - 1))


def blackman(M: int) -> Array:
    """0.42 - 0.5 cos(2 pi n / (M - 1)) + 0.08 cos(4 pi n / (M - 1)), for n from 0 to M - 1."""
    n, M = _counted(M)
    if M <= 1:
        return _one(n)
    turn = 2 * math.pi * n / (M - 1)
    return 0.42 - 0.5 * lax.cos(turn) + 0.08 * lax.cos(2 * turn)


def hamming(M: int) -> Array:
    """0.54 - 0.46 cos(2 pi n / (M - 1)), for n from 0 to M - 1."""
    n, M = _counted(M)
    return _one(n) if M <= 1 else 0.54 - 0.46 * lax.cos(2 * math.pi * n / (M - 1))


def hanning(M: int) -> Array:
    """0.5 - 0.5 cos(2 pi n / (M - 1)), for n from 0 to M - 1."""
    n, M = _counted(M)
    return _one(n) if M <= 1 else 0.5 * (1 - lax.cos(2 * math.pi * n / (M - 1)))


def i0(x: ArrayLike) -> Array:
    """The modified Bessel function of the first kind and of order 0; elementwise.  ValueError for complex numbers."""
    (x,) = arrays_of(promote_args_inexact("i0", x))
    if dtypes.is_complex(x.dtype):
        raise ValueError(f"i0 takes real numbers, got {x.aval.str_short()}")
    return modified_bessel_0(x)


@custom_jvp
def modified_bessel_0(x: Array) -> Array:
    """I0, of real numbers; smooth at 0, as the formula is not."""
    return lax.exp(lax.abs(x)) * lax.bessel_i0e(x)


@custom_jvp
def modified_bessel_1(x: Array) -> Array:
    """I1, the derivative of I0."""
    return lax.exp(lax.abs(x)) * lax.bessel_i1e(x)


modified_bessel_0.defjvps(lambda t, out, x: t * modified_bessel_1(x))
modified_bessel_1.defjvps(lambda t, out, x: t * (modified_bessel_0(x) - bessel.over_x(x, out, bessel.series_of_i1)))


def kaiser(M: int, beta: ArrayLike) -> Array:
    """i0(beta sqrt(1 - t**2)) / i0(beta), for M numbers t from -1 to 1 evenly spaced: Kaiser's window."""
    n, M = _counted(M)
    if M <= 1:
        return _one(n)
    t = 2 * n / (M - 1) - 1
    return i0(beta * lax.sqrt(1 - t * t)) / i0(beta)
