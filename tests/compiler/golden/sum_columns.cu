#include "prelude.h"
#include "math.h"
#include "reduce.h"

extern "C" __global__ void fused_reduce_sum_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, char* CJ_RESTRICT parts, int n0, int n1, int n2) {
    const int chunk = (n0 - 1) / int(gridDim.y) + 1;
    const int first = int(blockIdx.y) * chunk;
    const int last = first + chunk < n0 ? first + chunk : n0;
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n1; item += threads) {
        const int i1 = item;
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int i0 = first; i0 < last; ++i0) {
            sum_acc_0 = sum_acc_0 + x0[n1 * i0 + i1];
        }
        reinterpret_cast<cj::Sum<float>::Acc*>(parts)[cj::i64(item) * n2 + blockIdx.y] = sum_acc_0;
    }
}

extern "C" __global__ void fused_reduce_sum_f32_join(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, char* CJ_RESTRICT parts, int n0, int n1, int n2) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n1; item += threads) {
        const int i1 = item;
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int k = 0; k < n2; ++k) sum_acc_0 = sum_acc_0 + reinterpret_cast<cj::Sum<float>::Acc*>(parts)[cj::i64(item) * n2 + k];
        const float sum_result_0 = sum_acc_0;
        y0[i1] = sum_result_0;
    }
}
