"""A GPU whose memory is the host's: the cuda backend itself, on CuPy's own arrays, with the emulator as its device.

    install()      this process has one GPU; kernels that are launched on it run on the emulator of tests/emulator

So the checks of tests/gpu go through the code that a device would see: `CudaBackend`, `CudaTarget` with NVRTC and the
cache on disk, launches and their slots, graphs with the addresses that change, uploads, streams.  What stands in:
memory (`HostArray`, CuPy's array over memory of the host), the driver's launches and graphs, streams, which do all at
once, cuDNN and cuFFT (those in Python of tests/backends), and CuPy's own kernels, which are NumPy's functions.  Every
stand-in that is used is noted in `emulated.record`, and what has none raises `NeedsDevice`.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from itertools import count
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from bench.emulated import GRAPHS, TESTS, Event, record

NAME = "emulator: no device"
_ARCHITECTURE = 90


def install() -> None:
    """From here on this process has the GPU."""
    for folder in (TESTS, TESTS / "backends"):
        sys.path.insert(0, str(folder))
    import cupy

    driver = Driver()
    _memory(cupy)
    _functions(cupy)
    _streams(cupy)
    _runtime(cupy)
    _kernels(cupy, driver)
    _cudnn()
    _cufft(cupy)


# --- memory -----------------------------------------------------------------------------------------------------------


class Pool:
    """CuPy's memory pool, which has memory of the host."""

    _limit = _held = 0

    def malloc(self, size: int) -> Any:
        import cupy

        if self._limit and self._held + size > self._limit:
            raise cupy.cuda.memory.OutOfMemoryError(size, self._held, self._limit)
        self._held += size
        content = np.full(size, 0xAB, np.uint8)
        weakref.finalize(content, self._free, size)
        return cupy.cuda.MemoryPointer(_Memory(content.ctypes.data, size, content, 0), 0)

    def _free(self, size: int) -> None:
        self._held -= size

    def used_bytes(self) -> int:
        return self._held

    total_bytes = used_bytes

    def free_all_blocks(self) -> None:
        """There are none that nobody uses."""

    def get_limit(self) -> int:
        return self._limit

    def set_limit(self, size: int) -> None:
        self._limit = size


def _memory(cupy: Any) -> None:
    global _Memory
    pool = Pool()
    _Memory = cupy.cuda.UnownedMemory
    cupy.cuda.UnownedMemory = type("Foreign", (_Memory,), {})
    cupy.cuda.MemoryPool = Pool
    cupy.get_default_memory_pool = cupy.get_default_pinned_memory_pool = lambda: pool
    cupy.ndarray = _host_array(cupy.ndarray)
    cupy.cuda.set_allocator(pool.malloc)


_Memory: Any = None  # CuPy's memory that it has not taken itself


def _from_dlpack(value: Any) -> Any:
    """In the same memory."""
    import cupy

    host = np.from_dlpack(_OfHost(value))
    memory = cupy.cuda.UnownedMemory(host.ctypes.data, host.nbytes, host, 0)
    return cupy.ndarray(host.shape, host.dtype, cupy.cuda.MemoryPointer(memory, 0), host.strides)


