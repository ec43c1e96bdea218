"""Actions that call what kernels do not do: transforms, factorizations, convolutions, sums over windows.

What they give depends on the order of their operations, so that two right results differ; matrices are made such that
they differ by little.
"""

from __future__ import annotations

from math import log2

import numpy as np

from .builder import Builder, action
from .elementwise import product_of
from .movers import axis_of
from .reductions import some_axes, sum_over
from .value import BOOL, COMPLEX, INTEGERS, REALS, Refused, Shape, Value, floating, is_float, merged, number, part_of

_WIDE = (*REALS[2:], *COMPLEX)


def is_plain(v: Value) -> bool:
    """Of a dtype that libraries know, without infinities."""
    return v.dtype in _WIDE and not v.special and v.size > 0


# --- transforms -----------------------------------------------------------------------------------------------


@action(1.5)
def transform(b: Builder) -> None:
    """fft and ifft of one or of several axes, of the length of the axis, shorter or longer."""
    x = b.some(lambda v: is_plain(v) and v.ndim > 0)
    v = b[x]
    axes = some_axes(b, v)[:2]
    lengths = tuple(v.shape[a] if b.chance(0.6) else b.rng.randint(1, v.shape[a] + 3) for a in axes)
    name = b.rng.choice(("fftn", "ifftn"))
    shape = list(v.shape)
    for a, n in zip(axes, lengths, strict=True):
        shape[a] = n
    b.emit(f"jnp.fft.{name}({x}, {lengths}, {axes})", transformed(v, tuple(shape), lengths))


def transformed(v: Value, shape: Shape, lengths: Shape) -> Value:
    n = float(np.prod(lengths))
    dtype = v.dtype if v.dtype in COMPLEX else COMPLEX[REALS[2:].index(v.dtype)]
    return floating(shape, dtype, 2 * n * v.bound, None, 2 * n * v.error, roundings=4 + log2(n))


@action(1)
def real_transform(b: Builder) -> None:
    x = b.some(lambda v: is_plain(v) and v.ndim > 0 and v.dtype in REALS)
    v, axis = b[x], axis_of(b, x)
    n = v.shape[axis]
    shape = list(v.shape)
    shape[axis] = n // 2 + 1
    y = b.emit(f"jnp.fft.rfft({x}, axis={axis})", transformed(v, tuple(shape), (n,)))
    if b.chance(0.5):
        shape[axis] = n
        back = floating(tuple(shape), v.dtype, 3 * v.bound, None, 3 * v.error, roundings=8 + 4 * log2(n))
        b.emit(f"jnp.fft.irfft({y}, {n}, {axis})", back)


# --- linear algebra -------------------------------------------------------------------------------------------


def dominant(b: Builder, x: str) -> tuple[str, Value, float]:
    """A symmetric matrix of `x`, its value and the least that an eigenvalue can be: n * bound is added to its diagonal.

    Of the value, `bound` bounds an element, n + n * bound an eigenvalue.
    """
    v = b[x]
    n, square = v.shape[-1], v.moved((*v.shape[:-2], v.shape[-1], v.shape[-1]))
    swapped = f"jnp.swapaxes({x}, -1, -2)"
    shift = 4 * n * v.bound + 1.0
    text = f"({x} + {swapped}.conj()) + jnp.eye({n}, dtype='{v.dtype.name}') * {b.constant(v.dtype, shift)}"
    value = floating(square.shape, v.dtype, 2 * v.bound + shift, v.step, 2 * v.error, roundings=2)
    return b.emit(text, value), value, shift - 2 * n * v.bound * (2 if v.dtype in COMPLEX else 1)


def is_small_square(v: Value) -> bool:
    return is_plain(v) and v.ndim >= 2 and v.shape[-1] == v.shape[-2] < 9 and v.bound < 2**10


