"""Actions: rounding, other dtypes, bits taken for others, and complex numbers and their parts."""

from __future__ import annotations

from math import inf
from typing import Any

import numpy as np

from .builder import Builder, action
from .elementwise import is_certain_real
from .value import (
    COMPLEX,
    DTYPES,
    INTEGERS,
    REALS,
    UNSIGNED,
    Refused,
    Value,
    fits,
    floating,
    integer,
    is_float,
    merged,
    part_of,
)


@action(1)
def rounded(b: Builder) -> None:
    x = b.some(is_certain_real)
    v = b[x]
    name = b.rng.choice(("floor({})", "ceil({})", "round({}, lax.RoundingMethod.TO_NEAREST_EVEN)",
                         "round({}, lax.RoundingMethod.AWAY_FROM_ZERO)"))
    b.emit(f"lax.{name.format(x)}", floating(v.shape, v.dtype, v.bound + 1, 0, special=v.special))


@action(6)
def convert(b: Builder) -> None:
    x = b.some(lambda v: v.dtype not in COMPLEX)
    v = b[x]
    dtype = b.dtype(lambda d: d != v.dtype)
    text = b.rng.choice((f"lax.convert_element_type({x}, '{dtype.name}')", f"{x}.astype('{dtype.name}')"))
    b.emit(text, converted(v, dtype))


def converted(v: Value, dtype: Any) -> Value:
    """What is known of `v`, not complex, as `dtype`."""
    if not is_float(dtype):
        if not v.is_certain:
            raise Refused
        return integer(v.shape, dtype, inf if v.special or dtype in UNSIGNED else v.bound)
    if v.special and dtype in COMPLEX:
        raise Refused
    step = v.step
    if not is_float(v.dtype) and not fits(dtype, v.bound, 0):
        raise Refused
    return floating(v.shape, dtype, v.bound, step, v.error, special=v.special, is_ieee=v.is_ieee)


_WORDS = {1: "int8 uint8", 2: "int16 uint16 float16 bfloat16", 4: "int32 uint32 float32", 8: "int64 uint64 float64"}


@action(1)
def bitcast(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in INTEGERS or (v.dtype in REALS and v.is_raw and not v.special))
    v = b[x]
    to = b.rng.choice([t for t in _WORDS[v.dtype.itemsize].split() if t != v.dtype.name])
    dtype = next(d for d in DTYPES if d.name == to)
    if dtype in REALS:
        x = fraction_bits(b, x, dtype)
        b.emit(f"lax.bitcast_convert_type({x}, '{to}')", Value(v.shape, dtype, 1, None, is_raw=True))
    else:
        b.emit(f"lax.bitcast_convert_type({x}, '{to}')", integer(v.shape, dtype))


_FRACTIONS = {
    "float16": (0x83FF, 0x3800), "bfloat16": (0x807F, 0x3F00), "float32": (0x807FFFFF, 0x3F000000),
    "float64": (0x800FFFFFFFFFFFFF, 0x3FE0000000000000),
}


def fraction_bits(b: Builder, x: str, dtype: Any) -> str:
    """Of the bits of `x` those that leave a float between 0.5 and 1, of either sign."""
    v = b[x]
    if v.dtype in REALS:
        raise Refused
    mask, exponent = (b.constant(v.dtype, np.uint64(n).astype(v.dtype)) for n in _FRACTIONS[dtype.name])
    return b.emit(f"({x} & {mask}) | {exponent}", integer(v.shape, v.dtype))


@action(0.7)
def bitcast_of_another_width(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in INTEGERS)
    v = b[x]
    to = b.dtype(lambda d: d in INTEGERS and d.itemsize != v.dtype.itemsize)
    if to.itemsize == v.dtype.itemsize or to not in INTEGERS:
        raise Refused
    if to.itemsize < v.dtype.itemsize:
        shape = (*v.shape, v.dtype.itemsize // to.itemsize)
    elif v.shape and v.shape[-1] * v.dtype.itemsize == to.itemsize:
        shape = v.shape[:-1]
    else:
        raise Refused
    b.emit(f"lax.bitcast_convert_type({x}, '{to.name}')", integer(shape, to))


# --- complex --------------------------------------------------------------------------------------------------


def is_complex(v: Value) -> bool:
    return v.dtype in COMPLEX


@action(2)
def parts(b: Builder) -> None:
    x = b.some(is_complex)
    v = b[x]
    name = b.rng.choice(("real", "imag", "conj", "abs"))
    if name == "abs":
        magnitude(b, x)
    elif name == "conj":
        b.emit(f"lax.conj({x})", v.derived())
    else:
        value = Value(v.shape, part_of(v.dtype), v.bound, v.step, v.error, is_ieee=v.is_ieee, is_raw=v.is_raw)
        b.emit(f"lax.{name}({x})", value)


def magnitude(b: Builder, x: str) -> None:
    v = b[x]
    if v.dtype not in COMPLEX:
        raise Refused
    b.emit(f"lax.abs({x})", floating(v.shape, part_of(v.dtype), 1.5 * v.bound, None, 2 * v.error, roundings=4))


@action(2)
def complex_of_parts(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in REALS[2:] and not v.special)
    y = b.partner(x, lambda v: not v.special)
    b.emit(f"lax.complex({x}, {y})", complex_value(b[x], b[y]))


def complex_value(x: Value, y: Value) -> Value:
    if x.special or y.special:
        raise Refused
    whole = np.dtype(f"complex{x.dtype.itemsize * 16}")
    v = merged(x.shape, x, y)
    return Value(v.shape, whole, v.bound, v.step, v.error, is_ieee=v.is_ieee, is_raw=v.is_raw)


@action(1.5)
def complex_function(b: Builder) -> None:
    x = b.some(lambda v: is_complex(v) and not v.special)
    f = b.rng.choice(("exp", "sin", "cos", "sinh", "cosh", "sqrt", "log", "div"))
    x = in_right_half(b, x)
    v = b[x]
    if f == "div":
        y = b.partner(x, lambda v: v.bound <= 100)
        w = b[y]
        error = 2 * w.error + 8 * w.bound * v.error
        b.emit(f"lax.div({y}, {x})", floating(v.shape, v.dtype, 4 * w.bound, None, error, roundings=8))
    else:
        b.emit(f"lax.{f}({x})", floating(v.shape, v.dtype, 8, None, 8 * v.error, roundings=8))


def in_right_half(b: Builder, x: str) -> str:
    """`x` with a real part between 0.5 and 2 and an imaginary part between -2 and 2."""
    v = b[x]
    part = Value(v.shape, part_of(v.dtype), v.bound, v.step, v.error, is_ieee=v.is_ieee)
    real = b.tamed(b.emit(f"lax.real({x})", part), 0.5, 2)
    imag = b.tamed(b.emit(f"lax.imag({x})", part), 2)
    return b.emit(f"lax.complex({real}, {imag})", complex_value(b[real], b[imag]))
