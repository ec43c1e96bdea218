"""Actions that reduce, alone and in the patterns in which programs use them: softmax, norms, distances."""

from __future__ import annotations

from math import prod

from .builder import Builder, action
from .elementwise import product_of
from .value import (
    BOOL,
    COMPLEX,
    INTEGERS,
    REALS,
    Refused,
    Shape,
    Value,
    floating,
    integer,
    is_real,
    merged,
    number,
)


def some_axes(b: Builder, v: Value) -> tuple[int, ...]:
    return tuple(sorted(b.rng.sample(range(v.ndim), b.rng.randint(1, v.ndim))))


def reduced_shape(v: Value, axes: tuple[int, ...], keepdims: bool = False) -> Shape:
    kept = [(1 if k in axes else d) for k, d in enumerate(v.shape) if keepdims or k not in axes]
    return tuple(kept)


def length(v: Value, axes: tuple[int, ...]) -> int:
    return prod(v.shape[a] for a in axes)


def sum_over(v: Value, axes: tuple[int, ...], keepdims: bool = False) -> Value:
    """What is known of a sum: exact on the grid, else within a few roundings of the largest possible sum."""
    n = max(length(v, axes), 1)
    return number(reduced_shape(v, axes, keepdims), v.dtype, n * v.bound, v.step, n * v.error,
                  roundings=16, special=v.special)


def reducible(v: Value) -> bool:
    return v.ndim > 0


@action(6)
def total(b: Builder) -> None:
    x = b.some(lambda v: reducible(v) and v.dtype != BOOL)
    v = b[x]
    axes, keepdims = some_axes(b, v), b.chance(0.3)
    if v.dtype in COMPLEX and v.special:
        raise Refused
    b.emit(f"jnp.sum({x}, {axes}, dtype='{v.dtype.name}', keepdims={keepdims})", sum_over(v, axes, keepdims))


@action(1.5)
def mean(b: Builder) -> None:
    x = b.some(lambda v: reducible(v) and is_real(v.dtype) and 0 not in v.shape and not v.special)
    v = b[x]
    axes = some_axes(b, v)
    sum_over(v, axes)  # refused where the sum overflows
    b.emit(f"jnp.mean({x}, {axes})", floating(reduced_shape(v, axes), v.dtype, v.bound, None, v.error, roundings=4))


@action(2)
def product(b: Builder) -> None:
    x = b.some(lambda v: reducible(v) and v.dtype in (*INTEGERS, *REALS) and not v.special)
    v = b[x]
    axes = some_axes(b, v)
    if v.dtype in INTEGERS:
        value = integer(reduced_shape(v, axes), v.dtype)
    else:
        x = b.tamed(x, 1)
        n = length(v, axes)
        if n > 300:
            raise Refused
        value = floating(reduced_shape(v, axes), v.dtype, 1, None, n * b[x].error, roundings=n + 1)
    b.emit(f"jnp.prod({x}, {axes}, dtype='{v.dtype.name}')", value)


@action(4)
def extreme(b: Builder) -> None:
    x = b.some(lambda v: reducible(v) and v.dtype not in (*COMPLEX, BOOL))
    v = b[x]
    axes = some_axes(b, v)
    value = v.derived(shape=reduced_shape(v, axes))
    if length(v, axes) == 0:
        value = integer(value.shape, v.dtype) if v.dtype in INTEGERS else infinite(value)
    b.emit(f"lax.reduce_{b.rng.choice(('max', 'min'))}({x}, {axes})", value)


def infinite(v: Value) -> Value:
    if not v.is_certain:
        raise Refused
    return v.derived(special=True)


@action(2)
def logical(b: Builder) -> None:
    x = b.some(lambda v: reducible(v) and (v.dtype == BOOL or v.dtype in INTEGERS))
    v = b[x]
    axes = some_axes(b, v)
    name = b.rng.choice(("and", "or", "xor"))
    b.emit(f"lax.reduce_{name}({x}, {axes})", integer(reduced_shape(v, axes), v.dtype))


@action(3)
def place_of_extreme(b: Builder) -> None:
    x = b.some(lambda v: reducible(v) and v.dtype not in COMPLEX and v.is_certain and 0 not in v.shape)
    v = b[x]
    axis = b.rng.randrange(v.ndim)
    dtype = b.rng.choice(("int32", "int64"))
    value = integer(reduced_shape(v, (axis,)), next(d for d in INTEGERS if d.name == dtype), v.shape[axis])
    b.emit(f"lax.{b.rng.choice(('argmax', 'argmin'))}({x}, {axis}, '{dtype}')", value)


