#include "prelude.h"
#include "math.h"

extern "C" __global__ void scan_sub_mul_fma_1_more_f32(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    const float load_1 = x0[0];
    const float load_2 = x0[1];
    const float load_3 = x0[n0];
    for (int lane = thread; lane < n3; lane += threads) {
        const int i0 = lane;
        float r1_0, r1_1, r1_2;
        const float load_4 = x1[i0];
        r1_0 = load_1;
        r1_1 = load_2;
        r1_2 = load_3;
        for (int t2 = 0; t2 < n1; ++t2) {
            const float sub_1 = r1_1 - r1_0;  // programs.py:75
            const float mul_1 = 10.0f * sub_1;
            const float fma_1 = cj::fma(0.01f, mul_1, r1_0);
            const float sub_2 = load_4 - r1_2;
            const float neg_1 = -r1_1;
            const float fma_2 = cj::fma(r1_0, sub_2, neg_1);
            const float fma_3 = cj::fma(0.01f, fma_2, r1_1);
            const float mul_2 = 2.6666667f * r1_2;
            const float neg_2 = -mul_2;
            const float fma_4 = cj::fma(r1_0, r1_1, neg_2);
            const float fma_5 = cj::fma(0.01f, fma_4, r1_2);
            r1_0 = fma_1;
            r1_1 = fma_3;
            r1_2 = fma_5;
        }
        y0[n2 * i0] = r1_0;
        y0[n2 * i0 + 1] = r1_1;
        y0[n2 * i0 + n0] = r1_2;
    }
}
