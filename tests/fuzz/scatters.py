"""Actions that write at places that are values themselves, at some of them several times."""

from __future__ import annotations

from .builder import Builder, action
from .gathers import Index, indexable, indices, random_index
from .movers import update_operand, without
from .value import BOOL, COMPLEX, INTEGERS, REALS, Refused, Value, integer, is_real, merged, number

_MODES = ("", ", mode='drop'", ", mode='clip'", ", mode='fill'", ", indices_are_sorted=False")


@action(3)
def scatter(b: Builder) -> None:
    """Along the first axis: rows that are added, multiplied, compared, or written over one another."""
    x, i = b.some(indexable), indices(b, 1)
    update(b, x, Index(i, (*b[i].shape, *without(b[x].shape, 0)), max(b[i].size, 1)))


@action(4)
def scatter_anywhere(b: Builder) -> None:
    x = b.some(indexable)
    update(b, x, random_index(b, x))


def update(b: Builder, x: str, i: Index) -> None:
    v = b[x]
    method = b.rng.choice(("add", "add", "add", "set", "set", "max", "min", "multiply", "subtract"))
    y, w = update_operand(b, x, i.shape)
    value = updated(v, w, method, i.times).moved(v.shape)
    b.emit(f"{x}.at[{i.text}].{method}({y}{b.rng.choice(_MODES)})", value)


def updated(v: Value, w: Value, method: str, times: int) -> Value:
    """What is known of an element of v that is updated by up to `times` elements of w.

    Refused where updates give another result in another order, but for rounding.
    """
    if method == "set":
        return merged(v.shape, v, w).derived()  # of several the last one
    if v.dtype == BOOL or (v.dtype in COMPLEX and method in ("max", "min")):
        raise Refused
    if method in ("max", "min"):
        return merged(v.shape, v, w).derived()
    if v.special or w.special:
        raise Refused
    if v.dtype in INTEGERS:
        return integer(v.shape, v.dtype)
    if method == "multiply":
        raise Refused
    step = None if v.step is None or w.step is None else max(v.step, w.step)
    return number(v.shape, v.dtype, v.bound + times * w.bound, step, v.error + times * w.error, roundings=times)


@action(1)
def multiply_by_powers(b: Builder) -> None:
    """By 0.5, 1 and 2, which is exact in any order."""
    x, i = b.some(lambda v: indexable(v) and is_real(v.dtype) and v.is_certain and not v.special), indices(b, 1)
    v, times = b[x], max(b[i].size, 1)
    if v.step is None or times > 6:
        raise Refused
    factor = b.rng.choice((0.5, 2.0))
    value = number(v.shape, v.dtype, v.bound * max(factor, 1)**times, v.step + (times if factor < 1 else 0))
    if not value.is_certain:
        raise Refused
    b.emit(f"{x}.at[{i}].multiply({b.constant(v.dtype, factor)})", value)


@action(0.7)
def divide(b: Builder) -> None:
    """At a place, or at none."""
    x = b.some(lambda v: indexable(v) and v.dtype in REALS[2:] and not v.special)
    i = b.small_integer(b.found((), INTEGERS[2], lambda v: v.shape == ()), 100)
    v = b[x]
    value = number(v.shape, v.dtype, v.bound, None if v.step is None else v.step + 1, v.error)
    b.emit(f"{x}.at[{i}].divide({b.constant(v.dtype, 2)})", value.derived(is_ieee=False))


@action(1)
def apply(b: Builder) -> None:
    """A function, as often as a place stands in the index."""
    x = b.some(lambda v: indexable(v) and v.dtype in INTEGERS)
    i, k = random_index(b, x), b.drawn_constant(b[x].dtype)[0]
    b.emit(f"{x}.at[{i.text}].apply(lambda e: {b.rng.choice(('e + ', 'e * ', 'e ^ '))}{k})",
           integer(b[x].shape, b[x].dtype))


@action(1)
def scatter_different(b: Builder) -> None:
    """At places that are all different, and said to be."""
    x = b.some(lambda v: indexable(v) and v.shape[0] < 64)
    n = b[x].shape[0]
    places = [p - n * b.rng.randint(0, 1) for p in b.rng.sample(range(n), b.rng.randint(1, n))]
    y, w = update_operand(b, x, (len(places), *b[x].shape[1:]))
    options = b.rng.choice(("", ", unique_indices=True"))
    b.emit(f"{x}.at[np.array({places})].set({y}{options})", merged(b[x].shape, b[x], w))


@action(0.7)
def segment_sum(b: Builder) -> None:
    x = b.some(lambda v: indexable(v) and v.dtype in (*INTEGERS, *REALS) and v.is_certain and not v.special)
    v = b[x]
    i = b.input((v.shape[0],), b.rng.choice(INTEGERS[2:4]))
    value = updated(Value((), v.dtype, 0, 0), v, "add", v.shape[0])
    b.emit(f"jnp.zeros((5, *{v.shape[1:]}), '{v.dtype.name}').at[{i}].add({x}, mode='drop')",
           value.moved((5, *v.shape[1:])))


@action(0.7)
def scatter_along_axis(b: Builder) -> None:
    x = b.some(indexable)
    i = b.small_integer(b.input(b[x].shape, b.rng.choice(INTEGERS[2:4])), 100)
    y, w = update_operand(b, x, b[x].shape)
    b.emit(f"jnp.put_along_axis({x}, {i}, {y}, -1, inplace=False, mode='drop')", updated(b[x], w, "set", 1))
