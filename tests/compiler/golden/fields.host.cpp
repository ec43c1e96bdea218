#include "prelude.h"
#include "math.h"
#include "threads.h"

template <bool interior> static inline void fused_add_div_sub_mul_f32_row(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 n3, cj::i64 n4, cj::i64 n5, cj::i64 i1, cj::i64 begin, cj::i64 end) {
    const cj::i64 shift_1 = i1 >= 1 ? -n0 : 0;
    #pragma omp simd
    for (cj::i64 i2 = begin; i2 < end; ++i2) {
        const float load_1 = x0[n1 * i1 + i2 + shift_1 + n2];
        const float load_2 = x0[n1 * i1 + i2 + shift_1 + (!interior && i2 >= n3 ? -n1 : 0) + n4];
        const float add_1 = load_1 + load_2;  // programs.py:50
        const float load_3 = x0[n1 * i1 + i2 + n5];
        const float add_2 = add_1 + load_3;
        const float div_1 = cj::div(add_2, 3.0f);
        const float sub_1 = div_1 - load_1;  // programs.py:51
        const float mul_1 = 0.5f * sub_1;
        const float add_3 = load_1 + mul_1;
        y0[n1 * i1 + i2] = add_3;
        const float sub_2 = div_1 - load_2;
        const float mul_2 = 0.5f * sub_2;
        const float add_4 = load_2 + mul_2;
        y0[n1 * i1 + i2 + n0] = add_4;
        const float mul_3 = div_1 * div_1;
        const float sub_3 = mul_3 - load_3;
        const float mul_4 = 0.5f * sub_3;
        const float add_5 = load_3 + mul_4;
        y0[n1 * i1 + i2 + n5] = add_5;
    }
}

static void fused_add_div_sub_mul_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    const cj::i64 n4 = sizes[4];
    const cj::i64 n5 = sizes[5];
    const cj::i64 n6 = sizes[6];
    const cj::i64 pieces = (n1 + 32767) / 32768;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 row = pieces == 1 ? piece : piece / pieces;
        const cj::i64 begin = (piece - row * pieces) * 32768, end = cj::min(begin + 32768, n1);
        const cj::i64 i1 = row;
        cj::i64 low = begin, high = end;
        high = cj::min(high, cj::i64(n3));
        low = cj::min(low, end);
        high = cj::max(low, high);
        const cj::i64 over = (high - low) % 16, whole = high - over;
        const cj::i64 last = whole > low ? high - 16 : whole;
        const cj::i64 parts[] = {low, whole, over ? last : high, high};
        for (int k = 0; k < 4; k += 2)
            if (parts[k] < parts[k + 1]) fused_add_div_sub_mul_f32_row<true>(x0, y0, n0, n1, n2, n3, n4, n5, i1, parts[k], parts[k + 1]);
        const cj::i64 ends[] = {begin, low, high, end};
        for (int k = 0; k < 4; k += 2)
            if (ends[k] < ends[k + 1]) fused_add_div_sub_mul_f32_row<false>(x0, y0, n0, n1, n2, n3, n4, n5, i1, ends[k], ends[k + 1]);
    }
}

extern "C" void fused_add_div_sub_mul_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n1 = sizes[1];
    const cj::i64 n6 = sizes[6];
    cj::share(fused_add_div_sub_mul_f32_part, buffers, sizes, n6 * ((n1 + 32767) / 32768), threads);
}
