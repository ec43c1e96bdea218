"""Launches and their replay as graphs, on a driver that writes down what would run."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from mock_cuda import build

from cujax.engine.backends.cuda_graph import KernelGraph, Replay
from cujax.engine.backends.cuda_graph_driver import CudaError, GraphDriver, graph_driver
from cujax.engine.backends.cuda_launch import Launch

runtime = pytest.importorskip("cupy.cuda.runtime", reason="CuPy is not installed; the test extra brings it")
driver = pytest.importorskip("cupy_backends.cuda.api.driver")
STREAM = 4242


def launch(handle: int, *words: int, grid=(7, 1, 1)) -> Launch:
    return Launch(handle, grid, (128, 2, 1), 48, np.array(words, np.uint64))


def row(handle: int, *words: int) -> tuple:
    return (handle, (7, 1, 1), (128, 2, 1), 48, STREAM, list(words))


def replay(cuda, launches, is_capturing=lambda stream: False) -> Replay:
    return Replay(launches, GraphDriver(cuda.library), is_capturing)


def ran_by(cuda, call) -> list[tuple]:
    cuda.reset()
    call()
    return cuda.ran()


def test_a_launch_passes_what_its_slots_hold(cuda):
    one = launch(1003, 2**40, 17, 2**64 - 1)
    one.enqueue(STREAM)
    one.words[1] = 2**47
    one.enqueue(STREAM)
    assert cuda.ran() == [row(1003, 2**40, 17, 2**64 - 1), row(1003, 2**40, 2**47, 2**64 - 1)]


def test_a_launch_of_no_blocks_is_nothing(cuda):
    launch(1001, 5, grid=(0, 1, 1)).enqueue(STREAM)
    replay(cuda, [launch(1001, 5, grid=(1, 0, 1))]).enqueue(STREAM)
    assert cuda.calls() == 0


def test_a_thread_without_a_context_gets_one(monkeypatch):
    entered, tried = [], []

    class NoContext(RuntimeError):
        status = 201

    def launch_kernel(*args):
        tried.append(args)
        if not entered:
            raise NoContext

    monkeypatch.setattr(driver, "CUDADriverError", NoContext)
    monkeypatch.setattr(driver, "launchKernel", launch_kernel)
    monkeypatch.setattr(runtime, "memGetInfo", lambda: entered.append(1))
    launch(1001, 5).enqueue(STREAM)
    assert len(entered) == 1
    assert len(tried) == 2


def test_other_errors_of_a_launch_are_raised(monkeypatch):
    class Refused(RuntimeError):
        status = 1

    def launch_kernel(*args):
        raise Refused

    monkeypatch.setattr(driver, "CUDADriverError", Refused)
    monkeypatch.setattr(driver, "launchKernel", launch_kernel)
    with pytest.raises(Refused):
        launch(1001, 5).enqueue(STREAM)


def test_a_graph_runs_the_launches_in_order(cuda):
    steps = [launch(1001, 11), launch(2002, 21, 22), launch(3000)]
    graph = KernelGraph(GraphDriver(cuda.library), steps)
    assert ran_by(cuda, lambda: graph.enqueue(STREAM)) == [row(1001, 11), row(2002, 21, 22), row(3000)]
    assert cuda.calls() == 1


def test_a_graph_is_given_the_changed_words_and_no_others(cuda):
    steps = [launch(1001, 11), launch(2002, 21, 22), launch(3001, 31)]
    graph = KernelGraph(GraphDriver(cuda.library), steps)
    steps[1].words[0] = 99
    assert ran_by(cuda, lambda: graph.enqueue(STREAM)) == [row(1001, 11), row(2002, 99, 22), row(3001, 31)]
    assert cuda.calls() == 2
    assert ran_by(cuda, lambda: graph.enqueue(STREAM)) == [row(1001, 11), row(2002, 99, 22), row(3001, 31)]
    assert cuda.calls() == 1


def test_the_first_run_is_plain_and_the_second_a_graph(cuda):
    steps = [launch(1001, 11), launch(2001, 21)]
    program = replay(cuda, steps)
    expected = [row(1001, 11), row(2001, 21)]
    assert ran_by(cuda, lambda: program.enqueue(STREAM)) == expected
    assert cuda.calls() == 2
    assert ran_by(cuda, lambda: program.enqueue(STREAM)) == expected
    assert ran_by(cuda, lambda: program.enqueue(STREAM)) == expected
    assert cuda.calls() == 1


def test_what_is_no_stretch_gets_no_graph(cuda):
    """One launch, beside one of no blocks, which no graph could hold."""
    program = replay(cuda, [launch(1001, 11), launch(2001, 21, grid=(0, 1, 1))])
    for _ in range(3):
        assert ran_by(cuda, lambda: program.enqueue(STREAM)) == [row(1001, 11)]
        assert cuda.calls() == 1


@pytest.mark.parametrize("function", ["cuGraphCreate", "cuGraphAddKernelNode", "cuGraphInstantiate"])
def test_launches_that_no_graph_is_made_of_run_one_by_one(cuda, function):
    program = replay(cuda, [launch(1001, 11), launch(2001, 21)])
    program.enqueue(STREAM)
    cuda.reset()
    cuda.fail(function, 801)
    program.enqueue(STREAM)
    program.enqueue(STREAM)
    assert cuda.ran() == [row(1001, 11), row(2001, 21)] * 2


@pytest.mark.parametrize("function", ["cuGraphExecKernelNodeSetParams", "cuGraphLaunch"])
def test_a_graph_that_is_refused_later_is_given_up(cuda, function):
    steps = [launch(1001, 11), launch(2001, 21)]
    program = replay(cuda, steps)
    program.enqueue(STREAM)
    program.enqueue(STREAM)
    cuda.reset()
    cuda.fail(function, 910)
    for address in (12, 13):
        steps[0].words[0] = address
        program.enqueue(STREAM)
    assert cuda.ran() == [row(1001, 12), row(2001, 21), row(1001, 13), row(2001, 21)]


def test_a_thread_without_a_context_replays_too(cuda, monkeypatch):
    program = replay(cuda, [launch(1001, 11), launch(2001, 21)])
    program.enqueue(STREAM)
    program.enqueue(STREAM)
    cuda.reset()
    cuda.fail("cuGraphLaunch", 201)
    monkeypatch.setattr(runtime, "memGetInfo", cuda.reset)
    program.enqueue(STREAM)
    assert cuda.ran() == [row(1001, 11), row(2001, 21)]
    assert cuda.calls() == 1


def test_a_stream_that_the_user_captures_gets_plain_launches(cuda):
    captured = {STREAM}
    program = replay(cuda, [launch(1001, 11), launch(2001, 21)], captured.__contains__)
    for _ in range(3):
        program.enqueue(STREAM)
    assert cuda.calls() == 6
    captured.clear()
    program.enqueue(STREAM)
    program.enqueue(STREAM)
    cuda.reset()
    program.enqueue(0)  # the default stream is not asked about: CUDA would raise
    assert cuda.calls() == 1


def test_without_graphs_every_run_is_plain(cuda):
    program = Replay([launch(1001, 11), launch(2001, 21)], None, lambda stream: False)
    for _ in range(3):
        program.enqueue(STREAM)
    assert cuda.calls() == 6


def test_graphs_are_freed(cuda):
    graph = KernelGraph(GraphDriver(cuda.library), [launch(1001, 11), launch(2001, 21)])
    cuda.reset()
    del graph
    assert cuda.calls() == 2


def test_errors_of_the_driver_are_named(cuda):
    cuda.fail("cuGraphCreate", 1)
    with pytest.raises(CudaError, match=r"cuGraphCreate: CUDA_ERROR_INVALID_VALUE \(1\)"):
        KernelGraph(GraphDriver(cuda.library), [launch(1001, 11)])


def test_no_driver_no_graphs(monkeypatch):
    monkeypatch.setattr("cujax.engine.backends.cuda_graph_driver.LIBRARIES", ("libno-such-driver.so",))
    assert graph_driver() is None


THROUGH_CUPY = """
import sys, warnings
sys.path[:0] = {path}
warnings.simplefilter("ignore")
import ctypes
ctypes.CDLL({library!r}, ctypes.RTLD_GLOBAL)
import numpy as np
from mock_cuda import MockCuda
from cujax.engine.backends.cuda_launch import Launch
mock = MockCuda({library!r})
Launch(1002, (3, 2, 1), (64, 1, 1), 16, np.array([5, 6], np.uint64)).enqueue(8)
print(mock.ran())
"""


def test_a_launch_through_cupy(tmp_path):
    """CuPy's own `launchKernel`, in a process where the mock driver is the driver."""
    script = THROUGH_CUPY.format(path=sys.path, library=str(build(tmp_path, "libcuda.so.1")))
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[(1002, (3, 2, 1), (64, 1, 1), 16, 8, [5, 6])]"
