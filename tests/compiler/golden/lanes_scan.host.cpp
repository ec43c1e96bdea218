#include "prelude.h"
#include "math.h"

template <bool full>
static void scan_sub_mul_fma_1_more_f32_lanes(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 n3, cj::i64 base, int count) {
    const int lanes = full ? 64 : count;
    const float load_1 = x0[0];
    const float load_2 = x0[1];
    const float load_3 = x0[n0];
    float r1_0[64], r1_1[64], r1_2[64];
    float kept_1[64];
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        kept_1[k] = x1[i0];
        r1_0[k] = load_1;
        r1_1[k] = load_2;
        r1_2[k] = load_3;
    }
    for (cj::i64 t2 = 0; t2 < n1; ++t2) {
        #pragma omp simd
        for (int k = 0; k < lanes; ++k) {
            const float sub_1 = r1_1[k] - r1_0[k];  // programs.py:75
            const float mul_1 = 10.0f * sub_1;
            const float fma_1 = cj::fma(0.01f, mul_1, r1_0[k]);
            const float sub_2 = kept_1[k] - r1_2[k];
            const float neg_1 = -r1_1[k];
            const float fma_2 = cj::fma(r1_0[k], sub_2, neg_1);
            const float fma_3 = cj::fma(0.01f, fma_2, r1_1[k]);
            const float mul_2 = 2.6666667f * r1_2[k];
            const float neg_2 = -mul_2;
            const float fma_4 = cj::fma(r1_0[k], r1_1[k], neg_2);
            const float fma_5 = cj::fma(0.01f, fma_4, r1_2[k]);
            r1_0[k] = fma_1;
            r1_1[k] = fma_3;
            r1_2[k] = fma_5;
        }
    }
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        y0[n2 * i0] = r1_0[k];
        y0[n2 * i0 + 1] = r1_1[k];
        y0[n2 * i0 + n0] = r1_2[k];
    }
}

extern "C" void scan_sub_mul_fma_1_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    #pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (cj::i64 base = 0; base < n3; base += 64) {
        if (base + 64 <= n3) scan_sub_mul_fma_1_more_f32_lanes<true>(x0, x1, y0, n0, n1, n2, n3, base, 64);
        else scan_sub_mul_fma_1_more_f32_lanes<false>(x0, x1, y0, n0, n1, n2, n3, base, int(n3 - base));
    }
}
