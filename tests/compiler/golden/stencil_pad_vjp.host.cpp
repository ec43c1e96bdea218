#include "prelude.h"
#include "math.h"
#include "threads.h"

template <bool interior> static inline void fused_mul_neg_add_any_f32_row(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 i0, cj::i64 begin, cj::i64 end) {
    #pragma omp simd
    for (cj::i64 i1 = begin; i1 < end; ++i1) {
        const float load_1 = x0[n0 * i0 + i1];
        const float mul_1 = 0.1f * load_1;  // programs.py:38
        const float neg_1 = -mul_1;
        const float mul_2 = 4.0f * neg_1;
        const float add_any_1 = load_1 + mul_2;
        const bool inside_1 = interior || (i1 >= 1);
        float chosen_1;
        if (inside_1) {
            const float mul_3 = 0.1f * x0[n0 * i0 + i1 - 1];  // programs.py:38
            chosen_1 = mul_3;
        } else {
            chosen_1 = 0.0f;
        }
        const bool inside_2 = interior || (n1 >= i1);
        float chosen_2;
        if (inside_2) {
            const float mul_4 = 0.1f * x0[n0 * i0 + i1 + 1];  // programs.py:38
            chosen_2 = mul_4;
        } else {
            chosen_2 = 0.0f;
        }
        const float add_any_2 = chosen_1 + chosen_2;
        const bool inside_3 = interior || (i0 >= 1);
        float chosen_3;
        if (inside_3) {
            const float mul_5 = 0.1f * x0[n0 * i0 + i1 - n0];  // programs.py:38
            chosen_3 = mul_5;
        } else {
            chosen_3 = 0.0f;
        }
        const float add_any_3 = add_any_2 + chosen_3;
        const bool inside_4 = interior || (n2 >= i0);
        float chosen_4;
        if (inside_4) {
            const float mul_6 = 0.1f * x0[n0 * i0 + i1 + n0];  // programs.py:38
            chosen_4 = mul_6;
        } else {
            chosen_4 = 0.0f;
        }
        const float add_any_4 = add_any_3 + chosen_4;
        const float add_any_5 = add_any_1 + add_any_4;  // programs.py:37
        y0[n0 * i0 + i1] = add_any_5;
    }
}

static void fused_mul_neg_add_any_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    const cj::i64 n4 = sizes[4];
    const cj::i64 pieces = (n0 + 32767) / 32768;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 row = pieces == 1 ? piece : piece / pieces;
        const cj::i64 begin = (piece - row * pieces) * 32768, end = cj::min(begin + 32768, n0);
        const cj::i64 i0 = row;
        cj::i64 low = begin, high = end;
        low = cj::max(low, cj::i64(1));
        high = cj::min(high, cj::i64(n4));
        if (!(i0 >= 1)) high = low;
        if (!(n2 >= i0)) high = low;
        low = cj::min(low, end);
        high = cj::max(low, high);
        const cj::i64 over = (high - low) % 16, whole = high - over;
        const cj::i64 last = whole > low ? high - 16 : whole;
        const cj::i64 parts[] = {low, whole, over ? last : high, high};
        for (int k = 0; k < 4; k += 2)
            if (parts[k] < parts[k + 1]) fused_mul_neg_add_any_f32_row<true>(x0, y0, n0, n1, n2, i0, parts[k], parts[k + 1]);
        const cj::i64 ends[] = {begin, low, high, end};
        for (int k = 0; k < 4; k += 2)
            if (ends[k] < ends[k + 1]) fused_mul_neg_add_any_f32_row<false>(x0, y0, n0, n1, n2, i0, ends[k], ends[k + 1]);
    }
}

extern "C" void fused_mul_neg_add_any_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    const cj::i64 n3 = sizes[3];
    cj::share(fused_mul_neg_add_any_f32_part, buffers, sizes, n3 * ((n0 + 32767) / 32768), threads);
}