# --- patterns -------------------------------------------------------------------------------------------------


def ordinary(v: Value) -> bool:
    return reducible(v) and is_real(v.dtype) and not v.special and 0 not in v.shape


@action(2.5)
def softmax(b: Builder) -> None:
    x = b.tamed(b.some(ordinary), 8)
    v = b[x]
    axes = some_axes(b, v)
    m = b.emit(f"jnp.max({x}, {axes}, keepdims=True)", v.derived(shape=reduced_shape(v, axes, True)))
    e = b.emit(f"jnp.exp({x} - {m})", floating(v.shape, v.dtype, 1, None, 2 * v.error, roundings=24))
    s = b.emit(f"jnp.sum({e}, {axes}, keepdims=True)", sum_over(b[e], axes, True))
    if b.chance(0.7):
        b.emit(f"{e} / {s}", floating(v.shape, v.dtype, 1, None, b[e].error + b[s].error, roundings=2))
    else:
        value = floating(b[s].shape, v.dtype, 16, None, v.error + b[s].error, roundings=8)
        b.emit(f"jnp.log({s}) + {m}", value)


@action(2)
def norm(b: Builder) -> None:
    """x / sqrt(mean(x ** 2) + 1), over some axes"""
    x = b.some(ordinary)
    v = b[x]
    axes = some_axes(b, v)
    square = b.emit(f"{x} * {x}", product_of(v, v))
    total = b.emit(f"jnp.sum({square}, {axes}, keepdims=True)", sum_over(b[square], axes, True))
    n = length(v, axes)
    scale = floating(b[total].shape, v.dtype, 1, None, b[total].error / n, roundings=8)
    r = b.emit(f"lax.rsqrt({total} * {1 / n!r} + 1.0)", scale)
    b.emit(f"{x} * {r}", product_of(v, b[r]))


@action(1.5)
def variance(b: Builder) -> None:
    x = b.some(ordinary)
    v = b[x]
    axes = some_axes(b, v)
    sum_over(v, axes)
    bound = 4 * v.bound * v.bound
    value = floating(reduced_shape(v, axes), v.dtype, bound, None, 8 * v.bound * v.error, roundings=8)
    b.emit(f"jnp.var({x}, {axes})", value)


@action(1.5)
def distances(b: Builder) -> None:
    """Differences of all pairs, weighed and summed, as in a simulation of particles."""
    dtype = b.dtype(lambda d: d in REALS)
    if dtype not in REALS:
        raise Refused

    def particles(v: Value) -> bool:
        return ordinary(v) and v.ndim == 2 and v.shape[0] < 40 and v.shape[1] < 5

    x = b.found((b.rng.randint(1, 39), b.rng.randint(1, 4)), dtype, particles)
    x = b.tamed(x, 2)
    if not ordinary(b[x]):
        raise Refused
    v = b[x]
    n, dims = v.shape
    pairs = Value((n, n, dims), v.dtype, 2 * v.bound, v.step, 2 * v.error)
    d = b.emit(f"{x}[:, None, :] - {x}[None, :, :]", number(pairs.shape, v.dtype, pairs.bound, v.step, pairs.error))
    s = b.emit(f"jnp.sum({d} * {d}, -1)", sum_over(product_of(b[d], b[d]), (2,)))
    w = b.emit(f"lax.rsqrt({s} + 1.0)", floating((n, n), v.dtype, 1, None, b[s].error, roundings=8))
    f = product_of(b[d], b[w].moved((n, n, 1)))
    b.emit(f"jnp.sum({d} * {w}[:, :, None], 1)", sum_over(f, (1,)))


@action(1.5)
def count(b: Builder) -> None:
    x = b.some(lambda v: reducible(v) and v.dtype == BOOL)
    v = b[x]
    axes = some_axes(b, v)
    n = length(v, axes)
    name, dtype, bound = b.rng.choice((("sum", INTEGERS[3], n), ("any", BOOL, 1), ("all", BOOL, 1)))
    b.emit(f"jnp.{name}({x}, {axes})", integer(reduced_shape(v, axes), dtype, bound))


@action(1)
def best(b: Builder) -> None:
    """The largest and where it is, read back by its place."""
    x = b.some(lambda v: v.ndim > 0 and v.dtype in (*INTEGERS, *REALS) and v.is_certain and v.size > 0)
    v = b[x]
    i = b.emit(f"jnp.argmax({x}, -1, keepdims=True)", integer((*v.shape[:-1], 1), INTEGERS[3], v.shape[-1]))
    b.emit(f"jnp.take_along_axis({x}, {i}, -1, mode='clip')", merged((*v.shape[:-1], 1), v))
