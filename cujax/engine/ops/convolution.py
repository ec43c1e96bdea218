"""Convolution: `conv_general_dilated`, with strides, padding, dilations, groups and any order of axes.

With one spatial axis and canonical order, batch n, in-feature c, out-feature o, kernel position k and
result position p:

    out[n, o, p] = sum over c, k of lhs[n, c, p * stride + k * rhs_dilation] * rhs[o, c, k]

where lhs has first been dilated and padded.  `feature_group_count` g divides the features: out-features of
group j see in-features of group j only.  `batch_group_count` g divides the batch of lhs instead, and group j
of the batch gives the out-features of group j.  In every grouped axis the group counts slowest.

The op is linear in either operand, and the transpose in each is again a convolution: that in lhs of the
cotangent with the reversed kernel, that in rhs of lhs with the cotangent, batch and feature exchanged.
A batch of lhs goes into the batch axis, a batch of rhs into the out-features, a batch of both becomes
groups; so no rule loops, and derivatives exist to any order.  How values are computed stands in
`convolution_by_tiles.py` where a compiler makes kernels, for very large kernels in `convolution_by_fft.py`, on a GPU
with cuDNN in `backends/cudnn_convolution.py`, for every backend in `convolution_by_product.py`, and for kernels that
fuse in `convolution_by_window.py`; what is checked in `convolution_shape.py`.

Start reading at `_transpose_lhs`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from cujax.engine.backends.select import library
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, SumMap, not_fusable
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import is_linear
from cujax.engine.ops import axes as ax
from cujax.engine.ops.constants import zeros_of
from cujax.engine.ops.contraction import bilinear_jvp
from cujax.engine.ops.conv_dimensions import (
    ConvDimensionNumbers,
    ConvGeneralDilatedDimensionNumbers,
    Pads,
    Shape,
    conv_dimension_numbers,
    dilate,
    padding_pairs,
    pads_of_transpose,
    padtype_to_pads,
    take,
)
from cujax.engine.ops.conversion import convert_element_type, convert_element_type_p
from cujax.engine.ops.convolution_by_fft import convolve_by_fft, fits_fft
from cujax.engine.ops.convolution_by_product import convolve
from cujax.engine.ops.convolution_by_sums import parts
from cujax.engine.ops.convolution_by_tiles import convolve_by_tiles, fits_tiles
from cujax.engine.ops.convolution_by_window import terms_of, window_element
from cujax.engine.ops.convolution_shape import Window, canonical_shape, check_ranks, check_window, convolution_aval
from cujax.engine.ops.families import NUMERIC
from cujax.engine.ops.precision import (
    PrecisionLike,
    allows_tf32,
    canonical_element_type,
    canonical_precision,
    product_dtype,
    sum_and_result_dtype,
)
from cujax.engine.ops.structural import dtype_of, move_dim, reshape, rev, shape_of, transpose

# --- value ----------------------------------------------------------------------------------------------


def _impl(
    xp: Any, lhs: Any, rhs: Any, *, window_strides: Shape, padding: Pads, lhs_dilation: Shape, rhs_dilation: Shape,
    dimension_numbers: ConvDimensionNumbers, feature_group_count: int, batch_group_count: int, precision: Any,
    preferred_element_type: Any,
) -> Any:
    window = Window(window_strides, padding, lhs_dilation, rhs_dilation)
    lhs_spec, rhs_spec, out_spec = numbers = dimension_numbers
    groups = feature_group_count, batch_group_count
    work, out_dtype = sum_and_result_dtype(lhs.dtype, rhs.dtype, preferred_element_type)
    shape = canonical_shape(take(lhs.shape, lhs_spec), take(rhs.shape, rhs_spec), window, batch_group_count)
    out = _by_fft(xp, lhs, rhs, work, out_dtype, shape, window, numbers, groups)
    if out is None and fits_tiles(lhs, rhs, work, out_dtype, shape):
        out = convolve_by_tiles(lhs, rhs, shape, numbers, work, out_dtype, window, *groups)
    may_round = allows_tf32(precision, lhs.dtype)
    # Of exact products our kernel makes more than cuDNN's first choice (an H200, 3 x 3 taps, 256 features, 56^2 places,
    # float32: 32 TFLOP/s, cuDNN 24), for any layout; the library's are those on tensor cores.
    if out is None and not may_round and fits_tiles(lhs, rhs, work, out_dtype, shape, "cuda"):
        out = convolve_by_tiles(lhs, rhs, shape, numbers, work, out_dtype, window, *groups)
    if out is None:
        # Libraries take 16-bit floats and sum them in 32 bits.
        taken = out_dtype if lhs.dtype == rhs.dtype == out_dtype else work
        x, kernel = [a if a.dtype == taken else xp.asarray(a, taken) for a in (lhs, rhs)]
        x, kernel = x.transpose(lhs_spec), kernel.transpose(rhs_spec)
        out = library(xp).convolution(x, kernel, out_spec, may_round, *window, *groups)
    if out is None and may_round and fits_tiles(lhs, rhs, work, out_dtype, shape, "cuda"):
        out = convolve_by_tiles(lhs, rhs, shape, numbers, work, out_dtype, window, *groups)
    if out is None:
        out = convolve(xp, xp.asarray(x, work), xp.asarray(kernel, work), window, *groups)
        out = out.transpose(ax.inverse_permutation(out_spec))
    if out.dtype == out_dtype:
        return out
    return convert_element_type_p.rule("impl")(xp, out, new_dtype=out_dtype, weak_type=False)


def _by_fft(
    xp: Any, lhs: Any, rhs: Any, work: Any, out_dtype: Any, shape: Shape, window: Window,
    numbers: ConvDimensionNumbers, groups: tuple[int, int],
) -> Any | None:
    """By products of spectra where they are cheaper and as accurate, in the order of axes of the result; or None."""
    shapes = take(lhs.shape, numbers.lhs_spec), take(rhs.shape, numbers.rhs_spec)
    if not fits_fft(*shapes, work, out_dtype, shape, window, prod(groups)):
        return None
    x, kernel = lhs.transpose(numbers.lhs_spec), rhs.transpose(numbers.rhs_spec)
    out = convolve_by_fft(xp, x, kernel, window, shape)
    return None if out is None else out.transpose(ax.inverse_permutation(numbers.out_spec))


# --- axes that hold groups ------------------------------------------------------------------------------


def _fold(axis: AxisData, x: Any, dim: int, target: int, groups: int = 1) -> Any:
    """The batch axis at `dim` made part of the element's axis `target`, then (groups, batch, rest)."""
    x = move_dim(axis, x, dim, target)
    shape = shape_of(x)
    before, length, after = shape[:target], shape[target + 1], shape[target + 2 :]
    if groups > 1:
        x = reshape(x, (*before, axis.size, groups, length // groups, *after))
        x = _swap(x, target)
    return reshape(x, (*before, axis.size * length, *after))


def _unfold(axis: AxisData, x: Any, target: int, groups: int = 1) -> Any:
    """The inverse of `_fold`, with the batch axis at `target`."""
    shape = shape_of(x)
    before, length, after = shape[:target], shape[target] // axis.size, shape[target + 1 :]
    if groups > 1:
        x = reshape(x, (*before, groups, axis.size, length // groups, *after))
        x = _swap(x, target)
    return reshape(x, (*before, axis.size, length, *after))


def _swap(x: Any, first: int) -> Any:
    """`x` with axes `first` and `first + 1` exchanged."""
    return transpose(x, ax.moved_axes(len(shape_of(x)), first + 1, first))


def _move_groups(x: Any, source: int, target: int, groups: int) -> Any:
    """The leading factor `groups` of axis `source` made the leading factor of axis `target`."""
    if groups == 1:
        return x
    axis = AxisData(None, groups)
    return _fold(axis, _unfold(axis, x, source), source, target)


# --- transposes -----------------------------------------------------------------------------------------


def _transpose(
    ct: Any, lhs: Any, rhs: Any, *, window_strides: Shape, padding: Pads, lhs_dilation: Shape,
    rhs_dilation: Shape, preferred_element_type: Any, **params: Any,
) -> tuple:
    window = Window(window_strides, padding, lhs_dilation, rhs_dilation)
    if is_linear(lhs):
        return _cotangent(_transpose_lhs, ct, rhs, lhs.aval, window, params), None
    return None, _cotangent(_transpose_rhs, ct, lhs, rhs.aval, window, params)


def _cotangent(rule: Any, ct: Any, other: Any, aval: ShapedArray, window: Window, params: Any) -> Any:
    """`rule`, in the wider dtype of its operands; zeros where the result has no elements to come from."""
    if 0 in shape_of(ct):
        return zeros_of(aval)
    dtype = product_dtype(dtype_of(ct), dtype_of(other))
    ct, other = convert_element_type(ct, dtype), convert_element_type(other, dtype)
    return convert_element_type(rule(ct, other, aval, window, **params), aval.dtype)


def _transpose_lhs(
    ct: Any, rhs: Any, lhs: ShapedArray, window: Window, *, dimension_numbers: ConvDimensionNumbers,
    feature_group_count: int, batch_group_count: int, precision: Any,
) -> Any:
    """The cotangent, dilated by the stride, convolved with the reversed kernel.

    Groups, which lie in the out-features of rhs, move to its in-features; those of the batch come out in the
    features of the result and move to its batch.
    """
    lhs_spec, rhs_spec, out_spec = dimension_numbers
    groups = feature_group_count * batch_group_count
    kernel = _move_groups(rev(rhs, rhs_spec[2:]), rhs_spec[0], rhs_spec[1], groups)
    found = conv_general_dilated_p.bind(
        ct, kernel,
        window_strides=window.lhs_dilation,
        padding=pads_of_transpose(
            take(lhs.shape, lhs_spec[2:]), window.lhs_dilation, take(shape_of(rhs), rhs_spec[2:]),
            window.rhs_dilation, take(shape_of(ct), out_spec[2:]), window.strides, window.padding,
        ),
        lhs_dilation=window.strides,
        rhs_dilation=window.rhs_dilation,
        dimension_numbers=ConvDimensionNumbers(out_spec, (rhs_spec[1], rhs_spec[0], *rhs_spec[2:]), lhs_spec),
        feature_group_count=groups, batch_group_count=1,
        precision=precision, preferred_element_type=None,
    )
    return _move_groups(found, lhs_spec[1], lhs_spec[0], batch_group_count)


def _transpose_rhs(
    ct: Any, lhs: Any, rhs: ShapedArray, window: Window, *, dimension_numbers: ConvDimensionNumbers,
    feature_group_count: int, batch_group_count: int, precision: Any,
) -> Any:
    """lhs convolved with the cotangent: features of lhs take the place of the batch, and the sum is over the
    batch.  Groups of features are then groups of the batch, and the other way round."""
    lhs_spec, rhs_spec, out_spec = dimension_numbers
    return conv_general_dilated_p.bind(
        lhs, ct,
        window_strides=window.rhs_dilation,
        padding=_pads_of_rhs_transpose(
            window, take(shape_of(lhs), lhs_spec[2:]), take(rhs.shape, rhs_spec[2:]),
            take(shape_of(ct), out_spec[2:]),
        ),
        lhs_dilation=window.lhs_dilation,
        rhs_dilation=window.strides,
        dimension_numbers=ConvDimensionNumbers(
            *((spec[1], spec[0], *spec[2:]) for spec in (lhs_spec, out_spec, rhs_spec))
        ),
        feature_group_count=batch_group_count, batch_group_count=feature_group_count,
        precision=precision, preferred_element_type=None,
    )


def _pads_of_rhs_transpose(window: Window, lhs: Shape, kernel: Shape, out: Shape) -> Pads:
    """The padding of lhs, with the high side such that the dilated cotangent has as many places as the kernel
    has elements."""
    pads = []
    for i, (low, _) in enumerate(window.padding):
        needed = dilate(out[i], window.strides[i]) + (kernel[i] - 1) * window.rhs_dilation[i]
        pads.append((low, needed - dilate(lhs[i], window.lhs_dilation[i]) - low))
    return tuple(pads)


# --- batches --------------------------------------------------------------------------------------------


def _batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *,
    dimension_numbers: ConvDimensionNumbers, feature_group_count: int, batch_group_count: int, **params: Any,
) -> tuple[Any, int]:
    (lhs, rhs), (dl, dr) = operands, dims
    lhs_spec, rhs_spec, out_spec = dimension_numbers
    features, batches = feature_group_count, batch_group_count
    if axis.size == 0:
        return _empty_batch(operands, dims, dimension_numbers=dimension_numbers, feature_group_count=features,
                            batch_group_count=batches, **params)
    target, groups = out_spec[1], 1
    if dr is None:
        assert dl is not None
        lhs = _fold(axis, lhs, dl, lhs_spec[0], batches)
        target = out_spec[0]
    elif dl is None:
        groups = features * batches
        rhs = _fold(axis, rhs, dr, rhs_spec[0], groups)
    else:
        lhs = _fold(axis, lhs, dl, lhs_spec[0] if batches > 1 else lhs_spec[1])
        rhs = _fold(axis, rhs, dr, rhs_spec[0])
        features, batches = (1, axis.size * batches) if batches > 1 else (axis.size * features, 1)
    out = conv_general_dilated_p.bind(
        lhs, rhs, dimension_numbers=dimension_numbers, feature_group_count=features,
        batch_group_count=batches, **params,
    )
    return _unfold(axis, out, target, groups), target


def _empty_batch(operands: Sequence[Any], dims: Sequence[int | None], **params: Any) -> tuple[Any, int]:
    """A batch of no convolutions: it has a shape, but no number of groups could be zero."""
    avals = [aval_of(x) for x in operands]
    elements = [
        a if d is None else a.update(shape=ax.remove_axes(a.shape, (d,)))
        for a, d in zip(avals, dims, strict=True)
    ]
    one = conv_general_dilated_p.abstract(tuple(elements), params)
    return zeros_of(one.update(shape=(0, *one.shape))), 0


conv_general_dilated_p: Primitive = Primitive(
    "conv_general_dilated", shape=convolution_aval, impl=_impl,
    jvp=bilinear_jvp(lambda: conv_general_dilated_p), transpose=_transpose, batch=_batch,
    cuda=not_fusable("it is a call of a library, where its terms are not few"),
    sum_map=SumMap(terms_of, window_element), domain=NUMERIC, family="contraction", is_fresh=True,
    takes_reversed=(1,), parts=parts,
    doc="Sum of products over windows that a kernel takes.",
)


def conv_general_dilated(
    lhs: Any,
    rhs: Any,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    lhs_dilation: Sequence[int] | None = None,
    rhs_dilation: Sequence[int] | None = None,
    dimension_numbers: ConvGeneralDilatedDimensionNumbers = None,
    feature_group_count: int = 1,
    batch_group_count: int = 1,
    precision: PrecisionLike = None,
    preferred_element_type: Any = None,
    out_sharding: Any = None,
) -> Any:
    """The convolution of `lhs` (a batch of inputs) by `rhs` (the kernel), in n spatial dimensions.

    lhs, rhs: arrays of rank n + 2 and of one dtype, with axes as `dimension_numbers` says: a triple of
    strings for lhs, rhs and the result, such as ("NHWC", "HWIO", "NHWC"); without it ("NCHW", "OIHW", "NCHW")
    with n letters H, W, ....  `padding` is "SAME", "SAME_LOWER", "VALID" or n pairs (low, high), which may be
    negative.  `lhs_dilation` and `rhs_dilation` put gaps between elements of lhs (a transposed convolution)
    and of rhs (an atrous one).  `feature_group_count` and `batch_group_count` compute that many independent
    convolutions, of parts of the features or of the batch.  The kernel is not reversed, as is usual in
    machine learning.  The result has `preferred_element_type`, or the dtype of the operands.  A `precision` below
    the highest lets a GPU round factors of float32 to TF32; without one it does not.

    TypeError for dimension numbers or dtypes that do not fit, ValueError for lengths that do not fit each
    other or the group counts, or padding by a word with lhs_dilation.
    """
    numbers = conv_dimension_numbers(shape_of(lhs), shape_of(rhs), dimension_numbers)
    spatial = len(numbers.rhs_spec) - 2
    strides = _ints(window_strides)
    lhs_dilation = (1,) * spatial if lhs_dilation is None else _ints(lhs_dilation)
    rhs_dilation = (1,) * spatial if rhs_dilation is None else _ints(rhs_dilation)
    if isinstance(padding, str):
        check_ranks(aval_of(lhs), aval_of(rhs), numbers)
        check_window(spatial, Window(strides, ((0, 0),) * spatial, lhs_dilation, rhs_dilation))
        if prod(lhs_dilation) != 1:
            raise ValueError(
                f"padding {padding!r} has no one meaning with lhs_dilation={lhs_dilation}: give a "
                f"(low, high) pair for each spatial axis, or use lax.conv_transpose"
            )
        kernel = map(dilate, take(shape_of(rhs), numbers.rhs_spec[2:]), rhs_dilation)
        padding = padtype_to_pads(take(shape_of(lhs), numbers.lhs_spec[2:]), tuple(kernel), strides, padding)
    return conv_general_dilated_p.bind(
        lhs, rhs, window_strides=strides, padding=padding_pairs(padding), lhs_dilation=lhs_dilation,
        rhs_dilation=rhs_dilation, dimension_numbers=numbers, feature_group_count=int(feature_group_count),
        batch_group_count=int(batch_group_count), precision=canonical_precision(precision),
        preferred_element_type=canonical_element_type(preferred_element_type),
    )


def _ints(entries: Sequence[Any]) -> Shape:
    return tuple([e.__index__() for e in entries])
