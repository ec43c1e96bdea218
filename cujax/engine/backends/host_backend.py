"""The backend of a CPU with a C++ compiler: NumPy's functions, kernels compiled for this machine, pooled memory.

The compiler is looked for when a program first asks for `kernels`, so that neither the import nor an operation
outside `jit` pays for it.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from cujax.engine.backends.buffer_pool import SMALL, Pool, default_limit, is_lease
from cujax.engine.backends.host_target import HostTarget
from cujax.engine.backends.numpy_backend import NumpyBackend
from cujax.engine.ground.native import native


class HostBackend(NumpyBackend):
    """See `api.Backend`."""

    name = "host"

    def __init__(self) -> None:
        self._pool = Pool(default_limit())
        self.empty = self._pool.empty  # type: ignore[method-assign]  # as it is, without a call around it
        if native is not None:
            self.empty = native.make_empty(SMALL, self._pool.empty)  # type: ignore[method-assign]
            self.contiguous = native.make_contiguous(self.contiguous)  # type: ignore[method-assign]

    @cached_property
    def kernels(self) -> HostTarget | None:
        """The kernel target; None where there is no compiler, and then programs run through NumPy."""
        return HostTarget.find()

    def contiguous(self, buffer: np.ndarray | np.generic) -> np.ndarray:
        if not isinstance(buffer, np.ndarray):
            return np.asarray(buffer)
        flags = buffer.flags
        if flags.c_contiguous and flags.aligned:
            return buffer
        copy = self.empty(buffer.shape, buffer.dtype)
        np.copyto(copy, buffer)
        return copy

    def _has_lent(self, owner: Any) -> bool:
        return is_lease(owner)

    def release_memory(self) -> None:
        self._pool.trim()
