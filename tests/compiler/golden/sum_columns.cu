#include "prelude.h"
#include "math.h"
#include "reduce.h"

extern "C" __global__ void fused_reduce_sum_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n0; item += threads) {
        const int i1 = item;
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int i0 = 0; i0 < n1; ++i0) {
            sum_acc_0 = sum_acc_0 + x0[n0 * i0 + i1];
        }
        const float sum_result_0 = sum_acc_0;
        y0[i1] = sum_result_0;
    }
}
