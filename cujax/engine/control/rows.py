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


def pitch_of(shape: Sequence[int], dtype: np.dtype) -> int:
    """How many elements after one row the next one begins."""
    alignment = selected().alignment
    return -(-prod(shape) * dtype.itemsize // alignment) * alignment // dtype.itemsize


def empty_rows(length: int, shape: Sequence[int], dtype: np.dtype) -> Buffer:
    """An array (length, *shape) each of whose rows is a buffer that kernels can write."""
    backend, pitch = selected(), pitch_of(shape, dtype)
    if pitch == prod(shape):
        return backend.empty((length, *shape), dtype)
    memory = backend.empty((length, pitch), dtype)
    strides = [dtype.itemsize * prod(shape[k + 1 :]) for k in range(len(shape))]
    return backend.xp.lib.stride_tricks.as_strided(memory, (length, *shape), (memory.strides[0], *strides))


def readable_rows(array: Buffer) -> Buffer:
    """The array, or a copy of it each of whose rows is a buffer that kernels read as it is."""
    length, *shape = array.shape
    if are_readable(shape, array.dtype):
        return array
    rows = empty_rows(length, shape, array.dtype)
    selected().xp.copyto(rows, array)
    return rows


def are_readable(shape: Sequence[int], dtype: np.dtype) -> bool:
    """Whether kernels read rows of this kind that follow each other without gaps."""
    return pitch_of(shape, dtype) == prod(shape) or prod(shape) * dtype.itemsize < selected().alignment
