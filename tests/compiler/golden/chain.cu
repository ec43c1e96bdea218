#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_sin_mul_exp_3_more_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int pack = thread; pack < (n0 + 3) / 4; pack += threads) {
        bool special = pack == n0 / 4;
        if (!special) {
            const cj::Pack<float> x0_pack = cj::load_pack(x0 + pack * 4);
            cj::Pack<float> y0_pack;
            #pragma unroll
            for (int k = 0; k < 4; ++k) {
                const int i1 = pack * 4 + k;
                const float load_1 = x0_pack.at[k];
                const float sin_1 = cj::sin(load_1, special);  // programs.py:118
                const float mul_1 = (-0.1f) * load_1;
                const float exp_1 = cj::exp(mul_1);
                const float mul_2 = sin_1 * exp_1;
                const float sqrt_1 = cj::sqrt(load_1, special);
                const float log_1 = cj::log(load_1, special);
                const float mul_3 = sqrt_1 * log_1;
                const float add_1 = mul_2 + mul_3;
                y0_pack.at[k] = add_1;
            }
            if (!special) {
                cj::store_pack(y0 + pack * 4, y0_pack);
            }
        }
        if (special) {
            #pragma unroll 1
            for (int i1 = pack * 4; i1 < n0 && i1 < pack * 4 + 4; ++i1) {
                const float load_2 = x0[i1];
                const float sin_2 = cj::sin(load_2);  // programs.py:118
                const float mul_4 = (-0.1f) * load_2;
                const float exp_2 = cj::exp(mul_4);
                const float mul_5 = sin_2 * exp_2;
                const float sqrt_2 = cj::sqrt(load_2);
                const float log_2 = cj::log(load_2);
                const float mul_6 = sqrt_2 * log_2;
                const float add_2 = mul_5 + mul_6;
                y0[i1] = add_2;
            }
        }
    }
}
