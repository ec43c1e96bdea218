"""Replaying the launches of a program as CUDA graphs, one call of the driver for many kernels.

`Replay` is made for the steps of one program: launches, and calls of libraries.  The first time the steps run
one by one.  From the second time on each stretch of launches that follow one another is a `KernelGraph`.

Library calls stay outside of graphs: what CuPy calls cuBLAS, cuSOLVER, cuSPARSE and cuRAND for cannot be
captured, and of what can be the captured addresses could not be changed afterwards, while arguments and
results of a program are somewhere else in every run.

A replay refers to no buffer.  Before it is launched every node is given the addresses that stand in its launch's
slots by then, so buffers need to live no longer than they do for launches one by one.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from cujax.engine.backends.cuda_graph_driver import CudaError, GraphDriver, KernelNode
from cujax.engine.backends.cuda_launch import Launch, enter_context

SHORTEST = 2  # launches that are worth a graph
_CANNOT_BE_CAPTURED = (0, 1)  # the default stream, by its two addresses

Step = Launch | Callable[[], object]
log = logging.getLogger("cujax")


class KernelGraph:
    """Launches, in order, as one graph on the device that is current when it is made; CudaError without one.

    `enqueue(stream)` runs them with what their slots hold by then; the device must be current again.  As with a
    launch, runs that go on at the same time must not share it.  Should the driver refuse later on, the launches
    go to the stream one by one.
    """

    def __init__(self, driver: GraphDriver, launches: Sequence[Launch]) -> None:
        enter_context()
        context = driver.context()
        self._driver = driver
        self._launches = list(launches)
        self._params = [KernelNode.of(launch, context) for launch in launches]
        self._graph, self._executable, handles = driver.chain(self._params)
        self._nodes = [
            (launch.words, launch.slots.copy().data, handle, ctypes.addressof(params))
            for launch, handle, params in zip(launches, handles, self._params, strict=True)
        ]
        self._is_given_up = False

    def enqueue(self, stream: int) -> None:
        """Run the kernels on the stream at this address."""
        if not self._is_given_up:
            try:
                return self._replay(stream)
            except CudaError as error:
                log.debug("a graph of %d kernels is given up: %s", len(self._launches), error)
                self._is_given_up = True
        for launch in self._launches:
            launch.enqueue(stream)

    def _replay(self, stream: int) -> None:
        driver, executable = self._driver, self._executable
        for words, seen, handle, params in self._nodes:
            if words != seen:
                driver.update(executable, handle, params)
                seen[:] = words
        driver.launch(executable, stream)

    def __del__(self) -> None:
        if getattr(self, "_executable", 0):
            self._driver.destroy(self._graph, self._executable)


class Replay:
    """The steps of a program, run in order by `replay.enqueue(stream)` on the current device.

    driver: None where there are no graphs.  is_capturing: whether the user captures the stream at an address;
    then the steps go into the user's graph one by one.
    """

    def __init__(
        self, steps: Sequence[Step], driver: GraphDriver | None, is_capturing: Callable[[int], bool]
    ) -> None:
        self._steps = [s for s in steps if not (isinstance(s, Launch) and s.is_empty)]
        self._driver = driver
        self._is_capturing = is_capturing
        self._plain = [_run_of(step) for step in self._steps]
        self._pieces = self._plain
        self._runs = 0

    def enqueue(self, stream: int) -> None:
        """Run all steps on the stream at this address, which is CuPy's current one, for the libraries."""
        for run in self._pieces_for(stream):
            run(stream)

    def _pieces_for(self, stream: int) -> list[Callable[[int], Any]]:
        if stream not in _CANNOT_BE_CAPTURED and self._is_capturing(stream):
            return self._plain
        self._runs += 1
        if self._runs == 2 and self._driver is not None:
            self._pieces = self._with_graphs(self._driver)
        return self._pieces

    def _with_graphs(self, driver: GraphDriver) -> list[Callable[[int], Any]]:
        """The steps, with a graph in the place of each stretch of launches."""
        pieces: list[Callable[[int], Any]] = []
        for is_launch, found in groupby(self._steps, lambda step: isinstance(step, Launch)):
            stretch = list(found)
            if is_launch and len(stretch) >= SHORTEST:
                pieces += _graph_of(driver, stretch)  # type: ignore[arg-type]
            else:
                pieces += map(_run_of, stretch)
        return pieces


def _graph_of(driver: GraphDriver, launches: Sequence[Launch]) -> list[Callable[[int], Any]]:
    """One call for all launches, or one for each where the driver makes no graph of them."""
    try:
        graph = KernelGraph(driver, launches)
    except CudaError as error:
        log.debug("no graph is made of %d kernels: %s", len(launches), error)
        return [_run_of(launch) for launch in launches]
    return [lambda stream: graph.enqueue(stream)]


def _run_of(step: Step) -> Callable[[int], Any]:
    """A step as a function of the stream; library calls find theirs by themselves."""
    return step.enqueue if isinstance(step, Launch) else lambda stream: step()
