#include "prelude.h"
#include "math.h"
#include "reduce.h"

extern "C" __global__ void fused_argmax_i32(const float* CJ_RESTRICT x0, cj::i32* CJ_RESTRICT y0, int n0, int n1) {
    __shared__ cj::Argmax<float>::Acc argmax_acc_0_shared[32];
    for (int item = int(blockIdx.x); item < n1; item += int(gridDim.x)) {
        const int i0 = item;
        cj::Argmax<float>::Acc argmax_acc_0 = cj::Argmax<float>::identity();
        for (int i1 = int(threadIdx.x); i1 < n0; i1 += int(blockDim.x)) {
            argmax_acc_0 = cj::Argmax<float>::combine(argmax_acc_0, cj::Argmax<float>::lift(x0[n0 * i0 + i1], cj::i64(i1)));
        }
        argmax_acc_0 = cj::block_reduce<cj::Argmax<float>>(argmax_acc_0, argmax_acc_0_shared);
        const cj::i32 argmax_result_0 = cj::convert<cj::i32>(cj::Argmax<float>::lower(argmax_acc_0));
        if (threadIdx.x == 0) {
            y0[i0] = argmax_result_0;
        }
    }
}
