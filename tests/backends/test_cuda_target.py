"""Compiling, loading and naming kernels, with CuPy's modules and devices replaced by what is written down."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest

from cujax.engine.backends import cuda_target
from cujax.engine.backends.cuda_graph import Replay
from cujax.engine.backends.cuda_target import CudaTarget

cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")


class FakeCuda:
    """Two devices of different architecture; handles are numbered."""

    def __init__(self) -> None:
        self.device = 0
        self.loaded: list[tuple[int, bytes]] = []
        self.compiled: list[tuple[str, int]] = []
        self.launched: list[tuple] = []

    def compile(self, source: str, arch: int) -> bytes:
        self.compiled.append((source, arch))
        return f"{source} for {arch}".encode()


@pytest.fixture
def fake(monkeypatch):
    fake = FakeCuda()

    class Module:
        def load(self, code: bytes) -> None:
            fake.loaded.append((fake.device, code))
            self.number = len(fake.loaded)

        def get_function(self, name: str):
            return type("Function", (), {"ptr": self.number * 1000 + len(name)})

    class Stream:
        ptr = 4242

    monkeypatch.setattr(cupy.cuda.function, "Module", Module)
    monkeypatch.setattr(cupy.cuda.runtime, "getDevice", lambda: fake.device)
    monkeypatch.setattr(cupy.cuda, "get_current_stream", Stream)
    monkeypatch.setattr(cuda_target, "arch_of", lambda device: 80 + 10 * device)
    launch_kernel = lambda *args: fake.launched.append(args)  # noqa: E731
    monkeypatch.setattr("cupy_backends.cuda.api.driver.launchKernel", launch_kernel)
    return fake


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


def test_launches_go_to_the_current_stream(fake):
    target = CudaTarget(fake.compile)
    slots = np.array([5, 6], np.uint64)
    target.launch(1001, (3, 2, 1), (64, 1, 1), 16, slots)
    ((*head, stream, pointers, extra),) = fake.launched
    assert head == [1001, 3, 2, 1, 64, 1, 1, 16]
    assert stream == target.stream() == 4242
    assert extra == 0
    assert pointers != 0


def test_a_replay_runs_its_steps(fake):
    target, calls = CudaTarget(fake.compile), []
    launch = target.prepare(1001, (3, 2, 1), (64, 1, 1), 16, np.array([5], np.uint64))
    replay = target.replay([launch, lambda: calls.append("library")])
    assert isinstance(replay, Replay)
    replay.enqueue(0)
    assert len(fake.launched) == len(calls) == 1
