"""Shape and order of axes: reshape, transpose, broadcast, expand, squeeze, flip, roll.

Shapes and axes are Python integers, known when the function is called: a traced one is a TypeError.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from math import prod
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ops.axes import canonical_axes, canonical_axis, lengths_of, other_axes
from cujax.numpy.creation import canonical_shape
from cujax.numpy.promotion import ArrayLike, as_array, as_arrays

# --- reshape ------------------------------------------------------------------------------------------


def reshape(
    a: ArrayLike, shape: Any, order: str = "C", *, copy: bool | None = None, out_sharding: Any = None
) -> Array:
    """The elements of `a`, in row-major order ("C") or column-major ("F"), in `shape`.

    One length may be -1: it is found from the others.  TypeError when the sizes differ.
    """
    a = as_array("reshape", a)
    new = _new_shape(a, shape)
    if order == "C":
        return lax.reshape(a, new)
    if order == "F":
        return transpose(lax.reshape(transpose(a), new[::-1]))
    raise (NotImplementedError if order == "A" else ValueError)(
        f"Unexpected value for 'order' argument: {order!r}; arrays have row-major order: 'C' or 'F'"
    )


def _new_shape(a: Array, shape: Any) -> tuple[int, ...]:
    try:
        new = lengths_of(shape)
    except TypeError as error:
        raise TypeError(
            f"reshape: Shapes must be 1D sequences of concrete values of integer type, got {shape}. {error}"
        ) from None
    unknown = [i for i, d in enumerate(new) if d == -1]
    if len(unknown) > 1:
        raise TypeError(f"reshape: can only specify one unknown axis size with a -1, got {new}")
    if unknown:
        known = prod(d for d in new if d != -1)
        if known == 0 or a.size % known:
            raise TypeError(f"cannot reshape array of shape {a.shape} (size {a.size}) into shape {new}")
        new = tuple(a.size // known if d == -1 else d for d in new)
    if prod(new) != a.size:
        raise TypeError(
            f"cannot reshape array of shape {a.shape} (size {a.size}) into shape {new} (size {prod(new)})"
        )
    return new


def ravel(a: ArrayLike, order: str = "C", *, out_sharding: Any = None) -> Array:
    """`a` with one axis, in row-major order ("C") or column-major ("F")."""
    if order == "K":
        raise NotImplementedError("Ravel not implemented for order='K': write order='C' or 'F'")
    return reshape(as_array("ravel", a), (-1,) if np.size(a) else (0,), order)


def resize(a: ArrayLike, new_shape: Any) -> Array:
    """`a`, repeated as often as needed, in `new_shape`; surplus elements are left out.  Zeros if `a` has none."""
    flat = ravel(as_array("resize", a))
    new = canonical_shape("resize", new_shape)
    if not flat.size:
        return lax.full(new, 0, flat.dtype)
    times = -(-prod(new) // flat.size)
    repeated = lax.reshape(lax.broadcast(flat, (times,)), (times * flat.size,))
    return lax.reshape(lax.slice_in_dim(repeated, 0, prod(new)), new)


# --- order of axes ------------------------------------------------------------------------------------


def transpose(a: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """Axis axes[i] of `a` at place i; all axes in reverse order by default.  TypeError for no permutation."""
    a = as_array("transpose", a)
    if axes is None:
        return lax.transpose(a, range(a.ndim - 1, -1, -1))
    return lax.transpose(a, [canonical_axis(i, a.ndim, "axes") for i in axes])


def permute_dims(a: ArrayLike, /, axes: Sequence[int]) -> Array:
    """`transpose` by its array-API name.  TypeError where axes are no permutation of 0, 1, ..."""
    return lax.transpose(as_array("permute_dims", a), axes)


def matrix_transpose(x: ArrayLike, /) -> Array:
    """The last two axes exchanged.  ValueError for fewer than two."""
    x = as_array("matrix_transpose", x)
    if x.ndim < 2:
        raise ValueError(f"x must be at least two-dimensional for matrix_transpose; got ndim={x.ndim}")
    return swapaxes(x, -1, -2)


def swapaxes(a: ArrayLike, axis1: int, axis2: int) -> Array:
    """Axes axis1 and axis2 exchanged."""
    a = as_array("swapaxes", a)
    order = list(range(a.ndim))
    i, j = canonical_axis(axis1, a.ndim), canonical_axis(axis2, a.ndim)
    order[i], order[j] = order[j], order[i]
    return lax.transpose(a, order)


def moveaxis(a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Axes `source` moved to the places `destination`; the others keep their order.

    ValueError for axes that are not there and for other numbers of places, TypeError for an axis that is given twice.
    """
    a = as_array("moveaxis", a)
    source, destination = (
        [canonical_axis(i, a.ndim) for i in (s if isinstance(s, Iterable) else (s,))] for s in (source, destination)
    )
    if len(source) != len(destination):
        raise ValueError(f"Inconsistent number of elements: {len(source)} vs {len(destination)}")
    order = list(other_axes(a.ndim, source))
    for place, axis in sorted(zip(destination, source, strict=True)):
        order.insert(place, axis)
    return lax.transpose(a, order)


