"""The kernel target of GPUs: text, machine code, module on a device, handle, launch.

    module = target.compile(source)                       from memory, from the disk, or by NVRTC
    handle = module.function("fused_mul_sin_f32")         the driver's handle on the current device
    launch = target.prepare(handle, grid, block, 0, slots)
    launch.enqueue(target.stream())                       on CuPy's current stream of this thread
    target.replay([launch, library_call, ...])            the same for all steps of a program, with graphs

A handle holds on the device that was current when it was asked for; each device loads the code by itself.
CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from cujax.engine.backends import cuda_compiler
from cujax.engine.backends.cuda_graph import Replay, Step
from cujax.engine.backends.cuda_graph_driver import graph_driver
from cujax.engine.backends.cuda_launch import Launch

Compile = Callable[[str, int], bytes]


class CudaModule:
    """The kernels of one source, on every device that has asked for one of them."""

    def __init__(self, source: str, compile: Compile) -> None:
        self._source = source
        self._compile = compile
        self._codes: dict[int, bytes] = {}  # by architecture
        self._loaded: dict[int, Any] = {}  # CuPy's modules by device
        self._handles: dict[tuple[int, str], int] = {}

    def function(self, name: str) -> int:
        """The driver's handle of a kernel on the current device, valid as long as this object lives."""
        device = current_device()
        found = self._handles.get((device, name))
        if found is None:
            module = self._loaded.get(device) or self._load(device)
            found = self._handles[device, name] = module.get_function(name).ptr
        return found

    def code(self, arch: int) -> bytes:
        """The machine code for an architecture."""
        found = self._codes.get(arch)
        if found is None:
            found = self._codes[arch] = self._compile(self._source, arch)
        return found

    def _load(self, device: int) -> Any:
        from cupy.cuda import function

        module = function.Module()
        module.load(self.code(arch_of(device)))
        return self._loaded.setdefault(device, module)


class CudaTarget:
    """See `api.KernelTarget`."""

    language = "cuda"

    def __init__(self, compile: Compile = cuda_compiler.compile_for) -> None:
        import cupy

        self._current_stream = cupy.cuda.get_current_stream
        self._is_capturing = cupy.cuda.runtime.streamIsCapturing
        self._graphs = graph_driver()
        self._compile = compile
        self._modules: weakref.WeakValueDictionary[str, CudaModule] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def compile(self, source: str) -> CudaModule:
        """The kernels of `source`, compiled for the current device; KernelCompileError when NVRTC refuses."""
        with self._lock:
            module = self._modules.get(source)
            if module is None:
                module = self._modules[source] = CudaModule(source, self._compile)
        module.code(arch_of(current_device()))
        return module

    def prepare(
        self,
        function: int,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        shared_bytes: int,
        slots: np.ndarray,
    ) -> Launch:
        """A launch to be kept; the addresses in `slots` may change between its uses."""
        return Launch(function, grid, block, shared_bytes, slots)

    def launch(
        self,
        function: int,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        shared_bytes: int,
        slots: np.ndarray,
    ) -> None:
        """Run a kernel once, on the current stream."""
        Launch(function, grid, block, shared_bytes, slots).enqueue(self.stream())

    def replay(self, steps: Sequence[Step]) -> Replay:
        """The steps of a program as one thing to be run again and again on the current device."""
        return Replay(steps, self._graphs, self._is_capturing)

    def stream(self) -> int:
        """The address of the stream that the user has made current in this thread, for the current device."""
        return self._current_stream().ptr


def current_device() -> int:
    """The number of this thread's current device."""
    from cupy.cuda import runtime

    return runtime.getDevice()


@cache
def arch_of(device: int) -> int:
    """The architecture of a device: 90 for compute capability 9.0."""
    import cupy

    return int(cupy.cuda.Device(device).compute_capability)
