"""Actions whose functions are random programs themselves: loops, branches, mapped functions, calls.

    lax.scan(lambda c, x: (lambda v7, v8: [v9 := v7 + v3, (v9, v8)][-1])(*c, *x), (v2,), (v5,))

What is known of a carry has to hold after every turn: a `Carry` is a value for which it does, and how the body of a
loop ends to that effect.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .builder import Builder, action
from .conversions import converted
from .movers import without
from .reductions import sum_over
from .value import BOOL, COMPLEX, INTEGERS, REALS, Refused, Value, integer, is_real, merged, ulp

# --- carries --------------------------------------------------------------------------------------------------


class Carry(NamedTuple):
    """start: the name of its first value.  value: what is known of it always.  next_(b, name): the next one's text."""

    start: str
    value: Value
    next_: Callable[[Builder, str], str]


def carry(b: Builder) -> Carry:
    x = b.some(lambda v: v.dtype not in COMPLEX and not v.special)
    if not is_real(b[x].dtype):
        return Carry(x, integer(b[x].shape, b[x].dtype), _next_integer)
    return _carry_on_grid(b, x) if b[x].is_certain and b.chance(0.6) else _carry_with_error(b, x)


def _next_integer(b: Builder, c: str) -> str:
    y = fitted(b, c)
    if b[c].dtype == BOOL:
        return f"{c} {b.rng.choice('&|^')} {y}"
    return b.rng.choice((f"{c} + {y}", f"{y} - {c}", f"{c} ^ {y}", f"lax.max({c}, {y})", y))


def _carry_on_grid(b: Builder, x: str) -> Carry:
    """Whole numbers from -4 to 4."""
    v = b[x]
    value = Value(v.shape, v.dtype, 4, 0)
    return Carry(b.emit(_whole(b, x, v.dtype), value), value, _next_on_grid)


def _whole(b: Builder, x: str, dtype: Any) -> str:
    low, high = b.constant(dtype, -4), b.constant(dtype, 4)
    return f"lax.floor(lax.clamp({low}, {x}, {high}))"


def _next_on_grid(b: Builder, c: str) -> str:
    y = fitted(b, c)
    if not b[y].is_certain:
        raise Refused
    return _whole(b, y if b.chance(0.5) else f"{y} - {c}", b[c].dtype)


def _carry_with_error(b: Builder, x: str) -> Carry:
    """Numbers from -2 to 2, of which the body takes half, so that the error does not grow."""
    x = b.tamed(x, 2)
    v = b[x]
    error = 32 * ulp(v.dtype)
    if v.error > error:
        raise Refused
    return Carry(x, Value(v.shape, v.dtype, 2, None, error, is_ieee=False), _next_with_error)


def _next_with_error(b: Builder, c: str) -> str:
    y = b.tamed(fitted(b, c), 2)
    if 0.25 * b[y].error + 4 * ulp(b[c].dtype) > 0.5 * b[c].error:
        raise Refused
    return f"{c} * {b.constant(b[c].dtype, 0.5)} + {y} * {b.constant(b[c].dtype, 0.25)}"


def fitted(b: Builder, c: str) -> str:
    """A value of the shape and dtype of `c`, made of any; for a float, of one without infinities."""
    like = b[c]
    y = b.some(lambda v: v.dtype not in COMPLEX and not v.special and v.size > 0
               and (v.is_certain or is_real(like.dtype)))
    v = b[y]
    if v.dtype != like.dtype:
        y = b.emit(f"{y}.astype('{like.dtype.name}')", converted(v, like.dtype))
    if v.shape == like.shape:
        return y
    if not _broadcasts(v.shape, like.shape):
        y = b.emit(f"jnp.max({y})", b[y].derived(shape=()))
    return b.emit(f"jnp.broadcast_to({y}, {like.shape})", b[y].moved(like.shape))


def _broadcasts(shape: Sequence[int], to: Sequence[int]) -> bool:
    try:
        return np.broadcast_shapes(shape, to) == tuple(to)
    except ValueError:
        return False


