#include "prelude.h"
#include "math.h"
#include "reduce.h"

extern "C" __global__ void fused_gt_lt_reduce_or_reduce_and_bool(const float* CJ_RESTRICT x0, cj::b8* CJ_RESTRICT y0, cj::b8* CJ_RESTRICT y1, int n0, int n1) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n0; item += threads) {
        const int i1 = item;
        cj::Or<bool>::Acc or_acc_0 = cj::Or<bool>::identity();
        cj::And<bool>::Acc and_acc_1 = cj::And<bool>::identity();
        for (int i0 = 0; i0 < n1; ++i0) {
            const float load_1 = x0[n0 * i0 + i1];
            const bool gt_1 = load_1 > 1.0f;  // programs.py:154
            or_acc_0 = cj::Or<bool>::combine(or_acc_0, cj::Or<bool>::lift(gt_1));
            const bool lt_1 = load_1 < 9.0f;
            and_acc_1 = cj::And<bool>::combine(and_acc_1, cj::And<bool>::lift(lt_1));
        }
        const bool or_result_0 = cj::Or<bool>::lower(or_acc_0);
        const bool and_result_1 = cj::And<bool>::lower(and_acc_1);
        y0[i1] = or_result_0;
        y1[i1] = and_result_1;
    }
}
