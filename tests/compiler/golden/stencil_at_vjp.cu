#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_mul_neg_add_any_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n4, int n5, int n6, int n0_magic, int n0_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n6; item += threads) {
        int rest = item;
        const int i1 = cj::take_last(rest, n0, n0_magic, n0_shift);
        const int i0 = rest;
        const float load_1 = x0[n0 * i0 + i1];
        const bool inside_1 = i0 >= 1 && n1 >= i0 && i1 >= 1 && n2 >= i1;
        float chosen_1;
        if (inside_1) {
            const float mul_1 = 0.1f * load_1;  // programs.py:44
            const float neg_1 = -mul_1;  // programs.py:43
            const float mul_2 = 4.0f * neg_1;
            chosen_1 = mul_2;
        } else {
            chosen_1 = 0.0f;
        }
        const float add_any_1 = load_1 + chosen_1;  // programs.py:43
        const bool inside_2 = i0 >= 1 && n1 >= i0 && i1 >= n3;
        float chosen_2;
        if (inside_2) {
            const float mul_3 = 0.1f * x0[n0 * i0 + i1 - 1];  // programs.py:44
            chosen_2 = mul_3;
        } else {
            chosen_2 = 0.0f;
        }
        const float add_any_2 = add_any_1 + chosen_2;
        const bool inside_3 = i0 >= 1 && n1 >= i0 && n4 >= i1;
        float chosen_3;
        if (inside_3) {
            const float mul_4 = 0.1f * x0[n0 * i0 + i1 + 1];  // programs.py:44
            chosen_3 = mul_4;
        } else {
            chosen_3 = 0.0f;
        }
        const float add_any_3 = add_any_2 + chosen_3;
        const bool inside_4 = i0 >= n3 && i1 >= 1 && n2 >= i1;
        float chosen_4;
        if (inside_4) {
            const float mul_5 = 0.1f * x0[n0 * i0 + i1 - n0];  // programs.py:44
            chosen_4 = mul_5;
        } else {
            chosen_4 = 0.0f;
        }
        const float add_any_4 = add_any_3 + chosen_4;
        const bool inside_5 = n5 >= i0 && i1 >= 1 && n2 >= i1;
        float chosen_5;
        if (inside_5) {
            const float mul_6 = 0.1f * x0[n0 * i0 + i1 + n0];  // programs.py:44
            chosen_5 = mul_6;
        } else {
            chosen_5 = 0.0f;
        }
        const float add_any_5 = add_any_4 + chosen_5;
        y0[n0 * i0 + i1] = add_any_5;
    }
}
