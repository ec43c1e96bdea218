#include "prelude.h"
#include "math.h"

extern "C" __global__ void cond_exp_neg_div_1_more_f32(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0, int n1) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int lane = thread; lane < n1; lane += threads) {
        const int i0 = lane;
        cj::i32 branch_1;
        float r3_0, r2_0;
        const cj::i32 clamp_1 = cj::clamp(0, x0[i0], 2);  // programs.py:98
        const cj::i32 clamp_2 = cj::min(cj::max(clamp_1, 0), 2);
        branch_1 = clamp_2;
        if (branch_1 == 0) {
            const float load_1 = x1[i0];
            r3_0 = load_1;
            for (int t4 = 0; t4 < n0; ++t4) {
                const float div_1 = cj::div(load_1, r3_0);  // programs.py:96
                const float add_1 = r3_0 + div_1;
                const float div_2 = cj::div(add_1, 2.0f);
                r3_0 = div_2;
            }
            r2_0 = r3_0;
        } else if (branch_1 == 1) {
            const float load_2 = x1[i0];
            const float neg_1 = -load_2;  // programs.py:98
            r2_0 = neg_1;
        } else {
            const float load_3 = x1[i0];
            const float exp_1 = cj::exp(load_3);  // programs.py:98
            r2_0 = exp_1;
        }
        y0[i0] = r2_0;
    }
}
