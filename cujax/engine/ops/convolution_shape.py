"""Which convolutions exist, of what shape and dtype: the shape rule of `conv_general_dilated`.

Every relation that must hold between the arrays, the window and the groups is checked here, and nowhere
else.  Start reading at `convolution_aval`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from cujax.engine.core.aval import ShapedArray
from cujax.engine.ops.conv_dimensions import (
    ConvDimensionNumbers,
    Pads,
    Shape,
    conv_shape_tuple,
    dilate,
    place,
    take,
)
from cujax.engine.ops.families import NUMERIC, kind_of
from cujax.engine.ops.precision import is_narrower


class Window(NamedTuple):
    """How the kernel moves over lhs: one entry for each spatial axis."""

    strides: Shape
    padding: Pads
    lhs_dilation: Shape
    rhs_dilation: Shape


def convolution_aval(
    lhs: ShapedArray,
    rhs: ShapedArray,
    *,
    window_strides: Shape,
    padding: Pads,
    lhs_dilation: Shape,
    rhs_dilation: Shape,
    dimension_numbers: ConvDimensionNumbers,
    feature_group_count: int,
    batch_group_count: int,
    precision: Any,
    preferred_element_type: Any,
) -> ShapedArray:
    """The result of a convolution with these params."""
    window = Window(window_strides, padding, lhs_dilation, rhs_dilation)
    check_ranks(lhs, rhs, dimension_numbers)
    check_window(len(dimension_numbers.rhs_spec) - 2, window)
    _check_groups(lhs, rhs, dimension_numbers, feature_group_count, batch_group_count)
    batch, feature, *lengths = take(lhs.shape, dimension_numbers.lhs_spec)
    out_features, in_features, *kernel = take(rhs.shape, dimension_numbers.rhs_spec)
    if 0 in kernel:
        raise ValueError(f"conv_general_dilated needs a kernel with elements, got rhs of shape {rhs.shape}")
    found = canonical_shape(
        (batch, feature, *lengths), (out_features, in_features, *kernel), window, batch_group_count
    )
    dtype = _result_dtype(lhs, rhs, preferred_element_type)
    return ShapedArray(place(found, dimension_numbers.out_spec), dtype, lhs.weak_type and rhs.weak_type)


@lru_cache(maxsize=1024)
def canonical_shape(x: Shape, kernel: Shape, window: Window, batch_group_count: int) -> Shape:
    """That of the result (N, O, *places) for x (N', C, *spatial) and a kernel (O, I, *taps)."""
    lengths, taps = map(dilate, x[2:], window.lhs_dilation), map(dilate, kernel[2:], window.rhs_dilation)
    return conv_shape_tuple((*x[:2], *lengths), (*kernel[:2], *taps), window.strides, window.padding, batch_group_count)


def check_ranks(lhs: ShapedArray, rhs: ShapedArray, numbers: ConvDimensionNumbers) -> None:
    ranks = (lhs.ndim, rhs.ndim, len(numbers.lhs_spec), len(numbers.rhs_spec), len(numbers.out_spec))
    if len(set(ranks)) != 1:
        raise TypeError(
            f"convolution requires lhs, rhs and dimension numbers of the same rank, got lhs of shape "
            f"{lhs.shape}, rhs of shape {rhs.shape} and {numbers}"
        )
    if lhs.ndim < 2:
        raise ValueError(
            f"convolution needs a batch axis and a feature axis before the spatial ones, got lhs of shape "
            f"{lhs.shape}. For plain signals use jnp.convolve."
        )


def check_window(spatial: int, window: Window) -> None:
    names = ("window_strides", "padding", "lhs_dilation", "rhs_dilation")
    entries: Any
    for name, entries in zip(names, window, strict=True):
        if len(entries) != spatial:
            kind = TypeError if name == "padding" else ValueError
            raise kind(
                f"conv_general_dilated {name} needs one entry for each of the {spatial} spatial axes of lhs "
                f"and rhs, got {len(entries)}: {entries}"
            )
        if name != "padding" and any(e < 1 for e in entries):
            kind = ValueError if name == "window_strides" else TypeError
            raise kind(f"conv_general_dilated {name} must be positive, got {entries}")


def _check_groups(
    lhs: ShapedArray, rhs: ShapedArray, numbers: ConvDimensionNumbers, features: int, batches: int
) -> None:
    for name, count in (("feature_group_count", features), ("batch_group_count", batches)):
        if count < 1:
            raise ValueError(f"conv_general_dilated {name} must be a positive integer, got {count}")
    if features > 1 and batches > 1:
        raise ValueError(
            f"conv_general_dilated: at most one of feature_group_count and batch_group_count may be above 1, "
            f"got {features} and {batches}"
        )
    batch = _Named("lhs batch", lhs, numbers.lhs_spec[0])
    feature = _Named("lhs feature", lhs, numbers.lhs_spec[1])
    out_feature = _Named("rhs output feature", rhs, numbers.rhs_spec[0])
    in_feature = _Named("rhs input feature", rhs, numbers.rhs_spec[1])
    _check_divides("batch_group_count", batches, batch, out_feature)
    _check_divides("feature_group_count", features, feature, out_feature)
    if feature.length // features != in_feature.length:
        raise ValueError(
            f"conv_general_dilated: {feature} divided by feature_group_count must equal {in_feature}, but "
            f"{feature.length} // {features} is not {in_feature.length}"
        )


class _Named(NamedTuple):
    """An axis for an error text."""

    name: str
    array: ShapedArray
    axis: int

    @property
    def length(self) -> int:
        return self.array.shape[self.axis]

    def __str__(self) -> str:
        return f"the {self.name} dimension (axis {self.axis} of shape {self.array.shape})"


def _check_divides(name: str, count: int, *dimensions: _Named) -> None:
    for dimension in dimensions:
        if dimension.length % count:
            raise ValueError(
                f"conv_general_dilated {name} must divide {dimension}, but {count} does not divide "
                f"{dimension.length}"
            )


_SUMMED_AS = {"b": "biufc", "i": "if", "u": "uif", "f": "f", "c": "c"}  # kinds of dtype


def _result_dtype(lhs: ShapedArray, rhs: ShapedArray, preferred: Any) -> Any:
    dtype = lhs.dtype
    if dtype != rhs.dtype:
        raise TypeError(
            f"lax.conv_general_dilated requires arguments to have the same dtypes, got {dtype} for lhs and "
            f"{rhs.dtype} for rhs. Convert one: lhs.astype(rhs.dtype)."
        )
    if dtype not in NUMERIC:
        raise TypeError(f"lax.conv_general_dilated does not accept dtype {dtype}; it multiplies numbers")
    if preferred is None or preferred == dtype:
        return dtype
    if is_narrower(preferred, dtype):
        raise TypeError(f"preferred_element_type {preferred} must not be narrower than the operands, {dtype}")
    if kind_of(preferred) not in _SUMMED_AS[kind_of(dtype)]:
        raise TypeError(
            f"preferred_element_type {preferred} does not go with operands of {dtype}: signed integers may be "
            f"summed as signed integers or floats, floats as floats, complex numbers as complex numbers"
        )
    return preferred
