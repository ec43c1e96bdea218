#include "prelude.h"
#include "math.h"
#include "reduce.h"

extern "C" __global__ void fused_mul_reduce_sum_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, char* CJ_RESTRICT parts, int n0, int n1) {
    __shared__ cj::Sum<float>::Acc sum_acc_0_shared[32];
    const int chunk = (n0 - 1) / int(gridDim.y) + 1;
    const int first = int(blockIdx.y) * chunk;
    const int last = first + chunk < n0 ? first + chunk : n0;
    for (int item = int(blockIdx.x); item < 1; item += int(gridDim.x)) {
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int i1 = first + int(threadIdx.x); i1 < last; i1 += int(blockDim.x)) {
            const float load_1 = x0[i1];
            const float mul_1 = load_1 * load_1;  // programs.py:146
            sum_acc_0 = sum_acc_0 + mul_1;
        }
        sum_acc_0 = cj::block_reduce<cj::Sum<float>>(sum_acc_0, sum_acc_0_shared);
        if (threadIdx.x == 0) {
            reinterpret_cast<cj::Sum<float>::Acc*>(parts)[cj::i64(item) * n1 + blockIdx.y] = sum_acc_0;
        }
    }
}

extern "C" __global__ void fused_mul_reduce_sum_f32_join(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, char* CJ_RESTRICT parts, int n0, int n1) {
    __shared__ cj::Sum<float>::Acc sum_acc_0_shared[32];
    for (int item = int(blockIdx.x); item < 1; item += int(gridDim.x)) {
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int k = threadIdx.x; k < n1; k += blockDim.x)
            sum_acc_0 = sum_acc_0 + reinterpret_cast<cj::Sum<float>::Acc*>(parts)[cj::i64(item) * n1 + k];
        sum_acc_0 = cj::block_reduce<cj::Sum<float>>(sum_acc_0, sum_acc_0_shared);
        const float sum_result_0 = sum_acc_0;
        if (threadIdx.x == 0) {
            y0[0] = sum_result_0;
        }
    }
}
