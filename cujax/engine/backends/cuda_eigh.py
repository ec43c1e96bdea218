"""Eigenvalues and eigenvectors of Hermitian matrices on the GPU: the twin of `numpy_linalg.eigh`.

A stack is one call of cuSOLVER's Jacobi method, on the matrices as they lie and in their place.  It counts along
columns, so that it sees the transposed matrices, whose other triangle has the elements that count.  Its settings are
made once for each stream, and used by one thread at a time.
"""

from __future__ import annotations

import threading
from math import prod
from typing import Any, NamedTuple

_LOWER, _UPPER = 0, 1  # cublasFillMode_t
_WITH_VECTORS = 1  # a cusolverEigMode_t
_ROUTINES = {"f": "ssyevjBatched", "d": "dsyevjBatched", "F": "cheevjBatched", "D": "zheevjBatched"}


class _Method(NamedTuple):
    """params: the address of cuSOLVER's settings."""

    params: int
    lock: Any


_methods: dict[tuple[int, int], _Method] = {}  # by device and stream
_making = threading.Lock()


def eigh(a: Any, lower: bool) -> tuple[Any, Any]:
    """Eigenvectors (..., n, n), in columns, and eigenvalues (..., n) of matrices (..., n, n), by their `lower` or upper
    triangles.  `a` is finite, of float32, float64, complex64 or complex128, and is left with anything in it.
    """
    import cupy

    if a.ndim == 2 or not a.size:
        w, v = cupy.linalg.eigh(a, "L" if lower else "U")
        return v, w
    v = a if a._c_contiguous else a.copy(order="C")
    w = cupy.empty(a.shape[:-1], a.dtype.char.lower())
    _decompose_stack(cupy, v, w, lower)
    v = v.swapaxes(-1, -2)
    return (v.conj() if a.dtype.kind == "c" else v), w


def _decompose_stack(cupy: Any, v: Any, w: Any, lower: bool) -> None:
    """Eigenvectors in the place of the matrices `v`, in rows, and eigenvalues into `w`."""
    from cupy_backends.cuda.libs import cusolver

    name, n, count = _ROUTINES[v.dtype.char], v.shape[-1], prod(v.shape[:-2])
    triangle = _UPPER if lower else _LOWER
    handle, method = cupy.cuda.device.get_cusolver_handle(), _method(cupy, cusolver)
    given = handle, _WITH_VECTORS, triangle, n, v.data.ptr, n, w.data.ptr
    with method.lock:
        size = getattr(cusolver, name + "_bufferSize")(*given, method.params, count)
        work, info = cupy.empty(size, v.dtype.char), cupy.empty(count, "i")
        getattr(cusolver, name)(*given, work.data.ptr, size, info.data.ptr, method.params, count)


def _method(cupy: Any, cusolver: Any) -> _Method:
    key = cupy.cuda.runtime.getDevice(), cupy.cuda.get_current_stream().ptr
    if key not in _methods:
        with _making:
            if key not in _methods:
                _methods[key] = _Method(cusolver.createSyevjInfo(), threading.Lock())
    return _methods[key]
