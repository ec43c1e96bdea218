"""Calls of cuSOLVER for stacks of Hermitian matrices, on a GPU of the host's memory: values, and what is kept."""

from __future__ import annotations

import ctypes
from math import prod

import numpy as np
import pytest

from cujax.engine.backends import cuda_eigh

cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")

_TYPES = {"s": "f", "d": "d", "c": "F", "z": "D"}


class FakeCusolver:
    """The routines by NumPy, of matrices that lie column by column.  settings: how many were made."""

    CUSOLVER_EIG_MODE_VECTOR = 1

    def __init__(self) -> None:
        self.settings = 0

    def createSyevjInfo(self) -> int:
        self.settings += 1
        return 1000 + self.settings

    def __getattr__(self, name: str):
        kind = _TYPES[name[0]]
        assert name[1:].startswith("syevjBatched" if kind in "fd" else "heevjBatched")
        return self.size if name.endswith("_bufferSize") else lambda *given: self.run(kind, *given)

    def size(self, handle, mode, triangle, n, a, lda, w, params, count) -> int:
        assert (handle, mode, lda) == (77, 1, n) and params > 1000
        return 3 * n * count

    def run(self, kind, handle, mode, triangle, n, a, lda, w, work, size, info, params, count) -> None:
        assert size == self.size(handle, mode, triangle, n, a, lda, w, params, count) and work and info
        columns, values = memory(a, (count, n, n), kind), memory(w, (count, n), kind.lower())
        found = np.linalg.eigh(columns.swapaxes(1, 2), "L" if triangle == 0 else "U")
        values[...], columns[...] = found[0], found[1].swapaxes(1, 2)


def memory(address: int, shape: tuple[int, ...], kind: str) -> np.ndarray:
    size = prod(shape) * np.dtype(kind).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), kind).reshape(shape)


@pytest.fixture
def cusolver(gpu, monkeypatch):
    from cupy_backends.cuda import libs

    found = FakeCusolver()
    found.gpu = gpu(2)
    monkeypatch.setitem(vars(libs), "cusolver", found)
    monkeypatch.setattr(cupy, "empty", lambda shape, dtype: found.gpu.array(np.zeros(shape, dtype)))
    monkeypatch.setattr(cupy.ndarray, "conj", lambda x: seen(x).conj(), raising=False)
    monkeypatch.setattr(cupy.cuda.device, "get_cusolver_handle", lambda: 77)
    monkeypatch.setattr(cuda_eigh, "_methods", {})
    return found


def seen(x) -> np.ndarray:
    """The values of a view of a whole stack, its last two axes exchanged or not."""
    if isinstance(x, np.ndarray):
        return x
    *batch, m, n = x.shape
    whole = memory(x.data.ptr, (*batch, m, n), x.dtype.char).copy()
    return whole if x._c_contiguous else whole.swapaxes(-1, -2)


@pytest.mark.parametrize("kind", "fdFD")
@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("shape", [(5, 4, 4), (2, 3, 6, 6), (1, 1, 1)])
def test_values(cusolver, shape, lower, kind):
    random = np.random.default_rng(0)
    a = random.standard_normal(shape).astype(kind)
    if kind in "FD":
        a += (1j * random.standard_normal(shape)).astype(kind)
    given = cusolver.gpu.array(a)
    v, w = (seen(x) for x in cuda_eigh.eigh(given, lower))
    half = np.tril(a, -1) if lower else np.triu(a, 1)  # all that counts, but for the diagonal's real parts
    whole = half + half.conj().swapaxes(-1, -2) + np.eye(shape[-1], dtype=kind) * a.real
    close = {"rtol": 1e-4, "atol": 1e-4} if kind in "fF" else {"rtol": 1e-10, "atol": 1e-10}
    np.testing.assert_allclose(v @ (w[..., None] * v.conj().swapaxes(-1, -2)), whole, **close)
    assert (v.dtype.char, w.dtype.char) == (kind, kind.lower()) and (np.diff(w) >= 0).all()


def test_settings_are_made_once_for_each_stream_and_device(cusolver):
    from fake_gpu import Stream

    given = np.eye(3)[None].repeat(2, 0)
    for _ in range(2):
        cuda_eigh.eigh(cusolver.gpu.array(given), True)
    assert cusolver.settings == 1
    with Stream(cusolver.gpu, 5):
        cuda_eigh.eigh(cusolver.gpu.array(given), True)
    assert cusolver.settings == 2
