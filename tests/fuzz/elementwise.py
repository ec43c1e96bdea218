"""Actions: arithmetic and functions of single elements."""

from __future__ import annotations

from collections.abc import Callable
from math import e, inf
from typing import Any, NamedTuple

import numpy as np

from .builder import Builder, action
from .value import (
    BOOL,
    COMPLEX,
    INTEGERS,
    UNSIGNED,
    Refused,
    Shape,
    Value,
    floating,
    integer,
    is_float,
    is_real,
    merged,
    number,
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
    elif name == "neg" or (name == "abs" and v.dtype not in (*UNSIGNED, *COMPLEX)):
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
    x = b.some(lambda v: v.is_raw and v.step is None and is_real(v.dtype))  # next to 0 are numbers that XLA makes 0
    y = b.partner(x, lambda v: v.is_certain)
    if not b[y].is_certain:
        raise Refused
    b.emit(f"lax.nextafter({x}, {y})", Value(b[x].shape, b[x].dtype, b[x].bound * 1.01, None, special=b[y].special))
