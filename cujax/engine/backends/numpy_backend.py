"""The backend that is always there: NumPy arrays, NumPy functions, no kernels."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from sys import getrefcount
from typing import Any

import numpy as np

from cujax.engine.backends import numpy_library
from cujax.engine.backends.api import Device

_CPU = Device("cpu", 0, platform.processor() or "cpu")


class NumpyBackend:
    """See `api.Backend`."""

    name = "numpy"
    platform = "cpu"
    alignment = 1
    xp = np
    library = numpy_library
    kernels: Any = None

    def to_device(self, host: np.ndarray, device: Device | None = None) -> np.ndarray:
        return host

    def to_host(self, buffer: np.ndarray) -> np.ndarray:
        return np.asarray(buffer)

    def constant(self, value: np.generic | np.ndarray) -> np.ndarray:
        return np.asarray(value)  # functions take an array of rank 0 faster than a scalar

    def empty(self, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.empty(shape, dtype)

    def part(self, arena: np.ndarray, offset: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        return np.ndarray(shape, dtype, arena, offset)

    def contiguous(self, buffer: np.ndarray | np.generic) -> np.ndarray:
        flags = buffer.flags
        if flags.c_contiguous and flags.aligned and isinstance(buffer, np.ndarray):
            return buffer
        return np.array(buffer, order="C")

    def copy(self, buffer: np.ndarray) -> np.ndarray:
        out = self.empty(buffer.shape, buffer.dtype)
        np.copyto(out, buffer)
        return out

    def is_exclusive(self, buffer: Any) -> bool:
        while type(buffer) is np.ndarray:
            if buffer.base is None:
                return buffer.flags.owndata
            if getrefcount(buffer.base) != 2:  # the buffer refers to it, and the call does
                return False
            buffer = buffer.base
        return self._has_lent(buffer)

    def _has_lent(self, owner: Any) -> bool:
        return False

    def owns(self, value: object) -> bool:
        return isinstance(value, (np.ndarray, np.generic))

    def synchronize(self, buffers: Sequence[np.ndarray]) -> None:
        return None

    def devices(self) -> tuple[Device, ...]:
        return (_CPU,)

    def device_of(self, buffer: np.ndarray) -> Device:
        return _CPU

    def quiet(self, operands: Sequence[Any] = ()) -> AbstractContextManager:
        return np.errstate(all="ignore")

    def named_range(self, name: str) -> AbstractContextManager:
        return nullcontext()

    def place(self, buffers: Sequence[Any], program: str) -> Sequence[Any]:
        return buffers

    def adopt(self, value: Any) -> None:
        return None

    def export(self, buffer: Any) -> AbstractContextManager:
        return nullcontext()

    def release_memory(self) -> None:
        return None

    def describe_memory(self) -> str:
        return ""
