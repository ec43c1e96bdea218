"""Running kernels on the buffers of a call: one kernel, or a stretch of kernels that follow one another.

    Launcher(module, call)(buffers)             the buffers of the kernel
    Stretch(module, calls)(buffers)             the buffers of each kernel; from the second time on one CUDA graph

Both run on the current device, which must be that of the buffers, and on CuPy's current stream, and may be used by
several threads at once.  What they prepare is kept for each device.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cujax.engine.backends.api import Buffer, KernelCall, Module
from cujax.engine.backends.cuda_graph import Replay
from cujax.engine.backends.cuda_launch import Enqueue, Launch, enqueuer, slots_of, write_addresses


class Current(NamedTuple):
    """How to ask CuPy for the number of the current device and the address of the current stream's object."""

    device: Callable[[], int]
    stream: Callable[[], Any]


def launch_of(module: Module, call: KernelCall, num_buffers: int) -> Launch:
    """A launch whose first slots are for the addresses of buffers; the sizes follow."""
    slots = slots_of(num_buffers, call.sizes)
    return Launch(module.function(call.name), (*call.blocks, 1), (call.threads, 1, 1), 0, slots)


class Launcher:
    """See above."""

    def __init__(self, current: Current, module: Module, call: KernelCall, driver: int | None = None) -> None:
        """driver: the address of cuLaunchKernel, if it is known."""
        self._device, self._stream = current
        self._module, self._call, self._driver = module, call, driver
        self._enqueue: dict[int, Enqueue] = {}  # by device

    def launch(self, num_buffers: int) -> Launch:
        """A launch of its own on the current device."""
        return launch_of(self._module, self._call, num_buffers)

    def __call__(self, buffers: Sequence[Buffer]) -> None:
        enqueue = self._enqueue.get(self._device()) or self._prepare(len(buffers))
        enqueue(buffers, self._stream().ptr)

    def _prepare(self, num_buffers: int) -> Enqueue:
        call, function = self._call, self._module.function(self._call.name)
        found = enqueuer(
            function, (*call.blocks, 1), (call.threads, 1, 1), num_buffers, tuple(call.sizes), self._driver
        )
        return self._enqueue.setdefault(self._device(), found)


class _Prepared(NamedTuple):
    """What one run of a stretch needs for itself."""

    launches: list[Launch]
    replay: Replay


class Stretch:
    """See above.  A run takes what another one has prepared and left, so that runs never share it."""

    def __init__(
        self,
        current: Current,
        module: Module,
        calls: Sequence[KernelCall],
        make_replay: Callable[[Sequence[Launch]], Replay],
    ) -> None:
        self._device, self._stream = current
        self._module, self._calls = module, list(calls)
        self._make_replay = make_replay
        self._unused: defaultdict[int, list[_Prepared]] = defaultdict(list)

    def __call__(self, buffers: Sequence[Sequence[Buffer]]) -> None:
        unused = self._unused[self._device()]
        try:
            prepared = unused.pop()
        except IndexError:
            prepared = self._prepare(buffers)
        for launch, operands in zip(prepared.launches, buffers, strict=True):
            write_addresses(launch.words, operands)
        prepared.replay.enqueue(self._stream().ptr)
        unused.append(prepared)

    def _prepare(self, buffers: Sequence[Sequence[Buffer]]) -> _Prepared:
        launches = [launch_of(self._module, c, len(b)) for c, b in zip(self._calls, buffers, strict=True)]
        return _Prepared(launches, self._make_replay(launches))
