#include "prelude.h"
#include "math.h"
#include "reduce.h"

extern "C" __global__ void fused_sub_summand_reduce_sum_4_more_f32(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0, int n1, int n2) {
    __shared__ cj::Sum<float>::Acc sum_acc_0_shared[32];
    for (int item = int(blockIdx.x); item < n0; item += int(gridDim.x)) {
        const int i0 = item;
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        cj::Sum<float>::Acc sum_acc_1 = cj::Sum<float>::identity();
        cj::Sum<float>::Acc sum_acc_2 = cj::Sum<float>::identity();
        for (int i1 = int(threadIdx.x); i1 < n0; i1 += int(blockDim.x)) {
            const float sub_1 = x0[n1 * i1] - x0[n1 * i0];  // programs.py:61
            const float sub_2 = x0[n1 * i1 + n2] - x0[n1 * i0 + n2];
            const float sub_3 = x0[n1 * i1 + 1] - x0[n1 * i0 + 1];
            const float summand_1 = sub_1 * sub_1;  // programs.py:62
            const float part_1 = cj::fma(sub_3, sub_3, summand_1);
            const float part_2 = cj::fma(sub_2, sub_2, part_1);
            const float reduce_sum_1 = part_2;
            const float add_1 = reduce_sum_1 + 0.01f;
            const float sqrt_1 = cj::sqrt(add_1);  // programs.py:63
            const float mul_1 = add_1 * sqrt_1;
            const float div_1 = cj::div(x1[i1], mul_1);
            sum_acc_0 = cj::fma(sub_1, div_1, sum_acc_0);
            sum_acc_1 = cj::fma(sub_3, div_1, sum_acc_1);
            sum_acc_2 = cj::fma(sub_2, div_1, sum_acc_2);
        }
        sum_acc_0 = cj::block_reduce<cj::Sum<float>>(sum_acc_0, sum_acc_0_shared);
        sum_acc_1 = cj::block_reduce<cj::Sum<float>>(sum_acc_1, sum_acc_0_shared);
        sum_acc_2 = cj::block_reduce<cj::Sum<float>>(sum_acc_2, sum_acc_0_shared);
        const float sum_result_0 = sum_acc_0;
        const float sum_result_1 = sum_acc_1;
        const float sum_result_2 = sum_acc_2;
        if (threadIdx.x == 0) {
            y0[n1 * i0] = sum_result_0;
            y0[n1 * i0 + 1] = sum_result_1;
            y0[n1 * i0 + n2] = sum_result_2;
        }
    }
}
