"""Ops that change the dtype of a value, or read its bits as another dtype.

    convert_element_type  bitcast_convert_type
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.backends.cuda_dtypes import check_dtype
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import NOT_LINEAR, Primitive
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero
from cujax.engine.ground import dtypes
from cujax.engine.ops.structural import ANY, move_dim, zero_tangent_jvp

# --- convert_element_type --------------------------------------------------------------------------------------


def _convert_shape(x: ShapedArray, *, new_dtype: Any, weak_type: bool) -> ShapedArray:
    if dtypes.is_key(x.dtype) != dtypes.is_key(new_dtype):
        raise ValueError(f"cannot convert between keys and numbers: {x.dtype} to {new_dtype}")
    return ShapedArray(x.shape, new_dtype, weak_type)


def _convert_impl(xp: Any, x: Any, *, new_dtype: Any, weak_type: bool) -> Any:
    if xp is not np:
        check_dtype(new_dtype)
    if dtypes.is_complex(x.dtype) and not dtypes.is_complex(new_dtype):
        x = x.real
    if dtypes.is_float(x.dtype) and dtypes.is_integer(new_dtype):
        return _saturating_cast(xp, x, new_dtype)
    if x.dtype.itemsize == new_dtype.itemsize == 1 and not np.can_cast(x.dtype, new_dtype, "unsafe"):
        x = x.astype(np.float32 if dtypes.is_float(new_dtype) else np.int8)  # ml_dtypes lacks few pairs of its own
    return x.astype(new_dtype)


def _saturating_cast(xp: Any, x: Any, new_dtype: Any) -> Any:
    """Float to integer as XLA does it: NaN becomes 0, values out of range the nearest bound."""
    info = dtypes.iinfo(new_dtype)
    wide = x.astype(np.float64)
    inside = xp.trunc(xp.clip(xp.where(xp.isnan(wide), 0, wide), float(info.min), float(info.max)))
    result = xp.where(inside >= float(info.max), 0, inside).astype(new_dtype)  # 2**63 - 1 is not a float64
    return xp.where(wide >= float(info.max), new_dtype.type(info.max), result)


def _convert_jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, new_dtype: Any, weak_type: bool
) -> tuple:
    out = convert_element_type_p.bind(*primals, new_dtype=new_dtype, weak_type=weak_type)
    if not dtypes.is_inexact(new_dtype):
        return out, Zero(out.aval.to_tangent_aval())
    return out, convert_element_type_p.bind(*tangents, new_dtype=new_dtype, weak_type=False)


def _convert_transpose(ct: Any, x: Any, *, new_dtype: Any, weak_type: bool) -> tuple:
    return (convert_element_type_p.bind(ct, new_dtype=x.aval.dtype, weak_type=x.aval.weak_type),)


convert_element_type_p = Primitive(
    "convert_element_type", shape=_convert_shape, impl=_convert_impl, jvp=_convert_jvp,
    transpose=_convert_transpose,
    batch=lambda axis, xs, dims, **params: (convert_element_type_p.bind(xs[0], **params), dims[0]),
    cuda="cj::convert<{new_dtype}>({x})", doc="Values in another dtype.", domain=ANY, family="unary",
)


def convert_element_type(operand: Any, new_dtype: Any, weak_type: bool = False) -> Any:
    """`operand` in `new_dtype`: floats to integers by truncation, complex to real by the real part.

    A dtype that x64 mode does not have is truncated first.
    """
    new_dtype = dtypes.canonicalize(dtypes.as_dtype(new_dtype))
    aval = aval_of(operand)
    if aval.dtype == new_dtype and aval.weak_type == weak_type and hasattr(operand, "aval"):
        return operand
    return convert_element_type_p.bind(operand, new_dtype=new_dtype, weak_type=weak_type)


# --- bitcast_convert_type --------------------------------------------------------------------------------------


def _bitcast_shape(x: ShapedArray, *, new_dtype: Any) -> ShapedArray:
    if any(dtypes.is_complex(d) or dtypes.is_bool(d) for d in (x.dtype, new_dtype)) and x.dtype != new_dtype:
        raise TypeError(f"bitcast_convert_type does not support {x.dtype} to {new_dtype}")
    if x.dtype != new_dtype and (x.dtype in dtypes.INT4S or new_dtype in dtypes.INT4S):
        raise NotImplementedError(
            f"bitcast_convert_type: {x.dtype} as {new_dtype}: numbers of 4 bits have a byte each; use astype"
        )
    old, new = x.dtype.itemsize, new_dtype.itemsize
    if old == new:
        return ShapedArray(x.shape, new_dtype)
    if old > new:
        return ShapedArray((*x.shape, old // new), new_dtype)
    if not x.shape or x.shape[-1] != new // old:
        raise ValueError(
            f"bitcast_convert_type from {x.dtype} to {new_dtype} needs a last axis of length {new // old}; "
            f"got shape {x.shape}"
        )
    return ShapedArray(x.shape[:-1], new_dtype)


def _bitcast_impl(xp: Any, x: Any, *, new_dtype: Any) -> Any:
    physical = getattr(new_dtype, "physical", new_dtype)
    if xp is not np:
        check_dtype(physical)
    old, new = x.dtype.itemsize, physical.itemsize
    contiguous = xp.ascontiguousarray(x)
    if old == new:
        return xp.reshape(contiguous.view(physical), x.shape)
    if old > new:
        return xp.reshape(xp.reshape(contiguous, (*x.shape, 1)).view(physical), (*x.shape, old // new))
    return xp.reshape(contiguous.view(physical), x.shape[:-1])


def _bitcast_batch(axis: AxisData, operands: Sequence[Any], dims: Sequence[int], *, new_dtype: Any) -> tuple:
    return bitcast_convert_type_p.bind(move_dim(axis, operands[0], dims[0], 0), new_dtype=new_dtype), 0


bitcast_convert_type_p = Primitive(
    "bitcast_convert_type",
    shape=_bitcast_shape,
    impl=_bitcast_impl,
    jvp=zero_tangent_jvp(lambda: bitcast_convert_type_p),
    transpose=NOT_LINEAR,
    batch=_bitcast_batch,
    cuda="cj::bitcast<{new_dtype}>({x})",
    doc="The same bits read as another dtype.",
    domain=ANY,
    family="unary",
)


def bitcast_convert_type(operand: Any, new_dtype: Any) -> Any:
    """The bits of `operand` as `new_dtype`; a change of width adds or removes a last axis."""
    return bitcast_convert_type_p.bind(operand, new_dtype=dtypes.canonicalize(dtypes.as_dtype(new_dtype)))
