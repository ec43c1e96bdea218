"""What a thread can do wrong, and what is said about it."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import EmulatorError, EmulatorTarget, Kernels

SOURCE = r"""
extern "C" __global__ void two_barriers(int* out) {
    if (threadIdx.x < 32)
        __syncthreads();
    else
        __syncthreads();
}

extern "C" __global__ void barrier_and_warp(int* out) {
    if (threadIdx.x < 3) __syncthreads();
    out[threadIdx.x] = __shfl_sync(0xffffffff, threadIdx.x, 1);
}

extern "C" __global__ void not_in_mask(int* out) {
    out[threadIdx.x] = __shfl_sync(0x7fffffff, 1, 0);
}

extern "C" __global__ void two_masks(int* out) {
    __syncwarp(threadIdx.x < 16 ? 0x0000ffff : 0xffffffff);
    __syncthreads();
}

extern "C" __global__ void two_operations(int* out) {
    if (threadIdx.x % 2) out[threadIdx.x] = __shfl_sync(0xffffffff, 1, 0);
    else out[threadIdx.x] = __ballot_sync(0xffffffff, 1);
}

extern "C" __global__ void reads_outside(int* out) {
    if (threadIdx.x < 8) out[threadIdx.x] = __shfl_down_sync(0xff, 1, 4);
}

extern "C" __global__ void reads_one_that_has_returned(int* out) {
    if (threadIdx.x > 15) return;
    out[threadIdx.x] = __shfl_xor_sync(0xffffffff, 1, 16);
}

extern "C" __global__ void strange_width(int* out) {
    out[threadIdx.x] = __shfl_up_sync(0xffffffff, 1, 1, 12);
}

extern "C" __global__ void traps(int* out, int thread) {
    if (threadIdx.y == thread) __trap();
}

extern "C" __global__ void asserts(int* out) {
    assert(out != nullptr);
}

extern "C" __global__ void goes_astray(int* out, long long by) {
    out[by] = 1;
}

extern "C" __global__ void divides(int* out, int by) {
    out[0] = 7 / by;
}

__device__ int deep(int n, volatile int* out) {
    volatile int kept[64];
    kept[n % 64] = *out;
    return n == 0 ? 0 : deep(n - 1, out) + kept[n % 64];
}
extern "C" __global__ void waits_for_the_next_block(int* out) {
    if (blockIdx.x == 0)
        while (*(volatile int*)out == 0) {}
    else
        *out = 1;
}

extern "C" __global__ void recurses(int* out, int depth) {
    __syncthreads();
    out[0] = deep(depth, out);
}
"""

REPORTS = [
    (
        "two_barriers", (), 64,
        "__syncthreads (kernels.cu:6) is a divergent barrier: 32 threads of the block wait at __syncthreads "
        "(kernels.cu:4), in block (0,0,0), thread (32,0,0)",
    ),
    (
        "barrier_and_warp", (), 64,
        "deadlock in block (0,0,0): thread (0,0,0) and 2 more wait at __syncthreads (kernels.cu:10); "
        "thread (3,0,0) and 28 more wait at __shfl_sync with mask 0xffffffff (kernels.cu:11)",
    ),
    (
        "not_in_mask", (), 32,
        "__shfl_sync with mask 0x7fffffff, in which its own lane 31 is missing, in block (0,0,0), thread (31,0,0)",
    ),
    (
        "two_masks", (), 32,
        "deadlock in block (0,0,0): thread (0,0,0) and 15 more wait at __syncthreads (kernels.cu:20); "
        "thread (16,0,0) and 15 more wait at __syncwarp with mask 0xffffffff (kernels.cu:19)",
    ),
    (
        "two_operations", (), 32,
        "__shfl_sync with mask 0xffffffff, while other lanes of the mask wait at __ballot_sync, "
        "in block (0,0,0), thread (1,0,0)",
    ),
    (
        "reads_outside", (), 32,
        "__shfl_down_sync reads lane 11, which does not take part: the lanes are 0x000000ff, "
        "in block (0,0,0), thread (7,0,0)",
    ),
    (
        "reads_one_that_has_returned", (), 32,
        "__shfl_xor_sync reads lane 16, which does not take part: the lanes are 0x0000ffff, "
        "in block (0,0,0), thread (0,0,0)",
    ),
    (
        "strange_width", (), 32,
        "__shfl_up_sync with width 12, which is not a power of two up to 32, in block (0,0,0), thread (0,0,0)",
    ),
    ("traps", (3,), (2, 4), "__trap, in block (0,0,0), thread (0,3,0)"),
    (
        "goes_astray", (2**60,), 1,
        "segmentation fault: an access far out of bounds, or a misaligned one of a vector, "
        "in block (0,0,0), thread (0,0,0)",
    ),
    ("divides", (0,), 1, "integer division by zero, in block (0,0,0), thread (0,0,0)"),
    (
        "recurses", (10**6,), 2,
        "stack overflow: more local variables than the emulator has room for, in block (0,0,0), thread (1,0,0)",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kernel", "arguments", "threads", "text"), REPORTS, ids=[r[0] for r in REPORTS])
def test_a_report_names_what_and_who(kernels, kernel, arguments, threads, text):
    out = np.zeros(64, np.int32)
    with pytest.raises(EmulatorError) as error:
        kernels.run(kernel, 1, threads, out, *arguments)
    assert str(error.value) == f"{kernel}: {text}"


def test_an_assertion_names_its_line(kernels):
    kernels.run("asserts", 1, 1, np.zeros(1))
    with pytest.raises(EmulatorError) as error:
        kernels.run("asserts", 2, 1, 0)
    line = SOURCE[: SOURCE.index("assert(")].count("\n") + 1
    assert str(error.value) == (
        f"asserts: assert(out != nullptr) does not hold (kernels.cu:{line}), in block (0,0,0), thread (0,0,0)"
    )


def test_a_kernel_that_does_not_end(kernels):
    target = EmulatorTarget()
    target.time_limit = 0.05
    with pytest.raises(EmulatorError) as error:
        Kernels(SOURCE, target).run("waits_for_the_next_block", 2, 1, np.zeros(1, np.int32))
    assert str(error.value) == (
        "waits_for_the_next_block: no end: the kernel may wait for what another thread does later, "
        "in block (0,0,0), thread (0,0,0)"
    )


def test_what_is_right_runs_after_a_report(kernels):
    out = np.zeros(64, np.int32)
    with pytest.raises(EmulatorError):
        kernels.run("barrier_and_warp", 1, 64, out)
    kernels.run("barrier_and_warp", 0, 64, out)
    kernels.run("recurses", 1, 1024, out, 30)
    kernels.run("divides", 1, 1, out, 2)
    assert out[0] == 3
