"""Parts of numbers: signs, magnitudes, rounding, real and imaginary parts, mantissa and exponent.

Integers and booleans pass through what would not change them (`floor`, `real`, `conj`, ...) in their dtype.
"""

from __future__ import annotations

import builtins
import math
import operator
from typing import Any

import ml_dtypes
import numpy as np

from cujax import lax
from cujax.api.custom_jvp import custom_jvp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ground.promotion import lattice_join
from cujax.engine.ops.constants import full_of
from cujax.numpy.arithmetic import sign_bit
from cujax.numpy.declare import named, unary
from cujax.numpy.promotion import ArrayLike, as_array, as_numbers, promote_dtypes, promote_inexact

# --- signs and magnitudes -------------------------------------------------------------------------------

sign = unary(
    "sign", "sign", lattice_join, "-1, 0 or 1; for complex numbers x / |x|.  TypeError for booleans."
)


def absolute(x: ArrayLike, /) -> Array:
    """|x|, elementwise: real for complex numbers, x itself for booleans and unsigned integers."""
    x = as_numbers("absolute", x)
    return lax.abs(x) if dtypes.is_signed(x.dtype) else x


abs = absolute


def fabs(x: ArrayLike, /) -> Array:
    """|x|, elementwise, in floating point.  TypeError for complex numbers."""
    (x,) = promote_inexact("fabs", x)
    if dtypes.is_complex(x.dtype):
        raise TypeError("ufunc 'fabs' does not support complex dtypes: use jnp.abs")
    return lax.abs(x)


@traced_once("x")
def signbit(x: ArrayLike, /) -> Array:
    """Whether the sign bit is set, elementwise; true of -0.0.  ValueError for complex numbers."""
    x = as_array("signbit", x)
    if dtypes.is_complex(x.dtype):
        raise ValueError(f"jnp.signbit is not well defined for {x.dtype}: apply it to x.real or x.imag")
    return full_of(x.aval, False) if dtypes.is_bool(x.dtype) else sign_bit(x)


# --- rounding -----------------------------------------------------------------------------------------


def _rounding(name: str, round_float: Any, doc: str) -> Any:
    def function(x: ArrayLike, /) -> Array:
        x = as_array(name, x)
        if dtypes.is_integer(x.dtype) or dtypes.is_bool(x.dtype):
            return x
        return round_float(x)

    return named(
        function, name, f"{doc}\n\nElementwise; integers stay as they are.  TypeError for complex numbers."
    )


def _towards_zero(x: Array) -> Array:
    return lax.select_n(lax.lt(x, 0), lax.floor(x), lax.ceil(x))


floor = _rounding("floor", lambda x: lax.floor(x), "The largest whole number not above x.")
ceil = _rounding("ceil", lambda x: lax.ceil(x), "The smallest whole number not below x.")
_trunc = _rounding("trunc", _towards_zero, "")


def trunc(x: ArrayLike) -> Array:
    """x without its fraction, elementwise; integers stay as they are.  TypeError for complex numbers."""
    return _trunc(x)


@traced_once("x")
def fix(x: ArrayLike, out: None = None) -> Array:
    """x without its fraction, elementwise."""
    _refuse_out("fix", out)
    return trunc(x)


def _refuse_out(name: str, out: Any) -> None:
    if out is not None:
        raise NotImplementedError(f"The 'out' argument to jnp.{name} is not supported: arrays are immutable")


def rint(x: ArrayLike, /) -> Array:
    """The nearest whole number, to the even one at a tie, elementwise, in floating point."""
    x = as_numbers("rint", x)
    if not dtypes.is_inexact(x.dtype):
        return lax.convert_element_type(x, dtypes.canonicalize(dtypes.to_inexact(x.dtype)))
    return _round_parts(x)


def _round_parts(x: Array) -> Array:
    if dtypes.is_complex(x.dtype):
        return lax.complex(_round_parts(lax.real(x)), _round_parts(lax.imag(x)))
    return lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)


