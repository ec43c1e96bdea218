"""Taking and putting elements by index: take, put and their relations; indices into flattened arrays.

Indices below 0 count from the end, but in `take` under "clip".  Out of range, `take` and `take_along_axis` give
NaN (the least value of signed integers, the greatest of unsigned ones) and writes are dropped, unless `mode` says
otherwise: "clip" uses the nearest valid index, "wrap" counts round, "fill" gives `fill_value`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.numpy.creation import asarray
from cujax.numpy.cumulative import cumsum
from cujax.numpy.logic import choose_where, truth
from cujax.numpy.promotion import ArrayLike, as_array, as_arrays, known_values
from cujax.numpy.reshaping import broadcast_to, ravel

# --- take and put ---------------------------------------------------------------------------------------


@traced_once("a", "indices")
def take(
    a: ArrayLike, indices: ArrayLike, axis: int | None = None, out: None = None, mode: str | None = None,
    unique_indices: bool = False, indices_are_sorted: bool = False, fill_value: Any = None,
) -> Array:
    """Slices of `a` at `indices` along `axis` (elements of the flattened array by default).

    The axes of `indices` stand where `axis` was.  mode: "fill" (default), "clip" (0 for negative ones) or "wrap".
    NotImplementedError for mode "raise".
    """
    if out is not None:
        raise NotImplementedError("The 'out' argument to jnp.take is not supported")
    if mode == "raise":
        raise NotImplementedError("jnp.take: mode='raise' needs values; use 'fill', 'clip' or 'wrap'")
    a, indices = as_arrays("take", a, indices)
    if axis is None:
        a, axis = ravel(a), 0
    if dtypes.is_bool(indices.dtype) or not indices.size:
        indices = lax.convert_element_type(indices, np.int32)
    if not dtypes.is_integer(indices.dtype):
        raise ValueError(f"take: indices must have an integer type, got {indices.dtype}")
    axis = canonical_axis(axis, a.ndim)
    if a.shape[axis] == 0 and indices.size:
        raise IndexError(f"take: there is nothing to take along axis {axis} of an array of shape {a.shape}")
    indices, mode = _wrapped(indices, a.shape[axis], mode)
    index = (slice(None),) * axis + (indices,)
    return a.at[index].get(
        mode=mode or "fill",
        fill_value=fill_value,
        unique_indices=unique_indices,
        indices_are_sorted=indices_are_sorted,
        wrap_negative_indices=mode != "clip",
    )


def _wrapped(indices: Array, length: int, mode: str | None) -> tuple[Array, str | None]:
    """Indices counted round under mode "wrap", and the mode that is left."""
    return (indices % max(length, 1), "clip") if mode == "wrap" else (indices, mode)


def _along_axis(name: str, arr: Array, indices: Array, axis: int) -> tuple:
    """The index that reads `arr` at `indices` along `axis` and at its own place along all other axes."""
    if not dtypes.is_integer(indices.dtype):
        raise TypeError(f"{name} indices must be of integer type, got {indices.dtype}")
    if indices.ndim != arr.ndim:
        raise ValueError(
            f"indices and arr must have the same number of dimensions; {indices.ndim} vs. {arr.ndim}"
        )
    shape = list(
        np.broadcast_shapes(*((*x.shape[:axis], 1, *x.shape[axis + 1 :]) for x in (arr, indices)))
    )
    shape[axis] = indices.shape[axis]
    places = [
        lax.broadcasted_iota(np.int32, [d if j == i else 1 for j in range(arr.ndim)], i) if arr.shape[i] != 1
        else np.zeros((1,) * arr.ndim, np.int32)
        for i, d in enumerate(shape)
    ]
    places[axis] = broadcast_to(indices, shape)
    return tuple(places)


@traced_once("arr", "indices")
def take_along_axis(
    arr: ArrayLike, indices: ArrayLike, axis: int | None = -1, mode: Any = None, fill_value: Any = None, *,
    wrap_negative_indices: bool | None = None,
) -> Array:
    """For each place of `indices` the element of `arr` with that index along `axis`.

    arr and indices have as many axes and broadcast together along the others; None flattens `arr`.
    TypeError for indices that are no integers, ValueError for another number of axes.
    """
    arr, indices = as_arrays("take_along_axis", arr, indices)
    if axis is None:
        if indices.ndim != 1:
            raise ValueError(f"take_along_axis: with axis None indices must be 1D, got shape {indices.shape}")
        arr, axis = ravel(arr), 0
    axis = canonical_axis(axis, arr.ndim)
    if isinstance(mode, str):
        indices, mode = _wrapped(indices, arr.shape[axis], mode)
    index = _along_axis("take_along_axis", arr, indices, axis)
    return arr.at[index].get(mode=mode or "fill", fill_value=fill_value)


def put_along_axis(
    arr: ArrayLike, indices: ArrayLike, values: ArrayLike, axis: int | None, inplace: bool = True, *,
    mode: str | None = None,
) -> Array:
    """A copy of `arr` with `values` at `indices` along `axis`; inplace=False must be written."""
    if inplace:
        raise ValueError(
            "jnp.put_along_axis cannot change its argument: arr = jnp.put_along_axis(..., inplace=False)"
        )
    arr, indices, values = as_arrays("put_along_axis", arr, indices, values)
    if axis is None:
        return lax.reshape(put_along_axis(ravel(arr), indices, values, 0, False, mode=mode), arr.shape)
    axis = canonical_axis(axis, arr.ndim)
    indices, mode = _wrapped(indices, arr.shape[axis], mode)
    return arr.at[_along_axis("put_along_axis", arr, indices, axis)].set(values, mode=mode)


def put(
    a: ArrayLike, ind: ArrayLike, v: ArrayLike, mode: str | None = None, *, inplace: bool = True
) -> Array:
    """A copy of `a` with the values v, repeated as needed, at places `ind` of the flattened array."""
    if inplace:
        raise ValueError("jnp.put cannot change its argument: write a = jnp.put(a, ind, v, inplace=False)")
    a, ind, v = as_arrays("put", a, ind, v)
    if not a.size or not ind.size or not v.size:
        return a
    ind, v = ravel(ind), ravel(v)
    values = v[lax.rem(lax.iota(np.int32, ind.size), np.int32(v.size))]
    ind, mode = _wrapped(ind, a.size, mode)
    return lax.reshape(ravel(a).at[ind].set(values, mode=mode or "drop"), a.shape)


def place(arr: ArrayLike, mask: ArrayLike, vals: ArrayLike, *, inplace: bool = True) -> Array:
    """A copy of `arr` with the values `vals`, repeated as needed, one after the other where `mask` holds."""
    if inplace:
        raise ValueError(
            "jnp.place cannot change its argument: write arr = jnp.place(arr, mask, vals, inplace=False)"
        )
    arr, mask, vals = as_arrays("place", arr, truth("place", mask), vals)
    if arr.size != mask.size:
        raise ValueError("place: arr and mask must be the same size.")
    if not vals.size:
        raise ValueError("Cannot place values from an empty array")
    flat = ravel(mask)
    turn = (cumsum(flat, dtype=int) - 1) % vals.size
    chosen = lax.convert_element_type(ravel(vals)[turn], arr.dtype)
    return lax.reshape(choose_where(flat, chosen, ravel(arr)), arr.shape)


# --- numbers of places --------------------------------------------------------------------------------------


def unravel_index(indices: ArrayLike, shape: Any) -> tuple[Array, ...]:
    """Indices into the flattened array of `shape` as one array for each axis; out of range is clipped."""
    indices = as_array("unravel_index", indices)
    lengths = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    size = prod(lengths)
    indices = lax.clamp(indices.dtype.type(0), choose_where(indices < 0, indices + size, indices),
                        indices.dtype.type(max(size - 1, 0)))
    found = []
    for length in reversed(lengths):
        found.append(indices % length)
        indices = indices // length
    return tuple(reversed(found))


def ravel_multi_index(
    multi_index: Sequence[ArrayLike],
    dims: Sequence[int],
    mode: str = "raise",
    order: str = "C",
    *,
    dtype: Any = None,
) -> Array:
    """Indices into the flattened array of shape `dims`, from one array for each axis.

    mode: "wrap" or "clip" for indices out of range; "raise" needs known values and raises ValueError.
    """
    if len(multi_index) != len(dims):
        raise ValueError(f"len(multi_index)={len(multi_index)} does not equal len(dims)={len(dims)}")
    if order not in ("C", "F") or mode not in ("raise", "wrap", "clip"):
        raise ValueError(
            f"ravel_multi_index: order={order!r} must be 'C' or 'F', mode={mode!r} 'raise', 'wrap' or 'clip'"
        )
    dtype = dtypes.canonicalize_user(int if dtype is None else dtype, "ravel_multi_index")
    result = asarray(0, dtype)
    pairs = list(zip(as_arrays("ravel_multi_index", *multi_index), dims, strict=True))
    for index, length in pairs if order == "C" else reversed(pairs):
        if not dtypes.is_integer(index.dtype):
            raise TypeError("only int indices permitted")
        result = result * length + lax.convert_element_type(_in_range(index, length, mode), dtype)
    return result


def _in_range(index: Array, length: int, mode: str) -> Array:
    if mode == "wrap":
        return index % length
    if mode == "clip":
        return lax.clamp(index.dtype.type(0), index, index.dtype.type(length - 1))
    values = known_values("jnp.ravel_multi_index", index, "Write mode='wrap' or mode='clip'.")
    if np.any((values < 0) | (values >= length)):
        raise ValueError("invalid entry in coordinates array: an index is outside its axis")
    return index
