#include "prelude.h"
#include "math.h"
#include "erf_inv.h"
#include "index.h"
#include "threefry.h"

extern "C" __global__ void scan_random_wrap_random_split_random_bits_9_more_f32(const cj::u32* CJ_RESTRICT x0, float* CJ_RESTRICT y0, float* CJ_RESTRICT y1, int n0, int n1, int n2) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int lane = thread; lane < n2; lane += threads) {
        const int i0 = lane;
        float r1_0;
        const cj::u64 random_wrap_1 = cj::random_wrap(x0[n0 * i0], x0[n0 * i0 + 1]);  // programs.py:103
        r1_0 = 0.0f;
        for (int t2 = 0; t2 < n1; ++t2) {
            const float index_1 = r1_0;
            const cj::u64 random_split_1 = cj::random_split(random_wrap_1, cj::u64(t2));  // programs.py:103
            const cj::u32 random_bits_1 = cj::random_bits<32>(random_split_1, cj::u64(0));  // programs.py:104
            const cj::u32 shift_right_logical_1 = cj::shift_right_logical(random_bits_1, 9u);
            const cj::u32 or_1 = shift_right_logical_1 | 1065353216u;
            const float bitcast_convert_type_1 = cj::bitcast<float>(or_1);
            const float sub_1 = bitcast_convert_type_1 - 1.0f;
            const float fma_1 = cj::fma(sub_1, 2.0f, (-0.99999994f));
            const float max_1 = cj::max((-0.99999994f), fma_1);
            const float erf_inv_1 = cj::erf_inv(max_1);
            const float mul_1 = 1.4142135f * erf_inv_1;
            const float add_1 = index_1 + mul_1;
            y1[n2 * t2 + i0] = index_1;
            r1_0 = add_1;
        }
        y0[i0] = r1_0;
    }
}

extern "C" __global__ void copy_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n1_magic, int n1_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n2; item += threads) {
        int rest = item;
        const int i1 = cj::take_last(rest, n1, n1_magic, n1_shift);
        const int i0 = rest;
        y0[n1 * i0 + i1] = x0[n0 * i1 + i0];
    }
}