@traced_once("a")
def round(a: ArrayLike, decimals: int = 0, out: None = None) -> Array:
    """a rounded to `decimals` places after the point, ties to even, elementwise.

    NotImplementedError for integers with negative `decimals`; ValueError for booleans.
    """
    _refuse_out("round", out)
    a, decimals = as_array("round", a), operator.index(decimals)
    if dtypes.is_bool(a.dtype):
        raise ValueError("jnp.round does not support booleans")
    if dtypes.is_integer(a.dtype):
        if decimals < 0:
            raise NotImplementedError("jnp.round of integers is not implemented for decimals < 0")
        return a
    if decimals == 0:
        return _round_parts(a)
    narrow = a.dtype.itemsize == 2 and dtypes.is_float(a.dtype)  # 10**decimals would overflow or be coarse
    wide = lax.convert_element_type(a, np.dtype("float32")) if narrow else a
    factor = wide.dtype.type(10.0**builtins.abs(decimals))
    if decimals > 0:
        rounded = lax.div(_round_parts(lax.mul(wide, factor)), factor)
    else:
        rounded = lax.mul(_round_parts(lax.div(wide, factor)), factor)
    return lax.convert_element_type(rounded, a.dtype, a.weak_type) if narrow else rounded


around = round


@traced_once("x")
def modf(x: ArrayLike, /, out: None = None) -> tuple[Array, Array]:
    """(fraction, whole part) of x, elementwise, both with the sign of x.  TypeError for complex numbers."""
    _refuse_out("modf", out)
    (x,) = promote_inexact("modf", x)
    whole = lax.select_n(lax.ge(x, 0), lax.ceil(x), lax.floor(x))
    return lax.sub(x, whole), whole


# --- real and imaginary parts ---------------------------------------------------------------------------


def real(val: ArrayLike, /) -> Array:
    """The real part, elementwise; real arrays stay as they are."""
    val = as_array("real", val)
    return lax.real(val) if dtypes.is_complex(val.dtype) else val


def imag(val: ArrayLike, /) -> Array:
    """The imaginary part, elementwise; zeros for real arrays."""
    val = as_array("imag", val)
    return lax.imag(val) if dtypes.is_complex(val.dtype) else full_of(val.aval, 0)


def conjugate(x: ArrayLike, /) -> Array:
    """The complex conjugate, elementwise; real arrays stay as they are."""
    x = as_array("conjugate", x)
    return lax.conj(x) if dtypes.is_complex(x.dtype) else x


conj = conjugate


@traced_once("z")
def angle(z: ArrayLike, deg: bool = False) -> Array:
    """The argument of complex numbers, in (-pi, pi], elementwise; in degrees if `deg`."""
    (z,) = promote_inexact("angle", as_array("angle", z))
    re, im = (
        (lax.real(z), lax.imag(z))
        if dtypes.is_complex(z.dtype)
        else (z, full_of(z.aval.strip_weak_type(), 0))
    )
    found = lax.atan2(im, re)
    return lax.mul(found, 180 / math.pi) if deg else found


# --- floating-point representation ------------------------------------------------------------------------


@traced_once("x")
def frexp(x: ArrayLike, /) -> tuple[Array, Array]:
    """(mantissa, exponent) with x = mantissa * 2**exponent and 0.5 <= |mantissa| < 1, elementwise.

    0, infinities and NaN are their own mantissa, with exponent 0.  TypeError for complex numbers.
    """
    (x,) = promote_inexact("frexp", as_array("frexp", x))
    if dtypes.is_complex(x.dtype):
        raise TypeError("frexp does not support complex-valued inputs")
    return _frexp(x)


@custom_jvp
def _frexp(x: Array) -> tuple[Array, Array]:
    """From the bits alone: CuPy's arithmetic takes subnormal numbers of float32 for zero."""
    info = ml_dtypes.finfo(x.dtype)
    word = np.dtype(f"uint{info.bits}").type
    fraction, shift = word(2**info.nmant - 1), word(info.nmant)
    bits = lax.bitcast_convert_type(x, word)
    size = lax.bitwise_and(bits, word(2 ** (info.bits - 1) - 1))
    is_subnormal = lax.le(size, fraction)
    as_number = lax.bitcast_convert_type(lax.convert_element_type(size, x.dtype), word)  # times 2**(minexp - nmant)
    normal = lax.select_n(is_subnormal, size, as_number)
    field = lax.convert_element_type(lax.shift_right_logical(normal, shift), np.dtype("int32"))
    least = lax.select_n(is_subnormal, np.int32(info.minexp), np.int32(2 * info.minexp - info.nmant))
    half = word(-info.minexp << info.nmant)  # the bits of 0.5, less those of its sign and fraction
    sign = lax.bitwise_and(bits, word(2 ** (info.bits - 1)))
    mantissa = lax.bitwise_or(sign, lax.bitwise_or(half, lax.bitwise_and(normal, fraction)))
    is_itself = lax.bitwise_or(lax.eq(size, word(0)), lax.ge(size, word((2**info.nexp - 1) << info.nmant)))
    return (
        lax.select_n(is_itself, lax.bitcast_convert_type(mantissa, x.dtype), x),
        lax.select_n(is_itself, lax.add(field, least), np.int32(0)),
    )


