"""Several GPUs: which one a call runs on.

Work runs on the device where its operands live.  Arrays of rank 0 follow the others; arrays of several devices in
one call are an IncompatibleDevicesError.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from cujax.engine.backends.api import Buffer, Device
from cujax.engine.ground.errors import IncompatibleDevicesError

_ON_IT = nullcontext()


class Devices:
    """The devices that CuPy sees; `all` in the order of their numbers."""

    def __init__(self) -> None:
        import cupy

        runtime = cupy.cuda.runtime
        self._enter = cupy.cuda.Device
        self._current = runtime.getDevice
        self._ndarray = cupy.ndarray
        self._copy = cupy.array
        names = [runtime.getDeviceProperties(i)["name"].decode() for i in range(runtime.getDeviceCount())]
        self.all = tuple(Device("gpu", i, name) for i, name in enumerate(names))
        self.are_several = len(self.all) > 1

    def on(self, number: int) -> AbstractContextManager:
        """A context in which a device is the current one."""
        return _ON_IT if not self.are_several or number == self._current() else self._enter(number)

    def of(self, buffer: Buffer) -> int:
        """The number of the device where a buffer lives."""
        return buffer.data.device_id

    def common(self, operands: Iterable[Any], what: str) -> int:
        """The device of all operands that have axes, the current one where none has."""
        found = {i: self.of(x) for i, x in enumerate(operands) if isinstance(x, self._ndarray) and x.ndim}
        numbers = set(found.values())
        if len(numbers) > 1:
            raise IncompatibleDevicesError(what, {i: str(self.all[number]) for i, number in found.items()})
        return numbers.pop() if numbers else self._current()

    def gather(self, buffers: Sequence[Buffer], what: str) -> Sequence[Buffer]:
        """`buffers` on their common device: those of rank 0 are copied to it."""
        number = self.common(buffers, what)
        if all(self.of(x) == number for x in buffers):
            return buffers
        with self.on(number):
            return [x if self.of(x) == number else self._copy(x) for x in buffers]
