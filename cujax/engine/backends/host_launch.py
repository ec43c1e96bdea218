"""Running the host's kernels: their arguments as packed words, made with as little Python as possible."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Protocol

import numpy as np

from cujax.engine.backends.api import KernelCall
from cujax.engine.backends.array_address import address_of

GRAIN = 1 << 16  # operations that one thread does faster than others can be woken

_PACK = [Struct(f"{count}P").pack for count in range(64)]


class HasThreads(Protocol):
    """Says how many threads a kernel may use, which changes in the child of a fork."""

    threads: int


def launcher(kernel: Any, call: KernelCall, owner: HasThreads) -> Callable[[Sequence[np.ndarray]], None]:
    """A function that runs the C function `kernel` on contiguous arrays; several threads may call it at once."""
    sizes = (ctypes.c_longlong * len(call.sizes))(*call.sizes)
    sizes_address = ctypes.addressof(sizes)
    wanted = max(1, call.work // GRAIN)

    def launch(buffers: Sequence[np.ndarray], _keep: Any = sizes) -> None:
        count = len(buffers)
        pack = _PACK[count] if count < len(_PACK) else Struct(f"{count}P").pack
        kernel(pack(*[address_of(b) for b in buffers]), sizes_address, min(wanted, owner.threads))

    return launch
