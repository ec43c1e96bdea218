"""Running the host's kernels: their arguments as packed words, made with as little Python as possible."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Protocol

import numpy as np

from cujax.engine.backends.api import KernelCall
from cujax.engine.backends.array_address import address_of
from cujax.engine.ground.native import native

GRAIN = 1 << 16  # operations that one thread does faster than others can be woken

_PACK = [Struct(f"{count}P").pack for count in range(64)]


class HasThreads(Protocol):
    """Says how many threads a kernel may use, which changes in the child of a fork."""

    threads: int


Launch = Callable[[Sequence[np.ndarray]], None]


def launcher(kernel: Any, call: KernelCall, owner: HasThreads) -> Launch:
    """A function that runs the C function `kernel` on contiguous arrays; several threads may call it at once.

    Short kernels that are launched by compiled code keep the interpreter's lock, but for those that may last.
    """
    wanted = max(1, call.work // GRAIN)
    if native is None:
        return launcher_python(kernel, call.sizes, wanted, owner)
    return native.Launcher(kernel.address, call.sizes, wanted, owner, call.may_last).launch


def launcher_python(kernel: Any, sizes: Sequence[int], wanted: int, owner: HasThreads) -> Launch:
    """The same through `ctypes`."""
    packed = (ctypes.c_longlong * len(sizes))(*sizes)
    sizes_address = ctypes.addressof(packed)

    def launch(buffers: Sequence[np.ndarray], _keep: Any = packed) -> None:
        count = len(buffers)
        pack = _PACK[count] if count < len(_PACK) else Struct(f"{count}P").pack
        kernel(pack(*[address_of(b) for b in buffers]), sizes_address, min(wanted, owner.threads))

    return launch
