"""Actions: comparisons, logic on bits and bools, and choices between values."""

from __future__ import annotations

import numpy as np

from .builder import Builder, action
from .elementwise import broadcast_shape, combined_shape, is_certain_real, is_integer, same_rank, second
from .value import BOOL, COMPLEX, INTEGERS, Value, integer, is_float, merged


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
    p = b.found(shape, BOOL, lambda v: broadcast_shape(v.shape, shape) is not None)
    shape = np.broadcast_shapes(b[p].shape, shape)
    branches = [x, y.text]
    b.rng.shuffle(branches)
    b.emit(f"jnp.where({p}, {', '.join(branches)})", merged(shape, b[x], y.value))


@action(2)
def select(b: Builder) -> None:
    x = b.some()
    y = b.partner(x)
    p = b.found(b[x].shape, BOOL, lambda v: v.shape in ((), b[x].shape))
    b.emit(f"lax.select({p}, {x}, {y})", merged(b[x].shape, b[x], b[y]))


@action(1)
def select_of_three(b: Builder) -> None:
    x = b.some()
    y, z = b.partner(x), b.partner(x)
    p = b.found(b[x].shape, np.dtype("int32"), lambda v: v.shape == b[x].shape)
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