def joined_texts(texts: Sequence[str]) -> str:
    """A tuple of them."""
    return "(" + "".join(f"{t}, " for t in texts) + ")"


def several(b: Builder, text: str, values: Sequence[Value]) -> None:
    """Append a statement whose text is a tuple."""
    b.emit(text if len(values) > 1 else f"{text}[0]", *values)


# --- loops ----------------------------------------------------------------------------------------------------


def some_carries(b: Builder) -> list[Carry]:
    return [carry(b) for _ in range(b.rng.randint(1, 3))]


def next_carries(b: Builder, carries: Sequence[Carry], names: Sequence[str]) -> list[str]:
    """The next carries of the loop's body; now and then two that are alike change places."""
    texts = [c.next_(b, name) if b.chance(0.85) else name for c, name in zip(carries, names, strict=True)]
    if len(carries) > 1 and carries[0].value == carries[1].value and b.chance(0.3):
        texts[0], texts[1] = texts[1], texts[0]
    return texts


def starts(carries: Sequence[Carry]) -> str:
    return joined_texts([c.start for c in carries])


@action(2)
def fori(b: Builder) -> None:
    carries = some_carries(b)
    parameters = [integer((), INTEGERS[2], 3), *[c.value for c in carries]]
    body = b.body(parameters, lambda names: joined_texts(next_carries(b, carries, names[1:])))
    turn = f"lambda i, c: ({body})(lax.convert_element_type(i, 'int32'), *c)"
    text = f"lax.fori_loop(0, {_turns(b)}, {turn}, {starts(carries)})"
    several(b, text, [c.value for c in carries])


def _turns(b: Builder) -> str:
    """How often, from 0 to 3: a number, or a value."""
    if b.chance(0.6):
        return str(b.rng.randint(0, 3))
    x = b.some(lambda v: v.shape == () and v.dtype in INTEGERS)
    return f"lax.clamp(np.int32(0), {x}.astype('int32'), np.int32(3))"


@action(2)
def scan(b: Builder) -> None:
    carries, times = some_carries(b), b.rng.randint(1, 3)
    rows = [_rows(b, times) for _ in range(b.rng.randint(0, 2))]
    slices = [b[x].moved(b[x].shape[1:]) for x in rows]
    given: list[Value] = []

    def finish(names: list[str]) -> str:
        ends = next_carries(b, carries, names[: len(carries)])
        outs = [b.some() for _ in range(b.rng.randint(0, 2))]
        given.extend(b[y].moved((times, *b[y].shape)) for y in outs)
        return f"({joined_texts(ends)}, {joined_texts(outs)})"

    body = b.body([*[c.value for c in carries], *slices], finish)
    options = f", length={times}" if not rows else ""
    options += ", reverse=True" if b.chance(0.4) else ""
    xs = joined_texts(rows) if rows else "()"
    text = f"sum(lax.scan(lambda c, x: ({body})(*c, *x), {starts(carries)}, {xs}{options}), ())"
    several(b, text, [*[c.value for c in carries], *given])


def _rows(b: Builder, times: int) -> str:
    """A value with a first axis of this length."""
    try:
        return b.some(lambda v: v.ndim > 0 and v.shape[0] == times)
    except Refused:
        return b.input((times, *b.shape(3)))


@action(1.5)
def while_(b: Builder) -> None:
    """Until a count is reached, or a carry has an element that is large."""
    carries, most = some_carries(b), b.rng.randint(0, 3)
    parameters = [integer((), INTEGERS[2], 4), *[c.value for c in carries]]
    body = b.body(parameters, lambda names: f"({names[0]} + 1, *{joined_texts(next_carries(b, carries, names[1:]))})")
    condition = f"c[0] < {most}"
    first = carries[0].value
    if first.dtype not in (BOOL, *COMPLEX) and first.is_certain and first.size and b.chance(0.6):
        condition = f"({condition}) & (jnp.max(c[1]) < {b.rng.choice((0, 2, 3, 50))})"
    text = f"lax.while_loop(lambda c: {condition}, lambda c: ({body})(*c), (np.int32(0), *{starts(carries)}))[1:]"
    several(b, text, [c.value for c in carries])


