"""Actions that move elements about: shapes, slices, pads, updates of parts."""

from __future__ import annotations

from math import prod

from .builder import Builder, action
from .elementwise import product_of, sum_of
from .value import (
    BOOL,
    COMPLEX,
    INTEGERS,
    REALS,
    UNSIGNED,
    Refused,
    Shape,
    Value,
    fits,
    integer,
    is_float,
    merged,
)


def has_axes(v: Value) -> bool:
    return v.ndim > 0


def axis_of(b: Builder, x: str) -> int:
    return b.rng.randrange(b[x].ndim)


# --- shapes ---------------------------------------------------------------------------------------------------


@action(5)
def reshape(b: Builder) -> None:
    x = b.some()
    shape = another_shape(b, b[x].shape)
    text = f"lax.reshape({x}, {shape})" if b.chance(0.5) else f"{x}.reshape({shape})"
    b.emit(text, b[x].moved(shape))


def another_shape(b: Builder, shape: Shape) -> Shape:
    """Of the same size: factors of the extents, put together anew."""
    if 0 in shape:
        return tuple(b.rng.sample(shape, len(shape)))
    factors = [f for d in shape for f in factors_of(d)]
    result: list[int] = []
    for f in factors:
        if result and (b.chance(0.5) or len(result) == 5):
            result[-1] *= f
        else:
            result.append(f)
    while len(result) < 5 and b.chance(0.25):
        result.insert(b.rng.randint(0, len(result)), 1)
    return tuple(result)


def factors_of(n: int) -> list[int]:
    found = []
    for p in (2, 3, 5, 7, 11, 13):
        while n % p == 0:
            found.append(p)
            n //= p
    return found + ([n] if n > 1 else [])


@action(5)
def transpose(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 1)
    order = tuple(b.rng.sample(range(b[x].ndim), b[x].ndim))
    value = b[x].moved(tuple(b[x].shape[k] for k in order))
    b.emit(b.rng.choice((f"lax.transpose({x}, {order})", f"{x}.transpose({order})")), value)


@action(1)
def squeeze(b: Builder) -> None:
    x = b.some(lambda v: 1 in v.shape)
    axes = [k for k, d in enumerate(b[x].shape) if d == 1 and b.chance(0.7)]
    shape = tuple(d for k, d in enumerate(b[x].shape) if k not in axes)
    b.emit(f"lax.squeeze({x}, {tuple(axes)})", b[x].moved(shape))


@action(2)
def expand(b: Builder) -> None:
    x = b.some()
    axis = b.rng.randint(0, b[x].ndim)
    b.emit(f"jnp.expand_dims({x}, {axis})", b[x].moved((*b[x].shape[:axis], 1, *b[x].shape[axis:])))


@action(5)
def broadcast(b: Builder) -> None:
    x = b.some()
    v = b[x]
    rank = b.rng.randint(v.ndim, 5)
    places = tuple(sorted(b.rng.sample(range(rank), v.ndim)))
    shape = [b.rng.choice(b.dims) for _ in range(rank)]
    for d, place in zip(v.shape, places, strict=True):
        shape[place] = d if d != 1 or b.chance(0.5) else b.rng.choice(b.dims)
    b.emit(f"lax.broadcast_in_dim({x}, {tuple(shape)}, {places})", v.moved(tuple(shape)))


@action(1)
def tile(b: Builder) -> None:
    x = b.some(has_axes)
    repeats = tuple(b.rng.choice((1, 2, 3)) for _ in b[x].shape)
    shape = tuple(d * r for d, r in zip(b[x].shape, repeats, strict=True))
    b.emit(f"jnp.tile({x}, {repeats})", b[x].moved(shape))


# --- order and parts ------------------------------------------------------------------------------------------


@action(3)
def reverse(b: Builder) -> None:
    x = b.some(has_axes)
    axes = tuple(sorted(b.rng.sample(range(b[x].ndim), b.rng.randint(1, b[x].ndim))))
    b.emit(b.rng.choice((f"lax.rev({x}, {axes})", f"jnp.flip({x}, {axes})")), b[x].moved(b[x].shape))


