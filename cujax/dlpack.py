"""Exchange of arrays with other libraries by DLPack; `from_dlpack` reads, `Array.__dlpack__` writes."""

from __future__ import annotations

from typing import Any

from cujax.api.sharding import device_put
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy import creation

__all__ = ["from_dlpack", "is_supported_dtype"]


def from_dlpack(external_array: Any, device: Any = None, copy: bool | None = None) -> Array:
    """The array of another library, on `device`; copied, since the other library may write to its memory.

    external_array: an object with `__dlpack__` and `__dlpack_device__`; TypeError for others.  device: None, or one of
    `cujax.devices()`.  copy: None or True; ValueError for False.
    """
    if copy is False:
        raise ValueError(
            "from_dlpack: copy=False cannot be had, since the other library may write to its memory, and arrays here "
            "never change; leave copy out"
        )
    if not (hasattr(external_array, "__dlpack__") and hasattr(external_array, "__dlpack_device__")):
        raise TypeError(
            "from_dlpack: the array must have the methods __dlpack__ and __dlpack_device__, which "
            f"{type(external_array).__name__} has not"
        )
    return device_put(creation.from_dlpack(external_array), device)


def is_supported_dtype(dtype: Any) -> bool:
    """Whether arrays of `dtype` can be exchanged: booleans, numbers of 8 bits and more, not the 8-bit floats."""
    found = dtypes.as_dtype(dtype)
    if dtypes.is_key(found) or found in dtypes.INT4S or found.kind in "SUOMm":
        return False
    return not (dtypes.is_float(found) and found.itemsize == 1)
