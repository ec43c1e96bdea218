"""Values of a convolution on NumPy or CuPy: windows laid out as columns, then one matrix product.

For an input in canonical order (batch, feature, spatial) and a kernel (out-feature, in-feature, spatial):

    columns[(c, k), (n, p)] = input[n, c, p * stride + k * dilation]        (a strided view, then a copy)
    out[o, (n, p)]          = kernel[o, (c, k)] @ columns[(c, k), (n, p)]

Cost.  The product reads each column once for every few out-features, and copying the columns costs as much
as reading the input prod(k) times.  For few out-features the copy is what takes time, and it is cheapest
while a block of columns stays in the cache: 3 x 3 taps on 2000 x 2000 float64 take 15 ms in blocks of 2 MB
and 55 ms in one of 288 MB.  Adding up shifted inputs, tap by tap, needs no columns, but passes over the
result once for each tap: 55 ms.  So the result is cut into blocks of positions whose columns fit the
backend's `workspace_bytes`, each computed by one product of full depth.  Only for one signal and one kernel
with one axis there is better: `xp.correlate` is a dot product for each position and copies nothing (10,000
elements by 1,000: 0.7 ms instead of 30).

Where there is a compiler, convolutions go by `convolution_by_tiles.py` instead, which copies less, but for complex
numbers on a host.

Start reading at `convolve`.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from cujax.engine.backends.select import library
from cujax.engine.ops.conv_dimensions import Pads, Shape, count_windows, dilate
from cujax.engine.ops.convolution_shape import Window

Block = tuple[slice, ...]


def convolve(
    xp: Any, x: Any, kernel: Any, window: Window, feature_group_count: int, batch_group_count: int
) -> Any:
    """The convolution of `x` (N, C, *spatial) by `kernel` (O, I, *spatial), in their one dtype."""
    x = dilate_and_pad(xp, x, window.padding, window.lhs_dilation)
    groups = feature_group_count * batch_group_count
    if batch_group_count > 1:
        x = x.reshape((groups, x.shape[0] // groups, *x.shape[1:]))
    else:
        x = x.reshape((x.shape[0], groups, x.shape[1] // groups, *x.shape[2:])).swapaxes(0, 1)
    kernel = kernel.reshape((groups, kernel.shape[0] // groups, *kernel.shape[1:]))
    out = _grouped(xp, x, kernel, window.strides, window.rhs_dilation).swapaxes(1, 2).swapaxes(0, 1)
    return out.reshape((out.shape[0], out.shape[1] * out.shape[2], *out.shape[3:]))


def dilate_and_pad(xp: Any, x: Any, padding: Pads, dilation: Shape, value: Any = 0) -> Any:
    """`x` with gaps between elements and at the ends of its trailing axes; a view where there are none.

    Negative padding takes elements away.
    """
    lead = x.ndim - len(padding)
    if any(f != 1 for f in dilation) or any(low > 0 or high > 0 for low, high in padding):
        spread = tuple(map(dilate, x.shape[lead:], dilation))
        shape = [d + max(low, 0) + max(high, 0) for d, (low, high) in zip(spread, padding, strict=True)]
        wide = xp.full((*x.shape[:lead], *shape), value, x.dtype)
        inside = [
            slice(max(low, 0), max(low, 0) + d, f)
            for d, f, (low, _) in zip(spread, dilation, padding, strict=True)
        ]
        wide[(..., *inside)] = x
        x = wide
    lengths = x.shape[lead:]
    kept = [slice(max(-low, 0), d - max(-high, 0)) for d, (low, high) in zip(lengths, padding, strict=True)]
    return x[(..., *kept)]


def windows_of(xp: Any, x: Any, window: Shape, strides: Shape, dilation: Shape) -> Any:
    """A view of `x` (*lead, *spatial) as (*lead, *window, *places): every window at every place."""
    lead = x.ndim - len(window)
    places = tuple(map(count_windows, x.shape[lead:], map(dilate, window, dilation), strides))
    along = x.strides[lead:]
    steps = [s * f for s, f in zip(along, dilation, strict=True)]
    moves = [s * f for s, f in zip(along, strides, strict=True)]
    shape = (*x.shape[:lead], *window, *places)
    return xp.lib.stride_tricks.as_strided(x, shape, (*x.strides[:lead], *steps, *moves))


def _grouped(xp: Any, x: Any, kernel: Any, strides: Shape, dilation: Shape) -> Any:
    """x (g, n, c, *spatial) by kernel (g, o, c, *k): the result (g, o, n, *places)."""
    groups, n, c = x.shape[:3]
    taps = kernel.shape[3:]
    places = tuple(map(count_windows, x.shape[3:], map(dilate, taps, dilation), strides))
    shape = (groups, kernel.shape[1], n, *places)
    depth = c * prod(taps)
    if depth == 0 or prod(shape) == 0:
        return xp.zeros(shape, x.dtype)
    if groups == n == c == kernel.shape[1] == 1 and strides == dilation == (1,):
        return xp.correlate(x.reshape(-1), xp.conj(kernel.reshape(-1)), "valid").reshape(shape)
    matrix = kernel.reshape((groups, kernel.shape[1], depth))
    view = windows_of(xp, x.swapaxes(1, 2), taps, strides, dilation)  # (g, c, n, *k, *places)
    view = xp.moveaxis(view, 2, 2 + len(taps))
    blocks = list(_blocks((n, *places), groups * depth * x.dtype.itemsize, library(xp).workspace_bytes()))
    if len(blocks) == 1:
        return (matrix @ view.reshape((groups, depth, -1))).reshape(shape)
    out = xp.empty(shape, x.dtype)
    for block in blocks:
        part = view[(..., *block)]
        columns = part.reshape((groups, depth, -1))
        out[(..., *block)] = (matrix @ columns).reshape((*shape[:2], *part.shape[-len(block) :]))
    return out


def _blocks(shape: Shape, item: int, limit: int) -> Iterator[Block]:
    """Boxes that make up `shape`, each of at most `limit // item` elements (but at least one).

    Trailing axes are kept whole as long as they fit, so that a box reads long runs of memory.
    """
    whole = len(shape)
    while whole > 0 and prod(shape[whole - 1 :]) * item <= limit:
        whole -= 1
    rest = (slice(None),) * (len(shape) - whole)
    if whole == 0:
        yield rest
        return
    step = max(1, limit // (item * prod(shape[whole:])))
    for outer in _indices(shape[: whole - 1]):
        for start in range(0, shape[whole - 1], step):
            yield (*outer, slice(start, start + step), *rest)


def _indices(shape: Shape) -> Iterator[Block]:
    """Each index of an array of `shape`, as slices of length one."""
    if not shape:
        yield ()
        return
    for first in range(shape[0]):
        for others in _indices(shape[1:]):
            yield (slice(first, first + 1), *others)
