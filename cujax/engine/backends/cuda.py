"""The backend of NVIDIA GPUs, through CuPy: its arrays, its functions, its memory pool and streams.

Ops run through their `impl` with `xp = cupy`.  Work goes to CuPy's current stream, so a stream that the
user has made current is respected, and memory comes from CuPy's current allocator.

Scalars that stand in a program (`constant`) are kept on the device, one copy for each value and dtype.

CuPy takes a fifth of a second to import, so this module does it when the backend starts and not before;
`available` first asks for the driver's library, whose absence settles the matter at once.
"""

from __future__ import annotations

import ctypes
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from cujax.engine.backends import cuda_library
from cujax.engine.backends.api import Device

_CONSTANT_LIMIT = 4096
_DRIVERS = ("libcuda.so.1", "nvcuda.dll")


def available() -> tuple[bool, str]:
    """Whether a device answers, and otherwise the reason in one line."""
    if not any(_loads(name) for name in _DRIVERS):
        return False, "there is no CUDA driver on this machine"
    try:
        import cupy
    except Exception as error:  # CuPy raises many kinds of errors when its libraries do not fit the driver
        reason = f"{type(error).__name__}: {error}"
        return False, f"CuPy does not import ({reason}); install it with pip install 'cujax[cuda12]'"
    return (True, "") if cupy.is_available() else (False, "CuPy finds no CUDA device")


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


class CudaBackend:
    """See `api.Backend`."""

    name = "cuda"
    platform = "gpu"

    def __init__(self) -> None:
        found, reason = available()
        if not found:
            raise RuntimeError(f"the cuda backend cannot start: {reason}")
        import cupy

        self.xp = cupy
        self.library = cuda_library
        self._constants: dict[tuple[Any, bytes], Any] = {}

    def to_device(self, host: np.ndarray, device: Device | None = None) -> Any:
        with self.xp.cuda.Device(device.id) if device is not None else nullcontext():
            return self.xp.asarray(host)

    def to_host(self, buffer: Any) -> np.ndarray:
        return buffer.get() if isinstance(buffer, self.xp.ndarray) else np.asarray(buffer)

    def constant(self, value: Any) -> Any:
        if isinstance(value, self.xp.ndarray):
            return value
        key = (value.dtype, value.tobytes())
        found = self._constants.get(key)
        if found is None:
            if len(self._constants) >= _CONSTANT_LIMIT:
                self._constants.clear()
            found = self._constants[key] = self.xp.asarray(value)
        return found

    def owns(self, value: object) -> bool:
        return isinstance(value, self.xp.ndarray)

    def synchronize(self, buffer: Any) -> None:
        self.xp.cuda.get_current_stream().synchronize()

    def devices(self) -> tuple[Device, ...]:
        runtime = self.xp.cuda.runtime
        return tuple(
            Device("gpu", i, runtime.getDeviceProperties(i)["name"].decode())
            for i in range(runtime.getDeviceCount())
        )

    def device_of(self, buffer: Any) -> Device:
        index = buffer.device.id if isinstance(buffer, self.xp.ndarray) else self.xp.cuda.Device().id
        return self.devices()[index]

    def quiet(self) -> AbstractContextManager:
        return nullcontext()
