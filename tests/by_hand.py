"""For tests that call programs, kernels and impls themselves: buffers of the backend that is selected, wherever it is.

    found = program(buffers(x, y))          and not program([x, y]): NumPy's arrays are no buffers of a GPU
    np.testing.assert_array_equal(values(found[0]), expected)

    with on_numpy(): ...                    an impl is called with NumPy's arrays, whatever is selected
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np

import cujax
import cujax.numpy as jnp
from cujax.engine.backends import select
from cujax.engine.backends.host_backend import HostBackend
from cujax.engine.backends.numpy_backend import NumpyBackend
from cujax.engine.backends.select import selected


class Reading:
    """Arrays that this process's own backend made before can be read, though they lie on a GPU."""

    def to_host(self, buffer: Any) -> np.ndarray:
        return buffer.get() if hasattr(buffer, "get") else super().to_host(buffer)  # type: ignore[misc]


class ReadingBackend(Reading, NumpyBackend):
    """NumPy op by op."""


class ReadingHost(Reading, HostBackend):
    """Kernels of the host, where it has a compiler."""


def buffers(*arrays: Any) -> list[Any]:
    """A buffer of its own for each array, which a program may overwrite; 64 bits are kept where they are enabled."""
    return [selected().to_device(np.array(jnp.asarray(a))) for a in arrays]


def values(buffer: Any) -> np.ndarray:
    """What a buffer holds."""
    return selected().to_host(buffer)


def address(buffer: Any) -> int:
    """Where its first element lies, on its device."""
    return buffer.ctypes.data if isinstance(buffer, np.ndarray) else buffer.data.ptr


def extent(buffer: Any) -> tuple[int, int]:
    """The bytes from its lowest element to behind its highest, on its device; none of NumPy's scalars."""
    if not buffer.size or isinstance(buffer, np.generic):
        return 0, 0
    steps = [(n - 1) * s for n, s in zip(buffer.shape, buffer.strides, strict=True)]
    low = address(buffer) + sum(s for s in steps if s < 0)
    return low, address(buffer) + sum(s for s in steps if s > 0) + buffer.itemsize


def overlap(a: Any, b: Any) -> bool:
    """Whether the extents of two buffers of one device have a byte in common."""
    return max(extent(a)[0], extent(b)[0]) < min(extent(a)[1], extent(b)[1])


@contextmanager
def using(backend: Any) -> Iterator[Any]:
    """`backend` is that of this process.

    What was jitted before keeps its programs, whatever the backend, unless their buffers would be of another kind.
    """
    before = selected()
    try:
        _select(backend)
        yield backend
    finally:
        _select(before)


def _select(backend: Any) -> None:
    if backend.xp is not selected().xp:
        cujax.clear_caches()
    select._selected = backend


def on_numpy() -> AbstractContextManager[Any]:
    """Ops and programs made inside run on NumPy, one op after the other."""
    return using(ReadingBackend())


def on_host() -> AbstractContextManager[Any]:
    """The same by the backend of a CPU, whose programs are kernels where there is a compiler."""
    return using(ReadingHost())
