"""Actions: arithmetic, functions, comparisons, choices and conversions of single elements."""

from __future__ import annotations

from collections.abc import Callable
from math import e, inf
from typing import Any, NamedTuple

import numpy as np

from .builder import Builder, action
from .value import (
    BOOL,
    COMPLEX,
    DTYPES,
    INTEGERS,
    REALS,
    UNSIGNED,
    Refused,
    Shape,
    Value,
    fits,
    floating,
    integer,
    is_float,
    is_real,
    merged,
    number,
    part_of,
)


def is_number(v: Value) -> bool:
    return v.dtype != BOOL


def is_integer(v: Value) -> bool:
    return v.dtype in INTEGERS


def is_certain_real(v: Value) -> bool:
    return is_real(v.dtype) and v.is_certain


# --- a second operand -----------------------------------------------------------------------------------------


class Operand(NamedTuple):
    text: str
    value: Value


def second(b: Builder, x: str, suits: Callable[[Value], bool] = lambda v: True) -> Operand:
    """What `x` is combined with: a value of its shape, one that broadcasts, a NumPy scalar or a Python number."""
    like, kind = b[x], b.rng.random()
    if kind < 0.2:
        return Operand(*b.drawn_constant(like.dtype))
    if kind < 0.3 and like.dtype != BOOL:
        return python_number(b, like.dtype)
    if kind < 0.6:
        def broadcasts(v: Value) -> bool:
            return v.dtype == like.dtype and suits(v) and broadcast_shape(v.shape, like.shape) is not None

        name = b.some(broadcasts)
        return Operand(name, b[name])
    name = b.partner(x, suits)
    if not suits(b[name]):
        raise Refused
    return Operand(name, b[name])


def python_number(b: Builder, dtype: Any) -> Operand:
    if is_float(dtype):
        x = b.rng.choice((-1.5, -0.5, 0.5, 2.0, 3.0))
        return Operand(repr(x), Value((), dtype, abs(x), 1))
    x = b.rng.randint(1, 9)
    return Operand(repr(x), integer((), dtype, x))


def broadcast_shape(x: Shape, y: Shape) -> Shape | None:
    try:
        return np.broadcast_shapes(x, y)
    except ValueError:
        return None


def combined_shape(x: Value, y: Value) -> Shape:
    return np.broadcast_shapes(x.shape, y.shape)


def same_rank(x: Value, y: Operand) -> bool:
    """Whether a function of `lax`, which does not broadcast, takes both."""
    return x.shape == y.value.shape and y.text.startswith("v")


# --- arithmetic -----------------------------------------------------------------------------------------------


def sum_of(x: Value, y: Value) -> Value:
    step = None if x.step is None or y.step is None else max(x.step, y.step)
    return number(
        combined_shape(x, y), x.dtype, x.bound + y.bound, step, x.error + y.error,
        special=x.special or y.special, is_ieee=x.is_ieee and y.is_ieee,
    )


def product_of(x: Value, y: Value) -> Value:
    is_complex = x.dtype in COMPLEX
    if is_complex and (x.special or y.special):
        raise Refused
    step = None if x.step is None or y.step is None else x.step + y.step
    terms = 2 if is_complex else 1
    return number(
        combined_shape(x, y), x.dtype, terms * x.bound * y.bound, step,
        terms * (x.error * y.bound + y.error * x.bound), roundings=terms,
        special=x.special or y.special, is_ieee=x.is_ieee and y.is_ieee and not is_complex,
    )


_ARITHMETIC = (("add", "+", sum_of), ("sub", "-", sum_of), ("mul", "*", product_of))
_NAMES = {"add": "add", "sub": "subtract", "mul": "multiply"}


@action(22)
def arithmetic(b: Builder) -> None:
    x = b.some(is_number)
    y = second(b, x)
    name, sign, result = b.rng.choice(_ARITHMETIC)
    value = result(b[x], y.value)
    if name == "sub" and value.dtype in UNSIGNED:
        value = integer(value.shape, value.dtype)
    if same_rank(b[x], y) and b.chance(0.5):
        b.emit(f"lax.{name}({x}, {y.text})", value)
    elif b.chance(0.5):
        b.emit(f"{x} {sign} {y.text}", value)
    else:
        b.emit(f"jnp.{_NAMES[name]}({y.text}, {x})", value)


@action(2)
def divide(b: Builder) -> None:
    x = b.some(lambda v: is_real(v.dtype) and not v.special)
    y = b.tamed(b.partner(x, lambda v: not v.special), 0.5, 4)
    v, w = b[x], b[y]
    value = floating(v.shape, v.dtype, 2 * v.bound, None, 2 * v.error + 4 * v.bound * w.error,
                     is_ieee=v.is_ieee and w.is_ieee)
    b.emit(f"lax.div({x}, {y})", value)


@action(2)
def divide_integers(b: Builder) -> None:
    x = b.some(is_integer)
    y = b.partner(x)
    name = b.rng.choice(("lax.div", "lax.rem", "jnp.floor_divide", "jnp.remainder"))
    b.emit(f"{name}({x}, {y})", integer(b[x].shape, b[x].dtype))


