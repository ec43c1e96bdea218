"""One kernel ready to be launched again and again: everything about it but the stream is packed beforehand.

A kernel's parameters are words of 64 bits, the `slots` of its launch: addresses of buffers first, then sizes.
The driver wants an array of pointers to them, which is made once.  To run the kernel on other buffers, write
their addresses into the slots (`launch.words[i] = buffer.data.ptr` costs 30 ns) and call the launch again: the
driver copies the slots before it returns.  So a launch must not be shared by runs that go on at the same time.

A launch of no blocks is nothing; the driver would refuse it.

    enqueue = enqueuer(function, grid, block, num_buffers, sizes, driver)
    enqueue(buffers, stream)                    writes the addresses and launches; threads may do so side by side
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from fastrlock.rlock import FastRLock

from cujax.engine.backends.api import Buffer
from cujax.engine.ground.native import native

Enqueue = Callable[[Sequence[Buffer], int], None]

LIBRARIES = ("libcuda.so.1", "nvcuda.dll")
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


def _nothing(*arguments: Any) -> None:
    return None


def enqueuer(
    function: int, grid: tuple[int, int, int], block: tuple[int, int, int], num_buffers: int, sizes: tuple[int, ...],
    driver: int | None,
) -> Enqueue:  # fmt: skip
    """A function that runs a kernel on buffers; `driver` is the address of cuLaunchKernel, None to go through CuPy."""
    if 0 in grid:
        return _nothing
    if driver is None or native is None:
        return enqueuer_python(function, grid, block, num_buffers, sizes)
    return native.DeviceLaunch(driver, function, grid, block, 0, num_buffers, sizes, _refused).enqueue


def enqueuer_python(
    function: int, grid: tuple[int, int, int], block: tuple[int, int, int], num_buffers: int, sizes: tuple[int, ...]
) -> Enqueue:
    """What `native.DeviceLaunch` does."""
    launch = Launch(function, grid, block, 0, slots_of(num_buffers, sizes))
    words, lock = launch.words, FastRLock()

    def enqueue(buffers: Sequence[Buffer], stream: int) -> None:
        if len(buffers) != num_buffers:
            raise ValueError(f"a kernel of {num_buffers} buffers got {len(buffers)}")
        with lock:  # the slots are this call's until the driver has copied them
            write_addresses_python(words, buffers)
            launch.enqueue(stream)

    return enqueue


def write_addresses_python(words: memoryview, buffers: Sequence[Buffer]) -> None:
    """Put the addresses of buffers into the first of the words."""
    for i, buffer in enumerate(buffers):
        words[i] = buffer.data.ptr


write_addresses: Callable[[memoryview, Sequence[Buffer]], None] = (
    write_addresses_python if native is None else native.write_addresses
)


def slots_of(num_buffers: int, sizes: Sequence[int]) -> np.ndarray:
    """The slots of a kernel: addresses of buffers, not yet known, then sizes."""
    return np.concatenate([np.zeros(num_buffers, np.uint64), np.array(sizes, np.int64).view(np.uint64)])


def _refused(status: int, again: bool) -> None:
    """Makes what was missing, if that is why the driver refused a launch for the first time."""
    if status != INVALID_CONTEXT or again:
        from cupy_backends.cuda.api import driver

        raise driver.CUDADriverError(status)
    enter_context()


def launch_address() -> int | None:
    """Where the driver's cuLaunchKernel is in this process, None without a driver."""
    for name in LIBRARIES:
        try:
            return ctypes.cast(ctypes.CDLL(name).cuLaunchKernel, ctypes.c_void_p).value
        except (OSError, AttributeError):
            continue
    return None


def enter_context() -> None:
    """Make the current device's context that of this thread; CuPy's arrays do it when they take fresh memory."""
    from cupy.cuda import runtime

    runtime.memGetInfo()
