"""Dtypes beyond NumPy's, and questions about dtypes."""

from __future__ import annotations

from typing import Any

from cujax.engine.ground import dtypes
from cujax.engine.ground.dtypes import extended, finfo, float0, iinfo, issubdtype, prng_key
from cujax.engine.ground.promotion import TypePromotionError
from cujax.numpy.dtype_objects import result_type

bfloat16 = dtypes.bfloat16.type

__all__ = [
    "TypePromotionError",
    "bfloat16",
    "canonicalize_dtype",
    "extended",
    "finfo",
    "float0",
    "iinfo",
    "issubdtype",
    "itemsize_bits",
    "prng_key",
    "result_type",
    "scalar_type_of",
]


def canonicalize_dtype(dtype: Any, allow_extended_dtype: bool = False) -> Any:
    """The dtype that arrays get when `dtype` is asked for: 32 bits wide unless `enable_x64` is on.

    TypeError for a dtype that arrays cannot have, ValueError for a key dtype without `allow_extended_dtype`.
    """
    found = dtypes.as_dtype(dtype)
    if dtypes.is_key(found) and not allow_extended_dtype:
        raise ValueError(f"canonicalize_dtype: {found} is a key dtype; pass allow_extended_dtype=True")
    return dtypes.canonicalize(found)


def itemsize_bits(dtype: Any) -> int:
    """Bits of one element: 4 for the 4-bit integers."""
    found = dtypes.as_dtype(dtype)
    return 4 if found in dtypes.INT4S else 8 * found.itemsize


def scalar_type_of(x: Any) -> type:
    """Python's bool, int, float or complex, whichever `x` is an element of; TypeError for anything else."""
    dtype = dtypes.as_dtype(getattr(x, "dtype", type(x)))
    kinds = {bool: dtypes.is_bool, int: dtypes.is_integer, float: dtypes.is_float, complex: dtypes.is_complex}
    for kind, holds in kinds.items():
        if holds(dtype):
            return kind
    raise TypeError(f"scalar_type_of: {x!r} is not a number but of dtype {dtype}")