def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Array:
    """`axis` moved to stand before the place `start`.  `moveaxis` says it more plainly."""
    a = as_array("rollaxis", a)
    axis = canonical_axis(axis, a.ndim)
    if not -a.ndim <= start <= a.ndim:
        raise ValueError(f"start={start} must satisfy {-a.ndim}<=start<={a.ndim}")
    place = start + a.ndim if start < 0 else start
    return moveaxis(a, axis, place - (axis < place))


# --- axes of length one -------------------------------------------------------------------------------


def expand_dims(a: ArrayLike, axis: int | Sequence[int]) -> Array:
    """`a` with a new axis of length 1 at each place `axis` of the result."""
    a = as_array("expand_dims", a)
    places = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    new = canonical_axes(places, a.ndim + len(places))
    return lax.expand_dims(a, new)


def squeeze(a: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """`a` without its axes of length 1, or without `axis`.  ValueError when `axis` has another length."""
    a = as_array("squeeze", a)
    if axis is None:
        axis = tuple(i for i, d in enumerate(a.shape) if d == 1)
    return lax.squeeze(a, canonical_axes(axis, a.ndim))


def atleast_1d(*arys: ArrayLike) -> Array | list[Array]:
    """Each array with one axis at least: a scalar becomes (1,).  One array, or a list of several."""
    return _each("atleast_1d", arys, lambda a: (1,) if a.ndim == 0 else a.shape)


def atleast_2d(*arys: ArrayLike) -> Array | list[Array]:
    """Each array with two axes at least: (n,) becomes (1, n).  One array, or a list of several."""
    return _each("atleast_2d", arys, lambda a: (*(1,) * (2 - a.ndim), *a.shape))


def atleast_3d(*arys: ArrayLike) -> Array | list[Array]:
    """Each array with three axes at least: (n,) becomes (1, n, 1), (m, n) becomes (m, n, 1)."""
    return _each("atleast_3d", arys, _shape_3d)


def _shape_3d(a: Array) -> tuple[int, ...]:
    if a.ndim < 2:
        return (1, a.size, 1)
    return (*a.shape, 1) if a.ndim == 2 else a.shape


def _each(name: str, arys: Sequence[ArrayLike], new_shape: Any) -> Array | list[Array]:
    if len(arys) == 1 and isinstance(arys[0], list | tuple):
        raise TypeError(f"{name}: pass arrays one by one, {name}(*arrays), not in a {type(arys[0]).__name__}")
    results = [lax.reshape(a, new_shape(a)) for a in as_arrays(name, *arys)]
    return results[0] if len(results) == 1 else results


# --- broadcasting -------------------------------------------------------------------------------------


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    """The shape to which arrays of `shapes` broadcast.  ValueError when they do not fit."""
    rows = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    try:
        return tuple(map(int, np.broadcast_shapes(*rows)))
    except ValueError:
        raise ValueError(f"Incompatible shapes for broadcasting: shapes={rows}") from None


def broadcast_to(array: ArrayLike, shape: Any, *, out_sharding: Any = None) -> Array:
    """`array` repeated along new leading axes and axes of length 1 to `shape`.

    ValueError when it does not fit.
    """
    array = as_array("broadcast_to", array)
    shape = canonical_shape("broadcast_to", shape)
    fits = array.ndim <= len(shape) and all(
        d in (1, s) for d, s in zip(array.shape[::-1], shape[::-1], strict=False)
    )
    if not fits:
        raise ValueError(f"Incompatible shapes for broadcasting: {array.shape} and requested shape {shape}")
    return lax.broadcast_in_dim(array, shape, range(len(shape) - array.ndim, len(shape)))


def broadcast_arrays(*args: ArrayLike) -> list[Array]:
    """All arrays repeated to their common shape, each in its dtype.  ValueError when they do not fit."""
    arrays = as_arrays("broadcast_arrays", *args)
    shape = broadcast_shapes(*(a.shape for a in arrays))
    return [broadcast_to(a, shape) for a in arrays]


# --- reversing and rolling ----------------------------------------------------------------------------


def flip(m: ArrayLike, axis: int | Sequence[int] | None = None) -> Array:
    """The order of elements reversed along `axis`, or along all axes.  TypeError for an axis that is given twice."""
    m = as_array("flip", m)
    axes = axis if isinstance(axis, Iterable) else canonical_axes(axis, m.ndim)
    return lax.rev(m, [canonical_axis(a, m.ndim) for a in axes])


def fliplr(m: ArrayLike) -> Array:
    """The order along axis 1 reversed.  ValueError for fewer than two axes."""
    return flip(_at_least("fliplr", m, 2), 1)


def flipud(m: ArrayLike) -> Array:
    """The order along axis 0 reversed.  ValueError for a scalar."""
    return flip(_at_least("flipud", m, 1), 0)


def _at_least(name: str, m: ArrayLike, ndim: int) -> Array:
    m = as_array(name, m)
    if m.ndim < ndim:
        raise ValueError(f"{name}: input must have at least {ndim} axes, got shape {m.shape}")
    return m


def rot90(m: ArrayLike, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Array:
    """Turned by k quarters in the plane of `axes`, from the first axis towards the second."""
    m = as_array("rot90", m)
    if len(axes) != 2:
        raise ValueError(f"len(axes) must be 2, got {axes}")
    first, second = canonical_axes(axes, m.ndim)
    k = k % 4
    if k == 0:
        return m
    if k == 2:
        return flip(m, (first, second))
    return swapaxes(flip(m, second), first, second) if k == 1 else flip(swapaxes(m, first, second), second)


def roll(a: ArrayLike, shift: ArrayLike | Sequence[int], axis: int | Sequence[int] | None = None) -> Array:
    """Elements moved by `shift` places along `axis`; what leaves at one end comes in at the other.

    Without an axis the flattened array is rolled.  shift and axis may be sequences; shift may be traced.
    """
    a = as_array("roll", a)
    if axis is None:
        return reshape(roll(ravel(a), shift, 0), a.shape)
    axes = canonical_axes(axis, a.ndim) if not isinstance(axis, Sequence) else tuple(
        canonical_axis(i, a.ndim) for i in axis
    )
    for i, amount in _pairs(axes, shift):
        a = _roll_one(a, amount, i)
    return a


def _pairs(axes: tuple[int, ...], shift: Any) -> list[tuple[int, Any]]:
    shifts = list(shift) if isinstance(shift, Sequence) or np.ndim(shift) else [shift]
    if len(shifts) == 1:
        shifts = shifts * len(axes)
    if len(axes) == 1:
        axes = axes * len(shifts)
    if len(axes) != len(shifts):
        raise ValueError(f"roll: {len(shifts)} shifts for {len(axes)} axes")
    return list(zip(axes, shifts, strict=True))


def _roll_one(a: Array, shift: Any, axis: int) -> Array:
    length = a.shape[axis]
    if not length:
        return a
    if not isinstance(shift, Array):
        return _roll_static(a, operator.index(shift) % length, axis)
    doubled = lax.concatenate([a, a], axis)
    start = length - shift % length
    return lax.dynamic_slice_in_dim(doubled, start, length, axis)


def _roll_static(a: Array, shift: int, axis: int) -> Array:
    if not shift:
        return a
    cut = a.shape[axis] - shift
    return lax.concatenate(
        [lax.slice_in_dim(a, cut, None, axis=axis), lax.slice_in_dim(a, 0, cut, axis=axis)], axis
    )