class _OfHost:
    """Says that what it holds lies on the host, which is true."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __dlpack__(self, **options: Any) -> Any:
        return self._value.__dlpack__()


class _Content:
    """What NumPy asks an array of another library for."""

    def __init__(self, array: Any) -> None:
        self.__array_interface__, self.array = _interface(array), array


def on_host(value: Any) -> Any:
    """An array of the GPU as one of NumPy in the same memory; anything else as it is."""
    if isinstance(value, (tuple, list)):
        return type(value)(on_host(v) for v in value)
    if isinstance(value, np.generic) or not hasattr(value, "data") or not hasattr(value.data, "ptr"):
        return value
    if not value.size:
        return np.zeros(value.shape, value.dtype)
    return np.asarray(_Content(value)).view(value.dtype)


def on_gpu(value: Any) -> Any:
    """Arrays of NumPy as arrays of the GPU, with values of their own."""
    import cupy

    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(on_gpu, value))
    if isinstance(value, (tuple, list)):
        return type(value)(on_gpu(v) for v in value)
    if not isinstance(value, (np.ndarray, np.generic)):
        return value
    made = cupy.ndarray(value.shape, value.dtype)
    if value.size:
        on_host(made)[...] = value
    return made


_OPERATIONS = (
    "add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "matmul", "pow", "neg", "abs", "lt", "le", "gt",
    "ge", "eq", "ne", "and", "rand", "or", "ror", "xor", "rxor", "invert", "floordiv", "mod", "lshift", "rshift",
)  # fmt: skip
_CHANGES = ("iadd", "isub", "imul", "itruediv", "iand", "ior", "ixor")
_METHODS = ("sum", "max", "min", "mean", "any", "all", "astype", "copy", "ravel", "flatten", "item", "tolist")
_CONVERSIONS = ("float", "int", "bool", "complex", "index", "repr", "str")


def _host_array(base: type) -> type:
    """CuPy's array with values that the host can read and write, and NumPy in place of CuPy's kernels."""

    def by_numpy(name: str) -> Callable:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            record.used(f"cupy.ndarray.{name}")
            with np.errstate(all="ignore"):
                return on_gpu(getattr(on_host(self), name)(*map(on_host, args), **kwargs))

        return method

    def read(name: str) -> Callable:
        return lambda self: getattr(on_host(self), name)()

    def write(self: Any, where: Any, value: Any) -> None:
        on_host(self)[where] = on_host(value)

    def change(name: str) -> Callable:
        def method(self: Any, value: Any) -> Any:
            record.used(f"cupy.ndarray.{name}")
            getattr(on_host(self), name)(on_host(value))
            return self

        return method

    names = [f"__{name}__" for name in _OPERATIONS] + list(_METHODS)
    return type("HostArray", (base,), {
        **{name: by_numpy(name) for name in names}, **{f"__{name}__": read(f"__{name}__") for name in _CONVERSIONS},
        **{f"__{name}__": change(f"__{name}__") for name in _CHANGES},
        "real": _part("real"), "imag": _part("imag"),
        "get": lambda self, *how: np.array(on_host(self)),
        "fill": lambda self, value: write(self, ..., value),
        "__setitem__": write,
        "__dlpack__": lambda self, **options: on_host(self).__dlpack__(),
        "__dlpack_device__": lambda self: (2, 0),
        "__cuda_array_interface__": property(_interface),
        "__hash__": None, "__array_priority__": 100,
    })  # fmt: skip


def _part(name: str) -> property:
    """Of complex numbers: CuPy's view, to which NumPy writes."""

    def write(self: Any, value: Any) -> None:
        setattr(on_host(self), name, on_host(value))

    return property(lambda self: on_gpu(getattr(on_host(self), name)), write)


def _interface(array: Any) -> dict[str, Any]:
    """What other libraries ask CuPy's array for."""
    pointer = (array.data.ptr, False)
    return {"version": 3, "data": pointer, "shape": array.shape, "typestr": array.dtype.str, "strides": array.strides}


# --- CuPy's functions -------------------------------------------------------------------------------------------------

_KEPT = ("empty", "ndarray", "dtype", "broadcast_to", "transpose", "reshape", "moveaxis", "swapaxes", "expand_dims",
         "squeeze", "get_include", "show_config")  # of the shape alone, or no function of arrays  # fmt: skip


def _functions(cupy: Any) -> None:
    """NumPy's functions in place of those of CuPy that launch kernels of CuPy's own."""

    def by_numpy(name: str, function: Any) -> Callable:
        def call(*args: Any, **kwargs: Any) -> Any:
            record.used(name)
            with np.errstate(all="ignore"):  # a GPU does not warn
                return on_gpu(function(*map(on_host, args), **{key: on_host(v) for key, v in kwargs.items()}))

        return call

    for module, of_numpy in ((cupy, np), (cupy.fft, np.fft), (cupy.linalg, np.linalg)):
        for name in dir(of_numpy):
            function = getattr(of_numpy, name)
            is_function = callable(function) and not isinstance(function, type)
            if name[0] != "_" and is_function and hasattr(module, name) and name not in _KEPT:
                setattr(module, name, by_numpy(f"{module.__name__}.{name}", function))
    cupy.asarray, cupy.from_dlpack = _asarray, _from_dlpack
    cupy.RawKernel = RawKernel


