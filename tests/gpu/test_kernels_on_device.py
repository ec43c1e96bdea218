"""Compiling, loading and launching: results to the bit, and what a launch costs the host."""

from __future__ import annotations

import numpy as np
import pytest
from device_kernels import SOURCE, add_one, call, microseconds

from cujax.engine.backends.cuda_launch import write_addresses

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")


@pytest.fixture(scope="module")
def module(backend):
    return backend.kernels.compile(SOURCE)


@pytest.fixture
def wait():
    return lambda: cupy.cuda.get_current_stream().synchronize()


def draw(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1023, 1025, 10**6])
def test_a_kernel_gives_numpys_bits(backend, module, n):
    x = draw(n)
    out = cupy.full(n, -1, np.float32)
    backend.kernels.launcher(module, add_one(n))([cupy.asarray(x), out])
    np.testing.assert_array_equal(out.get(), x + np.float32(1))


def test_products_and_sums_are_rounded_one_by_one(backend, module):
    x, y, z = draw(4096, 1), draw(4096, 2), draw(4096, 3)
    out = cupy.empty(4096, np.float32)
    run = backend.kernels.launcher(module, call("times", 4096, blocks=16))
    run([cupy.asarray(v) for v in (x, y, z)] + [out])
    np.testing.assert_array_equal(out.get(), x * y + z)


def test_division_and_square_root_are_exact(backend, module):
    x, y = np.abs(draw(4096, 1)), draw(4096, 2)
    out = cupy.empty(4096, np.float32)
    backend.kernels.launcher(module, call("divide", 4096, blocks=16))([cupy.asarray(x), cupy.asarray(y), out])
    np.testing.assert_array_equal(out.get(), np.sqrt(x) / y)


def test_denormals_are_kept(backend, module):
    x = np.array([2**-126, 2**-130, 2**-148, 2**-149, -(2**-140)], np.float32)
    out = cupy.empty(5, np.float32)
    backend.kernels.launcher(module, call("halve", 5))([cupy.asarray(x), out])
    np.testing.assert_array_equal(out.get(), x * np.float32(0.5))
    assert out.get()[0] != 0


@pytest.mark.parametrize(
    "value",
    [np.float32(1.5), np.bool_(True), np.int8(-3), np.complex128(1 - 2j), np.arange(16.0), np.zeros((0, 3)),
     np.arange(8.0).reshape(2, 4).T],
    ids=repr,
)
def test_small_arrays_travel_as_arguments(backend, value):
    np.testing.assert_array_equal(backend.to_device(np.asarray(value)).get(), value)


def test_a_launch_costs_little(backend, module, wait, figure):
    x = cupy.zeros(256, np.float32)
    run = backend.kernels.launcher(module, add_one(256))
    raw = cupy.RawKernel(SOURCE, "add")
    arguments = (x, x, np.float32(1), np.int32(256))
    operands = [x, x]
    ours = microseconds(lambda: run(operands), wait)
    theirs = microseconds(lambda: raw((1,), (256,), arguments), wait)
    launch = run.launch(len(operands))
    write_addresses(launch.words, operands)
    figure("launch: packed", microseconds(lambda: launch.enqueue(0), wait), "us")
    figure("launch: with addresses and the current stream", ours, "us")
    figure("launch: cupy.RawKernel", theirs, "us")
    assert ours < theirs


def test_scalars_cost_little(backend, wait, figure):
    host = np.asarray(np.float32(2.5))
    figure("scalar to the device: as an argument", microseconds(lambda: backend.to_device(host), wait), "us")
    figure("scalar to the device: cupy.asarray", microseconds(lambda: cupy.asarray(host), wait), "us")
    figure("scalar that a program holds", microseconds(lambda: backend.constant(np.float32(2.5)), wait), "us")


def test_the_disk_cache_serves_the_next_process(backend, module, tmp_path, figure):
    import time

    from cujax.engine.backends.cuda_target import CudaTarget
    from cujax.engine.ground.config import config

    seconds = []
    with config.override("compilation_cache_dir", str(tmp_path / "cache")):
        for _ in range(2):
            start = time.perf_counter()
            CudaTarget().compile(SOURCE).function("add")
            seconds.append(time.perf_counter() - start)
    figure("six small kernels: compiled and loaded", seconds[0] * 1e3, "ms")
    figure("six small kernels: from the disk", seconds[1] * 1e3, "ms")
    assert seconds[1] < seconds[0]
