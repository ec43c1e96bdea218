#include "prelude.h"
#include "math.h"
#include "index.h"
#include "reduce.h"

extern "C" __global__ void __launch_bounds__(256, 8) fused_summand_reduce_sum_sqrt_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, char* CJ_RESTRICT parts, int n0, int n1) {
    __shared__ cj::Sum<float>::Acc sum_acc_0_shared[32];
    const int chunk = ((n0 - 1) / int(gridDim.y) / 4 + 1) * 4;
    const int first = int(blockIdx.y) * chunk;
    const int last = first + chunk < n0 ? first + chunk : n0;
    for (int item = int(blockIdx.x); item < 1; item += int(gridDim.x)) {
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int pack = first / 4 + int(threadIdx.x); pack < last / 4; pack += int(blockDim.x)) {
            const cj::Pack<float> x0_pack = cj::load_pack(x0 + pack * 4);
            #pragma unroll
            for (int k = 0; k < 4; ++k) {
                const int i1 = pack * 4 + k;
                const float load_1 = x0_pack.at[k];
                sum_acc_0 = cj::fma(load_1, load_1, sum_acc_0);
            }
        }
        for (int i1 = (first > last / 4 * 4 ? first : last / 4 * 4) + int(threadIdx.x); i1 < last; i1 += int(blockDim.x)) {
            const float load_2 = x0[i1];
            sum_acc_0 = cj::fma(load_2, load_2, sum_acc_0);
        }
        sum_acc_0 = cj::block_reduce<cj::Sum<float>>(sum_acc_0, sum_acc_0_shared);
        if (threadIdx.x == 0) {
            reinterpret_cast<cj::Sum<float>::Acc*>(parts)[cj::i64(item) * n1 + blockIdx.y] = sum_acc_0;
        }
    }
}

extern "C" __global__ void fused_summand_reduce_sum_sqrt_f32_join(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, char* CJ_RESTRICT parts, int n0, int n1) {
    __shared__ cj::Sum<float>::Acc sum_acc_0_shared[32];
    for (int item = int(blockIdx.x); item < 1; item += int(gridDim.x)) {
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int k = threadIdx.x; k < n1; k += blockDim.x)
            sum_acc_0 = sum_acc_0 + reinterpret_cast<cj::Sum<float>::Acc*>(parts)[cj::i64(item) * n1 + k];
        sum_acc_0 = cj::block_reduce<cj::Sum<float>>(sum_acc_0, sum_acc_0_shared);
        const float sum_result_0 = sum_acc_0;
        if (threadIdx.x == 0) {
            const float sqrt_1 = cj::sqrt(sum_result_0);  // programs.py:152
            y0[0] = sqrt_1;
        }
    }
}
