"""Arithmetic: sums, products, quotients, remainders, powers, extremes.

Integers behave as in NumPy: `divide` gives floats, `floor_divide` rounds towards minus infinity, `mod` has
the sign of the divisor, `power` of integers stays an integer.  On booleans `add` is "or", `multiply` is
"and"; `subtract` refuses them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array, ConcreteArray
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ground.promotion import lattice_join
from cujax.numpy.declare import binary, named, unary
from cujax.numpy.promotion import (
    SCALARS,
    ArrayLike,
    as_array,
    broadcast_operands,
    broadcast_shape,
    join_inexact,
    number_like,
    operand,
    promote_args,
    promote_args_inexact,
    promote_args_numeric,
    promote_inexact,
    promote_numeric,
)


def _for_bool(arithmetic: Any, logical: Any, doc: str) -> Any:
    """`arithmetic`, except that two booleans go to `logical`."""
    name = arithmetic.__name__

    def function(x1: Any, x2: Any, /) -> Array:
        if _is_bool(x1) and _is_bool(x2):
            return logical(*promote_args(name, x1, x2))
        return arithmetic(x1, x2)

    return named(function, name, f"{arithmetic.__doc__}\n{doc}")


def _is_bool(x: Any) -> bool:
    return type(x) is bool or getattr(x, "dtype", None) == dtypes.bool_


add = _for_bool(binary("add", "add", lattice_join, "x1 + x2."), lax.bitwise_or, "Booleans: or.")
subtract = binary("subtract", "sub", lattice_join, "x1 - x2.  TypeError for booleans: use logical_xor.")
multiply = _for_bool(binary("multiply", "mul", lattice_join, "x1 * x2."), lax.bitwise_and, "Booleans: and.")
divide = binary("divide", "div", join_inexact, "x1 / x2, in floating point.")
true_divide = divide
negative = unary("negative", "neg", lattice_join, "-x.  TypeError for booleans: use logical_not.")
maximum = binary("maximum", "max", lattice_join, "The larger of x1 and x2; NaN where either is NaN.")
minimum = binary("minimum", "min", lattice_join, "The smaller of x1 and x2; NaN where either is NaN.")
nextafter = binary("nextafter", "nextafter", join_inexact, "The float next to x1 in the direction of x2.")
arctan2 = binary("arctan2", "atan2", join_inexact, "The angle of the point (x2, x1), in (-pi, pi].")
atan2 = arctan2


def positive(x: ArrayLike, /) -> Array:
    """+x: the array x itself, in any dtype."""
    return as_array("positive", x)


def square(x: ArrayLike, /) -> Array:
    """x * x, elementwise; booleans become integers."""
    return lax.square(*promote_numeric("square", x))


def reciprocal(x: ArrayLike, /) -> Array:
    """1 / x, elementwise, in floating point (NumPy keeps integers)."""
    (x,) = promote_inexact("reciprocal", x)
    return lax.integer_pow(x, -1)


def fmax(x1: ArrayLike, x2: ArrayLike) -> Array:
    """The larger of x1 and x2, elementwise; a number wherever one of the two is a number."""
    x1, x2 = promote_args("fmax", x1, x2)
    return lax.select_n(lax.bitwise_or(_greater(x1, x2), lax.ne(x2, x2)), x2, x1)


def fmin(x1: ArrayLike, x2: ArrayLike) -> Array:
    """The smaller of x1 and x2, elementwise; a number wherever one of the two is a number."""
    x1, x2 = promote_args("fmin", x1, x2)
    return lax.select_n(lax.bitwise_or(_greater(x2, x1), lax.ne(x2, x2)), x2, x1)


def _greater(x1: Any, x2: Any) -> Any:
    """x1 > x2; complex numbers in the order real part, then imaginary part."""
    if not dtypes.is_complex(x1.dtype):
        return lax.gt(x1, x2)
    r1, r2 = lax.real(x1), lax.real(x2)
    return lax.select_n(lax.eq(r1, r2), lax.gt(r1, r2), lax.gt(lax.imag(x1), lax.imag(x2)))


# --- quotients and remainders ---------------------------------------------------------------------------


@traced_once("x1", "x2")
def floor_divide(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 / x2 rounded towards minus infinity, elementwise.  TypeError for complex numbers."""
    x1, x2 = promote_args_numeric("floor_divide", x1, x2)
    if dtypes.is_integer(x1.dtype):
        return _floor_divide_integers(x1, x2)
    return _float_divmod("floor_divide", x1, x2)[0]


