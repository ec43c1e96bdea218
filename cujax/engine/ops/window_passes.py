"""Values of windowed reductions on NumPy or CuPy, by passes over whole arrays.

`Window` says how windows lie in an array; every axis has an entry.  Along one axis element k of window p is
element p * stride + k * dilation of the operand after it has been dilated (`base_dilation`) and padded, with
the identity of the reduction.  A reduction is done one axis after the other (`reduce_impl`); what depends on
the place of an element in its window is done for one element of all windows after the other (`_taps`).

Start reading at `Window`, then `_along`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.ground import dtypes
from cujax.engine.ops import axes as ax
from cujax.engine.ops.conv_dimensions import Pads, Shape, count_windows, dilate
from cujax.engine.ops.convolution_by_product import dilate_and_pad
from cujax.engine.ops.reductions import greatest_value, least_value


class Window(NamedTuple):
    """Lengths of windows, steps between them, padding, and gaps in the operand and in windows."""

    window_dimensions: Shape
    window_strides: Shape
    padding: Pads
    base_dilation: Shape
    window_dilation: Shape

    def places(self, shape: Shape) -> Shape:
        """How many windows there are along each axis of an operand of `shape`."""
        dilated = map(dilate, shape, self.base_dilation)
        lengths = [d + low + high for d, (low, high) in zip(dilated, self.padding, strict=True)]
        spans = map(dilate, self.window_dimensions, self.window_dilation)
        return tuple(map(count_windows, lengths, spans, self.window_strides))

    def insert(self, dim: int) -> Window:
        """These windows in each element of a batch whose batch axis is at `dim`."""
        one = (1, 1, (0, 0), 1, 1)
        return Window(*(ax.insert_axis(entries, dim, e) for entries, e in zip(self, one, strict=True)))


def _along(xp: Any, x: Any, axis: int, window: int, stride: int, dilation: int, combine: Callable) -> Any:
    """Windows along one axis, without padding.

    Combining the elements of all windows, one after the other, passes over `window` times the result; making
    windows of 2, 4, 8, ... elements at every place passes over 2 * log2(window) times the operand.  The
    cheaper is done.
    """
    places = count_windows(x.shape[axis], dilate(window, dilation), stride)
    if window * places > 2 * window.bit_length() * x.shape[axis]:
        x, window, dilation = _doubled(x, axis, window, dilation, combine), 1, 1
    parts = [
        _cut(x, axis, start, start + (places - 1) * stride + 1, stride)
        for start in range(0, window * dilation, dilation)
    ]
    if window == 1:
        return parts[0]
    total = combine(parts[0], parts[1])
    for part in parts[2:]:
        combine(total, part, out=total)
    return total


def _cut(x: Any, axis: int, start: int, stop: int, step: int = 1) -> Any:
    return x[(*[slice(None)] * axis, slice(start, stop, step))]


def _doubled(x: Any, axis: int, window: int, dilation: int, combine: Callable) -> Any:
    """Windows at every place: of each power of two that `window` is a sum of, one after the other."""
    places = x.shape[axis] - (window - 1) * dilation
    total, done, power, reach = None, 0, x, 1
    while done < window:
        if window & reach:
            part = _cut(power, axis, done * dilation, done * dilation + places)
            total = part if total is None else combine(total, part)
            done += reach
        if done < window:
            shift = reach * dilation
            kept = power.shape[axis] - shift
            power = combine(_cut(power, axis, 0, kept), _cut(power, axis, shift, shift + kept))
            reach *= 2
    return total


def reduce_impl(ufunc: str, identity: Callable) -> Callable:
    def impl(xp: Any, x: Any, **params: Any) -> Any:
        window = Window(**params)
        places = window.places(x.shape)
        if prod(places) == 0:
            return xp.zeros(places, x.dtype)
        halves = dtypes.is_float(x.dtype) and x.dtype.itemsize < 4
        dtype = dtypes.float32 if halves else x.dtype
        x_wide = x.astype(dtype, copy=False)
        found = dilate_and_pad(xp, x_wide, window.padding, window.base_dilation, identity(dtype))
        for axis in sorted(range(x.ndim), key=lambda a: -window.window_strides[a]):  # what shrinks most first
            found = _along(
                xp, found, axis, window.window_dimensions[axis], window.window_strides[axis],
                window.window_dilation[axis], getattr(xp, ufunc),
            )
        return found.astype(x.dtype, copy=False)

    return impl


def _taps(window: Window, places: Shape) -> Iterator[tuple]:
    """For each element of a window, in order: where it lies in all windows, as slices of the padded array."""
    for tap in product(*map(range, window.window_dimensions)):
        starts = [k * f for k, f in zip(tap, window.window_dilation, strict=True)]
        yield tuple(
            slice(start, start + (n - 1) * s + 1, s)
            for start, n, s in zip(starts, places, window.window_strides, strict=True)
        )


def place_impl(xp: Any, x: Any, *, greatest: bool, **params: Any) -> Any:
    window = Window(**params)
    places = window.places(x.shape)
    found = xp.zeros(places, np.int32)
    if prod(places) == 0:
        return found
    identity = (least_value if greatest else greatest_value)(x.dtype)
    padded = dilate_and_pad(xp, x, window.padding, window.base_dilation, identity)
    keeps = xp.greater_equal if greatest else xp.less_equal
    first, *others = _taps(window, places)
    best = padded[first]
    for k, tap in enumerate(others, 1):
        kept = keeps(best, padded[tap])  # false for NaN
        found, best = xp.where(kept, found, np.int32(k)), xp.where(kept, best, padded[tap])
    return found


def take_impl(xp: Any, t: Any, places: Any, **params: Any) -> Any:
    window = Window(**params)
    out = xp.zeros(places.shape, t.dtype)
    if out.size == 0:
        return out
    padded = dilate_and_pad(xp, t, window.padding, window.base_dilation)
    for k, tap in enumerate(_taps(window, places.shape)):
        out = xp.where(places == k, padded[tap], out)
    return out


def put_impl(xp: Any, ct: Any, places: Any, *, operand_shape: Shape, **params: Any) -> Any:
    window = Window(**params)
    dtype = dtypes.float32 if ct.dtype.itemsize == 2 else ct.dtype
    spread = list(map(dilate, operand_shape, window.base_dilation))
    pads = window.padding
    lengths = [d + max(low, 0) + max(high, 0) for d, (low, high) in zip(spread, pads, strict=True)]
    padded = xp.zeros(tuple(lengths), dtype)
    cut = [slice(max(-low, 0), n - max(-high, 0)) for n, (low, high) in zip(lengths, pads, strict=True)]
    seen = padded[(..., *cut)]
    if ct.size:
        for k, tap in enumerate(_taps(window, places.shape)):
            seen[(..., *tap)] += xp.where(places == k, ct, 0)
    inside = [
        slice(max(low, 0), max(low, 0) + d, f)
        for d, f, (low, _) in zip(spread, window.base_dilation, pads, strict=True)
    ]
    return padded[(..., *inside)].astype(ct.dtype, copy=False)
