"""Races that every access to memory is searched for, and orders that are none."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import EmulatorError

SOURCE = r"""
extern "C" __global__ void exchange(const float* x, float* out, int wait) {
    __shared__ float s[64];
    s[threadIdx.x] = x[threadIdx.x];
    if (wait) __syncthreads();
    out[threadIdx.x] = s[63 - threadIdx.x];
}

extern "C" __global__ void reuse(const float* x, float* out, int wait) {
    __shared__ float s;
    for (int k = 0; k < 4; k++) {
        if (threadIdx.x == k) s = x[k];
        __syncthreads();
        out[64 * k + threadIdx.x] = s;
        if (wait) __syncthreads();
    }
}

extern "C" __global__ void scatter(const int* indices, float* out, int atomic) {
    int i = indices[threadIdx.x];
    if (atomic) atomicAdd(&out[i], 1.0f);
    else out[i] += 1.0f;
}

extern "C" __global__ void exchange_in_warp(const float* x, float* out, int wait) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    if (wait == 1) __syncwarp();
    if (wait == 2) __shfl_sync(0xffffffff, 0, 0);  // lanes meet, but memory is not ordered
    if (wait == 3) __syncwarp(t % 32 < 16 ? 0x0000ffff : 0xffff0000);
    out[t] = s[t ^ 1];
    if (wait == 3) out[64 + t] = s[t ^ 16];
}

extern "C" __global__ void last_block(const float* x, float* partial, unsigned* arrived, float* out, int fences) {
    __shared__ bool is_last;
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = x[blockIdx.x];
        if (fences & 1) __threadfence();
        is_last = atomicAdd(arrived, 1) == gridDim.x - 1;
    }
    __syncthreads();
    if (fences & 2) __threadfence();
    if (!is_last || threadIdx.x != 1) return;
    for (int i = 0; i < gridDim.x; i++) out[0] += partial[i];
    *arrived = 0;
}

extern "C" __global__ void between_blocks(float* out) {
    out[threadIdx.x] = blockIdx.x;
}

__device__ float sum_of(const float* x, int n) {
    float sum = 0;
    for (int i = 0; i < n; i++) sum += x[i];
    return sum;
}
extern "C" __global__ void local_arrays(float* out, int n) {
    float kept[16];
    for (int i = 0; i < n; i++) kept[(i * 3) % n] = threadIdx.x;
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum_of(kept, n);
}

extern "C" __global__ void compare_and_swap(unsigned* x) {
    unsigned seen = *(volatile unsigned*)x, before;
    do {
        before = seen;
        seen = atomicCAS(x, before, before + 1);
    } while (seen != before);
}

