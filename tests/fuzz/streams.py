"""Actions with random keys: making, deriving, moving them, and drawing from them."""

from __future__ import annotations

import numpy as np

from .builder import Builder, action
from .movers import another_shape
from .value import BOOL, INTEGERS, KEY, REALS, UNSIGNED, Refused, Value, floating, integer

_DRAWN_BITS = {"float16": 10, "bfloat16": 7, "float32": 23, "float64": 52}


def a_key(b: Builder) -> str:
    """One key: there already, or new."""
    try:
        if b.chance(0.7):
            return b.some(lambda v: v.shape == (), keys=True)
    except Refused:
        pass
    return b.emit(f"random.key({b.rng.randint(0, 1000)})", Value((), KEY, 0))


@action(1)
def split_key(b: Builder) -> None:
    key = a_key(b)
    n = b.rng.randint(1, 4)
    b.emit(f"random.split({key}, {n})", Value((n,), KEY, 0))


@action(1)
def fold_in(b: Builder) -> None:
    key = a_key(b)
    x = b.some(lambda v: v.shape == () and v.dtype in INTEGERS[:3])
    b.emit(f"random.fold_in({key}, {x})", Value((), KEY, 0))


@action(1)
def move_keys(b: Builder) -> None:
    if b.chance(0.5):
        split_key(b)
    keys = b.some(lambda v: v.ndim > 0, keys=True)
    v = b[keys]
    kind = b.rng.randrange(3)
    if kind == 0 and v.shape[0]:
        b.emit(f"{keys}[{b.rng.randrange(v.shape[0])}]", v.moved(v.shape[1:]))
    elif kind == 1:
        b.emit(f"{keys}[::-1]", v.moved(v.shape))
    else:
        shape = another_shape(b, v.shape)
        b.emit(f"{keys}.reshape({shape})", v.moved(shape))


@action(2)
def bits(b: Builder) -> None:
    key, shape = a_key(b), b.shape(4)
    dtype = b.rng.choice(UNSIGNED)
    b.emit(f"random.bits({key}, {shape}, '{dtype.name}')", integer(shape, dtype))


@action(2)
def uniform(b: Builder) -> None:
    key, shape = a_key(b), b.shape(4)
    dtype = b.dtype(lambda d: d in REALS)
    if dtype not in REALS:
        raise Refused
    value = Value(shape, dtype, 1, _DRAWN_BITS[dtype.name])
    b.emit(f"random.uniform({key}, {shape}, '{dtype.name}')", value)


@action(1)
def integers(b: Builder) -> None:
    key, shape = a_key(b), b.shape(4)
    dtype = b.rng.choice(INTEGERS)
    b.emit(f"random.randint({key}, {shape}, 0, {b.rng.choice((2, 5, 100))}, '{dtype.name}')",
           integer(shape, dtype, 100))


@action(1)
def coins(b: Builder) -> None:
    key, shape = a_key(b), b.shape(4)
    b.emit(f"random.bernoulli({key}, 0.25, {shape})", integer(shape, BOOL))


@action(1)
def normal(b: Builder) -> None:
    key, shape = a_key(b), b.shape(4)
    dtype = b.rng.choice((np.dtype("float32"), np.dtype("float64")))
    b.emit(f"random.normal({key}, {shape}, '{dtype.name}')", floating(shape, dtype, 8, None, roundings=8))
