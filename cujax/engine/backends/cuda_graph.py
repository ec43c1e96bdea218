"""Replaying kernels that follow one another as a CUDA graph: one call of the driver for many of them.

`Replay` runs its launches one by one the first time, and as a `KernelGraph` from the second time on.

Calls of libraries are not part of graphs: what CuPy calls cuBLAS, cuSOLVER, cuSPARSE and cuRAND for cannot be
captured, and of what can be the captured addresses could not be changed afterwards, while arguments and
results of a program are somewhere else in every run.

A graph refers to no buffer.  Before it is launched every node is given the addresses that stand in its launch's
slots by then, so buffers need to live no longer than they do for launches one by one.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable, Sequence

from cujax.engine.backends.cuda_graph_driver import CudaError, GraphDriver, KernelNode
from cujax.engine.backends.cuda_launch import INVALID_CONTEXT, Launch, enter_context

SHORTEST = 2  # launches that are worth a graph
CANNOT_BE_CAPTURED = (0, 1)  # the default stream, by its two addresses

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
                if error.status == INVALID_CONTEXT:
                    enter_context()
                    return self._replay(stream)
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
    """Launches, run in order by `replay.enqueue(stream)` on the device that is current the second time.

    driver: None where there are no graphs.  is_capturing: whether the user captures the stream at an address;
    then the launches go into the user's graph one by one.
    """

    def __init__(
        self, launches: Sequence[Launch], driver: GraphDriver | None, is_capturing: Callable[[int], bool]
    ) -> None:
        self._launches = [launch for launch in launches if not launch.is_empty]
        self._driver = driver if len(self._launches) >= SHORTEST else None
        self._is_capturing = is_capturing
        self._graph: KernelGraph | None = None
        self._has_run = False

    def enqueue(self, stream: int) -> None:
        """Run all launches on the stream at this address."""
        graph = self._graph_for(stream)
        if graph is not None:
            graph.enqueue(stream)
        else:
            for launch in self._launches:
                launch.enqueue(stream)

    def _graph_for(self, stream: int) -> KernelGraph | None:
        if self._driver is None or (stream not in CANNOT_BE_CAPTURED and self._is_capturing(stream)):
            return None
        if self._has_run and self._graph is None:
            self._graph = self._made(self._driver)
        self._has_run = True
        return self._graph

    def _made(self, driver: GraphDriver) -> KernelGraph | None:
        try:
            return KernelGraph(driver, self._launches)
        except CudaError as error:
            log.debug("no graph is made of %d kernels: %s", len(self._launches), error)
            self._driver = None
            return None
