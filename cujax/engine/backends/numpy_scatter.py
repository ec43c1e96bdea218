"""Writing to rows of an array, for scatter ops: NumPy's own functions.

`cuda_scatter.py` is the same for CuPy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np


def host_ints(values: Iterable[Any]) -> tuple[int, ...] | None:
    """Integers that the host can read at once; None where it would have to wait for a device."""
    return tuple(map(int, values))


def are_within(places: np.ndarray, last: int) -> bool:
    """Whether all of `places`, integers, are known to be at least 0 and at most `last`, in one pass over them.

    Negative ones are the largest where the same bits are read as unsigned.
    """
    if places.size == 0:
        return True
    unsigned = places.view(f"u{places.dtype.itemsize}")
    return last >= 0 and int(unsigned.max()) <= min(last, np.iinfo(places.dtype).max)


def scatter_rows(kind: str, out: np.ndarray, rows: np.ndarray, updates: np.ndarray, unique: bool) -> None:
    """Write `updates[i]` to `out[rows[i]]`, for each i in order; several for one row all count.

    kind: "set", or "add", "multiply", "minimum", "maximum" to combine with what is there.  `rows` is a
    vector; `out`, contiguous, and `updates` have further axes in common.  `unique` says that no row stands
    twice, but for the last one of `out`, whose value nobody needs.
    """
    if kind == "set":
        out[rows] = updates
        return
    length = out[0].size
    if kind == "add" and length == 1 and out.dtype == np.float64 and _are_zeros(out[:-1]):
        out.reshape(-1)[:] = np.bincount(rows, updates.reshape(-1), len(out))
        return
    if length != 1:  # `ufunc.at` is twice as fast on single elements as on rows
        rows = (rows.astype(np.int64, copy=False)[:, None] * length + np.arange(length)).reshape(-1)
    getattr(np, kind).at(out.reshape(-1), rows, updates.reshape(-1))


def _are_zeros(x: np.ndarray) -> bool:
    """Whether all elements are 0 and none is -0: `bincount` then adds in the order of `add.at`, at half the cost."""
    return not x.any() and not np.signbit(x).any()