@action(4)
def roll(b: Builder) -> None:
    x = b.some(has_axes)
    axis = axis_of(b, x)
    n = b[x].shape[axis]
    b.emit(f"jnp.roll({x}, {b.rng.choice((1, -1, 2, n, -n - 1))}, {axis})", b[x].moved(b[x].shape))


@action(5)
def slice_(b: Builder) -> None:
    x = b.some(has_axes)
    starts, stops, steps = zip(*[random_range(b, d) for d in b[x].shape], strict=True)
    shape = tuple(len(range(*r)) for r in zip(starts, stops, steps, strict=True))
    b.emit(f"lax.slice({x}, {starts}, {stops}, {steps})", b[x].moved(shape))


def random_range(b: Builder, d: int) -> tuple[int, int, int]:
    """A slice of an axis of length d, as start, stop and step."""
    if b.chance(0.3):
        return 0, d, 1
    start = b.rng.randint(0, min(d, 3))
    stop = max(start, d - b.rng.randint(0, 3))
    return start, stop, b.rng.choice((1, 1, 1, 2, 3))


@action(4)
def static_index(b: Builder) -> None:
    """x[1:-1, ::-2, None, 3]"""
    x = b.some(has_axes)
    entries, shape = static_entries(b, b[x].shape)
    b.emit(f"{x}[{', '.join(entries)}]", b[x].moved(shape))


def static_entries(b: Builder, shape: Shape, newaxes: bool = True) -> tuple[list[str], Shape]:
    """The texts of an index, and the shape that it selects."""
    texts: list[str] = []
    result: list[int] = []
    for d in shape:
        kind = b.rng.random()
        if kind < 0.15 and d > 0:
            texts.append(str(b.rng.randint(-d, d - 1)))
        elif kind < 0.25 and newaxes and len(shape) < 5:
            texts += ["None", ":"]
            result += [1, d]
        else:
            text = b.rng.choice((":", "1:", ":-1", "1:-1", "::2", "::-1", "-2:", ":3", "::-2", "1::3"))
            texts.append(text)
            result.append(len(range(d)[slice(*[int(p) if p else None for p in text.split(":")])]))
    return texts, tuple(result)


@action(5)
def pad(b: Builder) -> None:
    x = b.some(has_axes)
    v = b[x]
    config = tuple(random_padding(b, d) for d in v.shape)
    shape = tuple(low + high + d + max(d - 1, 0) * inner for d, (low, high, inner) in zip(v.shape, config, strict=True))
    text, fill = fill_value(b, x)
    b.emit(f"lax.pad({x}, {text}, {config})", merged(shape, v, fill))


def random_padding(b: Builder, d: int) -> tuple[int, int, int]:
    inner = b.rng.choice((0, 0, 0, 1, 2))
    low, high = b.rng.choice((0, 0, 1, 2, -1)), b.rng.choice((0, 0, 1, 3, -1, -2))
    if low + high + d + max(d - 1, 0) * inner < 0:
        return 1, 0, inner
    return low, high, inner


def fill_value(b: Builder, x: str) -> tuple[str, Value]:
    """A scalar of the dtype of `x`: a constant, or a value of rank 0."""
    if b.chance(0.3):
        name = b.some(lambda v: v.dtype == b[x].dtype and v.shape == ())
        return name, b[name]
    text, value = b.drawn_constant(b[x].dtype)
    return text, value


@action(1)
def pad_by_mode(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 0 and 0 not in v.shape)
    v = b[x]
    most = min(v.shape)
    mode, least = b.rng.choice((("edge", 1), ("wrap", 1), ("reflect", 2), ("symmetric", 1)))
    if most < least:
        raise Refused
    widths = tuple((b.rng.randint(0, min(d - least + 1, 3)), b.rng.randint(0, min(d - least + 1, 2))) for d in v.shape)
    shape = tuple(d + low + high for d, (low, high) in zip(v.shape, widths, strict=True))
    b.emit(f"jnp.pad({x}, {widths}, '{mode}')", v.moved(shape))


