"""The usual forms of convolution, each a call of `conv_general_dilated`.

    conv, conv_with_general_padding    fewer arguments, fixed order of axes
    conv_transpose                     strides on the input: shapes of the other direction
    conv_general_dilated_patches       the windows themselves, as features
    conv_general_dilated_local         another kernel at each place
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from cujax.engine.ops import axes as ax
from cujax.engine.ops.constants import broadcasted_iota
from cujax.engine.ops.contraction import dot_general
from cujax.engine.ops.conv_dimensions import (
    ConvDimensionNumbers,
    ConvGeneralDilatedDimensionNumbers,
    conv_dimension_numbers,
    dilate,
    place,
    take,
    transposed_pads,
)
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.convolution import conv_general_dilated
from cujax.engine.ops.logic import eq
from cujax.engine.ops.precision import PrecisionLike
from cujax.engine.ops.structural import broadcast_in_dim, dtype_of, ndim_of, reshape, rev, shape_of, transpose

Padding = str | Sequence[tuple[int, int]]


def conv(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Padding,
    precision: PrecisionLike = None,
    preferred_element_type: Any = None,
) -> Any:
    """The convolution of `lhs` (N, C, *spatial) by `rhs` (O, C, *spatial): (N, O, *spatial).

    Arguments and errors as `conv_general_dilated`.
    """
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, precision=precision, preferred_element_type=preferred_element_type
    )


def conv_with_general_padding(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None,
    rhs_dilation: Sequence[int] | None,
    precision: PrecisionLike = None,
    preferred_element_type: Any = None,
) -> Any:
    """As `conv`, with gaps between the elements of `lhs` and of `rhs`."""
    return conv_general_dilated(
        lhs, rhs, window_strides, padding, lhs_dilation, rhs_dilation, precision=precision,
        preferred_element_type=preferred_element_type,
    )


_LAST = {2: ("NC", "IO", "NC"), 3: ("NHC", "HIO", "NHC"), 4: ("NHWC", "HWIO", "NHWC"),
         5: ("NHWDC", "HWDIO", "NHWDC")}


def conv_transpose(
    lhs: Any,
    rhs: Any,
    strides: Sequence[int],
    padding: Padding,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: ConvGeneralDilatedDimensionNumbers = None,
    transpose_kernel: bool = False,
    precision: PrecisionLike = None,
    preferred_element_type: Any = None,
    use_consistent_padding: bool = False,
) -> Any:
    """A convolution whose strides stretch the input ("deconvolution", fractional strides).

    lhs, rhs: as for `conv_general_dilated`, features last ("NHWC", "HWIO") where `dimension_numbers` is None
    and there are up to three spatial axes.  With "SAME" the result has `strides` times the lengths of lhs;
    with "VALID" those of the input whose VALID convolution has the lengths of lhs.  Pairs (low, high) pad the
    stretched lhs; with `use_consistent_padding` they mean the padding of the convolution that is undone.
    `transpose_kernel` reverses the kernel and exchanges its features, which makes this the transpose, and the
    gradient, of the convolution with `rhs`.

    ValueError without dimension numbers in more than three spatial dimensions; others as
    `conv_general_dilated`.
    """
    rank = ndim_of(lhs)
    if dimension_numbers is None and rank not in _LAST:
        raise ValueError(f"conv_transpose needs dimension_numbers for arrays of rank {rank}, such as 'NHWC'")
    names = dimension_numbers or _LAST[rank]
    numbers = conv_dimension_numbers(shape_of(lhs), shape_of(rhs), names)
    kernel = take(shape_of(rhs), numbers.rhs_spec[2:])
    rhs_dilation = rhs_dilation or (1,) * len(kernel)
    if not len(strides) == len(rhs_dilation) == len(kernel):
        raise ValueError(
            f"conv_transpose needs strides and rhs_dilation for each of the {len(kernel)} spatial axes, got "
            f"strides={strides} and rhs_dilation={rhs_dilation}"
        )
    windows = list(map(dilate, kernel, rhs_dilation))
    if padding in ("SAME", "VALID"):
        padding = [transposed_pads(k, s, padding) for k, s in zip(windows, strides, strict=True)]
    elif use_consistent_padding and not isinstance(padding, str):
        padding = [(k - 1 - low, k - 1 - high) for k, (low, high) in zip(windows, padding, strict=True)]
    if transpose_kernel:
        rhs = rev(rhs, numbers.rhs_spec[2:])
        out_axis, in_axis, *spatial = numbers.rhs_spec
        numbers = numbers._replace(rhs_spec=(in_axis, out_axis, *spatial))
    return conv_general_dilated(
        lhs, rhs, (1,) * len(kernel), padding, strides, rhs_dilation, numbers, precision=precision,
        preferred_element_type=preferred_element_type,
    )


def conv_general_dilated_patches(
    lhs: Any,
    filter_shape: Sequence[int],
    window_strides: Sequence[int],
    padding: Padding,
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: ConvGeneralDilatedDimensionNumbers = None,
    precision: PrecisionLike = None,
    preferred_element_type: Any = None,
) -> Any:
    """The windows of `filter_shape` that a convolution sees, as the features of the result.

    The feature axis of the result counts the features of `lhs` slowest, then the positions in the window in
    the order of the spatial axes.  Arguments and errors as `conv_general_dilated`.
    """
    rank = len(tuple(filter_shape)) + 2
    # The kernel has as many axes as lhs should have, so that a wrong rank is named by conv_dimension_numbers.
    lhs_spec, rhs_spec, out_spec = conv_dimension_numbers(shape_of(lhs), (1,) * rank, dimension_numbers)
    features, size = shape_of(lhs)[lhs_spec[1]], prod(filter_shape)
    one_hot = eq(broadcasted_iota("int32", (size, size), 0), broadcasted_iota("int32", (size, size), 1))
    kernel = broadcast_in_dim(convert_element_type(one_hot, dtype_of(lhs)), (features, size, size), (1, 2))
    kernel = reshape(kernel, (features * size, 1, *filter_shape))
    return conv_general_dilated(
        lhs, transpose(kernel, ax.inverse_permutation(rhs_spec)), window_strides, padding, lhs_dilation,
        rhs_dilation, ConvDimensionNumbers(lhs_spec, rhs_spec, out_spec), features, precision=precision,
        preferred_element_type=preferred_element_type,
    )


def conv_general_dilated_local(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: Padding,
    filter_shape: Sequence[int],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: ConvGeneralDilatedDimensionNumbers = None,
    precision: PrecisionLike = None,
) -> Any:
    """A convolution with another kernel at each place (a locally connected layer).

    rhs: its spatial axes are those of the result, and its in-feature axis holds a kernel of `filter_shape`
    for each feature of `lhs`, in the order of `conv_general_dilated_patches`.  TypeError when these do not
    fit.
    """
    numbers = conv_dimension_numbers(shape_of(lhs), shape_of(rhs), dimension_numbers)
    lhs_spec, rhs_spec, out_spec = numbers
    patches = conv_general_dilated_patches(
        lhs, filter_shape, window_strides, padding, lhs_dilation, rhs_dilation, numbers, precision
    )
    out = dot_general(
        patches, rhs, (((out_spec[1],), (rhs_spec[1],)), (out_spec[2:], rhs_spec[2:])), precision
    )
    # The product has the spatial axes first, then batch and feature.
    spatial = range(len(lhs_spec) - 2)
    return transpose(out, place((len(spatial), len(spatial) + 1, *spatial), out_spec))
