#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_sub_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n4, int n3_magic, int n3_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n4; item += threads) {
        int rest = item;
        const int i1 = cj::take_last(rest, n3, n3_magic, n3_shift);
        const int i0 = rest;
        const float sub_1 = x0[n0 * i0 + n1 * i1 + n2] - x0[n0 * i0 + n1 * i1];  // programs.py:128
        y0[n3 * i0 + i1] = sub_1;
    }
}