@action(1.5)
def factorization(b: Builder) -> None:
    """Of a matrix whose eigenvalues differ by less than a factor of 10."""
    try:
        x = b.some(is_small_square)
    except Refused:
        n = b.rng.randint(1, 5)
        x = b.input((*b.shape(2), n, n), b.rng.choice(_WIDE))
        if not is_small_square(b[x]):
            raise
    a, v, least = dominant(b, x)
    n, most = v.shape[-1], v.bound * v.shape[-1]
    relative = (v.error * n + 32 * n * 2.0**(-23 if part_of(v.dtype).itemsize == 4 else -52) * most) / least
    if least <= 0 or relative > 0.01:
        raise Refused
    kind = b.rng.choice(("cholesky", "inv", "solve", "det", "slogdet"))
    if kind == "cholesky":
        b.emit(f"jnp.linalg.cholesky({a})", off_grid(v, v.shape, most**0.5, relative))
    elif kind == "inv":
        b.emit(f"jnp.linalg.inv({a})", off_grid(v, v.shape, 1 / least, 10 * relative))
    elif kind == "slogdet":
        real = Value(v.shape, part_of(v.dtype), 0)
        b.emit(f"jnp.linalg.slogdet({a})[1]", off_grid(real, v.shape[:-2], n * log2(most) + 1, 4 * relative))
    elif kind == "det":
        b.emit(f"jnp.linalg.det({a})", off_grid(v, v.shape[:-2], most**n, 4 * n * relative))
    else:
        y = b.alike(v.shape, v.dtype)
        w = b[y]
        if w.special:
            raise Refused
        b.emit(f"jnp.linalg.solve({a}, {y})",
               off_grid(v, v.shape, n * w.bound / least, 10 * relative + n * w.error / max(w.bound, 1e-9)))


def off_grid(v: Value, shape: Shape, bound: float, relative: float) -> Value:
    return floating(shape, v.dtype, 2 * bound, None, 2 * bound * relative, roundings=8)


# --- products -------------------------------------------------------------------------------------------------

_PRODUCTS = (
    "ij,jk->ik", "bij,bjk->bik", "ij,j->i", "i,j->ij", "ij,ij->", "ijk,kj->i", "ij,kj->ik", "ii->i", "ij->ji",
    "...j,j->...", "bij,bkj->bik",
)


@action(1.5)
def einsum(b: Builder) -> None:
    text = b.rng.choice(_PRODUCTS)
    given, result = text.split("->")
    labels = given.split(",")
    x = b.some(lambda v: is_factor(v) and (v.ndim == len(labels[0]) or ("..." in text and v.ndim > 0))
               and (labels[0] != "ii" or v.shape[0] == v.shape[-1]))
    v = b[x]
    sizes = dict(zip(labels[0].replace("...", ""), v.shape[-1:] if "..." in text else v.shape, strict=True))
    if len(labels) == 1:
        shape = tuple(sizes[c] for c in result)
        b.emit(f"jnp.einsum('{text}', {x})", v.moved(shape))
        return
    for c in labels[1]:
        sizes.setdefault(c, b.rng.randint(1, 5))
    y = b.alike(tuple(sizes[c] for c in labels[1]), v.dtype)
    w = b[y]
    if not is_factor(w):
        raise Refused
    shape = v.shape[:-1] if "..." in text else tuple(sizes[c] for c in result)
    n = int(np.prod([d for c, d in sizes.items() if c not in result]))
    b.emit(f"jnp.einsum('{text}', {x}, {y})", sum_of_products(v, w, n).moved(shape))


def is_factor(v: Value) -> bool:
    return v.dtype != BOOL and not v.special and v.size < 5000


def sum_of_products(v: Value, w: Value, n: int) -> Value:
    """What is known of a sum of n products of elements."""
    return sum_over(product_of(v.moved((max(n, 1),)), w.moved((1,))), (0,))


@action(1)
def convolution(b: Builder) -> None:
    """Of one axis, or of images with channels, with any strides, dilations and pads."""
    if b.chance(0.4):
        one_axis(b)
    else:
        images(b)


