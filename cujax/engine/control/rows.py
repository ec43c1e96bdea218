"""Arrays that a loop goes through row by row, one for each step, without copying the rows.

Kernels may ask that buffers begin at a multiple of some bytes (`Backend.alignment`).  Where rows of an array would not,
they lie in an array with gaps between them, and are brought together, or apart, all at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from cujax.engine.backends.api import Buffer
from cujax.engine.backends.select import selected


def empty_rows(length: int, shape: Sequence[int], dtype: np.dtype) -> Buffer:
    """An array (length, *shape) each of whose rows is a buffer that kernels can write."""
    backend, size = selected(), prod(shape)
    pitch = -(-size * dtype.itemsize // backend.alignment) * backend.alignment // dtype.itemsize
    rows = backend.empty((length, pitch), dtype)
    if pitch == size:
        return rows.reshape((length, *shape))
    whole = rows[:, :size]
    strides = [dtype.itemsize * prod(shape[k + 1 :]) for k in range(len(shape))]
    return backend.xp.lib.stride_tricks.as_strided(whole, (length, *shape), (whole.strides[0], *strides))


def readable_rows(array: Buffer) -> Buffer:
    """The array, or a copy of it each of whose rows is a buffer that kernels read as it is."""
    backend, (length, *shape) = selected(), array.shape
    nbytes = prod(shape) * array.dtype.itemsize
    if nbytes % backend.alignment == 0 or nbytes < backend.alignment:
        return array
    rows = empty_rows(length, shape, array.dtype)
    backend.xp.copyto(rows, array)
    return rows
