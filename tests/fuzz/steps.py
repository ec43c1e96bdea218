"""Actions around kernels: products of matrices, sorting, running sums, branches, calls, mapped functions."""

from __future__ import annotations

from .builder import Builder, action
from .elementwise import product_of, sum_of
from .gathers import indexable
from .movers import axis_of, without
from .reductions import sum_over
from .value import BOOL, COMPLEX, INTEGERS, REALS, Refused, Value, integer, merged


@action(1.5)
def matrix_product(b: Builder) -> None:
    x = b.some(lambda v: v.ndim >= 1 and v.dtype != BOOL and not v.special and v.size < 5000)
    v, axis = b[x], axis_of(b, x)
    if v.dtype.itemsize == 1:
        raise Refused

    def suits(w: Value) -> bool:
        return w.ndim >= 1 and w.dtype == v.dtype and not w.special and v.shape[axis] in w.shape and w.size < 5000

    y = b.some(suits)
    w = b[y]
    other = b.rng.choice([k for k, d in enumerate(w.shape) if d == v.shape[axis]])
    left = tuple(d for k, d in enumerate(v.shape) if k != axis)
    right = tuple(d for k, d in enumerate(w.shape) if k != other)
    n = max(v.shape[axis], 1)
    terms = product_of(v.moved((n,)), w.moved((1,)))
    value = sum_over(terms, (0,)).moved((*left, *right))
    b.emit(f"lax.dot_general({x}, {y}, ((({axis},), ({other},)), ((), ())))", value)


@action(1.5)
def sort(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 0 and v.dtype not in COMPLEX and not v.special)
    b.emit(f"lax.sort({x}, dimension={axis_of(b, x)})", b[x].derived())


@action(1.5)
def running(b: Builder) -> None:
    x = b.some(lambda v: v.ndim > 0 and v.dtype in (*INTEGERS, *REALS) and not v.special)
    v, axis = b[x], axis_of(b, x)
    name = b.rng.choice(("cumsum", "cumsum", "cummax", "cummin"))
    value = sum_over(v, (axis,)).moved(v.shape) if name == "cumsum" else v.derived()
    b.emit(f"lax.{name}({x}, {axis}, {b.chance(0.5)})", value)


@action(1)
def branch(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in (*INTEGERS, *REALS))
    p = b.found((), BOOL, lambda v: v.shape == ())
    y = b.partner(x)
    value = merged(b[x].shape, sum_of(b[x], b[y]), b[x])
    b.emit(f"lax.cond({p}, lambda x, y: x + y, lambda x, y: x[...], {x}, {y})", value.derived())


@action(0.7)
def order(b: Builder) -> None:
    x = b.some(lambda v: v.ndim == 1 and v.dtype in (*INTEGERS, *REALS) and v.is_certain and not v.special)
    b.emit(f"jnp.argsort({x})", integer(b[x].shape, INTEGERS[3], max(b[x].size, 1)))


@action(1)
def call(b: Builder) -> None:
    x = b.some(lambda v: v.dtype in (*INTEGERS, *REALS))
    y = b.partner(x)
    b.emit(f"jit(lambda x, y: (x + y) - x)({x}, {y})", sum_of(sum_of(b[x], b[y]), b[x]))


@action(1.5)
def mapped(b: Builder) -> None:
    """Gathers, slices and updates of each row at a place of its own."""
    x = b.some(lambda v: indexable(v) and v.ndim > 1 and v.dtype != BOOL and v.is_certain and not v.special)
    v = b[x]
    i = b.small_integer(b.input((v.shape[0],), b.rng.choice(INTEGERS[2:4])), 100)
    text, w = b.drawn_constant(v.dtype)
    size = b.rng.randint(1, v.shape[1])
    function, value = b.rng.choice((
        ("a.at[i].get(mode='clip')", v.moved(without(v.shape, 1))),
        (f"lax.dynamic_slice_in_dim(a, i, {size})", v.moved((v.shape[0], size, *v.shape[2:]))),
        (f"a.at[i].add({text})", merged(v.shape, sum_of(v, w), v)),
        (f"a.at[i].set({text})", merged(v.shape, w, v)),
        (f"lax.dynamic_update_slice_in_dim(a, a[:1] + {text}, i, 0)", merged(v.shape, sum_of(v, w), v)),
    ))
    b.emit(f"vmap(lambda a, i: {function})({x}, {i})", value.derived())
