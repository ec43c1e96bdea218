"""Values of a convolution by a very large kernel: products of spectra, and what such a transform costs.

The places are cut into boxes.  For the part of the input that a box of places meets, of lengths n = places + taps - 1:

    out[o, p] = inverse(sum over c of forward(part[c]) * conj(forward(kernel[o, c])))[p]

What wraps around falls on places beyond the box, so nothing is padded but to lengths that factor well.  Boxes are a few
times as long as the kernel, which makes a place cheap, keeps spectra in the cache and bounds memory (`Room`).  On a GPU
there is no such cache and every call costs its launch: boxes are as large as memory allows, and hold many elements of
the batch at a time.

Where it pays off on a GPU is an estimate, and the same rule as on the CPU: sums of products at 18 T/s (60 TFLOP/s, of
which a library reaches 60 %) against 200 bytes for each point, at 4.3 TB/s, for three transforms in 64 bits and what is
between them.  Of 2048 x 2048 places that is as long for 31 x 31 taps; the rule begins at 52 x 52, for the launches and
for what such a guess is worth.

Accuracy.  Only floats of up to 32 bits are convolved so, by transforms in 64 bits.  An element is off by less than
`NOISE` times the norms of its part and of its kernel (tested, on what is worst), some 10**5 times less than sums in
float32.  What is smaller than that is zero, so zeros stay zeros, and whole numbers that a float32 holds stay whole.
Convolutions in float64 would lose digits where a part is small beside the rest, and integers may not round: they are
always summed.  A NaN or an infinity would be everywhere, so operands that hold one are left to sums too.

A kernel that is an outer product, as a Gaussian is, could be applied axis by axis.  Kernels are values, and to find out
whether one is of rank 1 (within rounding) takes a factorization and changes bits: whoever has one calls twice.

Start reading at `convolve_by_fft`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import log2, prod
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.backends.select import selected
from cujax.engine.ops.conv_dimensions import Shape
from cujax.engine.ops.convolution_by_product import dilate_and_pad
from cujax.engine.ops.convolution_shape import Window
from cujax.engine.ops.fft import FftType, transform

# Products that are summed while three transforms of real numbers take one of their n log2(n) steps each, on two CPU
# cores, in the dtype of the products; transforms in float64 take twice as long as those in float32.
PRODUCTS_PER_STEP = 60
NOISE = 2.0**-50


class Room(NamedTuple):
    """Bytes that spectra may take, the least places of a box along an axis, and whether elements go one at a time."""

    most_bytes: int
    shortest_box: int
    goes_one_by_one: bool


ON_HOST, ON_GPU = Room(2**28, 128, True), Room(2**31, 4096, False)


def room_of(xp: Any) -> Room:
    """For arrays of this module."""
    return ON_HOST if xp is np else ON_GPU


def is_cheaper(products: int, lengths: Shape, transforms: float = 3, wide: bool = False) -> bool:
    """Whether so many transforms of these lengths take less time than so many products.

    wide: transforms are in float64 for products in float32.  With a kernel of fewer than about a thousand elements they
    never do.
    """
    points = prod(lengths)
    steps = points * log2(max(points, 2)) * transforms / 3
    return products > PRODUCTS_PER_STEP * (1 + wide) * steps


def fast_length(n: int) -> int:
    """The smallest 2**a * 3**b * 5**c that is at least n: a transform of prime length takes 20 times as long."""
    best, fives = 1 << (n - 1).bit_length(), 1
    while fives < best:
        threes = fives
        while threes < best:
            twos = max(0, (-(-n // threes) - 1).bit_length())
            best = min(best, threes << twos)
            threes *= 3
        fives *= 5
    return best


class Boxes(NamedTuple):
    """Of places: the whole of them, the lengths of a box, and the lengths of its transforms."""

    places: Shape
    box: Shape
    lengths: Shape

    @classmethod
    def of(cls, places: Shape, taps: Shape, room: Room) -> Boxes:
        box = tuple(-(-p // -(-p // max(3 * k, room.shortest_box))) for p, k in zip(places, taps, strict=True))
        *others, last = (b + k - 1 for b, k in zip(box, taps, strict=True))
        return cls(places, box, (*map(fast_length, others), 2 * fast_length(-(-last // 2))))  # of pairs of numbers

    @property
    def number(self) -> int:
        return prod(-(-p // b) for p, b in zip(self.places, self.box, strict=True))

    def each(self) -> Iterator[tuple[slice, ...]]:
        starts = [range(0, p, b) for p, b in zip(self.places, self.box, strict=True)]
        for corner in product(*starts):
            yield tuple(slice(s, min(s + b, p)) for s, b, p in zip(corner, self.box, self.places, strict=True))


def fits_fft(x: Shape, kernel: Shape, work: Any, out_dtype: Any, shape: Shape, window: Window, groups: int) -> bool:
    """Whether `convolve_by_fft` is there for x (N, C, *spatial) by a kernel (O, C, *taps), and cheaper than sums."""
    moves = (*window.strides, *window.lhs_dilation, *window.rhs_dilation)
    is_plain = groups == 1 and set(moves) == {1} and 0 not in shape
    if not is_plain or work != np.float32 or np.dtype(out_dtype).itemsize > work.itemsize:
        return False
    (batch, features, *places), (channels, *taps) = shape, kernel[1:]
    if prod(taps) <= 2 * PRODUCTS_PER_STEP:  # which the sums below alone would outweigh
        return False
    room = room_of(selected().xp)
    boxes = Boxes.of(tuple(places), tuple(taps), room)
    points, pairs = prod(boxes.lengths), features * channels
    if 8 * points * (2 * pairs + channels + features) > room.most_bytes:
        return False
    sums = batch * boxes.number * pairs * points  # of products of spectra: each takes about as long as a step
    transforms = pairs + batch * boxes.number * (channels + features) + 3 * sums / (points * log2(max(points, 2)))
    return is_cheaper(prod(shape) * channels * prod(taps), boxes.lengths, transforms, wide=True)


def convolve_by_fft(xp: Any, x: Any, kernel: Any, window: Window, shape: Shape) -> Any | None:
    """The convolution (N, O, *places), in float32; None where an operand is not finite."""
    if not (_is_finite(xp, x) and _is_finite(xp, kernel)):
        return None
    room = room_of(xp)
    boxes = Boxes.of(shape[2:], kernel.shape[2:], room)
    x = dilate_and_pad(xp, x, window.padding, window.lhs_dilation)
    spectra, norms = xp.conj(_forward(xp, kernel, boxes)), _norms(xp, kernel, 1)
    out = xp.empty(shape, xp.float32)
    for some, box in product(_parts(shape, kernel.shape, boxes, room), boxes.each()):
        reach = [slice(s.start, s.stop + k - 1) for s, k in zip(box, kernel.shape[2:], strict=True)]
        part = x[(some, slice(None), *reach)]
        found = _inverse(xp, _forward(xp, part, boxes), spectra, boxes)
        found = found[(slice(None), slice(None), *[slice(s.stop - s.start) for s in box])]
        limit = NOISE * _norms(xp, part, 1)[:, None] * norms
        is_noise = abs(found) < limit.reshape((*limit.shape, *[1] * len(box)))
        with np.errstate(over="ignore"):
            out[(some, slice(None), *box)] = xp.where(is_noise, 0, found)
    return out


def _parts(shape: Shape, kernel: Shape, boxes: Boxes, room: Room) -> Iterator[slice]:
    """Of the batch: one element at a time on the host, whose cache is small, as many as there is room for on a GPU."""
    for_each = 8 * prod(boxes.lengths) * 2 * (shape[1] + kernel[1])
    count = 1 if room.goes_one_by_one else max(1, room.most_bytes // for_each)
    return (slice(start, min(start + count, shape[0])) for start in range(0, shape[0], count))


def _is_finite(xp: Any, x: Any) -> bool:
    """By a sum in 64 bits, which no 32-bit numbers overflow and no NaN or infinity leaves finite."""
    return bool(xp.isfinite(xp.sum(x, dtype=xp.float64)))


def _norms(xp: Any, x: Any, lead: int) -> Any:
    """Of each element of the first `lead` axes."""
    flat = x.reshape((*x.shape[:lead], -1)).astype(xp.float64)
    return xp.sqrt(xp.sum(flat * flat, axis=-1))


def _forward(xp: Any, x: Any, boxes: Boxes) -> Any:
    rank = len(boxes.lengths)
    signal = xp.zeros((*x.shape[: x.ndim - rank], *boxes.lengths))
    signal[(..., *map(slice, x.shape[x.ndim - rank :]))] = x
    return transform(xp, signal, FftType.RFFT, boxes.lengths)


def _inverse(xp: Any, part: Any, spectra: Any, boxes: Boxes) -> Any:
    """The signals (N, O, *lengths) of sums over channels of products of spectra (N, C, ...) and (O, C, ...)."""
    found = part[:, None, 0] * spectra[:, 0]
    for channel in range(1, part.shape[1]):
        found += part[:, None, channel] * spectra[:, channel]
    return transform(xp, found, FftType.IRFFT, boxes.lengths)
