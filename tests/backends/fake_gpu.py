"""GPUs whose memory is the host's: CuPy's own arrays, with what needs a device replaced and written down.

Kernels of `cuda_upload.py` are the only ones that run.
"""

from __future__ import annotations

import ctypes
import re
from types import SimpleNamespace

import cupy
import numpy as np

from cujax.engine.backends import cuda, cuda_target
from cujax.engine.backends.cuda_target import CudaTarget


class HostArray(cupy.ndarray):
    """A CuPy array over host memory, whose values can be read."""

    def get(self, *how: object) -> np.ndarray:
        """The values, of a contiguous array."""
        content = (ctypes.c_char * self.nbytes).from_address(self.data.ptr)
        return np.frombuffer(content, self.dtype).reshape(self.shape).copy()


class Stream:
    """A stream that notes when it is waited for; `with` makes it current."""

    def __init__(self, gpu: FakeGpu, address: int) -> None:
        self.gpu, self.ptr = gpu, address

    def synchronize(self) -> None:
        self.gpu.notes.append(("synchronize", self.gpu.device, self.ptr))

    def __enter__(self) -> None:
        self.gpu.streams.append(self)

    def __exit__(self, *error: object) -> None:
        self.gpu.streams.pop()


class FakeGpu:
    """`count` devices.  device: the current one.  notes: what happened, in order."""

    def __init__(self, count: int) -> None:
        self.count, self.device = count, 0
        self.notes: list[tuple] = []
        self.default_stream = Stream(self, 0)
        self.streams = [self.default_stream]
        self.free_bytes = 2**30
        self.pooled_bytes = 2**32

    def install(self, monkeypatch) -> None:
        """Put this in the place of CuPy's devices."""
        runtime = cupy.cuda.runtime
        monkeypatch.setattr(cuda, "available", lambda: (True, ""))
        monkeypatch.setattr(cuda_target, "graph_driver", lambda: None)
        monkeypatch.setattr(cuda_target, "launch_address", lambda: None)
        monkeypatch.setattr(cuda_target, "arch_of", lambda device: 90)
        target = CudaTarget  # the kernels' text is their code
        monkeypatch.setattr(cuda, "CudaTarget", lambda: target(lambda source, arch: source.encode()))
        monkeypatch.setattr(cupy, "ndarray", HostArray)
        monkeypatch.setattr(cupy.cuda, "Device", lambda number: _Entered(self, number))
        monkeypatch.setattr(cupy.cuda, "alloc", self._alloc)
        monkeypatch.setattr(cupy.cuda, "get_current_stream", lambda: self.streams[-1])
        monkeypatch.setattr(cupy.cuda.Stream, "null", self.default_stream)
        monkeypatch.setattr(cupy.cuda.function, "Module", _Module)
        monkeypatch.setattr(cupy, "get_default_memory_pool", self._pool("memory"))
        monkeypatch.setattr(cupy, "get_default_pinned_memory_pool", self._pool("pinned"))
        monkeypatch.setattr(runtime, "getDevice", lambda: self.device)
        monkeypatch.setattr(runtime, "getDeviceCount", lambda: self.count)
        monkeypatch.setattr(runtime, "getDeviceProperties", _properties)
        monkeypatch.setattr(runtime, "memGetInfo", lambda: (self.free_bytes, 2**36))
        monkeypatch.setattr("cupy_backends.cuda.api.driver.launchKernel", self._launch)

    def array(self, values, device: int = 0) -> HostArray:
        """A buffer with `values` on a device."""
        values = np.array(values, order="C")
        memory = cupy.cuda.UnownedMemory(values.ctypes.data, values.nbytes, values, device)
        return HostArray(values.shape, values.dtype, cupy.cuda.MemoryPointer(memory, 0))

    def _alloc(self, size: int) -> cupy.cuda.MemoryPointer:
        content = np.full(size, 0xAB, np.uint8)
        memory = cupy.cuda.UnownedMemory(content.ctypes.data, size, content, self.device)
        return cupy.cuda.MemoryPointer(memory, 0)

    def _pool(self, name: str):
        def free_all_blocks() -> None:
            self.notes.append(("free", name))

        return lambda: SimpleNamespace(free_all_blocks=free_all_blocks, used_bytes=lambda: self.pooled_bytes)

    def _launch(self, function: int, *numbers: int) -> None:
        """Run store_<count>, whose handle is its count."""
        *_, stream, pointers, _extra = numbers
        addresses = (ctypes.c_uint64 * (1 + function)).from_address(pointers)
        words = [ctypes.c_uint64.from_address(a).value for a in addresses]
        (ctypes.c_uint64 * function).from_address(words[0])[:] = words[1:]
        self.notes.append(("launch", self.device, stream))


def _properties(number: int) -> dict:
    return {"name": f"Fake {number}".encode(), "major": 9, "minor": 0, "multiProcessorCount": 132}


class _Entered:
    def __init__(self, gpu: FakeGpu, number: int) -> None:
        self._gpu, self._number = gpu, number

    def __enter__(self) -> None:
        self._before, self._gpu.device = self._gpu.device, self._number

    def __exit__(self, *error: object) -> None:
        self._gpu.device = self._before


class _Module:
    def load(self, code: bytes) -> None:
        self.names = re.findall(r"__global__ void (\w+)", code.decode())

    def get_function(self, name: str) -> SimpleNamespace:
        assert name in self.names
        return SimpleNamespace(ptr=int(name.rsplit("_", 1)[1]))
