"""Actions by tables: functions of jax.numpy that are made of several ops, as rows of text and of what is known."""

from __future__ import annotations

from collections.abc import Callable
from math import log2, prod
from typing import Any, NamedTuple

import numpy as np

from .builder import Builder, action
from .elementwise import Function, applied, product_of, sum_of
from .movers import axis_of
from .reductions import length, reduced_shape, some_axes, sum_over
from .value import (
    BOOL,
    COMPLEX,
    INTEGERS,
    REALS,
    Refused,
    Value,
    floating,
    integer,
    is_real,
    merged,
    number,
)

# --- movers ---------------------------------------------------------------------------------------------------

_MOVERS = (
    "rot90({x}, 1)", "rot90({x}, -1)", "swapaxes({x}, 0, -1)", "moveaxis({x}, 0, -1)", "rollaxis({x}, -1)",
    "fliplr({x})", "flipud({x})", "roll({x}, (1, -2), (0, 1))", "roll({x}, 3)", "squeeze({x})", "atleast_3d({x})",
    "ravel({x}, order='F')", "reshape({x}, -1, order='F')", "resize({x}, (3, 4))",
    "diagonal({x})", "diagonal({x}, 1)", "diag({x})", "diag({x}, -1)",
    "hstack([{x}, {x}])", "vstack([{x}, {x}])", "dstack([{x}, {x}])", "column_stack([{x}, {x}])",
    "block([[{x}, {x}], [{x}, {x}]])", "concatenate([{x}, {x}[:1]], 0)", "append({x}, {x}, 0)",
    "delete({x}, 1, 0)", "insert({x}, 1, {x}[0], 0)", "compress(np.array([True, False, True]), {x}, 0)",
    "array_split({x}, 2)[1]", "take({x}, np.array([0, -1, 0]), 0)", "repeat({x}, np.array([2, 0, 1]), 0)",
)


@action(3)
def move(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 0 and v.dtype != BOOL and not v.special)
    text = b.rng.choice(_MOVERS)
    try:
        shape = eval("np." + text.format(x="x"), {"np": np, "x": np.broadcast_to(np.zeros((), bool), b[x].shape)}).shape
    except (ValueError, IndexError):
        raise Refused from None
    b.emit("jnp." + text.format(x=x), b[x].derived(shape=shape))


@action(1)
def roll_by_value(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 0)
    shift = b.small_integer(b.some(lambda v: v.shape == () and v.dtype in INTEGERS), 50)
    b.emit(f"jnp.roll({x}, {shift}, {axis_of(b, x)})", b[x].moved(b[x].shape))


# --- of one array, element by element -------------------------------------------------------------------------

_FUNCTIONS = (
    Function("jnp.sinc", -3, 3, 1, 4), Function("jnp.log2", 0.5, 8, 3, 3), Function("jnp.log10", 0.5, 8, 1, 1),
    Function("jnp.deg2rad", -50, 50, 1, 1), Function("lax.reciprocal", 0.25, 8, 4, 16),
    Function("special.entr", 0.25, 2, 1.4, 2), Function("special.logit", 0.25, 0.75, 1.2, 6),
    Function("nn.gelu", -8, 8, 8, 2), Function("nn.softplus", -8, 8, 9, 1), Function("nn.silu", -8, 8, 8, 2),
    Function("nn.relu", -8, 8, 8, 1),
)


@action(3)
def function(b: Builder) -> None:
    x = b.some(lambda v: is_real(v.dtype) and not v.special)
    f = b.rng.choice(_FUNCTIONS)
    x = b.tamed(x, f.low, f.high)
    b.emit(f"{f.name}({x})", applied(f, b[x]))


_PAIRS = (
    ("jnp.hypot({x}, {y})", lambda v, w: floating(v.shape, v.dtype, 1.5 * max(v.bound, w.bound), None,
                                                  v.error + w.error, roundings=4)),
    ("jnp.logaddexp({x}, {y})", lambda v, w: floating(v.shape, v.dtype, max(v.bound, w.bound) + 1, None,
                                                      v.error + w.error, roundings=8)),
    ("lax.square({x} - {y})", lambda v, w: product_of(sum_of(v, w), sum_of(v, w)).derived(is_ieee=False)),
    ("jnp.ldexp({x}, 2)", lambda v, w: floating(v.shape, v.dtype, 4 * v.bound, v.step, 4 * v.error)),
)


