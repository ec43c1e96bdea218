"""Values that are made of nothing but their aval: counts along an axis, and arrays filled with one number.

    iota    full_of  zeros_of  ones_of

`creation` has what users call.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import Primitive, Refused
from cujax.engine.core.tape import Literal
from cujax.engine.ground import dtypes
from cujax.engine.ground.error_names import called_by_user
from cujax.engine.ops.structural import broadcast_in_dim_p, check_lengths


def _iota_impl(xp: Any, *, dtype: Any, shape: tuple, dimension: int) -> Any:
    aligned = [1] * len(shape)
    aligned[dimension] = shape[dimension]
    return xp.broadcast_to(xp.reshape(xp.arange(shape[dimension]).astype(dtype), tuple(aligned)), shape)


def _iota_shape(*, dtype: Any, shape: tuple, dimension: int) -> ShapedArray:
    if not 0 <= dimension < len(shape):
        raise ValueError(f"iota dimension must be an axis of shape {shape}, got {dimension}")
    check_lengths("iota", shape)
    if not (dtypes.is_integer(dtype) or dtypes.is_inexact(dtype)):
        raise TypeError(f"{called_by_user('iota')} counts in numbers, got dtype {dtype}; write iota(...) % 2 == 1")
    return ShapedArray(shape, dtype)


NO_OPERANDS = Refused("it has no operands")

iota_p = Primitive(
    "iota", shape=_iota_shape, impl=_iota_impl, jvp=NO_OPERANDS, transpose=NO_OPERANDS, batch=NO_OPERANDS,
    index_map=lambda e, index, *, dtype, shape, dimension: e.value(index[dimension], dtype),
    doc="0, 1, 2, ... along an axis.", domain="numbers", family="creation",
)


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> Any:
    """An array of `shape` that counts 0, 1, 2, ... along axis `dimension`."""
    dtype = dtypes.canonicalize(dtypes.as_dtype(dtype))
    return iota_p.bind(dtype=dtype, shape=tuple(map(operator.index, shape)), dimension=operator.index(dimension))


def iota(dtype: Any, size: int) -> Any:
    """0, 1, ..., size - 1."""
    return broadcasted_iota(dtype, (size,), 0)


def full_of(aval: ShapedArray, value: Any) -> Any:
    """An array of `aval` filled with the Python number `value`."""
    stored = getattr(aval.dtype, "physical", aval.dtype)  # a key is stored as a word
    scalar = Literal(stored.type(value), ShapedArray((), aval.dtype, aval.weak_type))
    return broadcast_in_dim_p.bind(scalar, shape=aval.shape, broadcast_dimensions=())


def zeros_of(aval: ShapedArray) -> Any:
    """Zeros of `aval`; for float0 tangents a NumPy array, since no op takes them."""
    if aval.dtype == dtypes.float0:
        return np.zeros(aval.shape, dtypes.float0)
    return full_of(aval, 0)


def ones_of(aval: ShapedArray) -> Any:
    return full_of(aval, 1)
