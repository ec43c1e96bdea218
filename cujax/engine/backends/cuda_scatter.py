"""Writing to rows of an array, for scatter ops: the twin of `numpy_scatter.py` for CuPy.

CuPy adds and compares atomically, for the dtypes that CUDA has atomic instructions for.  Sums of floats
then depend on the order in which threads arrive, in their last bits, so this is not done where results must repeat.
Everything else goes by sorting: equal rows become neighbours, and a segmented scan combines them in a number of
passes that is the logarithm of their count.  Nothing here waits for the device.

This serves ops outside of `jit`; inside, scatters are kernels, which enter updates in their order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from cujax.engine.ground.config import config

_ATOMIC_ADD = frozenset(map(np.dtype, ("int32", "uint32", "uint64", "float32", "float64")))
_ATOMIC_EXTREMUM = frozenset(map(np.dtype, ("int32", "uint32", "uint64")))


def host_ints(values: Iterable[Any]) -> tuple[int, ...] | None:
    """Integers that the host can read at once; None where it would have to wait for a device."""
    if hasattr(values, "__cuda_array_interface__"):
        return None
    values = tuple(values)
    return tuple(map(int, values)) if all(isinstance(v, (int, np.generic)) for v in values) else None


def are_within(places: Any, last: int) -> bool:
    """Whether all of `places` are known to be at least 0 and at most `last`: not without waiting for the device."""
    return False


def scatter_rows(kind: str, out: Any, rows: Any, updates: Any, unique: bool) -> None:
    """Write `updates[i]` to `out[rows[i]]`, for each i in order; several for one row all count.

    kind: "set", or "add", "multiply", "minimum", "maximum" to combine with what is there.  `rows` is a
    vector; `out`, contiguous, and `updates` have further axes in common.  `unique` says that no row stands
    twice, but for the last one of `out`, whose value nobody needs.
    """
    import cupy

    if kind == "set":
        out[rows if unique else last_writers(cupy, out, rows)] = updates
    elif unique:
        out[rows] = getattr(cupy, kind)(out[rows], updates)
    elif is_atomic(kind, out.dtype):
        getattr(cupy, kind).at(out, rows, updates)
    else:
        combine_sorted(cupy, getattr(cupy, kind), out, rows, updates)


def is_atomic(kind: str, dtype: np.dtype) -> bool:
    """Whether `at` of CuPy's ufunc `kind` combines by atomic instructions, and its result may be used."""
    return adds_atomically(dtype) if kind == "add" else kind != "multiply" and dtype in _ATOMIC_EXTREMUM


def adds_atomically(dtype: np.dtype) -> bool:
    """Whether CuPy has an atomic addition, and its result may be used."""
    return dtype in _ATOMIC_ADD and not (dtype.kind == "f" and config.deterministic)


def last_writers(xp: Any, out: Any, rows: Any) -> Any:
    """`rows`, with all but the last of equal ones sent to the last row of `out`."""
    number = xp.arange(rows.size, dtype=np.int32)
    last = xp.full(out.shape[0], -1, np.int32)
    xp.maximum.at(last, rows, number)
    return xp.where(last[rows] == number, rows, out.shape[0] - 1)


def combine_sorted(xp: Any, combine: Callable, out: Any, rows: Any, updates: Any) -> None:
    """Combine by a segmented scan over sorted rows (Hillis and Steele, CACM 29, 1986)."""
    order = xp.argsort(rows, kind="stable")
    rows, updates = rows[order], updates[order]
    distance = 1
    while distance < rows.size:
        same = xp.reshape(rows[distance:] == rows[:-distance], (-1,) + (1,) * (updates.ndim - 1))
        joined = xp.where(same, combine(updates[:-distance], updates[distance:]), updates[distance:])
        updates = xp.concatenate([updates[:distance], joined])
        distance *= 2
    is_last = xp.concatenate([rows[1:] != rows[:-1], xp.ones(min(rows.size, 1), bool)])
    ends = xp.where(is_last, rows, out.shape[0] - 1)
    out[ends] = combine(out[ends], updates)
