#include "prelude.h"
#include "math.h"
#include "index.h"
#include "reduce.h"

extern "C" __global__ void scan_mul_neg_fma_2_more_f32(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, float* CJ_RESTRICT y1, int n0, int n1) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    const float load_1 = x1[0];
    for (int lane = thread; lane < n1; lane += threads) {
        const int i0 = lane;
        float r1_0, r2_0, r3_0;
        const float load_2 = x0[i0];
        r1_0 = load_2;
        r2_0 = 0.0f;
        r3_0 = 1.0f;
        for (int t4 = 0; t4 < n0; ++t4) {
            const float mul_1 = load_1 * r1_0;  // programs.py:110
            const float neg_1 = -mul_1;
            const float fma_1 = cj::fma(neg_1, r1_0, r1_0);
            const float mul_nonzero_1 = cj::mul_nonzero(load_1, r2_0);
            const float add_any_1 = r1_0 + mul_nonzero_1;
            const float mul_nonzero_2 = cj::mul_nonzero(r1_0, add_any_1);
            const float mul_nonzero_3 = cj::mul_nonzero(mul_1, r2_0);
            const float add_any_2 = mul_nonzero_2 + mul_nonzero_3;
            const float neg_2 = -add_any_2;
            const float add_any_3 = r2_0 + neg_2;
            const float mul_2 = load_1 * r3_0;
            const float mul_3 = mul_1 * r3_0;
            const float fma_2 = cj::fma(mul_2, r1_0, mul_3);
            const float neg_3 = -fma_2;
            const float add_any_4 = r3_0 + neg_3;
            r1_0 = fma_1;
            r2_0 = add_any_3;
            r3_0 = add_any_4;
        }
        y0[i0] = r2_0;
        y1[i0] = r3_0;
    }
}

extern "C" __global__ void fused_reduce_sum_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0) {
    __shared__ cj::Sum<float>::Acc sum_acc_0_shared[32];
    for (int item = int(blockIdx.x); item < 1; item += int(gridDim.x)) {
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int pack = int(threadIdx.x); pack < n0 / 4; pack += int(blockDim.x)) {
            const cj::Pack<float> x0_pack = cj::load_pack(x0 + pack * 4);
            #pragma unroll
            for (int k = 0; k < 4; ++k) {
                const int i0 = pack * 4 + k;
                sum_acc_0 = sum_acc_0 + x0_pack.at[k];
            }
        }
        for (int i0 = n0 / 4 * 4 + int(threadIdx.x); i0 < n0; i0 += int(blockDim.x)) {
            sum_acc_0 = sum_acc_0 + x0[i0];
        }
        sum_acc_0 = cj::block_reduce<cj::Sum<float>>(sum_acc_0, sum_acc_0_shared);
        const float sum_result_0 = sum_acc_0;
        if (threadIdx.x == 0) {
            y0[0] = sum_result_0;
        }
    }
}
