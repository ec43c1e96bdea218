"""Actions with loops, above all those whose carry changes in place: swapped, shifted, given out before it changes."""

from __future__ import annotations

from collections.abc import Callable

from .builder import Builder, action
from .elementwise import sum_of
from .gathers import indexable
from .reductions import ordinary
from .value import INTEGERS, REALS, Value, floating, merged


def countable(v: Value) -> bool:
    return v.dtype in (*INTEGERS, *REALS)


def repeated(v: Value, times: int, turn: Callable[[Value], Value]) -> Value:
    """A carry after so many turns, each of which may or may not change an element."""
    value = v
    for _ in range(times):
        value = merged(v.shape, turn(value), v)
    return value.derived()


@action(1)
def sum_in_loop(b: Builder) -> None:
    x = b.some(countable)
    y, times = b.partner(x), b.rng.randint(0, 3)
    value = repeated(b[x], times, lambda v: sum_of(v, b[y]))
    b.emit(f"lax.fori_loop(0, {times}, lambda i, x: x + {y}, {x})", value)


_TURNS = (
    "c.at[i].add({k})",
    "c.at[1:].set(c[:-1])",
    "c.at[1:-1].set(c[2:] + {k})",
    "lax.dynamic_update_index_in_dim(c, c[0] + {k}, i, 0)",
    "lax.cond(i % 2 == 0, lambda c: c.at[0].set({k}), lambda c: c.at[-1].add({k}), c)",
    "lax.fori_loop(0, 2, lambda j, d: d.at[j].add({k}), c)",
)


@action(2)
def one_carry(b: Builder) -> None:
    x = b.some(lambda v: countable(v) and indexable(v) and v.shape[0] > 1)
    times = b.rng.randint(0, 4)
    text, k = b.drawn_constant(b[x].dtype)
    turn = b.rng.choice(_TURNS).format(k=text)
    value = repeated(b[x], times, lambda v: sum_of(sum_of(v, k), k))
    b.emit(f"lax.fori_loop(0, {times}, lambda i, c: {turn}, {x})", value)


_PAIRS = (
    "(c[1], c[0].at[i].add({k}))",
    "(c[0].at[0].add({k}), c[1])",
    "(c[0] + {k}, c[0])",
    "(c[1], c[0])",
    "(c[0].at[1:].set(c[1][1:]), c[1].at[0].set(c[0][0] + {k}))",
)


@action(2)
def two_carries(b: Builder) -> None:
    x = b.some(lambda v: countable(v) and indexable(v))
    y, times = b.partner(x), b.rng.randint(0, 4)
    y = x if b.chance(0.3) else y
    text, k = b.drawn_constant(b[x].dtype)
    turn = b.rng.choice(_PAIRS).format(k=text)
    value = repeated(merged(b[x].shape, b[x], b[y]), times, lambda v: sum_of(v, k))
    if b.chance(0.5):
        b.emit(f"lax.fori_loop(0, {times}, lambda i, c: {turn}, ({x}, {y}))", value, value)
    else:
        turn = turn.replace("c[1]", "c[2]").replace("c[0]", "c[1]").replace("[i]", "[c[0]]")
        body = f"lambda c: (c[0] + 1, *{turn})"
        b.emit(f"lax.while_loop(lambda c: c[0] < {times}, {body}, (0, {x}, {y}))[1:]", value, value)


_STEPS = (
    "(c.at[0].add({k}), c)",
    "(c.at[0].add({k}), c[::-1])",
    "(c[::-1], c.at[-1].set({k}))",
    "(c + s, c)",
    "(c.at[0].set(s[0]), s)",
)


@action(2)
def scan(b: Builder) -> None:
    """The carry, or something of it, is given out at each step."""
    x = b.some(lambda v: countable(v) and indexable(v))
    v, times = b[x], b.rng.randint(1, 4)
    xs = b.input((times, *v.shape), v.dtype)
    text, k = b.drawn_constant(v.dtype)
    step = b.rng.choice(_STEPS).format(k=text)
    value = repeated(merged(v.shape, v, b[xs]), times, lambda v: sum_of(v, merged((), k, b[xs])))
    options = ", reverse=True" if b.chance(0.4) else ""
    b.emit(f"lax.scan(lambda c, s: {step}, {x}, {xs}{options})", value, value.moved((times, *v.shape)))


@action(0.7)
def decay(b: Builder) -> None:
    x = b.some(lambda v: ordinary(v) and v.shape[0] < 10)
    v = b[x]
    value = floating(v.shape, v.dtype, 2 * v.bound + 1, None, 4 * v.error, roundings=16)
    zeros = f"jnp.zeros({v.shape[1:]}, '{v.dtype.name}')"
    b.emit(f"lax.scan(lambda c, x: (c * 0.5 + x, c * 0.5 + x), {zeros}, {x})[1]", value)