def _floor_divide_integers(x1: Any, x2: Any) -> Array:
    quotient = lax.div(x1, x2)
    if not dtypes.is_signed(x1.dtype):
        return quotient
    rounded_up = lax.bitwise_and(
        lax.ne(lax.sign(x1), lax.sign(x2)), lax.ne(lax.rem(x1, x2), number_like(x1, 0))
    )
    return lax.select_n(rounded_up, quotient, lax.sub(quotient, 1))


def _float_divmod(name: str, x1: Any, x2: Any) -> tuple[Array, Array]:
    """Quotient and remainder such that the remainder has the sign of x2.

    The quotient is taken of what is left when the remainder is gone, so that it is a whole number before
    it is rounded.
    """
    _refuse_complex(name, x1)
    rest = lax.rem(x1, x2)
    quotient = lax.div(lax.select_n(lax.eq(x2, 0), lax.sub(x1, rest), x1), x2)
    wrong_side = lax.bitwise_and(lax.ne(rest, 0), lax.ne(lax.sign(x2), lax.sign(rest)))
    rest = lax.select_n(wrong_side, rest, lax.add(rest, x2))
    quotient = lax.select_n(wrong_side, quotient, lax.sub(quotient, 1))
    return lax.round(quotient), rest


def _refuse_complex(name: str, x: Any) -> None:
    if dtypes.is_complex(x.dtype):
        raise TypeError(f"{name} does not accept dtype {x.dtype}: complex numbers have no order")


