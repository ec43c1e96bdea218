"""Arrays with elements left out or put in: delete, insert, trim_zeros.

Which elements must be known, since the shape of the result depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.core.trace import Tracer
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes, canonical_axis
from cujax.numpy.creation import asarray, full
from cujax.numpy.promotion import ArrayLike, as_array, known_values
from cujax.numpy.reshaping import broadcast_to, moveaxis, ravel
from cujax.numpy.sorting import argsort, sort


def delete(
    arr: ArrayLike, obj: Any, axis: int | None = None, *, assume_unique_indices: bool = False
) -> Array:
    """`arr` without the slices `obj` along `axis`; None flattens it.

    obj: an integer (which may be traced), a slice, an array of integers, or a boolean array.
    assume_unique_indices: promises distinct integers not below 0, which may then be traced.
    ValueError (IndexError for arrays) out of range.
    """
    arr = as_array("delete", arr)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = canonical_axis(axis, arr.ndim)
    length = arr.shape[axis]
    if isinstance(obj, slice):
        return _keep(arr, np.delete(np.arange(length), obj), axis)
    places = as_array("delete", obj, 1)
    if not places.size and places.ndim:
        return arr
    if places.ndim == 0 and isinstance(places, Tracer) and places.concrete() is None:
        return _without_one(arr, places, axis)
    if assume_unique_indices and dtypes.is_integer(places.dtype) and places.ndim == 1:
        return _without_unique(arr, places, axis)
    values = known_values("jnp.delete", places, "Pass distinct indices and assume_unique_indices=True.")
    if values.dtype.kind not in "iub":
        raise ValueError(f"indices must be integers or booleans, got {values.dtype}")
    if values.ndim == 0 and values.dtype.kind in "iu":
        canonical_axis(int(values), length)
    return _keep(arr, np.delete(np.arange(length), values), axis)


def _keep(arr: Array, places: np.ndarray, axis: int) -> Array:
    return arr[(slice(None),) * axis + (asarray(places.astype(np.int32)),)]


def _without_one(arr: Array, place: Array, axis: int) -> Array:
    """Slices before `place` as they are, those behind it moved up by one."""
    length = arr.shape[axis]
    place = lax.convert_element_type(place, np.int32)
    place = lax.clamp(np.int32(0), lax.select_n(place < 0, place, place + length), np.int32(length - 1))
    source = lax.iota(np.int32, length - 1)
    source = source + lax.convert_element_type(source >= place, np.int32)
    return arr[(slice(None),) * axis + (source,)]


def _without_unique(arr: Array, places: Array, axis: int) -> Array:
    """The number of deleted slices before each kept one is found by comparing with the sorted places."""
    length = arr.shape[axis]
    number = places.shape[0]
    gaps = sort(lax.clamp(places.dtype.type(0), places, places.dtype.type(length - 1))) - lax.iota(
        places.dtype, number
    )
    kept = lax.iota(places.dtype, length - number)
    shape = (length - number, number)
    passed = lax.le(lax.broadcast_in_dim(gaps, shape, (1,)), lax.broadcast_in_dim(kept, shape, (0,)))
    source = kept + lax.reduce_sum(lax.convert_element_type(passed, places.dtype), (1,))
    return arr[(slice(None),) * axis + (source,)]


def insert(arr: ArrayLike, obj: Any, values: ArrayLike, axis: int | None = None) -> Array:
    """`arr` with `values` before the slices `obj` along `axis`; None flattens it.

    obj: an integer, a slice or an array of integers, with respect to `arr`; may be traced unless boolean.
    values: converted to the dtype of `arr`, broadcast to the inserted slices.  Out of range, the nearest
    index is used.
    """
    arr, values = as_array("insert", arr), as_array("insert", values, 2)
    if axis is None:
        arr, axis = ravel(arr), 0
    axis = canonical_axis(axis, arr.ndim)
    length = arr.shape[axis]
    places = as_array("insert", np.arange(length + 1)[obj] if isinstance(obj, slice) else obj, 1)
    if dtypes.is_bool(places.dtype):
        places = asarray(
            np.flatnonzero(known_values("jnp.insert", places, "Pass integers.")).astype(np.int32)
        )
    if places.ndim > 1:
        raise ValueError("jnp.insert(): obj must be a slice, a one-dimensional array, or a scalar.")
    number, values = _slices_to_insert(arr, places, values, axis)
    return _merged(arr, _in_place(places, length, number), values, axis)


def _slices_to_insert(arr: Array, places: Array, values: Array, axis: int) -> tuple[int, Array]:
    """How many slices are inserted, and they, in the dtype of `arr`, along the first axis."""
    values = lax.convert_element_type(
        lax.reshape(values, (*(1,) * (arr.ndim - values.ndim), *values.shape)), arr.dtype
    )
    rest = (*arr.shape[:axis], *arr.shape[axis + 1 :])
    if places.ndim == 0:  # an integer: the first axis of values says what stands along `axis`
        moved = moveaxis(values, 0, axis)
        number = moved.shape[axis]
        target = (*arr.shape[:axis], number, *arr.shape[axis + 1 :])
        return number, moveaxis(broadcast_to(moved, target), axis, 0)
    number = places.shape[0] if places.shape[0] != 1 else max(1, values.shape[axis])
    return number, broadcast_to(moveaxis(values, axis, 0), (number, *rest))


def _in_place(places: Array, length: int, number: int) -> Array:
    """Where the inserted slices stand in the result."""
    dtype = dtypes.python_scalar_dtype(int)
    places = lax.convert_element_type(lax.select_n(places < 0, places, places + length), dtype)
    places = lax.clamp(dtype.type(0), places, dtype.type(length))
    counted = lax.iota(places.dtype, number)
    if places.size == 1:
        return lax.broadcast_in_dim(lax.reshape(places, ()), (number,), ()) + counted
    order = argsort(places)
    return places.at[order].add(counted)


def _merged(arr: Array, targets: Array, values: Array, axis: int) -> Array:
    """Inserted slices at `targets`, those of `arr` at the other places in their order."""
    rows = moveaxis(arr, axis, 0)
    total = rows.shape[0] + targets.shape[0]
    is_old = full((total,), True, bool).at[targets].set(False)
    source = lax.cumsum(lax.convert_element_type(is_old, np.int32), 0) - 1
    result = (
        rows.at[source].get(mode="clip") if rows.shape[0] else full((total, *rows.shape[1:]), 0, rows.dtype)
    )
    return moveaxis(result.at[targets].set(values), 0, axis)


def trim_zeros(filt: ArrayLike, trim: str = "fb", axis: int | Sequence[int] | None = None) -> Array:
    """`filt`, whose values must be known, without zeros at the front ("f") and at the back ("b").

    axis: along which slices of zeros are cut off; all by default.
    """
    if set(trim.lower()) - set("fb"):
        raise ValueError(f"trim must be 'f', 'b' or 'fb', got {trim!r}")
    filt = as_array("trim_zeros", filt)
    values = known_values("jnp.trim_zeros", filt, "Cut with a slice of known bounds.")
    places = np.argwhere(values)
    axes = canonical_axes(axis, filt.ndim)
    index = [slice(None)] * filt.ndim
    for i in axes:
        low, high = (
            (int(places[:, i].min()), int(places[:, i].max()) + 1)
            if places.size
            else (filt.shape[i], filt.shape[i])
        )
        index[i] = slice(low if "f" in trim.lower() else 0, high if "b" in trim.lower() else filt.shape[i])
    return filt[tuple(index)]
