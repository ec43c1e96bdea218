"""A convolution with few places and many terms as sums of products over slices: what a GPU computes without a library.

    parts(lhs, rhs, language=..., **params)   a function of the operands, None where it is no gain

The gradient in a filter is such a convolution: the cotangent moves over the input to as many places as the filter has
taps.  Libraries see a matrix product with one or two rows and a million terms.  Written out, every place is a sum over
a slice of lhs times rhs, and all of them become one kernel, which reads both arrays from memory once.

    out[n, o, p] = sum over c, k of  lhs[n, c, p * stride + k * dilation - low] * rhs[o, c, k]

Measured on an H200 against cuDNN 9.19: 3 x 3 taps, 1 feature, 1024^2 places took 0.36 ms there.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import literal
from cujax.engine.ops import axes as ax
from cujax.engine.ops.conv_dimensions import ConvDimensionNumbers, Pads, Shape, take
from cujax.engine.ops.conversion import convert_element_type_p
from cujax.engine.ops.convolution_shape import Window, canonical_shape
from cujax.engine.ops.elementwise import mul
from cujax.engine.ops.joining import concatenate
from cujax.engine.ops.precision import sum_and_result_dtype
from cujax.engine.ops.slicing import pad, slice
from cujax.engine.ops.structural import broadcast_in_dim, reduce_sum, reshape, shape_of, transpose

MOST_PLACES = 64  # each is a sum in registers of every thread
MOST_PAIRS = 8  # of batches and out-features, each of which reads all of lhs and rhs
FEWEST_TERMS = 2**14


def parts(
    lhs: ShapedArray, rhs: ShapedArray, *, language: str, window_strides: Shape, padding: Pads, lhs_dilation: Shape,
    rhs_dilation: Shape, dimension_numbers: ConvDimensionNumbers, feature_group_count: int, batch_group_count: int,
    preferred_element_type: Any, **params: Any,
) -> Callable[[Any, Any], Any] | None:  # fmt: skip
    """See above."""
    work, out_dtype = sum_and_result_dtype(lhs.dtype, rhs.dtype, preferred_element_type)
    window = Window(window_strides, padding, lhs_dilation, rhs_dilation)
    x, kernel = take(lhs.shape, dimension_numbers.lhs_spec), take(rhs.shape, dimension_numbers.rhs_spec)
    batches, features, *places = canonical_shape(x, kernel, window, batch_group_count)
    is_gain = (
        language == "cuda" and work.kind in "fc"
        and feature_group_count * batch_group_count == 1 and all(d == 1 for d in lhs_dilation)
        and 0 < prod(places) <= MOST_PLACES and 0 < batches * features <= MOST_PAIRS
        and prod(kernel[1:]) >= FEWEST_TERMS
    )  # fmt: skip
    if not is_gain:
        return None

    def sums(lhs: Any, rhs: Any) -> Any:
        x = transpose(_as(work, lhs), dimension_numbers.lhs_spec)
        y = transpose(_as(work, rhs), dimension_numbers.rhs_spec)
        found = [_sum(_seen(x, place, shape_of(y)[2:], window), y) for place in product(*map(range, places))]
        rows = [reshape(one, (batches, features, 1)) for one in found]
        out = reshape(concatenate(rows, 2), (batches, features, *places))
        return _as(out_dtype, transpose(out, ax.inverse_permutation(dimension_numbers.out_spec)))

    return sums


def _seen(x: Any, place: Shape, kernel: Shape, window: Window) -> Any:
    """What the kernel meets at a place: a slice of `x`, zeros beyond its edges."""
    sides, steps = [(0, 0, 0), (0, 0, 0)], [1, 1]
    for p, n, k, stride, (low, _), step in zip(
        place, shape_of(x)[2:], kernel, window.strides, window.padding, window.rhs_dilation, strict=True
    ):
        start = p * stride - low
        sides.append((-start, start + (k - 1) * step + 1 - n, 0))
        steps.append(step)
    wide = pad(x, _zero(x), sides)
    return slice(wide, (0,) * len(steps), shape_of(wide), steps)


def _as(dtype: Any, x: Any) -> Any:
    return x if x.dtype == dtype else convert_element_type_p.bind(x, new_dtype=dtype, weak_type=False)


def _zero(x: Any) -> Any:
    """A literal: a number would become one of 32 bits where the program is compiled without `enable_x64`."""
    return literal(0, x.dtype)


def _sum(seen: Any, y: Any) -> Any:
    """The sums over features and taps of the products, for every batch of one and out-feature of the other."""
    (batches, *rest), (features, *_) = shape_of(seen), shape_of(y)
    shape = (batches, features, *rest)
    spatial = range(2, len(shape))
    left = broadcast_in_dim(seen, shape, (0, *spatial))
    right = broadcast_in_dim(y, shape, (1, *spatial))
    return reduce_sum(mul(left, right), tuple(spatial))
