#include "prelude.h"
#include "math.h"
#include "threads.h"

template <bool interior> static inline void fused_add_mul_sub_f32_row(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 i0, cj::i64 begin, cj::i64 end) {
    #pragma omp simd
    for (cj::i64 i1 = begin; i1 < end; ++i1) {
        const bool inside_1 = interior || (i0 >= 1 && n0 >= i0 && i1 >= 1 && n1 >= i1);
        const float load_1 = x0[n2 * i0 + i1];
        float chosen_1;
        if (inside_1) {
            const float add_1 = x0[n2 * i0 + i1 - n2] + x0[n2 * i0 + i1 + n2];  // programs.py:43
            const float add_2 = add_1 + x0[n2 * i0 + i1 - 1];
            const float add_3 = add_2 + x0[n2 * i0 + i1 + 1];
            const float mul_1 = 4.0f * load_1;
            const float sub_1 = add_3 - mul_1;
            const float mul_2 = 0.1f * sub_1;  // programs.py:44
            const float add_4 = load_1 + mul_2;
            chosen_1 = add_4;
        } else {
            chosen_1 = load_1;
        }
        y0[n2 * i0 + i1] = chosen_1;
    }
}

static void fused_add_mul_sub_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    const cj::i64 n4 = sizes[4];
    const cj::i64 pieces = (n2 + 32767) / 32768;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 row = pieces == 1 ? piece : piece / pieces;
        const cj::i64 begin = (piece - row * pieces) * 32768, end = cj::min(begin + 32768, n2);
        const cj::i64 i0 = row;
        cj::i64 low = begin, high = end;
        if (!(i0 >= 1)) high = low;
        if (!(n0 >= i0)) high = low;
        low = cj::max(low, cj::i64(1));
        high = cj::min(high, cj::i64(n4));
        low = cj::min(low, end);
        high = cj::max(low, high);
        const cj::i64 over = (high - low) % 16, whole = high - over;
        const cj::i64 last = whole > low ? high - 16 : whole;
        const cj::i64 parts[] = {low, whole, over ? last : high, high};
        for (int k = 0; k < 4; k += 2)
            if (parts[k] < parts[k + 1]) fused_add_mul_sub_f32_row<true>(x0, y0, n0, n1, n2, i0, parts[k], parts[k + 1]);
        const cj::i64 ends[] = {begin, low, high, end};
        for (int k = 0; k < 4; k += 2)
            if (ends[k] < ends[k + 1]) fused_add_mul_sub_f32_row<false>(x0, y0, n0, n1, n2, i0, ends[k], ends[k + 1]);
    }
}

extern "C" void fused_add_mul_sub_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    cj::share(fused_add_mul_sub_f32_part, buffers, sizes, n3 * ((n2 + 32767) / 32768), threads);
}
