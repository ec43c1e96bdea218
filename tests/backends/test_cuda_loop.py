"""Loops whose steps are prepared at once, on a driver that writes down what would run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cujax.engine.backends import cuda_loop
from cujax.engine.backends.api import Phase, Places
from cujax.engine.backends.cuda_graph_driver import GraphDriver
from cujax.engine.backends.cuda_launch import Launch
from cujax.engine.backends.cuda_launcher import Current
from cujax.engine.backends.cuda_loop import Copier, Loop

runtime = pytest.importorskip("cupy.cuda.runtime", reason="CuPy is not installed; the test extra brings it")
STREAM = 4242


class Kernel:
    """Gives launches of a kernel; some are of no blocks."""

    def __init__(self, handle: int, blocks: int = 3) -> None:
        self.handle, self.blocks = handle, blocks

    def launch(self, num_buffers: int) -> Launch:
        return Launch(self.handle, (self.blocks, 1, 1), (32, 1, 1), 0, np.zeros(num_buffers, np.uint64))


class Stream:
    ptr = STREAM


def loop(cuda, phases: list[Phase], first: int, is_capturing: bool = False) -> Loop:
    current = Current(lambda: 0, Stream)
    return Loop(current, phases, first, GraphDriver(cuda.library), lambda stream: is_capturing)


def phase(*kernels: Any) -> Phase:
    return Phase(tuple([k for k, _ in kernels]), tuple([n for _, n in kernels]), -1)


def fixed(*addresses: int) -> Places:
    return Places(np.array(addresses, np.int64), np.zeros(len(addresses), np.int64))


def ran(cuda, run: Loop, places: list[Places], length: int) -> list[tuple[int, list[int]]]:
    """Which kernels have run, with which addresses."""
    cuda.reset()
    assert run(places, length) == length
    rows = cuda.ran()
    assert {(grid, block, stream) for _, grid, block, _, stream, _ in rows} <= {((3, 1, 1), (32, 1, 1), STREAM)}
    return [(handle, words) for handle, _, _, _, _, words in rows]


PHASES = [
    phase((Kernel(1002), 2), (Kernel(2001), 1)),
    phase((Kernel(1002), 2), (Kernel(9001, 0), 1), (Kernel(2001), 1)),
    phase((Kernel(1002), 2), (Kernel(2001), 1)),
]  # fmt: skip


def turns(base: int) -> list[Places]:
    """Places for `PHASES`: two carries that change places, and an address of the kernel of no blocks."""
    return [fixed(base, base + 1, base + 1), fixed(base + 1, base + 2, 7, base + 2), fixed(base + 2, base + 1, base)]


def expected(places: list[Places], first: int, length: int) -> list[tuple[int, list[int]]]:
    found = []
    for number in range(length):
        turn = number if number < first else first + (number - first) % (len(places) - first)
        words = (places[turn].addresses + number * places[turn].moves).tolist()
        found += [(1002, words[:2]), (2001, words[-1:])]
    return found


@pytest.mark.parametrize("length", [0, 1, 2, 3, 37, 100, 1001])
def test_all_steps_run_in_order(cuda, length):
    """Whatever part of them runs as graphs, and again with other addresses."""
    run = loop(cuda, PHASES, 1)
    for base in (100, 100, 5000):
        assert ran(cuda, run, turns(base), length) == expected(turns(base), 1, length)


def test_a_long_loop_is_few_calls_of_the_driver(cuda):
    run = loop(cuda, PHASES, 1)
    places = turns(1)
    ran(cuda, run, places, 1000)
    cuda.reset()
    run(places, 1000)
    graphs = 1000 * 2 / cuda_loop._MOST_NODES
    assert cuda.calls() < 1.5 * graphs + 20  # and what is left over, one by one


def test_a_short_loop_is_a_graph_the_second_time(cuda):
    run = loop(cuda, PHASES, 1)
    places = turns(1)
    calls = []
    for _ in range(3):
        cuda.reset()
        run(places, 20)
        calls.append(cuda.calls())
    assert calls[0] == 40
    assert calls[2] < 10


def test_rows_move_on(cuda):
    run = loop(cuda, PHASES[:1], 0)
    places = [Places(np.array([1000, 50, 600], np.int64), np.array([16, 0, -8], np.int64))]
    for _ in range(2):
        assert ran(cuda, run, places, 30) == expected(places, 0, 30)


def test_a_capture_of_the_user_gets_single_launches(cuda):
    run = loop(cuda, PHASES[:1], 0, is_capturing=True)
    for _ in range(2):
        ran(cuda, run, [fixed(1, 2, 3)], 300)
    assert cuda.calls() == 600


def test_copies_run_between_kernels(cuda, monkeypatch):
    """And then there is no graph."""
    copied = []
    monkeypatch.setattr(runtime, "memcpyAsync", lambda *given: copied.append((*given, len(cuda.ran()))))
    run = loop(cuda, [phase((Kernel(1002), 2), (Copier(24), 2))], 0)
    places = [Places(np.array([1, 2, 100, 500], np.int64), np.array([0, 0, 0, 24], np.int64))]
    for _ in range(2):
        copied.clear()
        ran(cuda, run, places, 3)
        assert copied == [(500 + 24 * i, 100, 24, runtime.memcpyDeviceToDevice, STREAM, i + 1) for i in range(3)]


def test_a_driver_that_refuses_graphs_gets_single_launches(cuda):
    run = loop(cuda, PHASES, 1)
    places = turns(1)
    cuda.fail("cuGraphInstantiateWithFlags", 1)
    run(places, 500)
    cuda.library.mock_reset()
    assert ran(cuda, run, places, 500) == expected(places, 1, 500)
