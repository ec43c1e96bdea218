"""Differences and integrals along an axis: diff, ediff1d, gradient, trapezoid, unwrap."""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes, canonical_axis
from cujax.numpy.arithmetic import divide, floor_divide, remainder
from cujax.numpy.cumulative import cumsum
from cujax.numpy.dtype_objects import result_type
from cujax.numpy.joining import concatenate
from cujax.numpy.logic import choose_where, not_equal
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, promote_inexact
from cujax.numpy.reductions import sum as reduce_add
from cujax.numpy.reshaping import broadcast_to, moveaxis, ravel


def _cut(a: Array, axis: int, start: int, stop: int | None) -> Array:
    return lax.slice_in_dim(a, start, stop, axis=axis)


@traced_once("a", "prepend", "append")
def diff(
    a: ArrayLike,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike | None = None,
    append: ArrayLike | None = None,
) -> Array:
    """The n-th difference of neighbours along `axis`, which becomes shorter by n.

    prepend, append: values put before and after `a` first, scalars or arrays of its shape but for `axis`.
    ValueError for a scalar or negative n.  Booleans are compared: not_equal.
    """
    a = as_array("diff", a)
    n = operator.index(n)
    if n == 0:
        return a
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n}")
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = canonical_axis(axis, a.ndim)
    parts = [_edge(prepend, a, axis), a, _edge(append, a, axis)]
    joined = concatenate([p for p in parts if p is not None], axis)
    difference = not_equal if dtypes.is_bool(joined.dtype) else lax.sub
    for _ in range(n):
        joined = (
            difference(_cut(joined, axis, 1, None), _cut(joined, axis, 0, -1))
            if joined.shape[axis]
            else joined
        )
    return joined


def _edge(value: ArrayLike | None, a: Array, axis: int) -> Array | None:
    if value is None:
        return None
    value = as_array("diff", value)
    return value if value.ndim else broadcast_to(value, (*a.shape[:axis], 1, *a.shape[axis + 1 :]))


@traced_once("ary", "to_end", "to_begin")
def ediff1d(ary: ArrayLike, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None) -> Array:
    """Differences of neighbours in the flattened array, with to_begin before and to_end after them."""
    flat = ravel(as_array("ediff1d", ary))
    middle = lax.sub(_cut(flat, 0, 1, None), _cut(flat, 0, 0, -1)) if flat.size else flat
    ends = [None if e is None else lax.convert_element_type(ravel(as_array("ediff1d", e)), flat.dtype)
            for e in (to_begin, to_end)]
    return concatenate([p for p in (ends[0], middle, ends[1]) if p is not None])


@traced_once("f", "varargs")
def gradient(
    f: ArrayLike, *varargs: ArrayLike, axis: int | Sequence[int] | None = None, edge_order: int | None = None
) -> Array | list[Array]:
    """Central differences along each of `axis` (all by default), one-sided at the ends.

    varargs: the spacing, a scalar for all axes or one for each, or coordinates (arrays of the length of
    the axis).  One array, or a list of one for each axis.  ValueError for fewer than two points.
    """
    if edge_order is not None:
        raise NotImplementedError("The 'edge_order' argument to jnp.gradient is not supported: it is 1")
    (f,) = arrays_of(promote_inexact("gradient", f))
    axes = (
        canonical_axes(axis, f.ndim)
        if axis is None or isinstance(axis, Sequence)
        else (canonical_axis(axis, f.ndim),)
    )
    if any(f.shape[i] < 2 for i in axes):
        raise ValueError(
            "Shape of array too small to calculate a numerical gradient, at least 2 elements are required."
        )
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient: {len(varargs)} spacings for {len(axes)} axes")
    spacings = list(varargs) * (len(axes) if len(varargs) == 1 else 1) or [1.0] * len(axes)
    f, *steps = arrays_of(promote_inexact("gradient", f, *spacings))
    results = [_gradient_along(f, i, h) for i, h in zip(axes, steps, strict=True)]
    return results[0] if len(results) == 1 else results


def _gradient_along(f: Array, axis: int, spacing: Array) -> Array:
    if spacing.ndim:
        return _gradient_at(f, axis, spacing)
    inner = (_cut(f, axis, 2, None) - _cut(f, axis, 0, -2)) * 0.5
    first = _cut(f, axis, 1, 2) - _cut(f, axis, 0, 1)
    last = _cut(f, axis, -1, None) - _cut(f, axis, -2, -1)
    return divide(concatenate([first, inner, last], axis), spacing)


def _gradient_at(f: Array, axis: int, coordinates: Array) -> Array:
    """With points at uneven distances: second order inside, first order at the ends."""
    if coordinates.ndim != 1 or coordinates.shape[0] != f.shape[axis]:
        raise ValueError(
            f"Spacing arrays must be 1D and as long as the axis, {f.shape[axis]}, got {coordinates.shape}"
        )
    shape = [1] * f.ndim
    shape[axis] = -1
    h = diff(coordinates).reshape(shape)
    steps = _cut(f, axis, 1, None) - _cut(f, axis, 0, -1)
    left, right = _cut(h, axis, 0, -1), _cut(h, axis, 1, None)
    slope = steps / h
    inner = (_cut(slope, axis, 0, -1) * right + _cut(slope, axis, 1, None) * left) / (left + right)
    return concatenate([_cut(slope, axis, 0, 1), inner, _cut(slope, axis, -1, None)], axis)


@traced_once("y", "x", "dx")
def trapezoid(y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1) -> Array:
    """The integral of y along `axis` by the trapezoidal rule.

    x: the points, one-dimensional or broadcastable to y; without them they are dx apart.
    """
    if x is None:
        (y,) = arrays_of(promote_inexact("trapezoid", y))
        spacing = as_array("trapezoid", dx, 2)
    else:
        y, x = arrays_of(promote_inexact("trapezoid", y, x))
        spacing = diff(x) if x.ndim == 1 else moveaxis(diff(x, axis=axis), axis, -1)
    y = moveaxis(y, axis, -1)
    last = y.ndim - 1
    return 0.5 * reduce_add(spacing * (_cut(y, last, 1, None) + _cut(y, last, 0, -1)), -1)


@traced_once("p", "discont", "period")
def unwrap(
    p: ArrayLike, discont: ArrayLike | None = None, axis: int = -1, period: ArrayLike = 2 * np.pi
) -> Array:
    """p with multiples of `period` added so that neighbours along `axis` differ by half of it at most.

    discont: jumps not larger than this stay; half the period by default.
    """
    p = as_array("unwrap", p)
    if dtypes.is_complex(p.dtype):
        raise ValueError("jnp.unwrap does not support complex inputs.")
    dtype = result_type(p, period)
    is_whole = dtypes.is_integer(dtype)
    p = lax.convert_element_type(p, dtype) if is_whole else promote_inexact("unwrap", p)[0]
    axis = canonical_axis(axis, p.ndim)
    if not p.size:
        return p
    half = floor_divide(period, 2) if is_whole else divide(period, 2)
    jumps = diff(p, axis=axis)
    folded = remainder(jumps + half, period) - half
    is_halfway = (folded == -half) & (jumps > 0)  # of whole numbers only an even period has a half
    folded = choose_where(is_halfway & (remainder(period, 2) == 0) if is_whole else is_halfway, half, folded)
    is_small = abs(jumps) < (divide(period, 2) if discont is None else discont)
    correction = choose_where(is_small, 0, folded - jumps)
    start = _cut(p, axis, 0, 1)
    return concatenate([start, _cut(p, axis, 1, None) + cumsum(correction, axis)], axis)
