"""Actions that read at places that are values themselves."""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from .builder import Builder, action
from .movers import axis_of
from .value import BOOL, COMPLEX, INTEGERS, Refused, Shape, Value, integer

_MODES = ("", ", mode='clip'", ", mode='fill'", ", mode='fill', fill_value=0")


def indices(b: Builder, most_rank: int = 2) -> str:
    """An integer value that serves as indices, of small numbers; some may lie outside.

    Those of 8 bits only where no axis is too long for them: JAX does not compile that.
    """
    dtypes = [d for d in INTEGERS if d.itemsize > 1 or max(b.dims) < 64]
    if b.chance(0.5):
        return b.small_integer(b.some(lambda v: v.dtype in dtypes and v.ndim <= most_rank and v.size < 2000), 100)
    shape = b.shape(most_rank)
    return b.small_integer(b.input(shape, b.rng.choice(dtypes)), 100)


def indexable(v: Value) -> bool:
    return v.ndim > 0 and 0 not in v.shape


@action(4)
def gather(b: Builder) -> None:
    x, i = b.some(indexable), indices(b)
    axis = axis_of(b, x)
    shape = (*b[x].shape[:axis], *b[i].shape, *b[x].shape[axis + 1:])
    mode = b.rng.choice(_MODES)
    value = filled(b[x], mode)
    before = ":, " * axis
    b.emit(f"{x}.at[{before}{i}].get({mode[2:]})", value.moved(shape))


def filled(v: Value, mode: str) -> Value:
    """The result where places outside give NaN, or the least integer."""
    if mode == ", mode='fill'" or not mode:
        if v.dtype in INTEGERS:
            return integer(v.shape, v.dtype)
        if v.dtype != BOOL and (not v.is_certain or v.dtype in COMPLEX):
            raise Refused
        return v.derived(special=v.dtype != BOOL)
    return v.derived()


class Index(NamedTuple):
    """text: what stands in brackets.  shape: of x[index].  times: how often one place may stand in it, at most."""

    text: str
    shape: Shape
    times: int


_SLICES = (":", "1:", ":-1", "::2", "::-1", "-2:", "::-2")


def random_index(b: Builder, x: str) -> Index:
    """Of arrays, numbers, values of rank 0, masks, slices and new axes, for some axes of `x`."""
    first = indices(b)
    texts: list[str] = []
    entries: list[Any] = []
    kinds = ["array", *b.rng.choices(("array", "column", "number", "value", "mask", "slice"), k=b[x].ndim - 1)]
    b.rng.shuffle(kinds)
    for axis, kind in enumerate(kinds):
        text, entry = _entry(b, kind, first, b[x].shape[axis])
        texts.append(text)
        entries.append(entry)
    if b.chance(0.15) and b[x].ndim < 4:
        place = b.rng.randrange(len(texts) + 1)
        texts.insert(place, "None")
        entries.insert(place, None)
    if b.chance(0.2):
        texts, entries = _shortened(b, texts, entries)
    places = [e.shape for e in entries if isinstance(e, np.ndarray) and e.dtype != bool]
    try:
        shape = np.broadcast_to(np.zeros((), bool), b[x].shape)[tuple(entries)].shape
        return Index(", ".join(texts), shape, prod(np.broadcast_shapes(*places)))
    except (IndexError, ValueError):  # those that do not broadcast
        raise Refused from None


def _entry(b: Builder, kind: str, first: str, d: int) -> tuple[str, Any]:
    """One entry as text, and one of the same shape for NumPy."""
    if kind == "slice":
        text = b.rng.choice(_SLICES)
        return text, slice(*[int(p) if p else None for p in text.split(":")])
    if kind == "number":
        n = b.rng.randint(-d, d - 1)
        return str(n), n
    if kind == "mask":
        mask = [b.chance(0.5) for _ in range(d)]
        if d > 20:
            raise Refused
        return f"np.array({mask})", np.array(mask)
    if kind == "value":
        i = b.small_integer(b.found((), INTEGERS[2], lambda v: v.shape == ()), 100)
        return i, np.zeros((), int)
    i = b.small_integer(b.partner(first), 100) if b.chance(0.5) else first
    if kind == "column":
        return f"{i}[..., None]", np.zeros((*b[i].shape, 1), int)
    return i, np.zeros(b[i].shape, int)


def _shortened(b: Builder, texts: list[str], entries: list[Any]) -> tuple[list[str], list[Any]]:
    """Without the last entries, or with an ellipsis in place of some."""
    start = b.rng.randrange(1, len(texts) + 1)
    stop = b.rng.randrange(start, len(texts) + 1)
    return [*texts[:start], "...", *texts[stop:]], [*entries[:start], ..., *entries[stop:]]


@action(4)
def index(b: Builder) -> None:
    x = b.some(indexable)
    i = random_index(b, x)
    if b.chance(0.5):
        b.emit(f"{x}[{i.text}]", b[x].moved(i.shape))
    else:
        mode = b.rng.choice(_MODES)
        b.emit(f"{x}.at[{i.text}].get({mode[2:]})", filled(b[x], mode).moved(i.shape))


@action(1.5)
def take_along_axis(b: Builder) -> None:
    x = b.some(indexable)
    axis = axis_of(b, x)
    i = b.input(b[x].shape, b.rng.choice(INTEGERS[2:4]))
    i = b.small_integer(i, 100)
    b.emit(f"jnp.take_along_axis({x}, {i}, {axis}, mode='clip')", b[x].moved(b[x].shape))


@action(1)
def take_flat(b: Builder) -> None:
    x, i = b.some(indexable), indices(b)
    b.emit(f"jnp.take({x}, {i}, mode='clip')", b[x].moved(b[i].shape))
