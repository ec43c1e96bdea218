"""Sets of values: unique, intersection, union, differences.

The number of results depends on values: they must be known, or `size` says how many results there are;
a result that is shorter is filled up with `fill_value` (the first, or smallest, element by default).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.numpy.creation import canonical_shape, full
from cujax.numpy.cumulative import cumsum
from cujax.numpy.joining import concatenate
from cujax.numpy.logic import choose_where
from cujax.numpy.promotion import GIVE_SIZE, ArrayLike, arrays_of, as_array, known_values, promote_dtypes
from cujax.numpy.reshaping import moveaxis, ravel
from cujax.numpy.searching import isin
from cujax.numpy.selection import nonzero
from cujax.numpy.sorting import lexsort


class Unique(NamedTuple):
    """What `unique_all` returns: values, and where, in which order and how often they occur."""

    values: Array
    indices: Array
    inverse_indices: Array
    counts: Array


class UniqueCounts(NamedTuple):
    """What `unique_counts` returns."""

    values: Array
    counts: Array


class UniqueInverse(NamedTuple):
    """What `unique_inverse` returns."""

    values: Array
    inverse_indices: Array


# --- unique -------------------------------------------------------------------------------------------


def unique(
    ar: ArrayLike,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    size: int | None = None,
    fill_value: ArrayLike | None = None,
    sorted: bool = True,
) -> Any:
    """The different elements of the flattened array (slices along `axis`), in ascending order.

    Also, if asked for: the index of the first occurrence of each, for each element the number of its
    value, and how often each occurs.  NaN counts once if `equal_nan`.
    ConcretizationTypeError for a traced array without `size`.
    """
    ar = as_array("unique", ar)
    if size is None:
        known_values("jnp.unique", ar, GIVE_SIZE)
    found = _unique(ar, axis, equal_nan, None if size is None else canonical_shape("unique", size)[0], fill_value)
    wanted = (True, return_index, return_inverse, return_counts)
    chosen = tuple(x for x, want in zip(found, wanted, strict=True) if want)
    return chosen[0] if len(chosen) == 1 else chosen


def _unique(ar: Array, axis: int | None, equal_nan: bool, size: int | None, fill_value: Any) -> Unique:
    rows = ravel(ar) if axis is None else moveaxis(ar, canonical_axis(axis, ar.ndim), 0)
    length = rows.shape[0]
    dtype = dtypes.python_scalar_dtype(int)
    if not length:
        return _unique_of_nothing(rows, axis, size or 0, fill_value, ar.shape if axis is None else (0,))
    compared = choose_where(lax.ne(rows, rows), np.nan, rows) if equal_nan and dtypes.is_complex(rows.dtype) else rows
    order = _row_order(compared)
    ordered = compared[order]
    is_first = _starts(ordered, equal_nan)
    number = cumsum(is_first, dtype=dtype) - 1
    inverse = full((length,), 0, dtype).at[order].set(number)
    begins = nonzero(is_first, size=None if size is None else size + 1, fill_value=length)[0]
    ends = concatenate([begins[1:], full((1,), length, dtype)]) if size is None else begins[1:]
    starts = begins if size is None else begins[:-1]
    is_found = starts < length
    places = choose_where(is_found, order.at[starts].get(mode="clip"), order[:1])
    values = rows.at[places].get(mode="clip")
    if size is not None and fill_value is not None:
        mask = lax.broadcast_in_dim(is_found, values.shape, (0,))
        values = choose_where(
            mask, values, lax.convert_element_type(as_array("unique", fill_value), values.dtype)
        )
    shape = ar.shape if axis is None else (length,)
    return Unique(
        moveaxis(values, 0, axis or 0),
        places,
        lax.reshape(inverse, shape),
        choose_where(is_found, ends - starts, 0),
    )


def _unique_of_nothing(rows: Array, axis: int | None, size: int, fill_value: Any, shape: tuple[int, ...]) -> Unique:
    if size and fill_value is None:
        raise ValueError(
            "jnp.unique: for zero-sized input with nonzero size argument, fill_value must be specified"
        )
    none = full((0,), 0, dtypes.python_scalar_dtype(int))
    values = full((size, *rows.shape[1:]), 0 if fill_value is None else fill_value, rows.dtype)
    return Unique(moveaxis(values, 0, axis or 0), none, lax.reshape(none, shape), none)


def _row_order(rows: Array) -> Array:
    """Indices that sort the rows, by their first element, then the second, and so on."""
    if rows.ndim == 1:
        return lexsort([rows])
    columns = lax.reshape(rows, (rows.shape[0], -1 if rows.size == 0 else rows.size // rows.shape[0]))
    keys = [lax.index_in_dim(columns, i, 1, keepdims=False) for i in reversed(range(columns.shape[1]))]
    return lexsort(keys) if keys else lax.iota(dtypes.python_scalar_dtype(int), rows.shape[0])


def _starts(ordered: Array, equal_nan: bool) -> Array:
    """Where sorted rows differ from the row before; true of the first."""
    before, after = ordered[:-1], ordered[1:]
    differs = lax.ne(before, after)
    if equal_nan and dtypes.is_inexact(ordered.dtype):
        both_nan = lax.bitwise_and(lax.ne(before, before), lax.ne(after, after))
        differs = lax.bitwise_and(differs, lax.bitwise_not(both_nan))
    differs = lax.reduce_or(differs, tuple(range(1, ordered.ndim)))
    return concatenate([full((1,), True, bool), differs])


def unique_all(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> Unique:
    """Values, indices, inverse indices and counts, as in `unique`, with NaN never equal."""
    return Unique(*unique(x, True, True, True, equal_nan=False, size=size, fill_value=fill_value))


def unique_counts(
    x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None
) -> UniqueCounts:
    """Values and counts, as in `unique`, with NaN never equal."""
    return UniqueCounts(*unique(x, return_counts=True, equal_nan=False, size=size, fill_value=fill_value))


def unique_inverse(
    x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None
) -> UniqueInverse:
    """Values and inverse indices, as in `unique`, with NaN never equal."""
    return UniqueInverse(*unique(x, return_inverse=True, equal_nan=False, size=size, fill_value=fill_value))


def unique_values(x: ArrayLike, /, *, size: int | None = None, fill_value: ArrayLike | None = None) -> Array:
    """Values, as in `unique`, with NaN never equal."""
    return unique(x, equal_nan=False, size=size, fill_value=fill_value)


# --- two sets -----------------------------------------------------------------------------------------


def _two(name: str, ar1: ArrayLike, ar2: ArrayLike, size: int | None) -> tuple[Array, Array]:
    first, second = (ravel(a) for a in arrays_of(promote_dtypes(name, ar1, ar2)))
    if size is None:
        for a in (first, second):
            known_values(f"jnp.{name}", a, GIVE_SIZE)
    return first, second


def union1d(
    ar1: ArrayLike, ar2: ArrayLike, *, size: int | None = None, fill_value: ArrayLike | None = None
) -> Array:
    """The different elements of both arrays, in ascending order."""
    return unique(concatenate(_two("union1d", ar1, ar2, size)), size=size, fill_value=fill_value)


def _chosen(values: Array, keep: Array, size: int | None, fill_value: Any, default: Any) -> Array:
    """The `values` to keep, or `size` of them."""
    if size is None:
        return values[nonzero(keep)[0]]
    places = nonzero(keep, size=size, fill_value=values.shape[0])[0]
    fill = lax.convert_element_type(
        as_array("sets", default if fill_value is None else fill_value), values.dtype
    )
    found = values.at[places].get(mode="clip") if values.shape[0] else full((size,), 0, values.dtype)
    return choose_where(places < values.shape[0], found, fill)


def setdiff1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, *, size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> Array:
    """The different elements of ar1 that do not occur in ar2, in ascending order; 0 fills up."""
    first, second = _two("setdiff1d", ar1, ar2, size)
    if assume_unique:
        return _chosen(first, isin(first, second, invert=True), size, fill_value, 0)
    found = _unique(first, None, True, None if size is None else first.size, None)
    keep = lax.bitwise_and(isin(found.values, second, invert=True), found.counts > 0)
    return _chosen(found.values, keep, size, fill_value, 0)


def setxor1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, *, size: int | None = None,
    fill_value: ArrayLike | None = None,
) -> Array:
    """The elements that occur in just one of ar1 and ar2, in ascending order."""
    first, second = _two("setxor1d", ar1, ar2, size)
    joined = lax.sort(concatenate([first, second]), 0)
    if not joined.size:
        return full((size or 0,), 0 if fill_value is None else fill_value, joined.dtype)
    only = lax.bitwise_xor(isin(joined, first), isin(joined, second))
    keep = lax.bitwise_and(_starts(joined, True), only)
    return _chosen(
        joined, keep, size, fill_value, joined[nonzero(keep, size=1)[0][0]] if size and joined.size else 0
    )


def intersect1d(
    ar1: ArrayLike, ar2: ArrayLike, assume_unique: bool = False, return_indices: bool = False, *,
    size: int | None = None, fill_value: ArrayLike | None = None,
) -> Any:
    """The different elements that occur in both arrays, in ascending order.

    return_indices: also where they first occur in ar1 and in ar2.
    """
    first, second = _two("intersect1d", ar1, ar2, size)
    found = _unique(first, None, True, None if size is None else first.size, None)
    keep = lax.bitwise_and(isin(found.values, second), found.counts > 0)
    least = found.values[nonzero(keep, size=1)[0][0]] if first.size and size else 0
    values = _chosen(found.values, keep, size, fill_value, least)
    if not return_indices:
        return values
    in_first = _chosen(found.indices, keep, size, first.size, first.size)
    same = lax.eq(lax.broadcast_in_dim(values, (values.shape[0], second.shape[0]), (0,)),
                  lax.broadcast_in_dim(second, (values.shape[0], second.shape[0]), (1,)))
    in_second = lax.argmax(same, 1, dtypes.python_scalar_dtype(int))
    if size is not None:
        in_second = choose_where(in_first < first.size, in_second, second.size)
    return values, in_first, in_second
