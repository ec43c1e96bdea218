#include "prelude.h"
#include "math.h"

extern "C" void fused_gt_neg_select_n_f32(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp parallel for simd num_threads(threads) if (parallel: threads > 1)
    for (cj::i64 i1 = 0; i1 < n0; ++i1) {
        const float load_1 = x0[i1];
        const bool gt_1 = load_1 > 1.0f;  // programs.py:72
        const float neg_1 = -load_1;
        const float select_n_1 = cj::select(gt_1, load_1, neg_1);
        y0[i1] = select_n_1;
    }
}
