#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_add_div_sub_mul_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n4, int n5, int n0_magic, int n0_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n1; item += threads) {
        int rest = item;
        const int i2 = cj::take_last(rest, n0, n0_magic, n0_shift);
        const int i1 = rest;
        const float load_1 = x0[n0 * i1 + i2 + (i1 >= 1 ? -n1 : 0) + n2];
        const float load_2 = x0[n0 * i1 + i2 + (i1 >= 1 ? -n1 : 0) + (i2 >= n3 ? -n0 : 0) + n4];
        const float add_1 = load_1 + load_2;  // programs.py:50
        const float load_3 = x0[n0 * i1 + i2 + n5];
        const float add_2 = add_1 + load_3;
        const float div_1 = cj::div(add_2, 3.0f);
        const float sub_1 = div_1 - load_1;  // programs.py:51
        const float mul_1 = 0.5f * sub_1;
        const float add_3 = load_1 + mul_1;
        y0[n0 * i1 + i2] = add_3;
        const float sub_2 = div_1 - load_2;
        const float mul_2 = 0.5f * sub_2;
        const float add_4 = load_2 + mul_2;
        y0[n0 * i1 + i2 + n1] = add_4;
        const float mul_3 = div_1 * div_1;
        const float sub_3 = mul_3 - load_3;
        const float mul_4 = 0.5f * sub_3;
        const float add_5 = load_3 + mul_4;
        y0[n0 * i1 + i2 + n5] = add_5;
    }
}
