#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_gt_neg_select_n_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int pack = thread; pack < n0 / 4; pack += threads) {
        const cj::Pack<float> x0_pack = cj::load_pack(x0 + pack * 4);
        cj::Pack<float> y0_pack;
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int i1 = pack * 4 + k;
            const float load_1 = x0_pack.at[k];
            const bool gt_1 = load_1 > 1.0f;  // programs.py:123
            const float neg_1 = -load_1;
            const float select_n_1 = cj::select(gt_1, load_1, neg_1);
            y0_pack.at[k] = select_n_1;
        }
        cj::store_pack(y0 + pack * 4, y0_pack);
    }
    for (int i1 = n0 / 4 * 4 + thread; i1 < n0; i1 += threads) {
        const float load_2 = x0[i1];
        const bool gt_2 = load_2 > 1.0f;  // programs.py:123
        const float neg_2 = -load_2;
        const float select_n_2 = cj::select(gt_2, load_2, neg_2);
        y0[i1] = select_n_2;
    }
}
