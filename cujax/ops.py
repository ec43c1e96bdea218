"""Sums over segments, and updates by functions as JAX had them before `x.at`.

    segment_sum  segment_prod  segment_max  segment_min
    index  index_update  index_add  index_mul  index_min  index_max

`index_update(x, index[1, :], y)` is `x.at[1, :].set(y)`, which new code should write.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cujax import lax
from cujax.engine.core.array import Array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.trace import Tracer
from cujax.engine.ground import dtypes
from cujax.engine.ground.errors import ConcretizationTypeError
from cujax.engine.ops.constants import full_of
from cujax.numpy.at import IndexUpdateHelper
from cujax.numpy.creation import asarray

# --- segments -----------------------------------------------------------------------------------------


class _Combination(NamedTuple):
    """How rows of a segment combine: the method of x.at, the same over an axis, and where it starts."""

    method: str
    over: Callable
    start: Callable[[Any], Any]


def _least(dtype: Any) -> Any:
    if dtypes.is_float(dtype):
        return -np.inf
    return False if dtypes.is_bool(dtype) else np.iinfo(dtype).min


def _greatest(dtype: Any) -> Any:
    if dtypes.is_float(dtype):
        return np.inf
    return True if dtypes.is_bool(dtype) else np.iinfo(dtype).max


_SUM = _Combination("add", lax.reduce_sum, lambda dtype: 0)
_PRODUCT = _Combination("multiply", lax.reduce_prod, lambda dtype: 1)
_MAX = _Combination("max", lax.reduce_max, _least)
_MIN = _Combination("min", lax.reduce_min, _greatest)

_SEGMENTS_DOC = """{what} of the rows of `data` that have one id, for each id.

    data: array; its rows are along axis 0.  segment_ids: a vector of integers, one for each row; rows with
    a negative id, or one too large, are left out.  num_segments: rows of the result; by default the greatest
    id plus one, for which ids must be known.  indices_are_sorted, unique_indices: the caller's word that ids
    are in order, that none is there twice.  bucket_size: combine so many rows first, for accuracy.  mode:
    "clip" counts ids beyond the last segment to that.
    Returns an array of shape (num_segments, *data.shape[1:]) and data's dtype; an id without rows has
    {nothing}.  ValueError for a negative num_segments and for ids that are not one for each row.
    """


def _segment_function(name: str, combination: _Combination, what: str, nothing: str) -> Callable:
    def function(
        data: Any, segment_ids: Any, num_segments: int | None = None, indices_are_sorted: bool = False,
        unique_indices: bool = False, bucket_size: int | None = None, mode: Any = None,
    ) -> Array:
        data, ids = asarray(data), asarray(segment_ids)
        count = _number_of_segments(name, ids, num_segments)
        buckets, index = _bucket_index(ids, bucket_size)
        aval = ShapedArray((*buckets, count, *data.shape[1:]), data.dtype)
        places = IndexUpdateHelper(full_of(aval, combination.start(data.dtype)))[index]
        out = getattr(places, combination.method)(
            data, indices_are_sorted=indices_are_sorted, unique_indices=unique_indices, mode=mode,
            wrap_negative_indices=False,
        )
        return combination.over(out, (0,)) if buckets else out

    function.__name__ = function.__qualname__ = name
    function.__doc__ = _SEGMENTS_DOC.format(what=what, nothing=nothing)
    return function


def _bucket_index(ids: Array, bucket_size: int | None) -> tuple[tuple[int, ...], Any]:
    """The axis of buckets, if there is one, and the index of rows in it."""
    if bucket_size is None:
        return (), ids
    bucket = np.arange(ids.shape[0]) // bucket_size
    return (-(-ids.shape[0] // bucket_size),), (bucket, ids)


def _number_of_segments(name: str, ids: Array, num_segments: int | None) -> int:
    if num_segments is None:
        known = ids.concrete() if isinstance(ids, Tracer) else ids
        if known is None:
            raise ConcretizationTypeError(
                f"{name}() `num_segments` argument: without it the shape of the result depends on the traced "
                f"segment_ids. {ids.origin()}\nPass a number: {name}(data, segment_ids, num_segments=n)."
            )
        return int(np.max(known.to_numpy())) + 1
    count = operator.index(num_segments)
    if count < 0:
        raise ValueError(f"{name}: num_segments must be non-negative, got {count}")
    return count


segment_sum = _segment_function("segment_sum", _SUM, "Sum", "0")
segment_prod = _segment_function("segment_prod", _PRODUCT, "Product", "1")
segment_max = _segment_function("segment_max", _MAX, "Maximum", "the least value of the dtype")
segment_min = _segment_function("segment_min", _MIN, "Minimum", "the greatest value of the dtype")

# --- updates by functions -----------------------------------------------------------------------------


class _Index:
    """`index[1:3, ::2]` is what stands between the brackets, as a value."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        return key


index = _Index()


def _update_function(name: str, method: str, what: str) -> Callable:
    def function(
        x: Any, idx: Any, y: Any, indices_are_sorted: bool = False, unique_indices: bool = False
    ) -> Array:
        update = getattr(IndexUpdateHelper(asarray(x))[idx], method)
        return update(y, indices_are_sorted=indices_are_sorted, unique_indices=unique_indices)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = (
        f"`x.at[idx].{method}(y)`: x with {what}.\n\n"
        "x: array.  idx: an index, made by `index[...]`.  y: values that broadcast to x[idx]."
    )
    return function


index_update = _update_function("index_update", "set", "y in place of x[idx]")
index_add = _update_function("index_add", "add", "y added to x[idx]")
index_mul = _update_function("index_mul", "multiply", "x[idx] multiplied by y")
index_min = _update_function("index_min", "min", "the smaller of x[idx] and y")
index_max = _update_function("index_max", "max", "the greater of x[idx] and y")
