"""What the Python array API standard asks of a namespace beside its functions: its version, and what there is.

    jnp.__array_api_version__           the version of the standard that `cujax.numpy` follows
    jnp.__array_namespace_info__()      capabilities, devices, dtypes (`Info`)

Source: Python array API standard 2024.12, https://data-apis.org/array-api/2024.12/ (inspection, array_api).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cujax.engine.backends.select import selected
from cujax.engine.ground import dtypes

VERSION = "2024.12"
MOST_AXES = 64  # as many as arrays of the backends have

_OF_KIND: dict[str, tuple[np.dtype, ...]] = {
    "bool": (dtypes.bool_,),
    "signed integer": tuple(map(np.dtype, ("int8", "int16", "int32", "int64"))),
    "unsigned integer": tuple(map(np.dtype, ("uint8", "uint16", "uint32", "uint64"))),
    "real floating": tuple(map(np.dtype, ("float32", "float64"))),
    "complex floating": dtypes.COMPLEXES,
}
_OF_KIND["integral"] = _OF_KIND["signed integer"] + _OF_KIND["unsigned integer"]
_OF_KIND["numeric"] = _OF_KIND["integral"] + _OF_KIND["real floating"] + _OF_KIND["complex floating"]


class Info:
    """What `__array_namespace_info__` returns; the methods are those of the standard."""

    def capabilities(self) -> dict[str, Any]:
        """Shapes are fixed when a function is traced, so that none may depend on data."""
        return {"boolean indexing": False, "data-dependent shapes": False, "max dimensions": MOST_AXES}

    def default_device(self) -> None:
        """None: a new array is where the arrays it is made of are, and otherwise on the current device."""
        return None

    def devices(self) -> list[Any]:
        """The devices of this process, and None, which is a device that functions take, too."""
        return [None, *selected().devices()]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype]:
        """The dtypes that Python's numbers become; they depend on `jax_enable_x64`.  ValueError for no device."""
        self._check_device("default_dtypes", device)
        kinds = {"real floating": "float64", "complex floating": "complex128", "integral": "int64", "indexing": "int64"}
        return {kind: dtypes.canonicalize(np.dtype(wide)) for kind, wide in kinds.items()}

    def dtypes(self, *, device: Any = None, kind: str | tuple[str, ...] | None = None) -> dict[str, np.dtype]:
        """The dtypes of the standard by their names: all that there are, or those of a kind or of several.

        Without `jax_enable_x64` there are none of 64 bits.  KeyError for an unknown kind, ValueError for no device.
        """
        self._check_device("dtypes", device)
        kinds = ("bool", "numeric") if kind is None else (kind,) if isinstance(kind, str) else kind
        for name in kinds:
            if name not in _OF_KIND:
                raise KeyError(f"dtypes: kind={name!r} is none of {', '.join(map(repr, _OF_KIND))}")
        found = [dtype for name in kinds for dtype in _OF_KIND[name] if dtypes.canonicalize(dtype) == dtype]
        return {dtype.name: dtype for dtype in found}

    def _check_device(self, name: str, device: Any) -> None:
        if device not in self.devices():
            raise ValueError(f"{name}: device={device!r} is none of this process's: {self.devices()}")


def array_namespace_info() -> Info:
    """The array API standard's description of this namespace."""
    return Info()
