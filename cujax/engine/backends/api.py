"""What a backend promises to the floors above: one Protocol, and the record of a device.

A backend owns arrays of one kind ("buffers": `numpy.ndarray` or `cupy.ndarray`), names the array
library whose functions an op's `impl(xp, ...)` calls, and adds in `library` what the two array
libraries do not share.  The absence of a device is another backend, never an `if` above this floor.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol

import numpy as np

Buffer = Any


@dataclass(frozen=True)
class Device:
    """One processor that holds arrays: `platform` is "cpu" or "gpu", `id` counts from zero."""

    platform: str
    id: int
    device_kind: str
    process_index: int = 0

    def __repr__(self) -> str:
        name = "CpuDevice" if self.platform == "cpu" else "CudaDevice"
        return f"{name}(id={self.id})"

    def __str__(self) -> str:
        return f"{'cpu' if self.platform == 'cpu' else 'cuda'}:{self.id}"


class Backend(Protocol):
    """Everything that the engine asks of a kind of processor."""

    name: str
    platform: str

    @property
    def xp(self) -> ModuleType:
        """The array library: `numpy` or `cupy`."""

    @property
    def library(self) -> ModuleType:
        """The functions that the array library lacks: `numpy_library` or `cuda_library`."""

    def to_device(self, host: np.ndarray, device: Device | None = None) -> Buffer:
        """A buffer with the values of `host`; shares memory where that is safe."""

    def to_host(self, buffer: Buffer) -> np.ndarray:
        """The values of `buffer` as a NumPy array; shares memory where that is possible."""

    def constant(self, value: Any) -> Buffer:
        """A buffer, to be read only, for a NumPy scalar that stands in a program."""

    def owns(self, value: Any) -> bool:
        """True when `value` is a buffer of this backend."""

    def synchronize(self, buffer: Buffer) -> None:
        """Wait until `buffer` has been computed."""

    def devices(self) -> tuple[Device, ...]:
        """The devices that this process can use."""

    def device_of(self, buffer: Buffer) -> Device:
        """Where `buffer` lives."""

    def quiet(self) -> AbstractContextManager:
        """A context in which floating-point exceptions raise no warnings."""