def _asarray(value: Any, dtype: Any = None) -> Any:
    """Without a copy where `value` lies on the GPU already."""
    import cupy

    if isinstance(value, cupy.ndarray):
        return value if dtype is None else value.astype(dtype)
    described = getattr(value, "__cuda_array_interface__", None)
    if described is None:
        record.used("cupy.asarray")
        return on_gpu(np.asarray(value, dtype))
    size = np.dtype(described["typestr"]).itemsize * int(np.prod(described["shape"], dtype=np.int64))
    memory = cupy.cuda.UnownedMemory(described["data"][0], size, value, 0)
    pointer = cupy.cuda.MemoryPointer(memory, 0)
    return cupy.ndarray(described["shape"], described["typestr"], pointer, described.get("strides"))


class RawKernel:
    """CuPy's way to run a kernel, with one object for each argument."""

    def __init__(self, source: str, name: str) -> None:
        from cujax.engine.backends.cuda_target import CudaTarget

        record.used("cupy.RawKernel")
        self._module = CudaTarget().compile(source)
        self._function = self._module.function(name)

    def __call__(self, grid: Sequence[int], block: Sequence[int], arguments: Sequence[Any]) -> None:
        from cujax.engine.backends.cuda_launch import Launch

        slots = np.array([_word(a) for a in arguments], np.uint64)
        grid, block = ((*sizes, 1, 1)[:3] for sizes in (grid, block))
        Launch(self._function, grid, block, 0, slots).enqueue(0)


def _word(argument: Any) -> int:
    return argument.data.ptr if hasattr(argument, "ptr") or hasattr(argument.data, "ptr") else int.from_bytes(
        argument.tobytes(), "little"
    )  # fmt: skip


# --- streams ----------------------------------------------------------------------------------------------------------


class Stream:
    """All that is put on it is done at once, unless the stream is being captured."""

    _numbers = count(1000)
    _captures: ClassVar[dict[int, list[Callable[[], None]]]] = {}
    _entered = threading.local()

    def __init__(self, non_blocking: bool = False, ptr: int | None = None) -> None:
        self.ptr = next(self._numbers) if ptr is None else ptr

    @classmethod
    def current(cls) -> Stream:
        return (getattr(cls._entered, "streams", None) or [NULL])[-1]

    @classmethod
    def run(cls, stream: int, work: Callable[[], None]) -> None:
        """Do it, or keep it for the graph."""
        if stream in cls._captures:
            cls._captures[stream].append(work)
        else:
            work()

    def __enter__(self) -> Stream:
        streams = self._entered.__dict__.setdefault("streams", [])
        streams.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        self._entered.streams.pop()

    def synchronize(self) -> None:
        """Nothing is waited for."""

    def record(self) -> Event:
        return Event()

    def begin_capture(self) -> None:
        record.used("cupy.cuda.Stream.begin_capture: kernels that are launched")
        self._captures[self.ptr] = []

    def end_capture(self) -> Any:
        captured = self._captures.pop(self.ptr)
        if not captured:
            raise record.needs("capture of what CuPy or a library does")

        def launch(stream: Stream) -> None:
            for work in captured:
                work()

        return SimpleNamespace(launch=launch)

    def __getattr__(self, name: str) -> Any:
        raise record.needs(f"cupy.cuda.Stream.{name}")


NULL = Stream(ptr=0)
Stream.null = NULL  # type: ignore[attr-defined]


def _streams(cupy: Any) -> None:
    cupy.cuda.Stream, cupy.cuda.Event = Stream, Event
    cupy.cuda.get_current_stream = Stream.current
    cupy.cuda.get_elapsed_time = lambda start, end: (end.time - start.time) * 1e3


def _runtime(cupy: Any) -> None:
    runtime = cupy.cuda.runtime
    runtime.getDevice, runtime.getDeviceCount = lambda: 0, lambda: 1
    runtime.getDeviceProperties = lambda number: {
        "name": NAME.encode(), "major": 9, "minor": 0, "multiProcessorCount": 132
    }  # fmt: skip
    runtime.memGetInfo = lambda: (2**30, 2**30)
    runtime.runtimeGetVersion = lambda: 12090
    runtime.streamIsCapturing = Stream._captures.__contains__
    runtime.memcpyAsync = _copy


def _copy(target: int, source: int, size: int, kind: int, stream: int) -> None:
    """From one address to another, which overlap in nothing."""
    record.used("cupy.cuda.runtime.memcpyAsync")
    Stream.run(stream, lambda: ctypes.memmove(target, source, size))


# --- kernels ----------------------------------------------------------------------------------------------------------


