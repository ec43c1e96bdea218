"""Decompositions of many small matrices by NumPy, shared among threads.

    over_stack(decompose, a) -> its results         `decompose` takes matrices (..., m, n), returns a tuple of arrays

NumPy goes to LAPACK with one matrix after the other and leaves the other processors idle, or worse: the threads of
OpenBLAS wait for each other in products of a few rows.  `eigh` of 1024 matrices of 32 rows then took 0.9 s on two busy
processors, where one thread takes 0.07 s.  So OpenBLAS gets one thread, and each of ours a part of the stack; NumPy
lets go of the interpreter's lock meanwhile.
"""

from __future__ import annotations

import contextvars
import ctypes
import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from cujax.engine.backends.host_threads import thread_count

_LARGEST = 128  # rows or columns; of larger matrices OpenBLAS's own threads share the work
_LEAST = 1 << 15  # elements of the stack from which on starting threads is worth it
_SETTER, _GETTER = "openblas_set_num_threads", "openblas_get_num_threads"
_SPELLINGS = ("scipy_{}64_", "scipy_{}", "{}64_", "{}")


def over_stack(decompose: Callable[[np.ndarray], tuple], a: np.ndarray) -> tuple:
    """See the module's docstring."""
    number, *rest = prod(a.shape[:-2]), *a.shape[-2:]
    openblas = _openblas()
    if openblas is None or a.size < _LEAST or number < 2 or max(rest) > _LARGEST:
        return tuple(decompose(a))
    with openblas.one_thread():
        found = _in_parts(decompose, a.reshape((number, *rest)), min(thread_count(), number))
    return tuple([x.reshape((*a.shape[:-2], *x.shape[1:])) for x in found])


def _in_parts(decompose: Callable[[np.ndarray], tuple], stack: np.ndarray, parts: int) -> list[np.ndarray]:
    """The results for a stack, of which each thread takes a part."""
    if parts == 1:
        return list(decompose(stack))
    pieces = np.array_split(stack, parts)
    with ThreadPoolExecutor(parts) as pool:
        contexts = [contextvars.copy_context() for _ in pieces]  # what to do about floating-point errors is in them
        results = list(pool.map(lambda context, piece: context.run(decompose, piece), contexts, pieces))
    return [np.concatenate(x) for x in zip(*results, strict=True)]


class _OpenBLAS:
    """The two functions of the library that NumPy calls."""

    def __init__(self, setter: Any, getter: Any) -> None:
        self._set, self._get = setter, getter
        self._lock, self._users, self._before = Lock(), 0, 1

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Inside, and as long as anybody is inside, it uses no threads of its own."""
        with self._lock:
            if not self._users:
                self._before = self._get()
                self._set(1)
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    self._set(self._before)


@functools.cache
def _openblas() -> _OpenBLAS | None:
    """The OpenBLAS that came with NumPy; None where NumPy uses something else."""
    folder = Path(np.__file__).parent
    for path in sorted([*(folder.parent / "numpy.libs").glob("*openblas*"), *(folder / ".dylibs").glob("*openblas*")]):
        found = _functions(path)
        if found is not None:
            return found
    return None


def _functions(path: Path) -> _OpenBLAS | None:
    try:
        library = ctypes.CDLL(str(path))
    except OSError:
        return None
    for spelling in _SPELLINGS:
        names = [spelling.format(name) for name in (_SETTER, _GETTER)]
        if all(hasattr(library, name) for name in names):
            setter, getter = (getattr(library, name) for name in names)
            setter.argtypes, setter.restype, getter.restype = [ctypes.c_int], None, ctypes.c_int
            return _OpenBLAS(setter, getter)
    return None