@action(1)
def remainder(b: Builder) -> None:
    x = b.some(lambda v: is_certain_real(v) and v.step is not None and not v.special)
    v = b[x]
    value = floating(v.shape, v.dtype, 2, max(v.step or 0, 1))
    b.emit(f"lax.rem({x}, {b.constant(v.dtype, 1.5)})", value)


@action(3)
def extreme(b: Builder) -> None:
    x = b.some(lambda v: v.dtype not in COMPLEX)
    y = second(b, x)
    value = merged(combined_shape(b[x], y.value), b[x], y.value).derived()
    name = b.rng.choice(("maximum", "minimum"))
    if same_rank(b[x], y) and b.chance(0.5):
        b.emit(f"lax.{name[:3]}({x}, {y.text})", value)
    else:
        b.emit(f"jnp.{name}({x}, {y.text})", value)


@action(3)
def unary(b: Builder) -> None:
    x = b.some(is_number)
    v = b[x]
    name = b.rng.choice(("neg", "abs", "square", "sign"))
    if name == "square":
        b.emit(f"lax.square({x})", product_of(v, v))
    elif v.dtype.kind == "c" and name == "abs":
        magnitude(b, x)
    elif name == "neg" or (name == "abs" and v.dtype not in UNSIGNED):
        bound = inf if v.dtype in INTEGERS and name == "neg" and v.dtype in UNSIGNED else v.bound
        value = integer(v.shape, v.dtype, bound) if v.dtype in INTEGERS else v.derived()
        b.emit(f"lax.{name}({x})", value)
    elif v.is_certain and v.dtype.kind != "c" and name == "sign":
        b.emit(f"lax.sign({x})", number(v.shape, v.dtype, 1, 0, special=v.special))
    else:
        raise Refused


@action(1)
def power_of_integer(b: Builder) -> None:
    x = b.some(is_number)
    exponent = b.rng.choice((0, 1, 2, 3, 4))
    v = b[x]
    value = number(v.shape, v.dtype, 1, 0)
    if v.special:
        raise Refused
    for _ in range(exponent):
        value = product_of(value, v.moved(v.shape))
    b.emit(f"lax.integer_pow({x}, {exponent})", value.derived(is_ieee=False))


# --- functions ------------------------------------------------------------------------------------------------


class Function(NamedTuple):
    """A function between low and high: the largest value there and the largest slope."""

    name: str
    low: float
    high: float
    bound: float
    slope: float


_FUNCTIONS = (
    *(Function(f, -50, 50, 1, 1) for f in ("sin", "cos")),
    *(Function(f, -30, 30, 1, 1.2) for f in ("tanh", "logistic", "erf")),
    Function("atan", -50, 50, 1.6, 1),
    Function("asinh", -50, 50, 5, 1),
    Function("erfc", -10, 10, 2, 1.2),
    *(Function(f, -2, 2, e**2, e**2) for f in ("exp", "expm1", "sinh", "cosh")),
    Function("exp2", -3, 3, 8, 6),
    Function("tan", -1, 1, 1.6, 3.5),
    Function("log1p", -0.5, 8, 2.2, 2),
    *(Function(f, -0.75, 0.75, 2.5, 2.5) for f in ("asin", "acos", "atanh")),
    Function("erf_inv", -0.75, 0.75, 1, 2),
    Function("log", 0.5, 8, 2.1, 2),
    Function("sqrt", 0.25, 9, 3, 1),
    Function("rsqrt", 0.25, 9, 2, 4),
    Function("cbrt", 0.5, 8, 2, 1),
    Function("acosh", 1.5, 8, 3, 1),
    Function("lgamma", 0.5, 4, 2, 2),
    Function("digamma", 0.5, 4, 2, 5),
)
_SIMPLE = ("sin", "cos", "tanh", "exp", "log", "sqrt", "logistic")


@action(8)
def function(b: Builder) -> None:
    x = b.some(lambda v: is_real(v.dtype) and not v.special)
    f = b.rng.choice([f for f in _FUNCTIONS if b.chance(0.5) or f.name in _SIMPLE])
    if f.name in ("sin", "cos") and b[x].dtype.itemsize == 2:
        x = b.tamed(x, 8)
    x = b.tamed(x, f.low, f.high)
    b.emit(f"lax.{f.name}({x})", applied(f, b[x]))


def applied(f: Function, v: Value) -> Value:
    return floating(v.shape, v.dtype, f.bound, None, f.slope * v.error, roundings=8,
                    is_ieee=f.name == "sqrt" and v.is_ieee)


@action(1)
def power(b: Builder) -> None:
    x = b.some(lambda v: is_real(v.dtype) and not v.special)
    y = b.tamed(b.partner(x, lambda v: not v.special), 2)
    x = b.tamed(x, 0.5, 2)
    v, w = b[x], b[y]
    b.emit(f"lax.pow({x}, {y})", floating(v.shape, v.dtype, 4, None, 16 * v.error + 4 * w.error, roundings=8))


