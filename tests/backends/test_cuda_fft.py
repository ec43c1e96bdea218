"""Calls of cuFFT on GPUs of the host's memory: values, plans that are kept, operands that are spoilt, factors."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from fake_cufft import FakeCufft
from fake_gpu import Stream

from cujax.engine.backends import cuda_fft, numpy_fft

cupy = pytest.importorskip("cupy", reason="CuPy is not installed; the test extra brings it")


@pytest.fixture
def cufft(gpu, monkeypatch):
    """cuFFT on two devices, without plans."""
    found = FakeCufft()
    found.gpu = gpu(2)
    monkeypatch.setitem(vars(cupy.cuda), "cufft", found)
    monkeypatch.setattr(cupy, "empty", lambda shape, dtype: found.gpu.array(np.zeros(shape, dtype)))
    monkeypatch.setattr(cupy, "multiply", multiply)
    monkeypatch.setattr(cupy, "copyto", copyto)
    monkeypatch.setattr(cupy.ndarray, "copy", lambda x, order: found.gpu.array(x.get()), raising=False)
    monkeypatch.setattr(cupy.cuda.runtime, "streamIsCapturing", lambda stream: stream in found.capturing)
    found.capturing = set()
    cuda_fft.forget_plans()
    yield found
    cuda_fft.forget_plans()


def multiply(x, factor, out):
    copyto(out, x.get() * x.dtype.type(factor))


def copyto(out, x):
    content = np.ascontiguousarray(x if isinstance(x, np.ndarray) else x.get())
    ctypes.memmove(out.data.ptr, content.ctypes.data, content.nbytes)


def operand(name: str, shape, kind: str = "d") -> np.ndarray:
    random = np.random.default_rng(0)
    x = random.standard_normal(shape)
    return x.astype(kind) if name == "rfftn" else (x + 1j * random.standard_normal(shape)).astype(kind.upper())


CASES = [("fftn", (3, 4, 6), (6,)), ("ifftn", (2, 4, 6), (4, 6)), ("rfftn", (4, 7), (4, 7)), ("rfftn", (5, 8), (8,)),
         ("irfftn", (3, 4, 5), (4, 8)), ("irfftn", (3, 4), (7,)), ("irfftn", (2, 3, 4, 5), (3, 4, 9))]  # fmt: skip


@pytest.mark.parametrize("kind", ["f", "d"])
@pytest.mark.parametrize(("name", "shape", "lengths"), CASES)
def test_values(cufft, name, shape, lengths, kind):
    x = operand(name, shape, kind)
    expected = numpy_fft.fft(x, name, lengths)
    for scaled, factor in ((True, 1), (False, np.prod(lengths) if name[0] == "i" else 1)):
        buffer = cufft.gpu.array(x)
        for _ in range(2):  # the operand is as it was
            found = cuda_fft.fft(buffer, name, lengths, scaled=scaled)
            np.testing.assert_allclose(found.get(), expected * factor, rtol=1e-4 if kind == "f" else 1e-12, atol=1e-5)
            assert found.dtype == expected.dtype
        np.testing.assert_array_equal(buffer.get(), x)
    assert len(cufft.plans) == 1
    assert cufft.calls == 4


def test_results_go_where_they_are_told_to(cufft):
    x = operand("fftn", (3, 8))
    out = cupy.empty((3, 8), np.complex128)
    assert cuda_fft.fft(cufft.gpu.array(x), "fftn", (8,), out) is out
    np.testing.assert_allclose(out.get(), np.fft.fft(x))


def test_an_operand_that_nobody_needs_is_not_copied(cufft):
    buffer = cufft.gpu.array(operand("irfftn", (3, 5)))
    cuda_fft.fft(buffer, "irfftn", (8,), spoils=True)
    assert np.isnan(buffer.get()).all()


def test_memory_that_cufft_does_not_take_is_copied(cufft):
    """A row that begins in the middle of a complex number, as operand and as result."""
    x = cufft.gpu.array(operand("rfftn", (33,), "f"))[1:]
    out = cupy.empty((18,), np.complex64)[1:]
    assert x.data.ptr % 8 == 4
    assert cuda_fft.fft(x, "rfftn", (32,), out) is out
    np.testing.assert_allclose(out.get(), np.fft.rfft(operand("rfftn", (33,), "f")[1:]), rtol=1e-4, atol=1e-5)


def test_each_stream_and_device_has_its_plan(cufft):
    gpu, x = cufft.gpu, cufft.gpu.array(operand("fftn", (8,)))

    def run() -> int:
        cuda_fft.fft(x, "fftn", (8,))
        return len(cufft.plans)

    streams = Stream(gpu, 64), Stream(gpu, 128)
    counts = [run(), run()]
    for stream in (*streams, streams[0]):
        with stream:
            counts.append(run())
    gpu.device = 1
    counts.append(run())
    assert counts == [1, 1, 2, 3, 3, 4]


def test_a_stream_that_is_being_captured_takes_the_plan_of_another_one(cufft):
    x = cufft.gpu.array(operand("fftn", (8,)))
    cuda_fft.fft(x, "fftn", (8,))
    cufft.capturing.add(64)
    with Stream(cufft.gpu, 64):
        cuda_fft.fft(x, "fftn", (8,))
    assert len(cufft.plans) == 1


def test_the_oldest_plan_goes_when_there_are_too_many(cufft, monkeypatch):
    monkeypatch.setattr(cuda_fft, "_MOST_PLANS", 2)
    for n, count in ((4, 1), (5, 2), (4, 2), (6, 3), (5, 3), (4, 4)):
        cuda_fft.fft(cufft.gpu.array(operand("fftn", (n,))), "fftn", (n,))
        assert len(cufft.plans) == count


def test_more_axes_than_cufft_has_are_left_to_cupy(cufft, monkeypatch):
    asked = []

    def fftn(x, **how):
        asked.append(how)
        return cufft.gpu.array(np.fft.ifftn(x.get(), **how))

    monkeypatch.setattr(cupy.fft, "ifftn", fftn)
    x = operand("ifftn", (2, 3, 2, 3))
    out = cupy.empty(x.shape, x.dtype)
    assert cuda_fft.fft(cufft.gpu.array(x), "ifftn", x.shape, out, scaled=False) is out
    np.testing.assert_allclose(out.get(), np.fft.ifftn(x) * x.size)
    assert asked == [{"s": x.shape, "axes": (-4, -3, -2, -1), "norm": "forward"}]
