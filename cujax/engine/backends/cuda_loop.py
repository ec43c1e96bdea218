"""All steps of a loop whose kernels and buffers are known beforehand: see `api.KernelTarget.loop`.

    Loop(current, phases, first, driver, is_capturing)(places, length)

Where no buffer moves from step to step, the phases that take turns come round to the same launches again and again.  As
many rounds as make `_MOST_NODES` kernels become one CUDA graph, which is launched until few steps are left; these, the
steps before the phases take turns, and loops over rows, whose addresses are others in every step, are launched one by
one.

Cost model: on an H200 a kernel of a graph takes 1.9 us and one launched by itself 5; to give a node of a graph its
addresses takes 2.4, which happens once in a run, and not where the loop's buffers are where they were the last time.
A graph is made in some hundred microseconds, by the second run of a loop or by the first if that is long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cujax.engine.backends.api import Phase, Places
from cujax.engine.backends.cuda_graph import CANNOT_BE_CAPTURED, KernelGraph
from cujax.engine.backends.cuda_graph_driver import CudaError, GraphDriver
from cujax.engine.backends.cuda_launch import Launch
from cujax.engine.backends.cuda_launcher import Current

_MOST_NODES = 64
_LONG = 4  # launches of a graph for which it is made at once


class Copier:
    """What copies so many bytes, in the place of a launcher of a kernel."""

    def __init__(self, nbytes: int) -> None:
        self._nbytes = nbytes

    def launch(self, num_buffers: int) -> Copy:
        """A copy of its own."""
        return Copy(self._nbytes)


class Copy:
    """As a `Launch`: copies from the first address to the second."""

    def __init__(self, nbytes: int) -> None:
        from cupy.cuda import runtime

        self.words, self.is_empty = [0, 0], nbytes == 0
        self._nbytes, self._copy, self._kind = nbytes, runtime.memcpyAsync, runtime.memcpyDeviceToDevice

    def enqueue(self, stream: int) -> None:
        """Run it on the stream at this address."""
        source, target = self.words
        self._copy(target, source, self._nbytes, self._kind, stream)


class _Step(NamedTuple):
    """What is launched in a phase, each with the numbers of its first address and of the one after its last."""

    launches: list[Launch | Copy]
    parts: list[slice]

    def set(self, addresses: list[int]) -> None:
        """Give all launches their addresses."""
        for launch, part in zip(self.launches, self.parts, strict=True):
            words = launch.words
            for i, address in enumerate(addresses[part]):
                words[i] = address


class _Rounds(NamedTuple):
    """Many rounds of the phases that take turns, as one graph."""

    steps: list[_Step]
    graph: KernelGraph


class _Prepared:
    """What one run needs for itself, on one device."""

    def __init__(self, phases: Sequence[Phase]) -> None:
        self.steps = [_step(phase) for phase in phases]
        self.rounds: dict[int, _Rounds | None] = {}  # by their number in a graph; None where the driver refuses
        self.has_run = False


def _step(phase: Phase) -> _Step:
    parts, start = [], 0
    for count in phase.counts:
        parts.append(slice(start, start + count))
        start += count
    launches = [launcher.launch(count) for launcher, count in zip(phase.launchers, phase.counts, strict=True)]
    kept = [(launch, part) for launch, part in zip(launches, parts, strict=True) if not launch.is_empty]
    return _Step([launch for launch, _ in kept], [part for _, part in kept])


def _launches(rounds: int, nodes: int) -> int:
    """How often to launch a graph for so many rounds of so many kernels, so that few launches are left over."""
    least = -(-rounds // max(1, _MOST_NODES // nodes))
    return min(range(least, least + least // 2 + 2), key=lambda times: times + rounds % times * nodes)


class Loop:
    """See above.  A run takes what another one has prepared and left, so that runs never share it.

    driver: None where there are no graphs.  is_capturing: whether the user captures the stream at an address.
    """

    def __init__(
        self, current: Current, phases: Sequence[Phase], first: int, driver: GraphDriver | None,
        is_capturing: Callable[[int], bool],
    ) -> None:  # fmt: skip
        self._device, self._stream = current
        self._phases, self._first = list(phases), first
        self._driver, self._is_capturing = driver, is_capturing
        self._unused: defaultdict[int, list[_Prepared]] = defaultdict(list)

    def __call__(self, places: Sequence[Places], length: int) -> int:
        unused = self._unused[self._device()]
        try:
            prepared = unused.pop()
        except IndexError:
            prepared = _Prepared(self._phases)
        self._run(prepared, places, length, self._stream().ptr)
        prepared.has_run = True
        unused.append(prepared)
        return length

    def _run(self, prepared: _Prepared, places: Sequence[Places], length: int, stream: int) -> None:
        done = min(self._first, length)
        self._one_by_one(prepared, places, range(done), stream)
        if not any(place.moves.any() for place in places[self._first :]):
            done += self._in_graphs(prepared, places, length - done, stream)
        self._one_by_one(prepared, places, range(done, length), stream)

    def _one_by_one(self, prepared: _Prepared, places: Sequence[Places], numbers: range, stream: int) -> None:
        first, period = self._first, len(self._phases) - self._first
        for number in numbers:
            turn = number if number < first else first + (number - first) % period
            step, (addresses, moves) = prepared.steps[turn], places[turn]
            step.set((addresses + number * moves).tolist())
            for launch in step.launches:
                launch.enqueue(stream)

    def _in_graphs(self, prepared: _Prepared, places: Sequence[Places], steps: int, stream: int) -> int:
        """As many of the steps as graphs of equal length make; how many that were."""
        turns = prepared.steps[self._first :]
        rounds, nodes = steps // len(turns), sum(len(step.launches) for step in turns)
        if not rounds or not nodes or (stream not in CANNOT_BE_CAPTURED and self._is_capturing(stream)):
            return 0
        times = _launches(rounds, nodes)
        if not prepared.has_run and times < _LONG:
            return 0
        each = rounds // times
        graph = self._graph_of(prepared, each)
        if graph is None:
            return 0
        addresses = [place.addresses.tolist() for place in places[self._first :]]
        for i, step in enumerate(graph.steps):
            step.set(addresses[i % len(addresses)])
        for _ in range(times):
            graph.graph.enqueue(stream)
        return times * each * len(turns)

    def _graph_of(self, prepared: _Prepared, rounds: int) -> _Rounds | None:
        if rounds not in prepared.rounds:
            prepared.rounds[rounds] = self._made(rounds)
        return prepared.rounds[rounds]

    def _made(self, rounds: int) -> _Rounds | None:
        steps = [_step(phase) for _ in range(rounds) for phase in self._phases[self._first :]]
        launches = [launch for step in steps for launch in step.launches]
        kernels = [launch for launch in launches if isinstance(launch, Launch)]
        if self._driver is None or len(kernels) < len(launches):
            return None
        try:
            return _Rounds(steps, KernelGraph(self._driver, kernels))
        except CudaError:
            return None
