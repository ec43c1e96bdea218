#include "prelude.h"
#include "math.h"
#include "reduce.h"

extern "C" __global__ void fused_reduce_sum_div_sub_summand_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1) {
    __shared__ cj::Sum<float>::Acc sum_acc_0_shared[32];
    for (int item = int(blockIdx.x); item < n1; item += int(gridDim.x)) {
        const int i0 = item;
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int i1 = int(threadIdx.x); i1 < n0; i1 += int(blockDim.x)) {
            sum_acc_0 = sum_acc_0 + x0[n0 * i0 + i1];
        }
        sum_acc_0 = cj::block_reduce<cj::Sum<float>>(sum_acc_0, sum_acc_0_shared);
        const float sum_result_0 = sum_acc_0;
        cj::Sum<float>::Acc sum_acc_1 = cj::Sum<float>::identity();
        for (int i1 = int(threadIdx.x); i1 < n0; i1 += int(blockDim.x)) {
            const float div_1 = cj::div(sum_result_0, 153.0f);  // programs.py:151
            const float sub_1 = x0[n0 * i0 + i1] - div_1;
            sum_acc_1 = cj::fma(sub_1, sub_1, sum_acc_1);
        }
        sum_acc_1 = cj::block_reduce<cj::Sum<float>>(sum_acc_1, sum_acc_0_shared);
        const float sum_result_1 = sum_acc_1;
        if (threadIdx.x == 0) {
            const float div_2 = cj::div(sum_result_1, 153.0f);  // programs.py:151
            y0[i0] = div_2;
        }
    }
}
