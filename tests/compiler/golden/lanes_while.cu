#include "prelude.h"
#include "math.h"

extern "C" __global__ void while_abs_gt_lt_8_more_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int lane = thread; lane < n0; lane += threads) {
        const int i0 = lane;
        float r1_0, r2_0;
        cj::i32 r3_0;
        const float neg_1 = -x0[i0];  // programs.py:87
        r1_0 = 1.3f;
        r2_0 = 1.0f;
        r3_0 = 0;
        while (true) {
            const float abs_1 = cj::abs(r2_0);  // programs.py:83
            const bool gt_1 = abs_1 > 1.0e-6f;
            const bool lt_1 = r3_0 < 50;
            const bool and_1 = gt_1 & lt_1;
            if (!and_1) break;
            const float sin_1 = cj::sin(r1_0);  // programs.py:87
            const float fma_1 = cj::fma(neg_1, sin_1, r1_0);
            const float sub_1 = fma_1 - 1.3f;
            const float cos_1 = cj::cos(r1_0);
            const float fma_2 = cj::fma(neg_1, cos_1, 1.0f);
            const float div_1 = cj::div(sub_1, fma_2);
            const float sub_2 = r1_0 - div_1;  // programs.py:88
            const cj::i32 add_1 = cj::wrap(r3_0) + cj::wrap(1);
            r1_0 = sub_2;
            r2_0 = div_1;
            r3_0 = add_1;
        }
        y0[i0] = r1_0;
    }
}
