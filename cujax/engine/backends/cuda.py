"""The backend of NVIDIA GPUs, through CuPy: its arrays, its functions, its memory pool and streams.

Ops run through their `impl` with `xp = cupy`, programs as kernels of `cuda_target.py`.  Work goes to CuPy's current
stream, so a stream that the user has made current is respected, and memory comes from CuPy's current allocator.
As with CuPy's own arrays, an array may be used on the stream that was current when it was made; whoever uses it on
another one lets that one wait.

CuPy takes a fifth of a second to import, so this module does it when the backend starts and not before;
`available` first asks for the driver's library, whose absence settles the matter at once.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import AbstractContextManager
from sys import getrefcount
from typing import Any

import numpy as np

from cujax.engine.backends import cuda_library
from cujax.engine.backends.api import Device
from cujax.engine.backends.cuda_arrays import array_library
from cujax.engine.backends.cuda_constants import Constants
from cujax.engine.backends.cuda_devices import Devices
from cujax.engine.backends.cuda_dtypes import check_dtype
from cujax.engine.backends.cuda_fft import forget_plans
from cujax.engine.backends.cuda_launch import LIBRARIES
from cujax.engine.backends.cuda_target import CudaTarget
from cujax.engine.backends.cuda_upload import LARGEST, Uploader
from cujax.engine.backends.out_of_memory import size_text

_DLPACK_CUDA = (2, 13)  # kDLCUDA, kDLCUDAManaged


def available() -> tuple[bool, str]:
    """Whether a device answers, and otherwise the reason in one line."""
    if not any(_loads(name) for name in LIBRARIES):
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
    alignment = 16  # bytes that kernels load at once

    def __init__(self) -> None:
        found, reason = available()
        if not found:
            raise RuntimeError(f"the cuda backend cannot start: {reason}")
        import cupy
        from cupyx.profiler import time_range

        self.xp = array_library(cupy)
        self.empty = cupy.ndarray  # type: ignore[method-assign]  # as it is, without the call of `cupy.empty` around it
        self.library = cuda_library
        self.kernels = CudaTarget()
        self._devices = Devices()
        self._upload = Uploader(self.kernels)
        self._constants = Constants(self._upload)
        self._pools = (cupy.get_default_memory_pool, cupy.get_default_pinned_memory_pool)
        self._time_range = time_range
        self._current_stream = cupy.cuda.get_current_stream
        self._memory_info = cupy.cuda.runtime.memGetInfo
        self._foreign_memory = cupy.cuda.UnownedMemory

    # --- buffers --------------------------------------------------------------------------------------

    def to_device(self, host: np.ndarray, device: Device | None = None) -> Any:
        if device is not None:
            with self._devices.on(device.id):
                return self.to_device(host)
        check_dtype(host.dtype)
        return self._upload(host) if host.nbytes <= LARGEST else self.xp.asarray(host)

    def to_host(self, buffer: Any) -> np.ndarray:
        if not isinstance(buffer, self.xp.ndarray):
            return np.asarray(buffer)
        with self._devices.on(self._devices.of(buffer)):
            return buffer.get()

    def constant(self, value: Any) -> Any:
        return value if isinstance(value, self.xp.ndarray) else self._constants(value)

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.xp.empty(shape, dtype)

    def part(self, arena: Any, offset: int, shape: tuple[int, ...], dtype: Any) -> Any:
        return self.xp.ndarray(shape, dtype, arena.data + offset)

    def contiguous(self, buffer: Any) -> Any:
        is_aligned = buffer.data.ptr % self.alignment == 0 or buffer.nbytes < self.alignment
        if is_aligned and buffer._c_contiguous:  # `flags` is an object and ten times slower
            return buffer
        return self.xp.array(buffer, order="C")

    def copy(self, buffer: Any) -> Any:
        return buffer.copy()

    def is_exclusive(self, buffer: Any) -> bool:
        # A view shares the pointer, or has its own to the same memory; its owner refers to each, and the call does.
        is_alone = getrefcount(buffer.data) == 2 and getrefcount(buffer.data.mem) == 2
        return is_alone and not isinstance(buffer.data.mem, self._foreign_memory)

    def owns(self, value: object) -> bool:
        return isinstance(value, self.xp.ndarray)

    # --- where and when -------------------------------------------------------------------------------

    def synchronize(self, buffers: Sequence[Any]) -> None:
        for number in {self._devices.of(b) for b in buffers}:  # a call of the driver takes microseconds
            with self._devices.on(number):
                self._current_stream().synchronize()

    def devices(self) -> tuple[Device, ...]:
        return self._devices.all

    def device_of(self, buffer: Any) -> Device:
        return self._devices.all[self._devices.of(buffer)]

    def quiet(self, operands: Sequence[Any] = ()) -> AbstractContextManager:
        number = self._device_for(operands) if self._devices.are_several else 0
        if self._constants.fresh:
            with self._devices.on(number):
                self._constants.settle()
        return self._devices.on(number)

    def named_range(self, name: str) -> AbstractContextManager:
        return self._time_range(name)

    def _device_for(self, operands: Sequence[Any]) -> int:
        return self._devices.common([getattr(x, "buffer", x) for x in operands], "an operation")

    def place(self, buffers: Sequence[Any], program: str) -> Sequence[Any]:
        return self._devices.gather(buffers, program) if self._devices.are_several else buffers

    # --- other libraries ------------------------------------------------------------------------------

    def adopt(self, value: Any) -> Any:
        if hasattr(value, "__cuda_array_interface__"):
            return self.xp.asarray(value)
        if hasattr(value, "__dlpack_device__") and value.__dlpack_device__()[0] in _DLPACK_CUDA:
            return self.xp.from_dlpack(value)
        return None

    def export(self, buffer: Any) -> AbstractContextManager:
        return self._devices.on(self._devices.of(buffer))

    # --- memory ---------------------------------------------------------------------------------------

    def release_memory(self) -> None:
        self._constants.forget()
        forget_plans()
        for pool in self._pools:
            pool().free_all_blocks()

    def describe_memory(self) -> str:
        free, total = self._memory_info()
        pooled = self._pools[0]().used_bytes()
        return (
            f"{size_text(free)} of the device's {size_text(total)} are free, and arrays of this process hold "
            f"{size_text(pooled)}"
        )