def one_axis(b: Builder) -> None:
    x = b.some(lambda v: is_factor(v) and v.ndim == 1 and 0 < v.shape[0] < 300)
    v = b[x]
    y = b.found((b.rng.randint(1, 5),), v.dtype, lambda w: w.ndim == 1 and 0 < w.shape[0] < 40)
    w = b[y]
    if not is_factor(w):
        raise Refused
    n, m = v.shape[0], w.shape[0]
    name, mode = b.rng.choice(("convolve", "correlate")), b.rng.choice(("full", "same", "valid"))
    length = {"full": n + m - 1, "same": max(n, m), "valid": max(n, m) - min(n, m) + 1}[mode]
    if v.dtype in INTEGERS:
        raise Refused  # JAX takes them as floats
    b.emit(f"jnp.{name}({x}, {y}, '{mode}')", sum_of_products(v, w, min(n, m)).moved((length,)))


def images(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in REALS[2:] and not v.special and v.ndim in (3, 4) and 0 not in v.shape)
    v = b[x]
    spatial = v.ndim - 2
    kernel = tuple(b.rng.randint(1, 3) for _ in range(spatial))
    features = b.rng.randint(1, 3)
    y = b.alike((features, v.shape[1], *kernel), v.dtype)
    w = b[y]
    if w.special:
        raise Refused
    strides = tuple(b.rng.randint(1, 2) for _ in range(spatial))
    dilation = tuple(b.rng.randint(1, 2) for _ in range(spatial))
    pads = tuple((b.rng.randint(0, 2), b.rng.randint(0, 2)) for _ in range(spatial))
    shape = tuple((d + lo + hi - (k - 1) * r - 1) // s + 1 for d, (lo, hi), k, r, s in zip(
        v.shape[2:], pads, kernel, dilation, strides, strict=True))
    if min(shape) < 1:
        raise Refused
    value = sum_of_products(v, w, int(np.prod(kernel)) * v.shape[1])
    b.emit(f"lax.conv_general_dilated({x}, {y}, {strides}, {pads}, rhs_dilation={dilation})",
           value.moved((v.shape[0], features, *shape)))


# --- windows and running reductions ---------------------------------------------------------------------------


