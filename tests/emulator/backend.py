"""The backend that stands in for that of a GPU: NumPy's arrays and functions, kernels in the device's language.

    with emulated_backend() as backend:      every array and program of this process goes to it
        result = cujax.jit(f)(x)

`backend.kernels` is the target; its `order` may be changed from run to run (orders.py), or another target given.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from by_hand import ReadingBackend, using

from emulator.target import EmulatorTarget


class EmulatedBackend(ReadingBackend):
    """See `api.Backend`."""

    name = "emulator"
    alignment = 16

    def __init__(self, kernels: Any = None) -> None:
        self.kernels = EmulatorTarget() if kernels is None else kernels

    def contiguous(self, buffer: np.ndarray | np.generic) -> np.ndarray:
        """Where loads of 16 bytes can begin, too, as on a GPU."""
        found = super().contiguous(buffer)
        is_small = found.nbytes < self.alignment
        return found if is_small or found.ctypes.data % self.alignment == 0 else np.array(found)


@contextmanager
def emulated_backend(kernels: Any = None) -> Iterator[EmulatedBackend]:
    """The emulator is the backend of this process.

    A program is kept on its tape for as long as the tape lives, whatever the backend: functions that have been
    jitted before keep theirs, unless this process's own backend is a GPU's.
    """
    with using(EmulatedBackend(kernels)) as backend:
        yield backend