@action(1)
def angle(b: Builder) -> None:
    x = b.some(lambda v: is_real(v.dtype) and not v.special)
    y = b.tamed(b.partner(x, lambda v: not v.special), 0.5, 8)
    v, w = b[x], b[y]
    b.emit(f"lax.atan2({x}, {y})", floating(v.shape, v.dtype, 1.6, None, 2 * v.error + 2 * w.error, roundings=8))


@action(1)
def next_number(b: Builder) -> None:
    x = b.some(lambda v: v.is_raw and is_real(v.dtype) and not v.special)
    y = b.partner(x, lambda v: v.is_certain)
    if not b[y].is_certain:
        raise Refused
    b.emit(f"lax.nextafter({x}, {y})", Value(b[x].shape, b[x].dtype, b[x].bound * 1.01, None, special=b[y].special))


# --- comparisons and logic ------------------------------------------------------------------------------------


@action(4)
def compare(b: Builder) -> None:
    x = b.some(lambda v: v.is_certain)
    y = second(b, x, lambda v: v.is_certain)
    names = ("equal", "not_equal") if b[x].dtype.kind in "cb" else (
        "equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
    b.emit(f"jnp.{b.rng.choice(names)}({x}, {y.text})", integer(combined_shape(b[x], y.value), BOOL))


@action(1)
def classify(b: Builder) -> None:
    x = b.some(is_certain_real)
    b.emit(f"{b.rng.choice(('lax.is_finite', 'jnp.isnan', 'jnp.isinf', 'jnp.signbit'))}({x})"
           if b[x].is_raw else f"jnp.isnan({x})", integer(b[x].shape, BOOL))


@action(3)
def bitwise(b: Builder) -> None:
    x = b.some(lambda v: v.dtype == BOOL or v.dtype in INTEGERS)
    y = second(b, x)
    name = b.rng.choice(("and", "or", "xor"))
    value = integer(combined_shape(b[x], y.value), b[x].dtype)
    if same_rank(b[x], y):
        b.emit(f"lax.bitwise_{name}({x}, {y.text})", value)
    else:
        b.emit(f"jnp.bitwise_{name}({x}, {y.text})", value)


@action(1)
def bits(b: Builder) -> None:
    x = b.some(lambda v: v.dtype == BOOL or v.dtype in INTEGERS)
    v = b[x]
    if v.dtype == BOOL or b.chance(0.5):
        b.emit(f"lax.bitwise_not({x})", integer(v.shape, v.dtype))
    else:
        b.emit(f"lax.{b.rng.choice(('population_count', 'clz'))}({x})", integer(v.shape, v.dtype, 64))


@action(2)
def shift(b: Builder) -> None:
    x = b.some(is_integer)
    y = b.partner(x)
    name = b.rng.choice(("shift_left", "shift_right_logical", "shift_right_arithmetic"))
    b.emit(f"lax.{name}({x}, {y})", integer(b[x].shape, b[x].dtype))


# --- choices --------------------------------------------------------------------------------------------------


@action(4)
def where(b: Builder) -> None:
    x = b.some()
    y = second(b, x)
    shape = combined_shape(b[x], y.value)
    p = b.some(lambda v: v.dtype == BOOL and broadcast_shape(v.shape, shape) is not None)
    shape = np.broadcast_shapes(b[p].shape, shape)
    branches = [x, y.text]
    b.rng.shuffle(branches)
    b.emit(f"jnp.where({p}, {', '.join(branches)})", merged(shape, b[x], y.value))


@action(2)
def select(b: Builder) -> None:
    x = b.some()
    y = b.partner(x)
    p = b.some(lambda v: v.dtype == BOOL and v.shape in ((), b[x].shape))
    b.emit(f"lax.select({p}, {x}, {y})", merged(b[x].shape, b[x], b[y]))


@action(1)
def select_of_three(b: Builder) -> None:
    x = b.some()
    y, z = b.partner(x), b.partner(x)
    p = b.some(lambda v: v.dtype == np.int32 and v.shape == b[x].shape)
    p = b.emit(f"lax.clamp(np.int32(0), {p}, np.int32(2))", integer(b[p].shape, b[p].dtype, 2))
    b.emit(f"lax.select_n({p}, {x}, {y}, {z})", merged(b[x].shape, b[x], b[y], b[z]))


@action(2)
def clamp(b: Builder) -> None:
    x = b.some(lambda v: v.dtype not in (*COMPLEX, BOOL))
    v = b[x]
    if b.chance(0.5):
        low, high = b.partner(x), b.partner(x)
        b.emit(f"lax.clamp({low}, {x}, {high})", merged(v.shape, v, b[low], b[high]).derived())
        return
    low, high = (0, 3) if v.dtype in INTEGERS else (-0.5, 1.5)
    value = merged(v.shape, v, Value((), v.dtype, 1.5, 1)) if is_float(v.dtype) else v
    text = f"jnp.clip({x}, {b.constant(v.dtype, low)}, {b.constant(v.dtype, high)})"
    b.emit(text, value.derived(bound=min(value.bound, 3)))


# --- rounding and conversion ----------------------------------------------------------------------------------


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