@action(1.5)
def windows(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in (*INTEGERS, *REALS) and not v.special and v.ndim > 0 and 0 not in v.shape)
    v = b[x]
    size = tuple(b.rng.randint(1, min(d, 3)) for d in v.shape)
    strides = tuple(b.rng.randint(1, 2) for _ in size)
    pads = tuple((b.rng.randint(0, k - 1), b.rng.randint(0, k - 1)) for k in size)
    shape = tuple((d + lo + hi - k) // s + 1 for d, (lo, hi), k, s in zip(v.shape, pads, size, strides, strict=True))
    operands = f"{x}, {{}}, {{}}, {size}, {strides}, {pads}"
    if b.chance(0.5):
        text = operands.format(b.constant(v.dtype, 0), "lax.add")
        value = sum_over(v.moved((int(np.prod(size)),)), (0,))
    else:
        extreme, name = b.rng.choice((("min", "lax.max"), ("max", "lax.min")))
        text, value = operands.format(limit(b, v, extreme), name), v.derived()
    b.emit(f"lax.reduce_window({text})", value.moved(shape))


def limit(b: Builder, v: Value, extreme: str) -> str:
    """The least or greatest of a dtype, as text."""
    if not is_float(v.dtype):
        return b.constant(v.dtype, getattr(np.iinfo(v.dtype), extreme))
    name = v.dtype.name if v.dtype.name == "bfloat16" else f"np.{v.dtype.name}"
    return f"{name}({'-' if extreme == 'min' else ''}np.inf)"


@action(1.5)
def running(b: Builder) -> None:
    """cumprod, cumlogsumexp, and associative_scan by any of several functions."""
    x = b.some(lambda v: v.ndim > 0 and v.dtype in (*INTEGERS, *REALS) and not v.special and v.size > 0)
    axis, reverse = axis_of(b, x), b.chance(0.5)
    n = b[x].shape[axis]
    kind = b.rng.choice(("cumprod", "cumlogsumexp", "add", "max", "mul"))
    if kind in ("cumprod", "mul"):
        x, value = running_product(b, x, n)
    elif kind == "cumlogsumexp":
        x = b.tamed(x, 8)
        value = floating(b[x].shape, b[x].dtype, b[x].bound + log2(n) + 1, None, b[x].error, roundings=16 + n)
    elif kind == "add":
        value = sum_over(b[x], (axis,)).moved(b[x].shape)
    else:
        value = b[x].derived()
    if kind.startswith("cum"):
        b.emit(f"lax.{kind}({x}, {axis}, {reverse})", value)
    else:
        b.emit(f"lax.associative_scan(lax.{kind}, {x}, {reverse}, {axis})", value)


def running_product(b: Builder, x: str, n: int) -> tuple[str, Value]:
    v = b[x]
    if v.dtype in INTEGERS:
        return x, number(v.shape, v.dtype, np.inf)
    if n > 300:
        raise Refused
    x = b.tamed(x, 1)
    return x, floating(v.shape, v.dtype, 1, None, n * b[x].error, roundings=n + 1)


# --- sorting --------------------------------------------------------------------------------------------------


@action(1)
def sort_with(b: Builder) -> None:
    """Several arrays in the order of the first, or of the first two."""
    x = b.some(lambda v: v.ndim > 0 and v.dtype in (BOOL, *INTEGERS, *REALS) and v.is_certain and not v.special)
    y = b.alike(b[x].shape, b.dtype(lambda d: d not in COMPLEX))
    z = b.some(lambda v: v.shape == b[x].shape)
    keys = 2 if b[y].is_certain and not b[y].special and b.chance(0.5) else 1
    values = [b[o].derived() for o in (x, y, z)]
    b.emit(f"lax.sort(({x}, {y}, {z}), dimension={axis_of(b, x)}, num_keys={keys})", *values)


@action(1)
def largest(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 0 and v.dtype in (*INTEGERS, *REALS) and v.is_certain and not v.special
               and v.shape[-1] > 0)
    v = b[x]
    k = b.rng.randint(1, min(v.shape[-1], 4))
    shape = (*v.shape[:-1], k)
    b.emit(f"lax.top_k({x}, {k})", v.derived(shape=shape), Value(shape, INTEGERS[2], v.shape[-1]))


@action(1)
def search(b: Builder) -> None:
    x = b.some(lambda v: v.ndim == 1 and v.dtype in (*INTEGERS, *REALS) and v.is_certain and not v.special)
    y = b.some(lambda w: w.dtype == b[x].dtype and w.is_certain and not w.special)
    side = b.rng.choice(("left", "right"))
    b.emit(f"jnp.searchsorted(jnp.sort({x}), {y}, side='{side}')", Value(b[y].shape, INTEGERS[2], b[x].size))


@action(1)
def chosen(b: Builder) -> None:
    """As many as are asked for of the elements that are true, or that are different."""
    x = b.some(lambda v: v.ndim > 0 and v.dtype in (BOOL, *INTEGERS) and v.size > 0)
    v, k = b[x], b.rng.randint(1, 6)
    if b.chance(0.5):
        places = Value((k,), INTEGERS[3], v.size)
        b.emit(f"jnp.nonzero({x}, size={k})[{b.rng.randrange(v.ndim)}]", places)
    else:
        b.emit(f"jnp.unique({x}, size={k})", merged((k,), v))


@action(1)
def counted(b: Builder) -> None:
    x = b.small_integer(b.some(lambda v: v.ndim == 1 and v.dtype in INTEGERS), 100)
    k = b.rng.randint(1, 8)
    b.emit(f"jnp.bincount(lax.abs({x}), length={k})" if b[x].dtype.kind == "i" else f"jnp.bincount({x}, length={k})",
           Value((k,), INTEGERS[3], b[x].size))

