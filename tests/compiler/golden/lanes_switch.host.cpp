#include "prelude.h"
#include "math.h"

template <bool full>
static void cond_exp_neg_div_1_more_f32_lanes(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 base, int count) {
    const int lanes = full ? 64 : count;
    cj::i32 branch_1[64];
    float r3_0[64], r2_0[64];
    int taken_1[64];
    float kept_2[64];
    int taken_3[64];
    int taken_4[64];
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        const cj::i32 clamp_1 = cj::clamp(0, x0[i0], 2);  // programs.py:98
        const cj::i32 clamp_2 = cj::min(cj::max(clamp_1, 0), 2);
        branch_1[k] = clamp_2;
    }
    {
        int any = 0;
        #pragma omp simd reduction(|:any)
        for (int k = 0; k < lanes; ++k) {
            taken_1[k] = branch_1[k] == 0;
            any |= taken_1[k];
        }
        if (any) {
            #pragma omp simd
            for (int k = 0; k < lanes; ++k) {
                const cj::i64 i0 = base + k;
                const float load_1 = x1[i0];
                kept_2[k] = load_1;
                r3_0[k] = load_1;
            }
            for (cj::i64 t4 = 0; t4 < n0; ++t4) {
                #pragma omp simd
                for (int k = 0; k < lanes; ++k) {
                    const float div_1 = cj::div(kept_2[k], r3_0[k]);  // programs.py:96
                    const float add_1 = r3_0[k] + div_1;
                    const float div_2 = cj::div(add_1, 2.0f);
                    r3_0[k] = div_2;
                }
            }
            #pragma omp simd
            for (int k = 0; k < lanes; ++k) {
                r2_0[k] = taken_1[k] ? r3_0[k] : r2_0[k];
            }
        }
    }
    {
        int any = 0;
        #pragma omp simd reduction(|:any)
        for (int k = 0; k < lanes; ++k) {
            taken_3[k] = branch_1[k] == 1;
            any |= taken_3[k];
        }
        if (any) {
            #pragma omp simd
            for (int k = 0; k < lanes; ++k) {
                const cj::i64 i0 = base + k;
                const float load_2 = x1[i0];
                const float neg_1 = -load_2;  // programs.py:98
                r2_0[k] = taken_3[k] ? neg_1 : r2_0[k];
            }
        }
    }
    {
        int any = 0;
        #pragma omp simd reduction(|:any)
        for (int k = 0; k < lanes; ++k) {
            taken_4[k] = branch_1[k] == 2;
            any |= taken_4[k];
        }
        if (any) {
            #pragma omp simd
            for (int k = 0; k < lanes; ++k) {
                const cj::i64 i0 = base + k;
                const float load_3 = x1[i0];
                const float exp_1 = cj::exp(load_3);  // programs.py:98
                r2_0[k] = taken_4[k] ? exp_1 : r2_0[k];
            }
        }
    }
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        y0[i0] = r2_0[k];
    }
}

extern "C" void cond_exp_neg_div_1_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i32* CJ_RESTRICT x0 = static_cast<const cj::i32*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    #pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (cj::i64 base = 0; base < n1; base += 64) {
        if (base + 64 <= n1) cond_exp_neg_div_1_more_f32_lanes<true>(x0, x1, y0, n0, n1, base, 64);
        else cond_exp_neg_div_1_more_f32_lanes<false>(x0, x1, y0, n0, n1, base, int(n1 - base));
    }
}
