"""The kernel target of GPUs: text, machine code, modules on devices, and functions that run kernels.

    module = target.compile(source)               from memory, from the disk, or by NVRTC
    run = target.launcher(module, call)           then run(buffers), on CuPy's current stream of the thread
    run = target.stretch(module, calls)           the same for kernels that follow one another, as a graph
    run = target.loop(phases, first, interval)    all steps of a loop, as graphs of many

Each device loads the code by itself, and a kernel's handle holds on the device that was current when it was asked
for.  CuPy is imported when a target is made, so that this module imports without it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from cujax.engine.backends.api import KernelCall, Module, NestedPhase, Phase, RunLoop
from cujax.engine.backends.cuda_code import forget_code, machine_code
from cujax.engine.backends.cuda_graph import Replay
from cujax.engine.backends.cuda_graph_driver import graph_driver
from cujax.engine.backends.cuda_launch import Launch, launch_address
from cujax.engine.backends.cuda_launcher import Current, Launcher, Stretch
from cujax.engine.backends.cuda_loop import Copier, Loop

Compile = Callable[[str, int], bytes]


class CudaModule:
    """The kernels of one source, on every device that has asked for one of them."""

    def __init__(self, source: str, compile: Compile, current_device: Callable[[], int]) -> None:
        self._source = source
        self._current_device = current_device
        self._compile = compile
        self._codes: dict[int, bytes] = {}  # by architecture
        self._loaded: dict[int, Any] = {}  # CuPy's modules by device
        self._handles: dict[tuple[int, str], int] = {}

    def function(self, name: str) -> int:
        """The driver's handle of a kernel on the current device, valid as long as this object lives."""
        device = self._current_device()
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
        arch = arch_of(device)
        try:
            module = _loaded_module(self.code(arch))
        except RuntimeError:  # sound as a file and yet refused: from another driver's time, for instance
            forget_code(self._source, arch)
            del self._codes[arch]
            module = _loaded_module(self.code(arch))
        return self._loaded.setdefault(device, module)


def _loaded_module(code: bytes) -> Any:
    """CuPy's module of `code` on the current device."""
    from cupy.cuda import function

    module = function.Module()
    module.load(code)
    return module


class CudaTarget:
    """See `api.KernelTarget`."""

    language = "cuda"

    def __init__(self, compile: Compile = machine_code) -> None:
        import cupy

        self.current = Current(cupy.cuda.runtime.getDevice, cupy.cuda.get_current_stream)
        self._is_capturing = cupy.cuda.runtime.streamIsCapturing
        self._graphs = graph_driver()
        self._launch_kernel = launch_address()
        self._compile = compile
        self._modules: weakref.WeakValueDictionary[str, CudaModule] = weakref.WeakValueDictionary()
        self._lock = threading.Lock()

    def compile(self, source: str) -> CudaModule:
        """The kernels of `source`, compiled for the current device; KernelCompileError when NVRTC refuses."""
        with self._lock:
            module = self._modules.get(source)
            if module is None:
                module = self._modules[source] = CudaModule(source, self._compile, self.current.device)
        module.code(arch_of(self.current.device()))
        return module

    def launcher(self, module: Module, call: KernelCall) -> Launcher:
        """A function that runs a kernel on buffers."""
        return Launcher(self.current, module, call, self._launch_kernel)

    def stretch(self, module: Module, calls: Sequence[KernelCall]) -> Stretch:
        """A function that runs kernels one after the other, given the buffers of each."""
        return Stretch(self.current, module, calls, self._replay)

    def address_of(self, buffer: Any) -> int:
        """See `api.KernelTarget`."""
        return buffer.data.ptr

    def copier(self, nbytes: int) -> Copier:
        """See `api.KernelTarget`."""
        return Copier(nbytes)

    # Loops on a device are of kernels alone.

    def strided_copier(self, itemsize: int, shape: Sequence[int], strides: Sequence[int]) -> None:
        """See `api.KernelTarget`."""

    def python_call(
        self, function: Callable[..., None], kinds: Sequence[tuple[tuple[int, ...], Any]], inputs: int
    ) -> None:
        """See `api.KernelTarget`."""

    def nest(
        self, memories: Sequence[tuple[int, int, int]], entries: Sequence[tuple[int, int, int, int]],
        phases: Sequence[NestedPhase], first: int, length: int, interval: int, own: int, work: int, may_last: bool,
        keep: Any,
    ) -> None:
        """See `api.KernelTarget`."""

    def loop(self, phases: Sequence[Phase], first: int, interval: int) -> RunLoop | None:
        """See `api.KernelTarget`; None for a loop with a condition, which is on the device."""
        if any(phase.condition >= 0 for phase in phases):
            return None
        return Loop(self.current, phases, first, self._graphs, self._is_capturing)

    def _replay(self, launches: Sequence[Launch]) -> Replay:
        return Replay(launches, self._graphs, self._is_capturing)


@cache
def arch_of(device: int) -> int:
    """The architecture of a device: 90 for compute capability 9.0."""
    import cupy

    return int(cupy.cuda.Device(device).compute_capability)