@action(2)
def function_of_two(b: Builder) -> None:
    x = b.some(lambda v: is_real(v.dtype) and not v.special)
    y = b.partner(x, lambda v: not v.special)
    if b[y].special:
        raise Refused
    text, value = b.rng.choice(_PAIRS)
    b.emit(text.format(x=x, y=y), value(b[x], b[y]))


@action(1.5)
def of_certain_ones(b: Builder) -> None:
    """Functions with jumps."""
    x = b.some(lambda v: is_real(v.dtype) and v.is_certain and not v.special and v.step is not None)
    v = b[x]
    step = max(v.step or 0, 1)
    text, value = b.rng.choice((
        ("jnp.trunc({x})", floating(v.shape, v.dtype, v.bound, 0)),
        ("jnp.rint({x})", floating(v.shape, v.dtype, v.bound + 1, 0)),
        ("jnp.floor_divide({x}, {k})", floating(v.shape, v.dtype, v.bound + 1, 0)),
        ("jnp.remainder({x}, {k})", floating(v.shape, v.dtype, 2, step)),
        ("jnp.fmod({x}, {k})", floating(v.shape, v.dtype, 2, step)),
        ("jnp.modf({x})[0]", floating(v.shape, v.dtype, 1, v.step)),
        ("jnp.heaviside({x}, {k})", floating(v.shape, v.dtype, 1.5, 1)),
        ("jnp.copysign({k}, lax.abs({x}) + {k})", floating(v.shape, v.dtype, 1.5, 1)),
        ("jnp.nan_to_num({x})", v.derived()),
    ))
    b.emit(text.format(x=x, k=b.constant(v.dtype, 1.5)), value)


@action(1.5)
def mixed(b: Builder) -> None:
    """Arithmetic of two dtypes, one of which holds the elements of the other."""
    x = b.some(lambda v: v.dtype in INTEGERS and v.bound <= 100)
    y = b.some(lambda v: v.dtype in (*INTEGERS, *REALS[2:]) and v.shape == b[x].shape and v.dtype != b[x].dtype)
    dtype = np.promote_types(b[x].dtype, b[y].dtype) if b[y].dtype in INTEGERS else b[y].dtype
    if b[y].dtype in INTEGERS and dtype not in INTEGERS:
        raise Refused
    v, w = number(b[x].shape, dtype, b[x].bound, 0), b[y].derived(dtype=dtype)
    if w.special:
        raise Refused
    name, result = b.rng.choice((("add", sum_of), ("multiply", product_of)))
    value = integer(v.shape, dtype) if dtype in INTEGERS else result(v, w)
    b.emit(f"jnp.{name}({x}, {y})", value)


@action(1)
def high_word(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in INTEGERS)
    b.emit(f"lax.mulhi({x}, {b.partner(x)})", integer(b[x].shape, b[x].dtype))


@action(1.5)
def logical(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in (BOOL, *INTEGERS))
    y = b.some(lambda v: v.dtype in (BOOL, *INTEGERS) and v.shape in (b[x].shape, ()))
    if b[x].dtype == b[y].dtype == BOOL and b.chance(0.5):
        text = b.rng.choice(("jnp.add({x}, {y})", "jnp.multiply({x}, {y})", "jnp.maximum({x}, {y})", "{x} & {y}"))
    else:
        text = f"jnp.logical_{b.rng.choice(('and', 'or', 'xor'))}({{x}}, {{y}})"
    b.emit(text.format(x=x, y=y), integer(b[x].shape, BOOL))


@action(1)
def functions_of_conditions(b: Builder) -> None:
    x = b.some(lambda v: v.dtype != BOOL)
    y, p = b.partner(x), b.alike(b[x].shape, BOOL)
    q = b.some(lambda v: v.dtype == BOOL and v.shape == b[x].shape)
    text, k = b.drawn_constant(b[x].dtype)
    b.emit(f"jnp.select([{p}, {q}], [{x}, {y}], {text})", merged(b[x].shape, b[x], b[y], k))


# --- reductions -----------------------------------------------------------------------------------------------


class Reduction(NamedTuple):
    """value(v, shape, n): of a result of this shape over n elements.  exact: of values that are certain alone."""

    text: str
    value: Callable[[Value, tuple[int, ...], int], Value]
    exact: bool = False


