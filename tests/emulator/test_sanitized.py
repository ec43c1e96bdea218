"""Accesses out of bounds and what else C++ leaves undefined, found in a process of its own."""

from __future__ import annotations

import numpy as np
import pytest

from cujax.engine.backends.api import KernelCall
from emulator import EmulatorError, SanitizedTarget

SOURCE = r"""
extern "C" __global__ void copy(const float* x, float* out, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = x[i];
}

extern "C" __global__ void through_fixed(const float* x, float* out) {
    __shared__ float s[32];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = s[threadIdx.x];
}

extern "C" __global__ void through_sized(const float* x, float* out, int n) {
    extern __shared__ float s[];
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = s[n - 1 - threadIdx.x];
}

extern "C" __global__ void vector(const float* x, float* out, int shift) {
    float4 v = *reinterpret_cast<const float4*>(x + shift);
    out[0] = v.x + v.w;
}

extern "C" __global__ void overflow(int* out, int by) {
    out[0] = 2147483647 + by;
}

extern "C" __global__ void diverges(int* out) {
    if (threadIdx.x) __syncthreads();
    __syncthreads();
}
"""

X = np.arange(64, dtype=np.float32)


@pytest.fixture(scope="module")
def run():
    target = SanitizedTarget()
    module = target.compile(SOURCE)

    def run(name, block, *arguments, shared_bytes=0, grid=1):
        target.launch(module, name, (grid,), (block,), shared_bytes, arguments)

    return run


def line_of(text: str) -> int:
    return SOURCE[: SOURCE.index(text)].count("\n") + 1


def test_what_is_right_leaves_its_results(run):
    out = np.zeros(64, np.float32)
    run("copy", 16, X, out, 64, grid=4)
    assert (out == X).all()
    out[:] = 0
    run("through_fixed", 32, X, out)
    assert (out[:32] == X[:32]).all() and (out[32:] == 0).all()
    run("through_sized", 64, X, out, 64, shared_bytes=256)
    assert (out == X[::-1]).all()
    run("vector", 1, X, out, 4)
    assert out[0] == 11


def test_launches_as_programs_make_them():
    target = SanitizedTarget()
    out = np.zeros((8, 8), np.float32)
    launch = target.launcher(target.compile(SOURCE), KernelCall("copy", (64,), 64, (2, 1), 32))
    launch([X, out])
    assert (out.ravel() == X).all()


COPY, FIXED, SIZED = (line_of(t) for t in ("out[i] = x[i]", "s[threadIdx.x] = x", "extern __shared__"))
REPORTS = [
    (
        "copy", 16, (X, np.zeros(64, np.float32), 65), {"grid": 5},
        f"heap-buffer-overflow, READ of size 4, 0 bytes to the right of 256-byte region (kernels.cu:{COPY}), "
        "in block (4,0,0), thread (0,0,0)",
    ),
    (
        "copy", 16, (X, np.zeros(10, np.float32), 64), {},
        f"heap-buffer-overflow, WRITE of size 4, 0 bytes to the right of 40-byte region (kernels.cu:{COPY}), "
        "in block (0,0,0), thread (10,0,0)",
    ),
    (
        "through_fixed", 33, (X, X.copy()), {},
        f"index 32 out of bounds for type 'float [32]' (kernels.cu:{FIXED}), in block (0,0,0), thread (32,0,0)",
    ),
    (
        "through_sized", 64, (X, X.copy(), 64), {"shared_bytes": 252},
        f"use-after-poison, WRITE of size 4 (kernels.cu:{SIZED + 1}), in block (0,0,0), thread (63,0,0)",
    ),
    (
        "overflow", 1, (np.zeros(1, np.int32), 1), {},
        "signed integer overflow: 2147483647 + 1 cannot be represented in type 'int' "
        f"(kernels.cu:{line_of('2147483647')}), in block (0,0,0), thread (0,0,0)",
    ),
    (
        "diverges", 2, (np.zeros(1, np.int32),), {},
        f"__syncthreads (kernels.cu:{line_of('if (threadIdx.x) __sync')}) is a divergent barrier: 1 threads of the "
        f"block wait at __syncthreads (kernels.cu:{line_of('if (threadIdx.x) __sync') + 1}), "
        "in block (0,0,0), thread (1,0,0)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kernel", "block", "arguments", "how", "text"), REPORTS)
def test_a_report_names_what_and_who(run, kernel, block, arguments, how, text):
    with pytest.raises(EmulatorError) as error:
        run(kernel, block, *arguments, **how)
    # g++ may swap the operands of a sum in what it says
    assert str(error.value).replace("1 + 2147483647", "2147483647 + 1") == f"{kernel}: {text}"
    assert error.value.log


def test_misaligned_vectors(run):
    with pytest.raises(EmulatorError, match=r"misaligned address .* for type 'const struct float4'.* \(kernels\.cu:\d"):
        run("vector", 1, X, np.zeros(1, np.float32), 1)
