"""A convolution and what is added to its result, in one call of a library.

    out = max(convolution(lhs, rhs) + residual + bias, 0)         each sum rounded, in this order

`residual`, of the shape of the result, and the maximum may be left out; `bias` has a number for each out-feature.  The
compiler makes this op of others (`compiler/epilogues.py`) where a library `has_plan` for it, after all transformations,
so that it has no rules.  A library that refuses its own plan later on leaves the sums to the array library.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.backends.cudnn_call import Epilogue, Outlines
from cujax.engine.backends.select import library, selected
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.primitive import Primitive, Refused, not_fusable
from cujax.engine.ops.conv_dimensions import ConvDimensionNumbers, Pads, Shape
from cujax.engine.ops.convolution import conv_general_dilated_p
from cujax.engine.ops.convolution_shape import convolution_aval
from cujax.engine.ops.families import Domain
from cujax.engine.ops.precision import allows_tf32

_AFTER_ALL = Refused("the compiler makes it, when there is nothing left to transform")


def has_plan(*avals: ShapedArray, **params: Any) -> bool:
    """Whether a library computes the op for contiguous arrays of these avals on the current device.

    Exact products are those of a kernel: see `convolution.py`.
    """
    if not allows_tf32(params["precision"], avals[0].dtype):
        return False
    arrays = [Outlines.empty(a.shape, a.dtype) for a in avals]
    return selected().library.plans_convolution(*_given_to_library(*arrays, **params))


def _given_to_library(
    lhs: Any, rhs: Any, bias: Any, residual: Any | None = None, *, rectifies: bool, window_strides: Shape,
    padding: Pads, lhs_dilation: Shape, rhs_dilation: Shape, dimension_numbers: ConvDimensionNumbers,
    feature_group_count: int, batch_group_count: int, precision: Any, preferred_element_type: Any,
) -> tuple:
    """The arguments of `convolution` in `cudnn.py`."""
    lhs_axes, rhs_axes, out_axes = dimension_numbers
    return (
        lhs.transpose(lhs_axes), rhs.transpose(rhs_axes), out_axes, allows_tf32(precision, lhs.dtype), window_strides,
        padding, lhs_dilation, rhs_dilation, feature_group_count, batch_group_count,
        Epilogue(residual, bias, rectifies),
    )


def _impl(xp: Any, lhs: Any, rhs: Any, bias: Any, *residual: Any, rectifies: bool, **params: Any) -> Any:
    out = library(xp).convolution(*_given_to_library(lhs, rhs, bias, *residual, rectifies=rectifies, **params))
    if out is not None:
        return out
    out = conv_general_dilated_p.rule("impl")(xp, lhs, rhs, **params)
    along = [-1 if axis == params["dimension_numbers"].out_spec[1] else 1 for axis in range(out.ndim)]
    for term in (*residual, bias.reshape(along)):
        xp.add(out, term, out=out)
    return xp.maximum(out, 0, out=out) if rectifies else out


def _aval(
    lhs: ShapedArray, rhs: ShapedArray, bias: ShapedArray, *residual: ShapedArray, rectifies: bool, **params: Any
) -> ShapedArray:
    out = convolution_aval(lhs, rhs, **params)
    features = out.shape[params["dimension_numbers"].out_spec[1]]
    if bias.size != features or bias.dtype != out.dtype:
        raise TypeError(f"convolution with an epilogue needs a bias of {features} {out.dtype}, got {bias.str_short()}")
    for aval in residual:
        if not same_array_type(aval, out):
            raise TypeError(f"convolution with an epilogue adds what is like its result, {out.str_short()}, "
                            f"got {aval.str_short()}")  # fmt: skip
    return out


convolution_epilogue_p: Primitive = Primitive(
    "convolution_epilogue", shape=_aval, impl=_impl, jvp=_AFTER_ALL, transpose=_AFTER_ALL, batch=_AFTER_ALL,
    cuda=not_fusable("it is a call of a library"), domain=Domain("float32, float64", "f"), family="contraction",
    is_fresh=True, doc="A convolution, to which an array, a bias and max(x, 0) are applied before it is written.",
)
