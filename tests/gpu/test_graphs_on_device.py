"""Replay as CUDA graphs: order, changed addresses, streams, threads, and what it costs."""

from __future__ import annotations

import threading
from itertools import pairwise

import numpy as np
import pytest
from device_kernels import SOURCE, add_one, call, microseconds

from cujax.engine.backends.cuda_graph import KernelGraph

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")
N = 4096


@pytest.fixture(scope="module")
def module(backend):
    return backend.kernels.compile(SOURCE)


def chain(buffers) -> list:
    """Operands of kernels each of which reads what the one before has written."""
    return [[x, y] for x, y in pairwise(buffers)]


def stretch(backend, module, length: int):
    return backend.kernels.stretch(module, [add_one(N)] * length)


def test_kernels_run_in_order(backend, module):
    """Each appends its number to a list without any other synchronisation."""
    run = backend.kernels.stretch(module, [call("append", threads=1)] * 20)
    numbers = [cupy.asarray([i], np.int32) for i in range(20)]
    for _ in range(4):
        listed = cupy.zeros(21, np.int32)
        run([[n, listed] for n in numbers])
        assert listed.get().tolist() == [20, *range(20)]


def test_it_is_a_graph_from_the_second_run_on(backend, module):
    run = stretch(backend, module, 3)
    buffers = [cupy.zeros(N, np.float32) for _ in range(4)]
    graphs = []
    for _ in range(3):
        run(chain(buffers))
        (prepared,) = run._unused[cupy.cuda.runtime.getDevice()]
        graphs.append(prepared.replay._graph)
    assert graphs[0] is None
    assert isinstance(graphs[1], KernelGraph)
    assert graphs[2] is graphs[1]
    assert not graphs[1]._is_given_up


def test_changed_addresses_reach_the_kernels(backend, module):
    run = stretch(backend, module, 5)
    for number in range(6):
        buffers = [cupy.full(N, number, np.float32) for _ in range(6)]
        run(chain(buffers))
        assert [float(b[7]) for b in buffers] == [number + i for i in range(6)]


def test_runs_that_are_still_going_on_keep_their_addresses(backend, module):
    """Many replays with other addresses are queued before the first has run."""
    run = stretch(backend, module, 4)
    slow = backend.kernels.launcher(module, call("spin", 10**8, threads=1))
    sets = [[cupy.full(N, number, np.float32) for _ in range(5)] for number in range(10)]
    run(chain(sets[0]))
    slow([cupy.zeros(1, np.int32)])
    for buffers in sets[1:]:
        run(chain(buffers))
    for number, buffers in enumerate(sets):
        assert float(buffers[4][0]) == number + 4


@pytest.mark.parametrize("non_blocking", [False, True])
def test_the_users_stream_is_used(backend, module, non_blocking):
    run = stretch(backend, module, 3)
    buffers = [cupy.zeros(N, np.float32) for _ in range(4)]
    cupy.cuda.get_current_stream().synchronize()
    stream = cupy.cuda.Stream(non_blocking=non_blocking)
    slow = backend.kernels.launcher(module, call("spin", 10**8, threads=1))
    for _ in range(3):
        with stream:
            for buffer in buffers:
                buffer.fill(0)
            slow([cupy.zeros(1, np.int32)])
            run(chain(buffers))
            assert not stream.done
            done = stream.record()
        done.synchronize()
        assert float(buffers[3][0].get()) == 3


def test_one_stretch_on_two_streams_in_turn(backend, module):
    run = stretch(backend, module, 3)
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in range(2)]
    sets = []
    for number in range(12):
        with streams[number % 2]:
            sets.append([cupy.full(N, number, np.float32) for _ in range(4)])
            run(chain(sets[-1]))
    for stream in streams:
        stream.synchronize()
    assert [float(buffers[3][5]) for buffers in sets] == [number + 3 for number in range(12)]


def test_several_threads_run_one_stretch(backend, module):
    run, wrong = stretch(backend, module, 4), []

    def work(start: int) -> None:
        with cupy.cuda.Stream(non_blocking=True) as _:
            for number in range(start, start + 100):
                buffers = [cupy.full(N, number, np.float32) for _ in range(5)]
                run(chain(buffers))
                if buffers[4].get().tolist() != [number + 4] * N:
                    wrong.append(number)

    threads = [threading.Thread(target=work, args=(1000 * i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_new_thread_needs_no_preparation(backend, module):
    """A thread that has not talked to the device has no context; memory comes from the pool without one."""
    run = stretch(backend, module, 3)
    buffers = [cupy.zeros(N, np.float32) for _ in range(4)]
    errors = []

    def work() -> None:
        try:
            run(chain(buffers))
        except Exception as error:  # reported by the test's thread
            errors.append(error)

    for _ in range(3):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert errors == []
    assert float(buffers[3][0]) == 3


def test_a_stretch_goes_into_the_users_graph(backend, module):
    run = stretch(backend, module, 3)
    buffers = [cupy.zeros(N, np.float32) for _ in range(4)]
    for _ in range(2):
        run(chain(buffers))
    cupy.cuda.get_current_stream().synchronize()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        run(chain(buffers))
        graph = stream.end_capture()
    buffers[0].fill(10)
    cupy.cuda.get_current_stream().synchronize()
    graph.launch(stream)
    stream.synchronize()
    assert float(buffers[3][0]) == 13


@pytest.mark.parametrize("length", [2, 5, 20, 100])
def test_what_a_replay_costs(backend, module, length, figure):
    def wait():
        cupy.cuda.get_current_stream().synchronize()

    one, other = ([cupy.zeros(N, np.float32) for _ in range(length + 1)] for _ in range(2))
    graph, plain = stretch(backend, module, length), stretch(backend, module, length)
    plain._make_replay = lambda launches: type(graph._make_replay(launches))(launches, None, lambda stream: False)
    same, changing = chain(one), [chain(one), chain(other)]
    turn = iter(range(10**9))
    calls = max(10, 400 // length)
    figure(f"{length} kernels: one by one", microseconds(lambda: plain(same), wait, calls), "us")
    figure(f"{length} kernels: replay", microseconds(lambda: graph(same), wait, calls), "us")
    figure(
        f"{length} kernels: replay with every address changed",
        microseconds(lambda: graph(changing[next(turn) % 2]), wait, calls), "us",
    )  # fmt: skip
    for name, run in (("one by one", plain), ("replay", graph)):
        figure(f"{length} kernels on the device: {name}", on_device(lambda run=run: run(same)), "us")


def on_device(run, rounds: int = 20) -> float:
    """Time between events around a run, the best of some."""
    times = []
    for _ in range(rounds):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        run()
        end.record()
        end.synchronize()
        times.append(cupy.cuda.get_elapsed_time(start, end))
    return min(times) * 1e3