@_frexp.defjvp
def _frexp_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Any, Any]:
    mantissa, exponent = _frexp(*primals)
    zero = np.zeros(exponent.shape, dtypes.float0)
    return (mantissa, exponent), (_scale(tangents[0], lax.neg(exponent)), zero)


def _normal_power(exponent: Array, dtype: Any) -> Array:
    """2**exponent for an exponent within the normal range of `dtype`, put together from its bits."""
    info = ml_dtypes.finfo(dtype)
    field = lax.convert_element_type(lax.add(exponent, 2 ** (info.nexp - 1) - 1), np.dtype(f"int{info.bits}"))
    return lax.bitcast_convert_type(lax.shift_left(field, field.dtype.type(info.nmant)), dtype)


@traced_once("x1", "x2")
def ldexp(x1: ArrayLike, x2: ArrayLike, /) -> Array:
    """x1 * 2**x2, elementwise.  x2: integers.  ValueError for complex x1 and for x2 that is not integer."""
    x1, x2 = as_array("ldexp", x1), as_array("ldexp", x2, 1)
    if dtypes.is_complex(x1.dtype) or (not dtypes.is_integer(x2.dtype) and not dtypes.is_bool(x2.dtype)):
        raise ValueError(f"ldexp not supported for input types {(x1.dtype, x2.dtype)}")
    (x1,) = promote_inexact("ldexp", x1)
    return _scale(x1, lax.convert_element_type(x2, np.dtype("int32")))


def _scale(x: Array, exponent: Array) -> Array:
    """In three steps of limited size, so that no factor overflows before the product does."""
    limit = 2 ** (ml_dtypes.finfo(x.dtype).nexp - 1) - 2
    for _ in range(3):
        step = lax.clamp(np.int32(-limit), exponent, np.int32(limit))
        x, exponent = x * _normal_power(step, x.dtype), lax.sub(exponent, step)
    return x


@traced_once("x")
def spacing(x: ArrayLike, /) -> Array:
    """The distance from x to the next number away from zero, elementwise.  ValueError for complex numbers."""
    (x,) = promote_inexact("spacing", as_array("spacing", x))
    if dtypes.is_complex(x.dtype):
        raise ValueError("jnp.spacing is not defined for complex inputs")
    outward = lax.select_n(sign_bit(x), x.dtype.type(np.inf), x.dtype.type(-np.inf))
    gap = lax.sub(lax.nextafter(x, outward), x)
    least = x.dtype.type(ml_dtypes.finfo(x.dtype).smallest_subnormal)
    return lax.select_n(lax.eq(gap, 0), gap, lax.select_n(sign_bit(x), least, -least))


@traced_once("x", "nan", "posinf", "neginf")
def nan_to_num(
    x: ArrayLike, copy: bool = True, nan: ArrayLike = 0.0, posinf: ArrayLike | None = None,
    neginf: ArrayLike | None = None,
) -> Array:
    """x with NaN replaced by `nan`, inf by `posinf`, -inf by `neginf`, elementwise.

    posinf and neginf default to the largest and the least finite number.  Integers stay as they are.
    """
    x = as_array("nan_to_num", x)
    if not dtypes.is_inexact(x.dtype):
        return x
    if dtypes.is_complex(x.dtype):
        parts = (nan_to_num(part, copy, nan, posinf, neginf) for part in (lax.real(x), lax.imag(x)))
        return lax.complex(*parts)
    info = ml_dtypes.finfo(x.dtype)
    replacements = (
        (lax.ne(x, x), nan),
        (lax.eq(x, np.inf), info.max if posinf is None else posinf),
        (lax.eq(x, -np.inf), info.min if neginf is None else neginf),
    )
    for where, value in replacements:
        x = lax.select_n(where, x, _like("nan_to_num", value, x))
    return x


def _like(name: str, value: ArrayLike, x: Array) -> Array:
    """`value` in the dtype of x, and in its shape unless it is a scalar."""
    value = lax.convert_element_type(promote_dtypes(name, value)[0], x.dtype)
    if value.ndim == 0 or value.shape == x.shape:
        return value
    return lax.broadcast_in_dim(value, x.shape, range(x.ndim - value.ndim, x.ndim))
