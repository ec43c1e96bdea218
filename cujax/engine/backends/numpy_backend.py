"""The backend that is always there: NumPy arrays, NumPy functions, no kernels."""

from __future__ import annotations

import platform
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from cujax.engine.backends import numpy_library
from cujax.engine.backends.api import Device

_CPU = Device("cpu", 0, platform.processor() or "cpu")


class NumpyBackend:
    """See `api.Backend`."""

    name = "numpy"
    platform = "cpu"
    xp = np
    library = numpy_library
    kernels: Any = None

    def to_device(self, host: np.ndarray, device: Device | None = None) -> np.ndarray:
        return host

    def to_host(self, buffer: np.ndarray) -> np.ndarray:
        return np.asarray(buffer)

    def constant(self, value: np.generic) -> np.generic:
        return value

    def owns(self, value: object) -> bool:
        return isinstance(value, (np.ndarray, np.generic))

    def synchronize(self, buffer: np.ndarray) -> None:
        return None

    def devices(self) -> tuple[Device, ...]:
        return (_CPU,)

    def device_of(self, buffer: np.ndarray) -> Device:
        return _CPU

    def quiet(self) -> AbstractContextManager:
        return np.errstate(all="ignore")
