#include "prelude.h"
#include "math.h"
#include "half.h"
#include "index.h"

extern "C" __global__ void fused_mul_add_bf16(const cj::bf16* CJ_RESTRICT x0, cj::bf16* CJ_RESTRICT y0, int n0) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int pack = thread; pack < n0 / 8; pack += threads) {
        const cj::Pack<cj::bf16> x0_pack = cj::load_pack(x0 + pack * 8);
        cj::Pack<cj::bf16> y0_pack;
        #pragma unroll
        for (int k = 0; k < 8; ++k) {
            const int i1 = pack * 8 + k;
            const cj::bf16 load_1 = x0_pack.at[k];
            const cj::bf16 mul_1 = load_1 * load_1;  // programs.py:125
            const cj::bf16 add_1 = mul_1 + cj::bf16(1.0f);
            y0_pack.at[k] = add_1;
        }
        cj::store_pack(y0 + pack * 8, y0_pack);
    }
    for (int i1 = n0 / 8 * 8 + thread; i1 < n0; i1 += threads) {
        const cj::bf16 load_2 = x0[i1];
        const cj::bf16 mul_2 = load_2 * load_2;  // programs.py:125
        const cj::bf16 add_2 = mul_2 + cj::bf16(1.0f);
        y0[i1] = add_2;
    }
}
