"""Compiling, loading and running kernels, with CuPy's modules and devices replaced by what is written down."""

from __future__ import annotations

import ctypes
import gc
import threading
from types import SimpleNamespace

import pytest

from cujax.engine.backends import cuda_target
from cujax.engine.backends.api import KernelCall
from cujax.engine.backends.cuda_graph_driver import GraphDriver
from cujax.engine.backends.cuda_launch import enqueuer
from cujax.engine.backends.cuda_target import CudaTarget
from cujax.engine.ground.native import native

needs_native = pytest.mark.skipif(native is None, reason="the extension module was not built")
cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")
driver = pytest.importorskip("cupy_backends.cuda.api.driver", reason="CuPy is not installed; the test extra brings it")


class FakeCuda:
    """Two devices of different architecture."""

    def __init__(self) -> None:
        self.device = 0
        self.loaded: list[tuple[int, bytes]] = []
        self.compiled: list[tuple[str, int]] = []

    def compile(self, source: str, arch: int) -> bytes:
        self.compiled.append((source, arch))
        return f"{source} for {arch}".encode()


@pytest.fixture(params=["python", pytest.param("c", marks=needs_native)])
def fake(request, monkeypatch, cuda):
    """Kernels have as many parameters as their names have letters, and handles 1001, 2001, ... by module."""
    fake = FakeCuda()

    class Module:
        def load(self, code: bytes) -> None:
            fake.loaded.append((fake.device, code))
            self.number = len(fake.loaded)

        def get_function(self, name: str):
            return SimpleNamespace(ptr=self.number * 1000 + len(name))

    monkeypatch.setattr(cupy.cuda.function, "Module", Module)
    monkeypatch.setattr(cupy.cuda.runtime, "getDevice", lambda: fake.device)
    monkeypatch.setattr(cupy.cuda.runtime, "streamIsCapturing", lambda stream: False)
    monkeypatch.setattr(cupy.cuda, "get_current_stream", lambda: SimpleNamespace(ptr=4242 + fake.device))
    monkeypatch.setattr(cuda_target, "arch_of", lambda device: 80 + 10 * device)
    monkeypatch.setattr(cuda_target, "graph_driver", lambda: GraphDriver(cuda.library))
    address = ctypes.cast(cuda.library.cuLaunchKernel, ctypes.c_void_p).value
    monkeypatch.setattr(cuda_target, "launch_address", lambda: address if request.param == "c" else None)
    return fake


def buffer(address: int) -> SimpleNamespace:
    return SimpleNamespace(data=SimpleNamespace(ptr=address))


def row(handle: int, *words: int, stream: int = 4242) -> tuple:
    return (handle, (3, 2, 1), (64, 1, 1), 0, stream, list(words))


def call(name: str, *sizes: int) -> KernelCall:
    return KernelCall(name, sizes, 1, (3, 2), 64)


def test_a_source_is_compiled_and_loaded_once(fake):
    target = CudaTarget(fake.compile)
    module = target.compile("text")
    assert target.compile("text") is module
    assert module.function("f") == module.function("f") == 1001
    assert module.function("gg") == 1002
    assert fake.compiled == [("text", 80)]
    assert fake.loaded == [(0, b"text for 80")]


def test_compiling_fails_before_anything_is_loaded(fake):
    def refuse(source, arch):
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        CudaTarget(refuse).compile("text")
    assert fake.loaded == []


def test_each_device_has_its_code_and_its_handles(fake):
    module = CudaTarget(fake.compile).compile("text")
    first = module.function("f")
    fake.device = 1
    assert module.function("f") == 2001 != first
    fake.device = 0
    assert module.function("f") == first
    assert fake.loaded == [(0, b"text for 80"), (1, b"text for 90")]
    assert fake.compiled == [("text", 80), ("text", 90)]


def test_a_module_that_no_program_uses_is_unloaded(fake):
    target = CudaTarget(fake.compile)
    target.compile("text")
    gc.collect()
    target.compile("text")
    assert len(fake.compiled) == 2


