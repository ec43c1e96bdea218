"""Kernels and measures that the tests on a device share."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from cujax.engine.backends.api import KernelCall

SOURCE = """
extern "C" __global__ void add(const float* __restrict__ x, float* __restrict__ y, float by, int n) {
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) y[i] = x[i] + by;
}
extern "C" __global__ void times(const float* x, const float* y, const float* z, float* out, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = x[i] * y[i] + z[i];
}
extern "C" __global__ void halve(const float* x, float* y, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = x[i] * 0.5f;
}
extern "C" __global__ void divide(const float* x, const float* y, float* out, int n) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = sqrtf(x[i]) / y[i];
}
extern "C" __global__ void spin(const int* unused, long long cycles) {
    const long long start = clock64();
    while (clock64() - start < cycles) {}
}
extern "C" __global__ void append(const int* value, int* list) { list[1 + list[0]++] = *value; }
"""

ONE = 0x3F800000  # the bits of 1.0f


def call(name: str, *sizes: int, blocks: int = 1, threads: int = 256) -> KernelCall:
    """How one of the kernels is called."""
    return KernelCall(name, sizes, 1, (blocks, 1), threads)


def add_one(n: int) -> KernelCall:
    """y = x + 1 for n elements."""
    return call("add", ONE, n, blocks=max(1, -(-n // 256)))


def microseconds(run: Callable[[], object], wait: Callable[[], object], calls: int = 200, rounds: int = 9) -> float:
    """Median time of the host for one `run`, whose work the device has finished before each round."""
    times = []
    for _ in range(rounds + 1):
        wait()
        start = time.perf_counter()
        for _ in range(calls):
            run()
        times.append((time.perf_counter() - start) / calls)
        wait()
    return statistics.median(times[1:]) * 1e6
