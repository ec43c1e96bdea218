"""DLPack for bfloat16 on the host, which NumPy does not exchange.

`capsule` gives a buffer away and `adopt` takes one.  NumPy moves the memory, as 16-bit integers; the code of the dtype
in the capsule says otherwise on the other side (https://dmlc.github.io/dlpack/latest/c_api.html).
"""

from __future__ import annotations

import ctypes
from typing import Any

import ml_dtypes
import numpy as np

_UNSIGNED, _BFLOAT = 1, 4  # DLDataTypeCode
# Where the code stands: `dtype.code` of a DLTensor, first in a DLManagedTensor, after 32 bytes in a versioned one.
_CODE_AT = {b"dltensor": 20, b"dltensor_versioned": 52}

_name = ctypes.pythonapi.PyCapsule_GetName
_name.restype, _name.argtypes = ctypes.c_char_p, [ctypes.py_object]
_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def capsule(buffer: Any, **asked: Any) -> Any:
    """`buffer.__dlpack__(**asked)`, of an array of bfloat16 too."""
    if not (isinstance(buffer, np.ndarray) and buffer.dtype == ml_dtypes.bfloat16):
        return buffer.__dlpack__(**asked)
    made = buffer.view(np.uint16).__dlpack__(**asked)
    _code(made).value = _BFLOAT
    return made


def adopt(x: Any) -> np.ndarray:
    """`np.from_dlpack(x)`, of an array of bfloat16 too."""
    given = _AsIntegers(x)
    found = np.from_dlpack(given)
    return found.view(ml_dtypes.bfloat16) if given.is_bfloat16 else found


def _code(made: Any) -> ctypes.c_uint8:
    name = _name(made)
    return ctypes.c_uint8.from_address(_pointer(made, name) + _CODE_AT[name])


class _AsIntegers:
    """A producer whose numbers of bfloat16 pass for integers, and the note that they do."""

    def __init__(self, x: Any) -> None:
        self.x = x
        self.is_bfloat16 = False

    def __dlpack__(self, **asked: Any) -> Any:
        made = self.x.__dlpack__(**asked)
        code = _code(made)
        self.is_bfloat16 = code.value == _BFLOAT
        if self.is_bfloat16:
            code.value = _UNSIGNED
        return made

    def __dlpack_device__(self) -> Any:
        return self.x.__dlpack_device__()