# --- several --------------------------------------------------------------------------------------------------


@action(4)
def concatenate(b: Builder) -> None:
    x = b.some(has_axes)
    v, axis = b[x], axis_of(b, x)

    def fits_on(w: Value) -> bool:
        return w.dtype == v.dtype and w.ndim == v.ndim and without(w.shape, axis) == without(v.shape, axis)

    names = [x, *[b.some(fits_on) for _ in range(b.rng.randint(1, 3))]]
    b.rng.shuffle(names)
    length = sum(b[n].shape[axis] for n in names)
    value = merged((*v.shape[:axis], length, *v.shape[axis + 1:]), *[b[n] for n in names])
    b.emit(f"lax.concatenate([{', '.join(names)}], {axis})", value)


def without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1:]


@action(1.5)
def stack(b: Builder) -> None:
    x = b.some()
    y = b.partner(x)
    axis = b.rng.randint(0, b[x].ndim)
    shape = b[x].shape
    value = merged((*shape[:axis], 3, *shape[axis:]), b[x], b[y])
    b.emit(f"jnp.stack([{x}, {y}, {x}], {axis})", value)


@action(3)
def split(b: Builder) -> None:
    x = b.some(lambda v: max(v.shape, default=0) > 1)
    v = b[x]
    axis = b.rng.choice([k for k, d in enumerate(v.shape) if d > 1])
    d = v.shape[axis]
    first = b.rng.randint(0, d)
    sizes = (first, d - first) if b.chance(0.6) else (1, 0, d - 1)
    values = [v.moved((*v.shape[:axis], s, *v.shape[axis + 1:])) for s in sizes]
    b.emit(f"lax.split({x}, {sizes}, {axis})", *values)


@action(2)
def iota(b: Builder) -> None:
    shape = b.shape()
    dtype = b.dtype(lambda d: d != BOOL)
    if not shape or dtype == BOOL:
        raise Refused
    axis = b.rng.randrange(len(shape))
    largest = max(shape[axis] - 1, 0)
    if is_float(dtype):
        if not fits(dtype, largest, 0):
            raise Refused
        value = Value(shape, dtype, max(largest, 1), 0)
    else:
        value = integer(shape, dtype, largest)
    b.emit(f"lax.broadcasted_iota('{dtype.name}', {shape}, {axis})", value)


@action(1)
def triangle(b: Builder) -> None:
    x = b.some(lambda v: v.ndim >= 2)
    b.emit(f"jnp.{b.rng.choice(('tril', 'triu'))}({x}, {b.rng.randint(-2, 2)})", b[x].derived())


@action(1)
def repeat(b: Builder) -> None:
    x = b.some(has_axes)
    axis, times = axis_of(b, x), b.rng.randint(1, 3)
    shape = list(b[x].shape)
    shape[axis] *= times
    b.emit(f"jnp.repeat({x}, {times}, {axis})", b[x].moved(tuple(shape)))


# --- dynamic slices -------------------------------------------------------------------------------------------


def start(b: Builder, d: int) -> str:
    """A place along an axis: a number, or an integer value of rank 0; some lie outside."""
    if b.chance(0.4):
        return str(b.rng.randint(-2, d + 1))
    if b.chance(0.3):
        return b.some(lambda v: v.shape == () and v.dtype in INTEGERS)
    return b.input((), b.rng.choice(INTEGERS))


@action(4)
def dynamic_slice(b: Builder) -> None:
    x = b.some(has_axes)
    sizes = tuple(b.rng.randint(min(d, 1), d) if b.chance(0.7) else d for d in b[x].shape)
    starts = ", ".join(typed_start(b, d) for d in b[x].shape)
    b.emit(f"lax.dynamic_slice({x}, ({starts},), {sizes})", b[x].moved(sizes))


def typed_start(b: Builder, d: int) -> str:
    """As `start`; all starts of a call are of one dtype."""
    text = start(b, d)
    return f"{text}.astype('int32')" if text.startswith("v") else f"np.int32({text})"


