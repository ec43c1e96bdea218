#include "prelude.h"
#include "math.h"

template <bool full>
static void while_abs_gt_lt_8_more_f32_lanes(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 base, int count) {
    const int lanes = full ? 32 : count;
    float r1_0[32], r2_0[32];
    cj::i32 r3_0[32];
    float kept_1[32];
    int active_2[32];
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        const float neg_1 = -x0[i0];  // programs.py:87
        kept_1[k] = neg_1;
        r1_0[k] = 1.3f;
        r2_0[k] = 1.0f;
        r3_0[k] = 0;
    }
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        active_2[k] = 1;
    }
    while (true) {
        int any = 0;
        #pragma omp simd reduction(|:any)
        for (int k = 0; k < lanes; ++k) {
            const float abs_1 = cj::abs(r2_0[k]);  // programs.py:83
            const bool gt_1 = abs_1 > 1.0e-6f;
            const bool lt_1 = r3_0[k] < 50;
            const bool and_1 = gt_1 & lt_1;
            active_2[k] = active_2[k] && and_1;
            any |= active_2[k];
        }
        if (!any) break;
        #pragma omp simd
        for (int k = 0; k < lanes; ++k) {
            const float sin_1 = cj::sin(r1_0[k]);  // programs.py:87
            const float fma_1 = cj::fma(kept_1[k], sin_1, r1_0[k]);
            const float sub_1 = fma_1 - 1.3f;
            const float cos_1 = cj::cos(r1_0[k]);
            const float fma_2 = cj::fma(kept_1[k], cos_1, 1.0f);
            const float div_1 = cj::div(sub_1, fma_2);
            const float sub_2 = r1_0[k] - div_1;  // programs.py:88
            const cj::i32 add_1 = cj::wrap(r3_0[k]) + cj::wrap(1);
            r1_0[k] = active_2[k] ? sub_2 : r1_0[k];
            r2_0[k] = active_2[k] ? div_1 : r2_0[k];
            r3_0[k] = active_2[k] ? add_1 : r3_0[k];
        }
    }
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        y0[i0] = r1_0[k];
    }
}

extern "C" void while_abs_gt_lt_8_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (cj::i64 base = 0; base < n0; base += 32) {
        if (base + 32 <= n0) while_abs_gt_lt_8_more_f32_lanes<true>(x0, y0, n0, base, 32);
        else while_abs_gt_lt_8_more_f32_lanes<false>(x0, y0, n0, base, int(n0 - base));
    }
}
