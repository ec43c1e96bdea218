"""Barriers, operations of warps, and reductions made of them."""

from __future__ import annotations

import numpy as np
import pytest

from emulator import same_in_all_orders

SOURCE = r"""
extern "C" __global__ void reversed(const int* x, int* out, int n) {
    __shared__ int s[1024];
    if (threadIdx.x >= n) return;  // who has returned is not waited for
    s[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = s[n - 1 - threadIdx.x];
}

extern "C" __global__ void votes(int* out, int n) {
    int t = threadIdx.x;
    int count = __syncthreads_count(t % 3 == 0);
    int all = __syncthreads_and(t < n), some = __syncthreads_or(t == n);
    out[4 * t] = count, out[4 * t + 1] = all, out[4 * t + 2] = some;
    out[4 * t + 3] = __syncthreads_count(2) == blockDim.x;
}

extern "C" __global__ void sums(const float* x, float* out, int n) {
    __shared__ float partial[32];
    float sum = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += x[i];
    for (int by = 16; by > 0; by /= 2) sum += __shfl_down_sync(0xffffffff, sum, by);
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    if (lane == 0) partial[warp] = sum;
    __syncthreads();
    if (warp > 0) return;
    sum = lane < blockDim.x / 32 ? partial[lane] : 0;
    for (int by = 16; by > 0; by /= 2) sum += __shfl_xor_sync(0xffffffff, sum, by);
    if (lane == 0) out[blockIdx.x] = sum;
}

extern "C" __global__ void scan(const float* x, float* out, int n) {
    __shared__ float ends[32];
    int t = threadIdx.x, lane = t % 32, warp = t / 32;
    float sum = t < n ? x[t] : 0;
    for (int by = 1; by < 32; by *= 2) {
        float other = __shfl_up_sync(0xffffffff, sum, by);
        if (lane >= by) sum += other;
    }
    if (lane == 31) ends[warp] = sum;
    __syncthreads();
    for (int w = 0; w < warp; w++) sum += ends[w];
    if (t < n) out[t] = sum;
}

extern "C" __global__ void transposed(const float* x, float* out, int rows, int columns) {
    __shared__ float tile[32][33];
    int column = blockIdx.x * 32 + threadIdx.x, row = blockIdx.y * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8)
        if (column < columns && row + k < rows) tile[threadIdx.y + k][threadIdx.x] = x[(row + k) * columns + column];
    __syncthreads();
    column = blockIdx.y * 32 + threadIdx.x, row = blockIdx.x * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8)
        if (column < rows && row + k < columns) out[(row + k) * rows + column] = tile[threadIdx.x][threadIdx.y + k];
}

template <class T> __device__ void shuffle_all(const T* x, T* out) {
    int t = threadIdx.x;
    const unsigned all = 0xffffffff;
    T v = x[t];
    out[t] = __shfl_sync(all, v, 5);
    out[64 + t] = __shfl_sync(all, v, t + 3, 8);
    out[128 + t] = __shfl_up_sync(all, v, 3);
    out[192 + t] = __shfl_up_sync(all, v, 3, 8);
    out[256 + t] = __shfl_down_sync(all, v, 5);
    out[320 + t] = __shfl_down_sync(all, v, 5, 16);
    out[384 + t] = __shfl_xor_sync(all, v, 9);
    out[448 + t] = __shfl_xor_sync(all, v, 12, 8);
}
extern "C" __global__ void shuffles_int32(const int* x, int* out) { shuffle_all(x, out); }
extern "C" __global__ void shuffles_float32(const float* x, float* out) { shuffle_all(x, out); }
extern "C" __global__ void shuffles_float64(const double* x, double* out) { shuffle_all(x, out); }
typedef unsigned long long u64;
extern "C" __global__ void shuffles_uint64(const u64* x, u64* out) { shuffle_all(x, out); }

// Two halves of a warp go different ways.
extern "C" __global__ void halves(int* out) {
    int lane = threadIdx.x % 32, v;
    if (lane < 16) {
        v = __shfl_xor_sync(0x0000ffff, lane, 1);
    } else {
        v = __shfl_down_sync(0xffff0000, lane, 3, 16);
        v = __shfl_xor_sync(0xffff0000, v, 1);
    }
    __syncwarp();
    out[threadIdx.x] = __reduce_add_sync(0xffffffff, v);
}

extern "C" __global__ void ballots(const int* x, unsigned* out) {
    const unsigned all = 0xffffffff;
    int t = threadIdx.x, v = x[t];
    out[t] = __ballot_sync(all, v & 1);
    out[32 + t] = __any_sync(all, v == 3);
    out[64 + t] = __all_sync(all, v < 4);
    out[96 + t] = __match_any_sync(all, v);
    int equal;
    out[128 + t] = __match_all_sync(all, v / 4, &equal);
    out[160 + t] = equal;
    out[192 + t] = __match_all_sync(all, v, &equal);
    out[224 + t] = equal;
}

extern "C" __global__ void reductions(const int* x, int* out) {
    const unsigned all = 0xffffffff;
    int v = x[threadIdx.x], *to = out + 9 * threadIdx.x;
    unsigned u = v;
    to[0] = __reduce_add_sync(all, v), to[1] = __reduce_min_sync(all, v), to[2] = __reduce_max_sync(all, v);
    to[3] = __reduce_add_sync(all, u), to[4] = __reduce_min_sync(all, u), to[5] = __reduce_max_sync(all, u);
    to[6] = __reduce_and_sync(all, u), to[7] = __reduce_or_sync(all, u), to[8] = __reduce_xor_sync(all, u);
}
"""