# --- branches and calls ---------------------------------------------------------------------------------------


def some_values(b: Builder, most: int) -> list[str]:
    return [b.some() for _ in range(b.rng.randint(1, most))]


def results(b: Builder, found: list[Value]) -> Callable[[list[str]], str]:
    """An end of a body: some values as results, which are noted."""

    def finish(names: list[str]) -> str:
        outs = some_values(b, 3)
        found.extend(b[y] for y in outs)
        return joined_texts(outs)

    return finish


@action(2)
def branches(b: Builder) -> None:
    """cond and switch: the results of all branches are of the shapes and dtypes of the first one's."""
    operands = some_values(b, 3)
    values = [b[x] for x in operands]
    firsts: list[Value] = []
    bodies = [b.body(values, results(b, firsts), 4)]
    merges = list(firsts)

    def finish(names: list[str]) -> str:
        outs = [b.alike(v.shape, v.dtype) for v in firsts]
        merges[:] = [merged(v.shape, v, b[y]).derived() for v, y in zip(merges, outs, strict=True)]
        return joined_texts(outs)

    bodies += [b.body(values, finish, 4) for _ in range(b.rng.choice((1, 1, 2)))]
    if len(bodies) == 2:
        which = b.found((), BOOL, lambda v: v.shape == ())
        text = f"lax.cond({which}, {', '.join(bodies)}, {', '.join(operands)})"
    else:
        which = b.found((), INTEGERS[2], lambda v: v.shape == ())
        text = f"lax.switch({which}, [{', '.join(bodies)}], {', '.join(operands)})"
    several(b, text, merges)


@action(1)
def called(b: Builder) -> None:
    operands = some_values(b, 3)
    found: list[Value] = []
    body = b.body([b[x] for x in operands], results(b, found))
    several(b, f"{b.rng.choice(('jit', 'checkpoint'))}({body})({', '.join(operands)})", found)


# --- mapped functions -----------------------------------------------------------------------------------------


@action(4)
def mapped(b: Builder) -> None:
    """vmap of a random function along any axes of some operands, the same for all of the others."""
    x = b.some(lambda v: v.ndim > 0, keys=b.chance(0.1))
    axis = b.rng.randrange(b[x].ndim)
    n = b[x].shape[axis]
    operands, axes = [x], [axis]
    for _ in range(b.rng.randint(0, 2)):
        operands.append(b.some())
        fitting = [k for k, d in enumerate(b[operands[-1]].shape) if d == n]
        axes.append(b.rng.choice([*fitting, None]))
    values = [b[o] if a is None else b[o].moved(without(b[o].shape, a)) for o, a in zip(operands, axes, strict=True)]
    found: list[Value] = []
    body = b.body(values, results(b, found), 8, rows=n)
    out_axes = [b.rng.randint(0, min(v.ndim, 4)) for v in found]
    outs = [v.moved((*v.shape[:a], n, *v.shape[a:])) for v, a in zip(found, out_axes, strict=True)]
    options = f"in_axes={joined_texts([str(a) for a in axes])}, out_axes={joined_texts([str(a) for a in out_axes])}"
    text = f"vmap({body}, {options}, axis_name='row{b.depth}')({', '.join(operands)})"
    several(b, text, outs)


@action(0.5)
def collective(b: Builder) -> None:
    """Of all rows of the function that is being mapped."""
    if not b.rows:
        raise Refused
    x = b.some(lambda v: v.dtype in (*INTEGERS, *REALS) and not v.special)
    v, name = b[x], f"'row{b.depth - 1}'"
    every = v.moved((b.rows, *v.shape))
    text, value = b.rng.choice((
        (f"lax.psum({x}, {name})", None),
        (f"lax.pmax({x}, {name})", v.derived()),
        (f"lax.pmin({x}, {name})", v.derived()),
        (f"lax.all_gather({x}, {name})", every),
        (f"lax.axis_index({name})", integer((), INTEGERS[2], b.rows)),
    ))
    b.emit(text, sum_over(every, (0,)) if value is None else value)
