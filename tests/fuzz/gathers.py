"""Actions that read, and write, at places that are values themselves: gather and scatter."""

from __future__ import annotations

from math import prod

from .builder import Builder, action
from .elementwise import sum_of
from .movers import axis_of, update_operand, without
from .value import BOOL, COMPLEX, INTEGERS, REALS, Refused, Value, integer, merged

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


@action(2)
def plain_index(b: Builder) -> None:
    x, i = b.some(lambda v: indexable(v) and v.ndim > 1), indices(b, 1)
    j = b.partner(i, lambda v: v.bound <= 100)
    j = b.small_integer(j, 100)
    shape = (*b[i].shape, *b[x].shape[2:])
    b.emit(f"{x}.at[{i}, {j}].get(mode='clip')", b[x].moved(shape))


@action(1)
def index_with_slice(b: Builder) -> None:
    x, i = b.some(lambda v: indexable(v) and v.ndim > 1 and min(v.shape) > 1), indices(b, 1)
    rest = b[x].shape[2:]
    shape = (*b[i].shape, b[x].shape[1] - 1, *rest)
    b.emit(f"{x}.at[{i}, 1:].get(mode='clip')", b[x].moved(shape))


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


# --- scatter --------------------------------------------------------------------------------------------------


@action(2.5)
def scatter(b: Builder) -> None:
    """Sums and extremes at places that may repeat, on the grid, where no order matters."""
    x, i = b.some(lambda v: indexable(v) and v.is_certain and not v.special), indices(b, 1)
    v = b[x]
    method = b.rng.choice(("add", "add", "max", "min", "multiply"))
    if not combines(v, method):
        raise Refused
    shape = (*b[i].shape, *without(v.shape, 0))
    if prod(shape) > b.largest:
        raise Refused
    y, w = update_operand(b, x, shape)
    if not w.is_certain or w.special:
        raise Refused
    value = repeated_sum(v, w, b[i].size) if method == "add" else merged(v.shape, v, w).derived()
    mode = b.rng.choice(("", ", mode='drop'", ", mode='clip'"))
    if method == "multiply":
        value = integer(v.shape, v.dtype)
    b.emit(f"{x}.at[{i}].{method}({y}{mode})", value.moved(v.shape))


def combines(v: Value, method: str) -> bool:
    """Whether updates by the method give one result in any order."""
    if v.dtype in COMPLEX:
        return method == "add"
    return v.dtype in INTEGERS or (v.dtype != BOOL and method != "multiply")


def repeated_sum(v: Value, w: Value, times: int) -> Value:
    """v plus up to `times` elements of w, exact."""
    if v.dtype in INTEGERS:
        return integer(v.shape, v.dtype)
    many = w.derived(bound=w.bound * max(times, 1))
    result = sum_of(v.moved(()), many.moved(())).derived()
    if not result.is_certain:
        raise Refused
    return result.moved(v.shape)


@action(1)
def scatter_set(b: Builder) -> None:
    """At places that are all different."""
    x = b.some(lambda v: indexable(v) and v.shape[0] < 64)
    n = b[x].shape[0]
    places = b.rng.sample(range(-n, n), n)
    places = [p for k, p in enumerate(places) if p % n not in {q % n for q in places[:k]}][: b.rng.randint(1, n)]
    y, w = update_operand(b, x, (len(places), *b[x].shape[1:]))
    b.emit(f"{x}.at[np.array({places})].set({y})", merged(b[x].shape, b[x], w))


@action(0.7)
def segment_sum(b: Builder) -> None:
    x = b.some(lambda v: indexable(v) and v.dtype in (*INTEGERS, *REALS) and v.is_certain and not v.special)
    v = b[x]
    i = b.input((v.shape[0],), b.rng.choice(INTEGERS[2:4]))
    zero = Value((), v.dtype, 0, 0)
    value = repeated_sum(zero, v, v.shape[0])
    b.emit(f"jnp.zeros((5, *{v.shape[1:]}), '{v.dtype.name}').at[{i}].add({x}, mode='drop')",
           value.moved((5, *v.shape[1:])))