class Driver:
    """The driver's launches and graphs, on the emulator.  Kernels have numbers, as handles."""

    def __init__(self) -> None:
        from emulator import EmulatorTarget

        self.target = EmulatorTarget()
        self.sources: dict[bytes, str] = {}  # by machine code
        self.kernels: list[Any] = [None]
        self._graphs: dict[int, list[Any]] = {}
        self._numbers = count(1)

    def compile(self, source: str, arch: int) -> bytes:
        """Machine code, as for a device; its text is what runs."""
        from cujax.engine.backends.cuda_code import machine_code

        code = machine_code(source, arch)
        self.sources[code] = source
        return code

    def load(self, code: bytes) -> Any:
        module = self.target.compile(self.sources[code])

        def get_function(name: str) -> SimpleNamespace:
            self.kernels.append(module.function(name))
            return SimpleNamespace(ptr=len(self.kernels) - 1)

        return get_function

    def launch(self, function: int, *numbers: int) -> None:
        """As `cupy.cuda.driver.launchKernel`: the slots are read before it returns."""
        *sizes, shared_bytes, stream, pointers, _ = numbers
        kernel = self.kernels[function]
        addresses = (ctypes.c_uint64 * kernel.parameters).from_address(pointers)
        slots = np.array([ctypes.c_uint64.from_address(a).value for a in addresses], np.uint64)

        def work() -> None:
            record.launches += 1
            self.target.launch(kernel, sizes[:3], sizes[3:], shared_bytes, slots)

        Stream.run(stream, work)

    # --- what a GraphDriver does

    def context(self) -> int:
        return 1

    def chain(self, nodes: Sequence[Any]) -> tuple[int, int, list[int]]:
        """A node keeps the slots that it is given until it is updated."""
        number = next(self._numbers)
        self._graphs[number] = [self._node(n) for n in nodes]
        return number, number, list(range(len(nodes)))

    def _node(self, node: Any) -> tuple[Any, ...]:
        kernel = self.kernels[node.func]
        addresses = (ctypes.c_uint64 * kernel.parameters).from_address(node.parameters)
        slots = np.array([ctypes.c_uint64.from_address(a).value for a in addresses], np.uint64)
        return kernel, list(node.grid), list(node.block), node.shared_bytes, slots

    def update(self, executable: int, handle: int, node: int) -> None:
        from cujax.engine.backends.cuda_graph_driver import KernelNode

        self._graphs[executable][handle] = self._node(KernelNode.from_address(node))

    def launch_graph(self, executable: int, stream: int) -> None:
        record.used(f"{GRAPHS}, with the nodes and addresses of the graph")
        for node in self._graphs[executable]:
            record.launches += 1
            self.target.launch(*node)

    def destroy(self, graph: int, executable: int) -> None:
        self._graphs.pop(graph, None)


def _kernels(cupy: Any, driver: Driver) -> None:
    from cupy_backends.cuda.api import driver as of_cupy

    from cujax.engine.backends import cuda, cuda_target

    graphs = SimpleNamespace(
        context=driver.context, chain=driver.chain, update=driver.update, launch=driver.launch_graph,
        destroy=driver.destroy,
    )  # fmt: skip

    class Module:
        def load(self, code: bytes) -> None:
            self.get_function = driver.load(code)

    of_cupy.launchKernel = driver.launch
    cupy.cuda.function.Module = Module
    cuda.available = lambda: (True, "")  # type: ignore[assignment]
    cuda_target.arch_of = lambda device: _ARCHITECTURE  # type: ignore[assignment]
    cuda_target.graph_driver = lambda: graphs  # type: ignore[assignment, return-value]
    cuda_target.CudaTarget.__init__.__defaults__ = (driver.compile,)  # type: ignore[attr-defined]


def _cudnn() -> None:
    """Where a check loads cuDNN it gets the one of the tests, which computes with NumPy."""
    from fake_cudnn import Engine, FakeCudnn

    from cujax.engine.backends import cudnn, cudnn_api

    library: Any = FakeCudnn(Engine(7))  # one, which knows the plans that were written to the disk

    def load(major: int) -> Any:
        record.used("cuDNN in Python")
        return cudnn_api.Cudnn(library)

    cudnn_api.load = cudnn.load = load  # type: ignore[assignment]


def _cufft(cupy: Any) -> None:
    from fake_cufft import FakeCufft

    class Noted(FakeCufft):
        def PlanNd(self, *given: Any) -> Any:
            record.used("cuFFT in Python")
            return super().PlanNd(*given)

    cupy.cuda.cufft = Noted()