@pytest.mark.parametrize("n", [1, 31, 32, 33, 100, 1023])
def test_threads_meet_at_a_barrier(kernels, n):
    x, out = np.arange(n, dtype=np.int32), np.zeros(n, np.int32)
    kernels.run("reversed", 1, 1024, x, out, n)
    assert (out == x[::-1]).all()


def test_votes_of_a_block(kernels):
    for threads in (1, 33, 96):
        out = np.zeros((threads, 4), np.int32)
        kernels.run("votes", 1, threads, out, threads)
        assert (out == [-(-threads // 3), 1, 0, 1]).all()
        kernels.run("votes", 1, threads, out, threads - 1)
        assert (out == [-(-threads // 3), 0, 1, 1]).all()


def _halved(v):
    """The sum of rows of 32 as shuffles downwards form it in lane 0."""
    for by in (16, 8, 4, 2, 1):
        v = v.copy()
        v[..., : 32 - by] += v[..., by:].copy()
    return v[..., 0]


@pytest.mark.parametrize("n", [0, 1, 31, 32, 33, 1023, 1025, 100_003])
@pytest.mark.parametrize(("blocks", "threads"), [(1, 32), (3, 96), (2, 1024)])
def test_a_sum_of_blocks_is_numpys_in_the_same_order(kernels, n, blocks, threads):
    x = np.random.default_rng(n).standard_normal(n).astype(np.float32)
    width = blocks * threads
    padded = np.zeros((-(-max(n, 1) // width), blocks, threads // 32, 32), np.float32)
    padded.reshape(-1)[:n] = x
    lanes = np.zeros(padded.shape[1:], np.float32)
    for row in padded:
        lanes += row
    partial = np.zeros((blocks, 32), np.float32)
    partial[:, : threads // 32] = _halved(lanes)
    expected = _halved(partial)

    def run():
        out = np.full(blocks, np.nan, np.float32)
        kernels.run("sums", blocks, threads, x, out, n)
        return out

    np.testing.assert_array_equal(same_in_all_orders(kernels.target, run), expected)


def test_a_scan_and_a_transposition_through_shared_memory(kernels):
    x = np.arange(1, 701, dtype=np.float32)
    out = np.zeros_like(x)
    kernels.run("scan", 1, 704, x, out, len(x))
    assert (out == np.cumsum(x)).all()
    x = np.random.default_rng(0).random((70, 45), np.float32)
    out = np.zeros((45, 70), np.float32)
    kernels.run("transposed", (2, 3), (32, 8), x, out, 70, 45)
    assert (out == x.T).all()


@pytest.mark.parametrize("dtype", ["int32", "uint64", "float32", "float64"])
def test_shuffles_read_another_lane(kernels, dtype):
    x = (np.arange(64) * (1e15 if np.dtype(dtype).itemsize == 8 else 1.5e7)).astype(dtype)
    out = np.zeros((8, 2, 32), dtype)
    kernels.run(f"shuffles_{dtype}", 1, 64, x, out)
    lane = np.arange(32)
    sources = [
        np.full(32, 5),
        lane // 8 * 8 + (lane + 3) % 8,
        np.where(lane >= 3, lane - 3, lane),
        np.where(lane % 8 >= 3, lane - 3, lane),
        np.where(lane + 5 < 32, lane + 5, lane),
        np.where(lane % 16 + 5 < 16, lane + 5, lane),
        lane ^ 9,
        np.where((lane ^ 12) // 8 <= lane // 8, lane ^ 12, lane),
    ]
    for found, source in zip(out, sources, strict=True):
        np.testing.assert_array_equal(found, x.reshape(2, 32)[:, source])


def test_parts_of_a_warp_meet_by_themselves(kernels):
    out = np.zeros(64, np.int32)
    kernels.run("halves", 1, 64, out)
    lane = np.arange(32)
    moved = np.where(lane % 16 + 3 < 16, lane + 3, lane)
    assert (out == np.where(lane < 16, lane ^ 1, moved[lane ^ 1]).sum()).all()


def test_ballots_and_matches(kernels):
    x = np.random.default_rng(3).integers(0, 4, 32, np.int32)
    out = np.zeros((8, 32), np.uint32)
    kernels.run("ballots", 1, 32, x, out)

    def bits(votes):
        return np.uint32(sum(1 << i for i in np.flatnonzero(votes)))

    expected = [bits(x & 1), 1, 1, [bits(x == v) for v in x], 0xFFFFFFFF, 1, 0, 0]
    for found, value in zip(out, expected, strict=True):
        assert (found == value).all()


def test_reductions_of_warps(kernels):
    x = np.random.default_rng(4).integers(-(2**31), 2**31, 32, dtype=np.int64).astype(np.int32)
    out = np.zeros((32, 9), np.int32)
    kernels.run("reductions", 1, 32, x, out)
    u = x.view(np.uint32)
    signed = [x.sum(dtype=np.int32), x.min(), x.max()]
    unsigned = [u.sum(dtype=np.uint32), u.min(), u.max()]
    unsigned += [ufunc.reduce(u) for ufunc in (np.bitwise_and, np.bitwise_or, np.bitwise_xor)]
    assert (out == [*signed, *np.array(unsigned, np.uint32).view(np.int32)]).all()
