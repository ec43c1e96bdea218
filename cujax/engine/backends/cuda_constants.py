"""Scalars that stand in programs, on the device: one copy for each value, dtype and device.

They are stored in order with the default stream, which other streams wait for, unless they have been made
`non_blocking`.  For those `settle` waits, once, until everything stored so far is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cujax.engine.backends.cuda_dtypes import check_dtype

_LIMIT = 4096
_DEFAULT_STREAM = (0, 1)  # by its two addresses


class Constants:
    """`constants(value)` gives a buffer of rank 0, to be read only, on the current device."""

    def __init__(self, upload: Callable[[np.ndarray], Any]) -> None:
        import cupy

        self._upload = upload
        self._current_stream = cupy.cuda.get_current_stream
        self._get_device = cupy.cuda.runtime.getDevice
        self._default_stream = cupy.cuda.Stream.null
        self._kept: dict[tuple[int, Any, bytes], Any] = {}
        self.fresh: set[int] = set()  # devices with constants that streams of the user may not see yet

    def __call__(self, value: np.generic) -> Any:
        device = self._get_device()
        key = (device, value.dtype, value.tobytes())
        found = self._kept.get(key)
        if found is None:
            found = self._make(value, key)
        if self.fresh:
            self.settle()
        return found

    def _make(self, value: np.generic, key: tuple[int, Any, bytes]) -> Any:
        check_dtype(value.dtype)
        if len(self._kept) >= _LIMIT:
            self._kept.clear()
        with self._default_stream:  # its memory too belongs to that stream
            found = self._upload(np.asarray(value))
        self.fresh.add(key[0])  # before another thread can find it
        self._kept[key] = found
        return found

    def settle(self) -> None:
        """See to it that work on the current stream finds all constants of its device stored."""
        device = self._get_device()
        if device in self.fresh and self._current_stream().ptr not in _DEFAULT_STREAM:
            self._default_stream.synchronize()
            self.fresh.discard(device)

    def forget(self) -> None:
        """Drop all copies; buffers that are still in use live on."""
        self._kept.clear()
