"""An element of a convolution written out: the sum of products over the window and the features of its group.

This is the form that kernels fuse with what stands before and after it: a stencil, with the filter in registers and
one read of the input for each tap, most of them from the cache.  `convolution_by_product.py` reads an input once for
many out-features instead, so it is better where there are many of these, or many features: `terms_of` chooses.

Start reading at `window_element`.
"""

from __future__ import annotations

from functools import reduce
from itertools import product
from math import prod
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.ops.conv_dimensions import ConvDimensionNumbers, Pads, Shape, place, take
from cujax.engine.ops.convolution_by_tiles import fits_tiles
from cujax.engine.ops.convolution_shape import Window, canonical_shape
from cujax.engine.ops.precision import sum_and_result_dtype
from cujax.engine.ops.slicing import place_in_window

# Beyond these a matrix product is as fast, on two CPU cores: it reads an input once for many out-features.
MOST_FEATURES = 8  # that an element sums over
MOST_PRODUCTS = 512  # of all out-features at one place
# Beyond this `convolution_by_tiles.py` is faster even where fusion saves a pass, since it reads inputs once for several
# results: of one feature 5 x 5 taps take as long either way, 3 x 3 x 3 half of it, 3 x 3 from 1 to 8 a seventh.
MOST_PRODUCTS_BESIDE_TILES = 25  # of all out-features at one place
FEWEST_FOR_TILES = 2**20  # of all places: below, a call of a function takes longer than what is gained
MOST_TERMS_OF_FEW = 32  # where there are fewer places than terms
MOST_BYTES = 512  # of the terms' weights, which a GPU keeps in registers: more would be spilled


def terms_of(
    lhs: ShapedArray, rhs: ShapedArray, *, dimension_numbers: ConvDimensionNumbers, window_strides: Shape,
    padding: Pads, lhs_dilation: Shape, rhs_dilation: Shape, feature_group_count: int, batch_group_count: int,
    preferred_element_type: Any, **params: Any,
) -> int | None:
    """How many products make an element, None where a library computes them faster.

    So it does where the window meets gaps of lhs: which ones, each element would have to find out by divisions.  So it
    does where there are more terms than places, as in the gradient by a small kernel: the text for them would take
    longer to compile than anything takes to compute.
    """
    out_features, features, *kernel = take(rhs.shape, dimension_numbers.rhs_spec)
    terms = features * prod(kernel)
    out_features //= feature_group_count * batch_group_count
    work, out = sum_and_result_dtype(lhs.dtype, rhs.dtype, preferred_element_type)
    if terms * work.itemsize > MOST_BYTES or features > MOST_FEATURES or not 0 < terms * out_features <= MOST_PRODUCTS:
        return None
    window = Window(window_strides, padding, lhs_dilation, rhs_dilation)
    shape = canonical_shape(take(lhs.shape, dimension_numbers.lhs_spec), (out_features, features, *kernel), window, 1)
    has_groups = feature_group_count * batch_group_count > 1
    if not has_groups and _is_for_tiles(features, tuple(kernel), shape) and fits_tiles(lhs, rhs, work, out, shape):
        return None
    if terms > MOST_TERMS_OF_FEW and terms > shape[0] * prod(shape[2:]):
        return None
    has_gaps = any(stride % gap for stride, gap in zip(window_strides, lhs_dilation, strict=True))
    return None if has_gaps else terms


def _is_for_tiles(features: int, kernel: Shape, shape: Shape) -> bool:
    """Whether reading inputs once for several results of this canonical shape would count for more than fusion."""
    is_signal = features == shape[1] == len(kernel) == 1
    terms = features * prod(kernel)
    return not is_signal and terms * shape[1] > MOST_PRODUCTS_BESIDE_TILES and terms * prod(shape) >= FEWEST_FOR_TILES


def window_element(
    e: Any, index: tuple, lhs: ShapedArray, rhs: ShapedArray, *, dimension_numbers: ConvDimensionNumbers,
    window_strides: Shape, padding: Pads, lhs_dilation: Shape, rhs_dilation: Shape, feature_group_count: int,
    batch_group_count: int, precision: Any, preferred_element_type: Any,
) -> Any:
    """The element of the result at `index`; each run of the window along its last axis is a sum of its own.

    Short chains of additions let a processor begin one element before the last is done.
    """
    work, out = sum_and_result_dtype(lhs.dtype, rhs.dtype, preferred_element_type)
    lhs_spec, rhs_spec, out_spec = dimension_numbers
    batch, _, *lengths = take(lhs.shape, lhs_spec)
    out_features, features, *kernel = take(rhs.shape, rhs_spec)
    n, o, *at = take(index, out_spec)
    group = o // (out_features // (feature_group_count * batch_group_count))
    if batch_group_count > 1:
        n = n + group * (batch // batch_group_count)
    first = group * features if feature_group_count > 1 else 0
    corners = tuple([p * stride for p, stride in zip(at, window_strides, strict=True)])

    def term(feature: int, *tap: int) -> Any | None:
        """The product for one tap, None where it lies outside lhs, or in its gaps, at every place."""
        starts = [low - k * step for k, step, (low, _) in zip(tap, rhs_dilation, padding, strict=True)]
        inside, source = place_in_window(corners, starts, lhs_dilation, lengths)
        if inside is False:
            return None
        x = e.convert(e.read(0, place((n, first + feature, *source), lhs_spec)), work)
        weight = e.convert(e.read(1, place((o, feature, *tap), rhs_spec)), work)
        return e.multiply(e.where(inside, x, e.value(0, work)), weight)

    *outer, run = [range(d) for d in (features, *kernel)]
    rows = [[t for k in run if (t := term(*tap, k)) is not None] for tap in product(*outer)]
    sums = [reduce(e.add, row) for row in rows if row]
    return e.convert(reduce(e.add, sums), out) if sums else e.value(0, out)
