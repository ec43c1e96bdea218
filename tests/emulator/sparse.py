"""Arrays far larger than the memory, of which a kernel touches a few pages."""

from __future__ import annotations

import mmap
from typing import Any

import numpy as np

_NORESERVE = 0x4000  # of Linux; in Python's mmap since 3.13


def reserve(count: int, dtype: Any) -> np.ndarray:
    """`count` zeros.  A page takes memory once it is touched, so copying or printing all of it is not for you."""
    dtype = np.dtype(dtype)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
    return np.frombuffer(mmap.mmap(-1, max(count * dtype.itemsize, 1), flags=flags), dtype, count)
