"""A few numbers from the host to the device, in order with the stream and without waiting for anything.

What is small travels as the arguments of a kernel that stores them, which the driver copies as it takes the
launch: no pinned memory, no copy engine, no event.  `Uploader` emits, for 1, 2, 4, 8 and 16 words of 64 bits,

    extern "C" __global__ void store_2(unsigned long long* y, unsigned long long x0, unsigned long long x1) {
        y[0] = x0;
        y[1] = x1;
    }

CuPy is imported when an uploader is made, so that this module imports without it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from fastrlock.rlock import FastRLock

from cujax.engine.backends.cuda_launch import Launch
from cujax.engine.backends.cuda_target import CudaModule, CudaTarget

_COUNTS = (1, 2, 4, 8, 16)
_WORD: Any = np.zeros(0, np.uint64).data.format  # as `memoryview` calls it here
LARGEST = 8 * _COUNTS[-1]
_COUNT_FOR = {size: next(c for c in _COUNTS if 8 * c >= size) for size in range(LARGEST + 1)}


def source() -> str:
    """The text of the kernels, one for each count of words."""
    return "\n".join(_kernel(count) for count in _COUNTS)


def _kernel(count: int) -> str:
    parameters = "".join(f", unsigned long long x{i}" for i in range(count))
    stores = "\n".join(f"    y[{i}] = x{i};" for i in range(count))
    return f'extern "C" __global__ void store_{count}(unsigned long long* y{parameters}) {{\n{stores}\n}}\n'


class Uploader:
    """`uploader(host)` gives a new array on the current device with the values of `host`, at most LARGEST bytes."""

    def __init__(self, target: CudaTarget) -> None:
        import cupy

        self._alloc, self._ndarray = cupy.cuda.alloc, cupy.ndarray
        self._target = target
        self._module: CudaModule | None = None
        self._launches: dict[tuple[int, int], Launch] = {}  # by device and count
        self._lock = FastRLock()

    def __call__(self, host: np.ndarray) -> Any:
        content = host.tobytes()
        count = _COUNT_FOR[len(content)]
        memory = self._alloc(8 * count)
        key = self._target.current.device(), count
        with self._lock:  # the slots are shared until the driver has copied them
            launch = self._launches.get(key) or self._prepare(*key)
            launch.words[0] = memory.ptr
            launch.words[1:] = memoryview(content.ljust(8 * count, b"\0")).cast(_WORD)
            launch.enqueue(self._target.current.stream().ptr)
        return self._ndarray(host.shape, host.dtype, memory)

    def _prepare(self, device: int, count: int) -> Launch:
        if self._module is None:
            self._module = self._target.compile(source())
        function = self._module.function(f"store_{count}")
        launch = Launch(function, (1, 1, 1), (1, 1, 1), 0, np.zeros(1 + count, np.uint64))
        self._launches[device, count] = launch
        return launch
