"""Running the host's kernels: arguments as arrays of addresses, made with as little Python as possible."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.engine.backends.api import KernelCall

GRAIN = 1 << 16  # operations that one thread does faster than others can be woken


def launcher(function: Any, call: KernelCall, most_threads: Callable[[], int]) -> Callable[[Sequence[np.ndarray]], None]:
    """A function that runs the kernel behind the C function `function` on contiguous arrays."""
    sizes = np.array(call.sizes, np.int64)
    sizes_address = sizes.ctypes.data
    wanted = max(1, call.work // GRAIN)
    kinds: dict[int, Any] = {}

    def launch(buffers: Sequence[np.ndarray], _keep: np.ndarray = sizes) -> None:
        count = len(buffers)
        kind = kinds.get(count) or kinds.setdefault(count, ctypes.c_void_p * count)
        function(kind(*[b.ctypes.data for b in buffers]), sizes_address, min(wanted, most_threads()))

    return launch
