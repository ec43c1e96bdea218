"""cuFFT as the backend calls it: values, operands, streams, capture, and what a call costs on the host."""

from __future__ import annotations

import numpy as np
import pytest
from device_kernels import microseconds

from cujax.engine.backends import cuda_fft, numpy_fft

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")

CASES = [
    ("fftn", (5, 12), (12,)), ("fftn", (3, 16, 20), (16, 20)), ("ifftn", (2, 3, 5, 7), (3, 5, 7)),
    ("ifftn", (31,), (31,)), ("rfftn", (4, 9), (9,)), ("rfftn", (6, 10), (6, 10)), ("irfftn", (4, 6), (10,)),
    ("irfftn", (4, 5), (9,)), ("irfftn", (3, 6, 5), (6, 8)), ("irfftn", (4, 4, 3), (4, 4, 5)),
]  # fmt: skip


@pytest.fixture(autouse=True)
def without_plans(device):
    cuda_fft.forget_plans()
    yield
    cuda_fft.forget_plans()


def operand(name: str, shape: tuple[int, ...], single: bool = False) -> np.ndarray:
    random = np.random.default_rng(0)
    x = random.standard_normal(shape)
    if name == "rfftn":
        return x.astype(np.float32) if single else x
    return (x + 1j * random.standard_normal(shape)).astype(np.complex64 if single else np.complex128)


@pytest.mark.parametrize("single", [False, True], ids=["double", "single"])
@pytest.mark.parametrize(("name", "shape", "lengths"), CASES)
def test_values_and_operands(name, shape, lengths, single):
    host = operand(name, shape, single)
    x, expected = cupy.asarray(host), numpy_fft.fft(host, name, lengths)
    near = {"rtol": 1e-4, "atol": 1e-4} if single else {"rtol": 1e-11, "atol": 1e-11}
    np.testing.assert_allclose(cuda_fft.fft(x, name, lengths).get(), expected, **near)
    out = cupy.empty(expected.shape, expected.dtype)
    assert cuda_fft.fft(x, name, lengths, out) is out
    np.testing.assert_allclose(out.get(), expected, **near)
    factor = np.prod(lengths) if name.startswith("i") else 1
    np.testing.assert_allclose(cuda_fft.fft(x, name, lengths, scaled=False).get() / factor, expected, **near)
    np.testing.assert_array_equal(x.get(), host)
    np.testing.assert_allclose(cuda_fft.fft(x, name, lengths, spoils=True).get(), expected, **near)


def test_streams_do_not_share_scratch_memory():
    lengths = (1 << 12, 1 << 9)
    hosts = [operand("fftn", lengths) + k for k in range(3)]
    streams = [cupy.cuda.Stream(non_blocking=True) for _ in hosts]
    given, results = [cupy.asarray(h) for h in hosts], []
    cupy.cuda.get_current_stream().synchronize()
    for _ in range(5):
        for stream, x in zip(streams, given, strict=True):
            with stream:
                results.append(cuda_fft.fft(x, "fftn", lengths))
    for stream in streams:
        stream.synchronize()
    expected = [np.fft.fftn(h) for h in hosts]
    for k, found in enumerate(results):
        np.testing.assert_allclose(found.get(), expected[k % 3], rtol=1e-9, atol=1e-8)


def test_a_captured_stream_takes_a_plan_that_is_there():
    host = operand("fftn", (64, 64))
    x, out = cupy.asarray(host), cupy.empty((64, 64), complex)
    cuda_fft.fft(x, "fftn", (64, 64), out)
    out.fill(0)
    cupy.cuda.get_current_stream().synchronize()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        stream.begin_capture()
        cuda_fft.fft(x, "fftn", (64, 64), out)
        graph = stream.end_capture()
        graph.launch()
        stream.synchronize()
    np.testing.assert_allclose(out.get(), np.fft.fftn(host), rtol=1e-11, atol=1e-11)


def test_what_a_transform_costs(figure):
    wait = cupy.cuda.get_current_stream().synchronize
    x = cupy.asarray(operand("irfftn", (256, 129)))
    signal = cupy.empty((256, 256))
    how = {"scaled": False, "spoils": True}
    called = microseconds(lambda: cuda_fft.fft(x, "irfftn", (256, 256), signal, **how), wait)
    figure("irfft2 256^2 float64: a call", called, "us")
    figure("irfft2 256^2 float64: cupy.fft", microseconds(lambda: cupy.fft.irfft2(x, s=(256, 256)), wait), "us")
    plan = next(iter(cuda_fft._plans.values()))
    figure("irfft2 256^2 float64: cuFFT alone", microseconds(lambda: plan.plan.fft(x, signal, 1), wait), "us")