@action(4)
def dynamic_update_slice(b: Builder) -> None:
    x = b.some(has_axes)
    v = b[x]
    y = b.some(lambda w: w.dtype == v.dtype and w.ndim == v.ndim and w.size <= v.size
               and all(d <= e for d, e in zip(w.shape, v.shape, strict=True)))
    starts = ", ".join(typed_start(b, d) for d in v.shape)
    b.emit(f"lax.dynamic_update_slice({x}, {y}, ({starts},))", merged(v.shape, v, b[y]))


@action(2)
def dynamic_index(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 0 and 0 not in v.shape)
    axis = axis_of(b, x)
    i = start(b, b[x].shape[axis])
    i = f"{i}.astype('int32')" if i.startswith("v") else i
    b.emit(f"lax.dynamic_index_in_dim({x}, {i}, {axis}, keepdims=False)", b[x].moved(without(b[x].shape, axis)))


# --- updates of a part ----------------------------------------------------------------------------------------


@action(5)
def update_part(b: Builder) -> None:
    """x.at[1:-1].set(y), and add, multiply, max, min"""
    x = b.some(has_axes)
    v = b[x]
    entries, shape = static_entries(b, v.shape, newaxes=False)
    method = b.rng.choice(("set", "set", "add", "add", "multiply", "max", "min"))
    if (method in ("max", "min") and v.dtype in COMPLEX) or (v.dtype == BOOL and method != "set"):
        raise Refused
    y, w = update_operand(b, x, shape)
    result = {"add": sum_of, "multiply": product_of}.get(method)
    changed = result(v.moved(()), w.moved(())) if result else w
    b.emit(f"{x}.at[{', '.join(entries)}].{method}({y})", merged(v.shape, v, changed).derived())


def update_operand(b: Builder, x: str, shape: Shape) -> tuple[str, Value]:
    """Something of the dtype of `x` that broadcasts to `shape`."""
    v = b[x]
    if b.chance(0.3):
        return b.drawn_constant(v.dtype)

    def broadcasts(w: Value) -> bool:
        return w.dtype == v.dtype and w.ndim <= len(shape) and all(
            d in (1, e) for d, e in zip(w.shape[::-1], shape[::-1], strict=False))

    name = b.input(shape, v.dtype) if prod(shape) and b.chance(0.5) else b.some(broadcasts)
    return name, b[name]


# --- patterns -------------------------------------------------------------------------------------------------


@action(2)
def stencil(b: Builder) -> None:
    """A sum of shifted copies, in three ways of writing it."""
    x = b.some(lambda v: v.dtype in (*REALS, *INTEGERS) and v.ndim in (1, 2) and min(v.shape) > 2)
    v = b[x]
    axis = axis_of(b, x)
    inner = [":"] * v.ndim
    low, mid, high = ("0:-2", "1:-1", "2:")
    parts = {p: ", ".join([*inner[:axis], p, *inner[axis + 1:]]) for p in (low, mid, high)}
    total = sum_of(sum_of(v, v), v) if v.dtype not in UNSIGNED else integer(v.shape, v.dtype)
    text = b.rng.choice((
        f"jnp.roll({x}, 1, {axis}) + jnp.roll({x}, -1, {axis}) - {x}",
        f"{x}.at[{parts[mid]}].set({x}[{parts[low]}] + {x}[{parts[high]}] - {x}[{parts[mid]}])",
        f"{x}.at[{parts[mid]}].add({x}[{parts[low]}] + {x}[{parts[high]}])",
    ))
    b.emit(text, total)


@action(1)
def difference(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in (*REALS, *INTEGERS) and v.ndim > 0)
    v, axis = b[x], axis_of(b, x)
    shape = list(v.shape)
    shape[axis] = max(shape[axis] - 1, 0)
    value = integer(v.shape, v.dtype) if v.dtype in UNSIGNED else sum_of(v, v)
    b.emit(f"jnp.diff({x}, axis={axis})", value.moved(tuple(shape)))
