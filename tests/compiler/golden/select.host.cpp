#include "prelude.h"
#include "math.h"
#include "threads.h"

static void fused_gt_neg_select_n_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp simd
    for (cj::i64 i1 = from; i1 < to; ++i1) {
        const float load_1 = x0[i1];
        const bool gt_1 = load_1 > 1.0f;  // programs.py:123
        const float neg_1 = -load_1;
        const float select_n_1 = cj::select(gt_1, load_1, neg_1);
        y0[i1] = select_n_1;
    }
}

extern "C" void fused_gt_neg_select_n_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_gt_neg_select_n_f32_part, buffers, sizes, n0, threads);
}
