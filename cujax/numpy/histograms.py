"""Histograms of one and more variables."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy import reductions
from cujax.numpy.creation import full
from cujax.numpy.differences import diff
from cujax.numpy.grids import linspace
from cujax.numpy.logic import choose_where
from cujax.numpy.promotion import ArrayLike, arrays_of, as_array, as_arrays, check_arraylike, promote_inexact
from cujax.numpy.reshaping import ravel
from cujax.numpy.searching import searchsorted


@traced_once("a", "weights")
def histogram_bin_edges(
    a: ArrayLike, bins: ArrayLike = 10, range: Any = None, weights: ArrayLike | None = None
) -> Array:
    """The edges of `bins` equal bins that span the data, or `range`; a vector `bins` is the edges, sorted.

    Data that are all equal get a range of 1 around them.  NotImplementedError for NumPy's named rules.
    """
    if isinstance(bins, str):
        raise NotImplementedError(
            f"string values for `bins` are not implemented, got {bins!r}: give a number"
        )
    data = ravel(as_array("histogram", a))
    dtype = promote_inexact("histogram", data)[0].dtype
    check_arraylike("histogram", bins)
    if np.ndim(bins) == 1:
        return lax.convert_element_type(as_array("histogram", bins, 1), dtype)
    low, high = _range(data, range)
    low, high = lax.convert_element_type(low, dtype), lax.convert_element_type(high, dtype)
    equal = low == high
    low, high = choose_where(equal, low - 0.5, low), choose_where(equal, high + 0.5, high)
    return linspace(low, high, operator.index(bins) + 1, dtype=dtype)


def _range(data: Array, range: Any) -> Sequence[Array]:
    if range is not None:
        if len(range) != 2:
            raise ValueError(f"`range` must be None or a sequence of length 2, got {range}")
        return as_arrays("histogram", *range)
    if not data.size:
        return as_arrays("histogram", 0.0, 1.0)
    return reductions.min(data), reductions.max(data)


@traced_once("a", "weights")
def histogram(
    a: ArrayLike, bins: ArrayLike = 10, range: Any = None, weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, Array]:
    """(counts, edges): how many elements, or how much weight, lie in each bin; the last bin is closed.

    bins: a number, or a vector of edges.  density: divided by the total and the width of each bin.
    """
    data = ravel(as_array("histogram", a))
    edges = histogram_bin_edges(data, bins, range)
    (values,) = arrays_of(promote_inexact("histogram", data))
    amount = lax.broadcast_in_dim(values.dtype.type(1), values.shape, ()) if weights is None else ravel(
        arrays_of(promote_inexact("histogram", weights))[0]
    )
    if amount.shape != values.shape:
        raise ValueError("weights should have the same shape as a.")
    counts = _count(_bin_numbers(values, edges), amount, edges.shape[0] - 1)
    if density:
        widths = lax.convert_element_type(diff(edges), counts.dtype)
        counts = counts / widths / reductions.sum(counts)
    return counts, edges


def _bin_numbers(values: Array, edges: Array) -> Array:
    """Number of the bin of each value; the number of bins where it lies outside or is NaN."""
    last = edges.shape[0] - 1
    number = searchsorted(edges, values, "right") - 1
    number = choose_where(values == edges[-1], last - 1, number)
    inside = (values >= edges[0]) & (values <= edges[-1])
    return choose_where(inside, number, last)


def _count(numbers: Array, amount: Array, length: int) -> Array:
    return full((length,), 0, amount.dtype).at[numbers].add(amount, mode="drop")


@traced_once("x", "y", "weights")
def histogram2d(
    x: ArrayLike, y: ArrayLike, bins: Any = 10, range: Any = None, weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, Array, Array]:
    """(counts, edges of x, edges of y) of the points (x, y); arguments as `histogramdd`."""
    x, y = as_arrays("histogram2d", x, y)
    if x.ndim != 1 or x.shape != y.shape:
        raise TypeError(f"x and y must be vectors of one length, got {x.shape} and {y.shape}")
    if not isinstance(bins, int | np.integer) and np.ndim(bins) == 1 and len(bins) not in (1, 2):
        bins = [bins, bins]
    sample = lax.concatenate(
        [lax.expand_dims(v, (1,)) for v in arrays_of(promote_inexact("histogram2d", x, y))], 1
    )
    counts, edges = histogramdd(sample, bins, range, weights, density)
    return counts, edges[0], edges[1]


@traced_once("weights")
def histogramdd(
    sample: Any,
    bins: Any = 10,
    range: Any = None,
    weights: ArrayLike | None = None,
    density: bool | None = None,
) -> tuple[Array, list[Array]]:
    """(counts, edges along each axis) of points in D dimensions.

    sample: (N, D) points, or a sequence of D vectors.  bins: a number for all axes, or for each axis a
    number or a vector of edges.  range: for each axis (low, high) or None.  weights, density: as `histogram`.
    """
    columns = _columns(sample)
    dimensions = len(columns)
    each = _per_axis("bins", bins, dimensions)
    ranges = [None] * dimensions if range is None else list(range)
    if len(ranges) != dimensions:
        raise ValueError(
            f"For sample.shape[-1]={dimensions}, `range` must have length {dimensions}, got {len(ranges)}"
        )
    edges = [histogram_bin_edges(c, b, r) for c, b, r in zip(columns, each, ranges, strict=True)]
    lengths = [e.shape[0] - 1 for e in edges]
    ones = full(columns[0].shape, 1, dtypes.python_scalar_dtype(int))
    amount = ones if weights is None else as_array("histogramdd", weights)
    numbers = [_bin_numbers(c, e) for c, e in zip(columns, edges, strict=True)]
    place, inside = _flat_place(numbers, lengths)
    total = int(np.prod(lengths, dtype=np.int64))
    counts = lax.reshape(_count(choose_where(inside, place, total), amount, total), lengths)
    return (_as_density(counts, edges) if density else counts), edges


def _columns(sample: Any) -> list[Array]:
    if isinstance(sample, list | tuple):
        return arrays_of(promote_inexact("histogramdd", *sample))
    (points,) = arrays_of(promote_inexact("histogramdd", sample))
    if points.ndim != 2:
        raise ValueError(f"sample must be of shape (N, D), got {points.shape}")
    return [lax.index_in_dim(points, i, 1, keepdims=False) for i in range(points.shape[1])]


def _per_axis(what: str, value: Any, dimensions: int) -> list[Any]:
    if isinstance(value, int | np.integer):
        return [value] * dimensions
    items = list(value)
    if len(items) != dimensions:
        raise ValueError(f"should be a {what} for each dimension: {len(items)} for {dimensions}")
    return items


def _flat_place(numbers: Sequence[Array], lengths: Sequence[int]) -> tuple[Array, Array]:
    place, inside = numbers[0], numbers[0] < lengths[0]
    for number, length in zip(numbers[1:], lengths[1:], strict=True):
        place, inside = place * length + number, inside & (number < length)
    return place, inside


def _as_density(counts: Array, edges: Sequence[Array]) -> Array:
    density = counts / reductions.sum(counts)
    for axis, e in enumerate(edges):
        shape = [1] * counts.ndim
        shape[axis] = -1
        density = density / lax.convert_element_type(diff(e), density.dtype).reshape(shape)
    return density