def _place(v: Value, shape: tuple[int, ...], n: int) -> Value:
    return integer(shape, INTEGERS[3], n)


def _summed(v: Value, shape: tuple[int, ...], n: int) -> Value:
    return sum_over(v.moved((n,)), (0,)).moved(shape)


def _same(v: Value, shape: tuple[int, ...], n: int) -> Value:
    return v.derived(shape=shape)


def _rounded(factor: float, more: float = 0) -> Callable[[Value, tuple[int, ...], int], Value]:
    """Bounded by a factor, and something; with several roundings."""

    def value(v: Value, shape: tuple[int, ...], n: int) -> Value:
        _summed(v, shape, n)  # refused where the sum overflows
        return floating(shape, v.dtype, factor * v.bound + more, None, 4 * v.error, roundings=16)

    return value


_REDUCTIONS = (
    Reduction("jnp.ptp({x}, {axes})", lambda v, shape, n: sum_of(v, v).moved(shape)),
    Reduction("jnp.median({x}, {axes})", _rounded(1)),
    Reduction("jnp.quantile({x}, 0.25, {axes}, keepdims=False)", _rounded(1)),
    Reduction("jnp.nansum({x}, {axes})", _summed),
    Reduction("jnp.nanmax({x}, {axes})", _same),
    Reduction("jnp.nanmean({x}, {axes})", _rounded(1)),
    Reduction("jnp.average({x}, {axes})", _rounded(1)),
    Reduction("special.logsumexp({x}, {axes})", lambda v, shape, n: floating(
        shape, v.dtype, v.bound + log2(n) + 1, None, v.error, roundings=16)),
    Reduction("jnp.count_nonzero({x}, {axes})", _place, True),
    Reduction("jnp.max({x}, {axes}, where={p}, initial={k})", lambda v, shape, n: merged(
        shape, v, Value((), v.dtype, 1.5, 1)).derived()),
    Reduction("jnp.sum({x}, {axes}, where={p})", _summed),
    Reduction("lax.reduce({x}, {zero}, lax.add, {axes})", _summed),
    Reduction("lax.reduce({x}, {zero}, lax.max, {axes})", _same),
    Reduction("jnp.all({x} < {k}, {axes})", lambda v, shape, n: integer(shape, BOOL), True),
)


@action(4)
def reduction(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 0 and is_real(v.dtype) and not v.special and v.size > 0)
    v, row = b[x], b.rng.choice(_REDUCTIONS)
    if row.exact and not v.is_certain:
        raise Refused
    axes = some_axes(b, v)
    p = b.alike(v.shape, BOOL) if "{p}" in row.text else ""
    text = row.text.format(x=x, axes=axes, p=p, k=b.constant(v.dtype, 1.5), zero=b.constant(v.dtype, 0))
    b.emit(text, row.value(v, reduced_shape(v, axes), length(v, axes)))


@action(1)
def reduction_of_specials(b: Builder) -> None:
    """Where NaN is, or the largest number that is not NaN."""
    x = b.some(lambda v: v.ndim > 0 and is_real(v.dtype) and v.special and v.is_certain and v.size > 0)
    v, axis = b[x], axis_of(b, x)
    shape = reduced_shape(v, (axis,))
    name, value = b.rng.choice((
        ("argmax", integer(shape, INTEGERS[3], v.shape[axis])), ("argmin", integer(shape, INTEGERS[3], v.shape[axis])),
        ("max", v.derived(shape=shape)), ("min", v.derived(shape=shape)),
    ))
    b.emit(f"jnp.{name}({x}, {axis})", value)


@action(1)
def norm(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 0 and v.dtype in (*REALS[2:], *COMPLEX) and not v.special and v.size > 0)
    v, axis = b[x], axis_of(b, x)
    n = v.shape[axis]
    if prod(v.shape) * v.bound**2 > 2.0**20:
        raise Refused
    real: Any = v.dtype if v.dtype in REALS else np.dtype(f"float{v.dtype.itemsize * 4}")
    shape = reduced_shape(v, (axis,))
    b.emit(f"jnp.linalg.norm({x}, axis={axis})",
           floating(shape, real, 1.5 * v.bound * n, None, 2 * v.error * n, roundings=8))
