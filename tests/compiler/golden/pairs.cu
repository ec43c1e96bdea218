#include "prelude.h"
#include "math.h"
#include "reduce.h"

extern "C" __global__ void fused_sub_abs_reduce_sum_f32(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0, int n1) {
    __shared__ cj::Sum<float>::Acc sum_acc_0_shared[32];
    for (int item = int(blockIdx.x) * 4; item < n0; item += int(gridDim.x) * 4) {
        float own_0[4];
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int i0 = item + k < n0 ? item + k : n0 - 1;
            own_0[k] = x0[i0];
        }
        cj::Sum<float>::Acc sum_acc_0[4];
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            sum_acc_0[k] = cj::Sum<float>::identity();
        }
        for (int i1 = int(threadIdx.x); i1 < n1; i1 += int(blockDim.x)) {
            #pragma unroll
            for (int k = 0; k < 4; ++k) {
                const int i0 = item + k < n0 ? item + k : n0 - 1;
                const float sub_2 = own_0[k] - x1[i1];  // programs.py:177
                const float abs_2 = cj::abs(sub_2);
                sum_acc_0[k] = sum_acc_0[k] + abs_2;
            }
        }
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            if (item + k >= n0) break;
            const int i0 = item + k;
            sum_acc_0[k] = cj::block_reduce<cj::Sum<float>>(sum_acc_0[k], sum_acc_0_shared);
            const float sum_result_0 = sum_acc_0[k];
            if (threadIdx.x == 0) {
                y0[i0] = sum_result_0;
            }
        }
    }
}
