#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_mul_add_f32(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    const float load_1 = x0[0];
    for (int pack = thread; pack < n0 / 4; pack += threads) {
        const cj::Pack<float> x1_pack = cj::load_pack(x1 + pack * 4);
        cj::Pack<float> y0_pack;
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int i1 = pack * 4 + k;
            const float mul_1 = load_1 * x1_pack.at[k];  // programs.py:121
            const float add_1 = mul_1 + 1.0f;
            y0_pack.at[k] = add_1;
        }
        cj::store_pack(y0 + pack * 4, y0_pack);
    }
    for (int i1 = n0 / 4 * 4 + thread; i1 < n0; i1 += threads) {
        const float mul_2 = load_1 * x1[i1];  // programs.py:121
        const float add_2 = mul_2 + 1.0f;
        y0[i1] = add_2;
    }
}