def test_many_threads_get_one_module(fake):
    target, found = CudaTarget(fake.compile), []
    threads = [threading.Thread(target=lambda: found.append(target.compile("text"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_code_that_the_driver_refuses_is_made_again(fake, monkeypatch):
    forgotten, refused = [], []

    class Module(cupy.cuda.function.Module):
        def load(self, code):
            if not refused:
                refused.append(code)
                raise RuntimeError("CUDA_ERROR_INVALID_IMAGE")
            super().load(code)

    monkeypatch.setattr(cupy.cuda.function, "Module", Module)
    monkeypatch.setattr(cuda_target, "forget_code", lambda *key: forgotten.append(key))
    assert CudaTarget(fake.compile).compile("text").function("f") == 1001
    assert forgotten == [("text", 80)]
    assert fake.compiled == [("text", 80)] * 2


def test_a_launcher_passes_addresses_and_sizes(fake, cuda):
    target = CudaTarget(fake.compile)
    run = target.launcher(target.compile("text"), call("fuse", 7, -1))
    run([buffer(100), buffer(200)])
    run([buffer(300), buffer(400)])
    assert cuda.ran() == [row(1004, 100, 200, 7, 2**64 - 1), row(1004, 300, 400, 7, 2**64 - 1)]


def test_a_launcher_follows_the_device(fake, cuda):
    target = CudaTarget(fake.compile)
    run = target.launcher(target.compile("text"), call("ff", 7))
    run([buffer(100)])
    fake.device = 1
    run([buffer(100)])
    assert cuda.ran() == [row(1002, 100, 7), row(2002, 100, 7, stream=4243)]


def test_a_launcher_of_no_blocks_does_nothing(fake, cuda):
    target = CudaTarget(fake.compile)
    target.launcher(target.compile("text"), call("f")._replace(blocks=(0, 1)))([buffer(100)])
    assert cuda.ran() == []


@pytest.mark.parametrize("count", [0, 31, 63, 64, 98])
def test_a_launcher_of_many_buffers(fake, cuda, count):
    target = CudaTarget(fake.compile)
    run = target.launcher(target.compile("text"), call("f" * (count + 1), 7))
    run([buffer(100 + i) for i in range(count)])
    assert cuda.ran() == [row(1000 + count + 1, *range(100, 100 + count), 7)]


def test_a_launcher_refuses_what_is_no_list_of_its_buffers(fake, cuda):
    target = CudaTarget(fake.compile)
    run = target.launcher(target.compile("text"), call("fff", 7))
    run([buffer(100), buffer(200)])
    with pytest.raises(ValueError, match="a kernel of 2 buffers got 1"):
        run([buffer(100)])
    with pytest.raises(AttributeError, match="data"):
        run([buffer(100), None])
    assert len(cuda.ran()) == 1


@needs_native
def test_a_launch_of_a_thread_without_a_context_enters_it(cuda, monkeypatch):
    """The driver is asked twice, and what it says then counts."""

    class Refused(RuntimeError):
        """CuPy's own asks the driver for the name of the error."""

    monkeypatch.setattr(driver, "CUDADriverError", Refused)
    address = ctypes.cast(cuda.library.cuLaunchKernel, ctypes.c_void_p).value
    enqueue = enqueuer(1002, (3, 2, 1), (64, 1, 1), 1, (7,), address)
    monkeypatch.setattr(cupy.cuda.runtime, "memGetInfo", cuda.reset)
    cuda.fail("cuLaunchKernel", 201)
    enqueue([buffer(100)], 4242)
    assert cuda.ran() == [row(1002, 100, 7)]
    monkeypatch.setattr(cupy.cuda.runtime, "memGetInfo", lambda: None)
    for status, calls in ((201, 2), (1, 1)):
        cuda.reset()
        cuda.fail("cuLaunchKernel", status)
        with pytest.raises(Refused, match=f"^{status}$"):
            enqueue([buffer(100)], 4242)
        assert cuda.calls() == calls and cuda.ran() == []


@needs_native
def test_threads_launch_side_by_side(cuda):
    address = ctypes.cast(cuda.library.cuLaunchKernel, ctypes.c_void_p).value
    enqueue = enqueuer(1001, (1, 1, 1), (1, 1, 1), 1, (), address)
    lock = threading.Lock()  # the mock driver's list is no list for threads

    def run(first: int) -> None:
        for i in range(first, first + 100):
            with lock:
                enqueue([buffer(i)], 0)

    threads = [threading.Thread(target=run, args=(100 * k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r[-1][0] for r in cuda.ran()) == list(range(400))


def test_a_stretch_becomes_a_graph(fake, cuda):
    target = CudaTarget(fake.compile)
    module = target.compile("text")
    run = target.stretch(module, [call("ff", 7), call("g")])
    for address, calls in ((100, 2), (100, None), (100, 1), (200, 2)):
        cuda.reset()
        run([[buffer(address)], [buffer(300)]])
        assert cuda.ran() == [row(1002, address, 7), row(1001, 300)]
        assert calls is None or cuda.calls() == calls  # with the second run the graph is made


def test_runs_of_a_stretch_that_overlap_share_nothing(fake, cuda, monkeypatch):
    """The second run starts while the first has written its addresses and not yet launched."""
    target = CudaTarget(fake.compile)
    run = target.stretch(target.compile("text"), [call("f"), call("g")])
    current_stream = target.current.stream
    inner = iter([lambda: run([[buffer(3)], [buffer(4)]])])

    def interrupted():
        next(inner, lambda: None)()
        return current_stream()

    run._stream = interrupted
    run([[buffer(1)], [buffer(2)]])
    assert cuda.ran() == [row(1001, 3), row(1001, 4), row(1001, 1), row(1001, 2)]


def test_a_stretch_is_prepared_for_each_device(fake, cuda):
    target = CudaTarget(fake.compile)
    module = target.compile("text")
    run = target.stretch(module, [call("f"), call("gg", 5)])
    for device in (0, 1, 0, 1, 0, 1):
        fake.device = device
        cuda.reset()
        run([[buffer(1)], [buffer(2)]])
        handles = 1000 + 1000 * device
        stream = 4242 + device
        assert cuda.ran() == [row(handles + 1, 1, stream=stream), row(handles + 2, 2, 5, stream=stream)]
