#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_add_mul_sub_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n0_magic, int n0_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n3; item += threads) {
        int rest = item;
        const int i1 = cj::take_last(rest, n0, n0_magic, n0_shift);
        const int i0 = rest;
        const float load_1 = x0[n0 * i0 + i1];
        const bool inside_1 = i0 >= 1;
        const float chosen_1 = inside_1 ? x0[n0 * i0 + i1 - n0] : 0.0f;
        const bool inside_2 = n1 >= i0;
        const float chosen_2 = inside_2 ? x0[n0 * i0 + i1 + n0] : 0.0f;
        const float add_1 = chosen_1 + chosen_2;  // programs.py:38
        const bool inside_3 = i1 >= 1;
        const float chosen_3 = inside_3 ? x0[n0 * i0 + i1 - 1] : 0.0f;
        const float add_2 = add_1 + chosen_3;
        const bool inside_4 = n2 >= i1;
        const float chosen_4 = inside_4 ? x0[n0 * i0 + i1 + 1] : 0.0f;
        const float add_3 = add_2 + chosen_4;
        const float mul_1 = 4.0f * load_1;
        const float sub_1 = add_3 - mul_1;
        const float mul_2 = 0.1f * sub_1;
        const float add_4 = load_1 + mul_2;
        y0[n0 * i0 + i1] = add_4;
    }
}
