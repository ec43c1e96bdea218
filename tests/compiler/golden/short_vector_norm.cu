#include "prelude.h"
#include "math.h"

extern "C" __global__ void fused_summand_reduce_sum_sqrt_div_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1, int n2) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n2; item += threads) {
        const int i0 = item;
        const float load_1 = x0[n0 * i0];
        const float load_2 = x0[n0 * i0 + n1];
        const float load_3 = x0[n0 * i0 + 1];
        const float summand_1 = load_1 * load_1;  // programs.py:158
        const float part_1 = cj::fma(load_3, load_3, summand_1);
        const float part_2 = cj::fma(load_2, load_2, part_1);
        const float reduce_sum_1 = part_2;
        const float sqrt_1 = cj::sqrt(reduce_sum_1);
        const float div_1 = cj::div(load_1, sqrt_1);
        y0[n0 * i0] = div_1;
        const float div_2 = cj::div(load_3, sqrt_1);
        y0[n0 * i0 + 1] = div_2;
        const float div_3 = cj::div(load_2, sqrt_1);
        y0[n0 * i0 + n1] = div_3;
    }
}
