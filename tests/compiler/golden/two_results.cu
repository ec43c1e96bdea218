#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_sin_cos_mul_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, float* CJ_RESTRICT y1, int n0) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int pack = thread; pack < (n0 + 3) / 4; pack += threads) {
        bool special = pack == n0 / 4;
        if (!special) {
            const cj::Pack<float> x0_pack = cj::load_pack(x0 + pack * 4);
            cj::Pack<float> y0_pack;
            cj::Pack<float> y1_pack;
            #pragma unroll
            for (int k = 0; k < 4; ++k) {
                const int i1 = pack * 4 + k;
                const float load_1 = x0_pack.at[k];
                const float sin_1 = cj::sin(load_1, special);  // programs.py:120
                y0_pack.at[k] = sin_1;
                const float cos_1 = cj::cos(load_1, special);
                const float mul_1 = cos_1 * load_1;
                y1_pack.at[k] = mul_1;
            }
            if (!special) {
                cj::store_pack(y0 + pack * 4, y0_pack);
                cj::store_pack(y1 + pack * 4, y1_pack);
            }
        }
        if (special) {
            #pragma unroll 1
            for (int i1 = pack * 4; i1 < n0 && i1 < pack * 4 + 4; ++i1) {
                const float load_2 = x0[i1];
                const float sin_2 = cj::sin(load_2);  // programs.py:120
                y0[i1] = sin_2;
                const float cos_2 = cj::cos(load_2);
                const float mul_2 = cos_2 * load_2;
                y1[i1] = mul_2;
            }
        }
    }
}