@traced_once("x1", "x2")
def remainder(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 - floor(x1 / x2) * x2, elementwise: it has the sign of x2.  TypeError for complex numbers."""
    x1, x2 = promote_args_numeric("remainder", x1, x2)
    _refuse_complex("remainder", x1)
    safe = _nonzero_divisor(x1, x2)
    rest = lax.rem(x1, safe)
    wrong_side = lax.bitwise_and(lax.ne(rest, 0), lax.ne(lax.lt(rest, 0), lax.lt(safe, 0)))
    return lax.select_n(wrong_side, rest, lax.add(rest, safe))


def _nonzero_divisor(x1: Any, x2: Any) -> Any:
    """x2; for integers 1 in place of 0, so that x mod 0 is 0 as in NumPy."""
    if not dtypes.is_integer(x1.dtype):
        return x2
    return lax.select_n(lax.eq(x2, 0), x2, number_like(x2, 1))


mod = remainder


@traced_once("x1", "x2")
def fmod(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 - trunc(x1 / x2) * x2, elementwise: it has the sign of x1.  TypeError for complex numbers."""
    x1, x2 = promote_args_numeric("fmod", x1, x2)
    _refuse_complex("fmod", x1)
    return lax.rem(x1, _nonzero_divisor(x1, x2))


@traced_once("x1", "x2")
def divmod(x1: ArrayLike, x2: ArrayLike, /) -> tuple[Array, Array]:
    """(floor_divide(x1, x2), remainder(x1, x2))."""
    x1, x2 = promote_args_numeric("divmod", x1, x2)
    if dtypes.is_integer(x1.dtype):
        return _floor_divide_integers(x1, x2), remainder(x1, x2)
    return _float_divmod("divmod", x1, x2)


# --- powers -------------------------------------------------------------------------------------------


def power(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ** x2, elementwise.

    A known integer for x2 (a Python or NumPy one, or a scalar array outside `jit`) is repeated
    multiplication, exact for floats and differentiable at 0; for an integer x1 it must not be negative:
    TypeError.  With integer arrays for both the result is an integer.
    """
    if type(x2) is int or _is_known_integer(x2):
        return _static_power(x1, int(x2))
    if type(x2) not in SCALARS:
        x1, x2 = operand("power", x1, 0), operand("power", x2, 1)
        if dtypes.is_inexact(x1.dtype) and dtypes.is_integer(x2.dtype):
            return lax.pow(*_broadcast_only(x1, x2))  # lax.pow takes integer exponents as they are
    x1, x2 = promote_args_numeric("power", x1, x2)
    return _integer_power(x1, x2) if dtypes.is_integer(x1.dtype) else lax.pow(x1, x2)


def _is_known_integer(x: Any) -> bool:
    """An integer scalar whose value needs no trace to end; booleans count where they are Python's."""
    if isinstance(x, ConcreteArray | np.ndarray | np.generic):
        return x.ndim == 0 and dtypes.is_integer(x.dtype)
    return type(x) is bool


def _static_power(x: ArrayLike, exponent: int) -> Array:
    (x,) = promote_numeric("power", x)
    if dtypes.is_integer(x.dtype) and exponent < 0:
        raise TypeError("Integers cannot be raised to negative powers, got exponent "
                        f"{exponent}; convert the base to a float first")
    return lax.integer_pow(x, exponent)


def _broadcast_only(x1: Array, x2: Array) -> list[Array]:
    shape = broadcast_shape("power", [x1.shape, x2.shape])
    return [
        x
        if x.shape in ((), shape)
        else lax.broadcast_in_dim(x, shape, range(len(shape) - x.ndim, len(shape)))
        for x in (x1, x2)
    ]


def _integer_power(base: Any, exponent: Any) -> Array:
    """Square and multiply over the six lowest bits of the exponent: more overflow 64-bit integers.

    0 to a power is 0 except for power 0; a negative exponent counts as its bits.
    """
    one, zero = base.dtype.type(1), base.dtype.type(0)
    empty = lax.bitwise_and(lax.eq(base, zero), lax.ne(exponent, zero))
    result = lax.select_n(empty, one, zero)
    for bit in range(6):
        if bit:
            base, exponent = lax.mul(base, base), lax.shift_right_logical(exponent, one)
        is_set = lax.ne(lax.bitwise_and(exponent, one), zero)
        result = lax.select_n(is_set, result, lax.mul(result, base))
    return result


pow = power


def float_power(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 ** x2, elementwise, in floating point whatever the dtypes."""
    return lax.pow(*promote_args_inexact("float_power", x1, x2))


@traced_once("x1", "x2")
def hypot(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """sqrt(x1**2 + x2**2), elementwise, without overflow.  ValueError for complex numbers."""
    x1, x2 = promote_args_inexact("hypot", x1, x2)
    if dtypes.is_complex(x1.dtype):
        raise ValueError("jnp.hypot does not support complex numbers: use jnp.abs(x1 + 1j * x2)")
    x1, x2 = lax.abs(x1), lax.abs(x2)
    infinite = lax.bitwise_or(lax.eq(x1, np.inf), lax.eq(x2, np.inf))
    large, small = lax.max(x1, x2), lax.min(x1, x2)
    one = number_like(large, 1)
    origin = lax.eq(large, 0)
    ratio = lax.div(small, lax.select_n(origin, large, one))
    length = lax.select_n(origin, lax.mul(large, lax.sqrt(lax.add(one, lax.square(ratio)))), large)
    return lax.select_n(infinite, length, number_like(large, np.inf))


@traced_once("x1", "x2")
def copysign(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """|x1| with the sign of x2, elementwise; the sign of zero counts.  TypeError for complex numbers."""
    x1, x2 = broadcast_operands("copysign", *promote_inexact("copysign", x1, x2))
    _refuse_complex("copysign", x1)
    size = lax.abs(x1)
    return lax.select_n(sign_bit(x2), size, lax.neg(size))


def sign_bit(x: Any) -> Any:
    """Whether the sign bit of the real operand `x` is set: true of -0.0."""
    if not dtypes.is_float(x.dtype):
        return lax.lt(x, 0)
    bits = lax.bitcast_convert_type(x, np.dtype(f"int{8 * aval_of(x).dtype.itemsize}"))
    return lax.lt(bits, 0)


@traced_once("x1", "x2")
def heaviside(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """0 where x1 < 0, x2 where x1 is 0, 1 where x1 > 0, NaN where x1 is NaN.  TypeError for complex."""
    x1, x2 = promote_inexact("heaviside", x1, x2)
    _refuse_complex("heaviside", x1)
    x1, x2 = broadcast_operands("heaviside", x1, x2)
    zero, one = number_like(x1, 0), number_like(x1, 1)
    ordered = lax.select_n(lax.lt(x1, 0), lax.select_n(lax.gt(x1, 0), x2, one), zero)
    return lax.select_n(lax.ne(x1, x1), ordered, number_like(x1, np.nan))
