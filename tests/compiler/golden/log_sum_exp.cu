#include "prelude.h"
#include "math.h"
#include "reduce.h"

extern "C" __global__ void fused_reduce_max_sub_exp_2_more_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1) {
    __shared__ cj::Max<float>::Acc max_acc_0_shared[32];
    __shared__ cj::Sum<float>::Acc sum_acc_1_shared[32];
    for (int item = int(blockIdx.x); item < n1; item += int(gridDim.x)) {
        const int i0 = item;
        cj::Max<float>::Acc max_acc_0 = cj::Max<float>::identity();
        for (int i1 = int(threadIdx.x); i1 < n0; i1 += int(blockDim.x)) {
            max_acc_0 = cj::Max<float>::combine(max_acc_0, x0[n0 * i0 + i1]);
        }
        max_acc_0 = cj::block_reduce<cj::Max<float>>(max_acc_0, max_acc_0_shared);
        const float max_result_0 = max_acc_0;
        cj::Sum<float>::Acc sum_acc_1 = cj::Sum<float>::identity();
        for (int i1 = int(threadIdx.x); i1 < n0; i1 += int(blockDim.x)) {
            const float sub_1 = x0[n0 * i0 + i1] - max_result_0;  // programs.py:155
            const float exp_1 = cj::exp(sub_1);
            sum_acc_1 = sum_acc_1 + exp_1;
        }
        sum_acc_1 = cj::block_reduce<cj::Sum<float>>(sum_acc_1, sum_acc_1_shared);
        const float sum_result_1 = sum_acc_1;
        if (threadIdx.x == 0) {
            const float log_1 = cj::log(sum_result_1);  // programs.py:155
            y0[i0] = log_1;
        }
    }
}
