"""One kernel ready to be launched again and again: everything about it but the stream is packed beforehand.

A kernel's parameters are words of 64 bits, the `slots` of its launch: addresses of buffers first, then sizes.
The driver wants an array of pointers to them, which is made once.  To run the kernel on other buffers, write
their addresses into the slots (`launch.words[i] = buffer.data.ptr` costs 30 ns) and call the launch again: the
driver copies the slots before it returns.  So a launch must not be shared by runs that go on at the same time.

A launch of no blocks is nothing; the driver would refuse it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

INVALID_CONTEXT = 201  # the driver's number for a thread that has not talked to a device yet


class Launch:
    """`launch.enqueue(stream)` runs the kernel; `stream` is an address, 0 the default stream.

    function: the driver's handle.  grid, block: three numbers each.  slots: uint64, kept and not copied.
    """

    __slots__ = ("block", "enqueue", "function", "grid", "is_empty", "pointers", "shared_bytes", "slots", "words")

    def __init__(
        self,
        function: int,
        grid: tuple[int, int, int],
        block: tuple[int, int, int],
        shared_bytes: int,
        slots: np.ndarray,
    ) -> None:
        self.function, self.grid, self.block, self.shared_bytes = function, grid, block, shared_bytes
        self.slots = slots
        self.words = slots.data  # NumPy takes twice as long to write one element
        self.pointers = slots.ctypes.data + np.arange(len(slots), dtype=np.uint64) * np.uint64(8)
        self.is_empty = 0 in grid
        self.enqueue = _nothing if self.is_empty else self._driver_call()

    def _driver_call(self) -> Callable[[int], None]:
        from cupy_backends.cuda.api import driver

        call = partial(driver.launchKernel, self.function, *self.grid, *self.block, self.shared_bytes)
        pointers = self.pointers.ctypes.data

        def enqueue(stream: int) -> None:
            try:
                call(stream, pointers, 0)
            except driver.CUDADriverError as error:
                if error.status != INVALID_CONTEXT:
                    raise
                enter_context()
                call(stream, pointers, 0)

        return enqueue


def _nothing(stream: int) -> None:
    return None


def enter_context() -> None:
    """Make the current device's context that of this thread; CuPy's arrays do it when they take fresh memory."""
    from cupy.cuda import runtime

    runtime.memGetInfo()
