#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_mul_f32(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n1_magic, int n1_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n2; item += threads) {
        int rest = item;
        const int i1 = cj::take_last(rest, n1, n1_magic, n1_shift);
        const int i0 = rest;
        const bool inside_1 = i0 >= n0;
        const float chosen_1 = inside_1 ? x0[i1] : x1[n1 * i0 + i1];
        const float mul_1 = chosen_1 * 2.0f;  // programs.py:130
        y0[n1 * i0 + i1] = mul_1;
    }
}