extern "C" __global__ void vectors(float4* x, float* out, int shift) {
    x[threadIdx.x] = make_float4(1, 2, 3, 4);
    out[threadIdx.x] = reinterpret_cast<float*>(x)[4 * threadIdx.x + shift];
}
"""

X = np.arange(64, dtype=np.float32)


def line_of(text: str) -> int:
    return SOURCE[: SOURCE.index(text)].count("\n") + 1


@pytest.fixture
def run(kernels_with_races_found):
    return kernels_with_races_found.run


def race(run, *arguments, grid=1):
    name, *rest = arguments
    with pytest.raises(EmulatorError) as error:
        run(name, grid, 64, *rest)
    text = str(error.value)
    assert text.startswith(f"{name}: race: ")
    return text.removeprefix(f"{name}: race: ")


def test_a_missing_barrier(run):
    out = np.zeros(64, np.float32)
    run("exchange", 1, 64, X, out, 1)
    assert (out == X[::-1]).all()
    writes, reads = line_of("s[threadIdx.x] = x"), line_of("out[threadIdx.x] = s[63")
    assert race(run, "exchange", X, out, 0) == (
        f"thread (32,0,0) of block (0,0,0) writes 4 bytes of shared memory (kernels.cu:{writes}), which thread "
        f"(31,0,0) of block (0,0,0) read (kernels.cu:{reads}), and nothing orders the two"
    )


def test_shared_memory_used_again_too_early(run):
    out = np.zeros(256, np.float32)
    run("reuse", 1, 64, X, out, 1)
    assert (out.reshape(4, 64) == X[:4, None]).all()
    assert "writes 4 bytes of shared memory" in race(run, "reuse", X, out, 0)


def test_a_missing_atomic_operation(run):
    """No order of threads shows it: each reads and writes without being interrupted."""
    out = np.zeros(64, np.float32)
    same, different = np.arange(64, dtype=np.int32) % 60, np.arange(64, dtype=np.int32)
    run("scatter", 1, 64, same, out, 1)
    run("scatter", 1, 64, different, out, 0)
    text = race(run, "scatter", same, out, 0)
    line = line_of("else out[i] += 1")
    assert text == (
        f"thread (60,0,0) of block (0,0,0) reads 4 bytes at byte 0 of parameter 1 (kernels.cu:{line}), which thread "
        f"(0,0,0) of block (0,0,0) wrote (kernels.cu:{line}), and nothing orders the two"
    )


def test_an_atomic_operation_meets_a_plain_one(run):
    out = np.zeros(64, np.float32)
    reads, adds = line_of("int i = indices"), line_of("if (atomic) atomicAdd")
    assert race(run, "scatter", out[:32].view(np.int32), out[31:], 1) == (
        f"thread (31,0,0) of block (0,0,0) reads 4 bytes at byte 0 of parameter 1 (kernels.cu:{reads}), which thread "
        f"(30,0,0) of block (0,0,0) changed atomically (kernels.cu:{adds}), and nothing orders the two"
    )


def test_lanes_of_a_warp(run):
    out = np.zeros(128, np.float32)
    run("exchange_in_warp", 1, 64, X, out, 1)
    assert (out[:64] == X[np.arange(64) ^ 1]).all()
    for wait in (0, 2):
        assert "shared memory" in race(run, "exchange_in_warp", X, out, wait)
    line = line_of("out[64 + t] = s[t ^ 16]")
    assert f"thread (15,0,0) of block (0,0,0) read (kernels.cu:{line})" in race(run, "exchange_in_warp", X, out, 3)


def test_the_last_block_may_read_what_others_left(run):
    partial, arrived, out = np.zeros(40, np.float32), np.zeros(1, np.uint32), np.zeros(1, np.float32)
    run("last_block", 40, 32, X, partial, arrived, out, 3)
    assert out[0] == X[:40].sum() and arrived[0] == 0
    for fences in (0, 1, 2):
        arrived[:] = 0
        text = race(run, "last_block", X, partial, arrived, out, fences, grid=40)
        assert "thread (1,0,0) of block (39,0,0) reads 4 bytes at byte 0 of parameter 1" in text


def test_blocks_write_to_one_place(run):
    out = np.zeros(64, np.float32)
    run("between_blocks", 1, 64, out)
    assert "which thread (0,0,0) of block (0,0,0) wrote" in race(run, "between_blocks", out, grid=2)


def test_what_is_a_threads_own_is_no_race(run):
    out = np.zeros(64, np.float32)
    run("local_arrays", 4, 16, out, 16)
    assert (out.reshape(4, 16) == 16 * np.arange(16)).all()


def test_loops_of_compare_and_swap_are_no_race(run):
    x = np.zeros(1, np.uint32)
    run("compare_and_swap", 3, 64, x)
    assert x[0] == 192


def test_parts_of_vectors(run):
    x, out = np.zeros(65 * 4, np.float32), np.zeros(64, np.float32)
    run("vectors", 1, 64, x[-x.ctypes.data % 16 // 4 :], out, 3)
    assert (out == 4).all()
    text = race(run, "vectors", x[-x.ctypes.data % 16 // 4 :], out, 5)
    assert "at byte 20 of parameter 0" in text and "which thread (0,0,0) of block (0,0,0) read " in text
