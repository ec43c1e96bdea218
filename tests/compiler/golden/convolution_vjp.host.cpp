#include "prelude.h"
#include "math.h"
#include "threads.h"

template <bool interior> static inline void fused_conv_general_dilated_reduce_sum_add_any_f32_row(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 n3, cj::i64 n4, cj::i64 begin, cj::i64 end) {
    const float load_1 = x1[0];
    const float load_2 = x1[1];
    const float load_3 = x1[n0];
    const float load_4 = x1[n1];
    const float load_5 = x1[n2];
    #pragma omp simd
    for (cj::i64 i0 = begin; i0 < end; ++i0) {
        const float load_6 = x0[i0];
        const bool inside_1 = interior || (i0 >= n0);
        const float chosen_1 = inside_1 ? x0[i0 - n0] : 0.0f;
        const float conv_general_dilated_1 = chosen_1 * load_1;  // programs.py:175
        const bool inside_2 = interior || (i0 >= 1);
        const float chosen_2 = inside_2 ? x0[i0 - 1] : 0.0f;
        const float conv_general_dilated_2 = chosen_2 * load_2;
        const float conv_general_dilated_3 = conv_general_dilated_1 + conv_general_dilated_2;
        const float conv_general_dilated_4 = load_6 * load_3;
        const float conv_general_dilated_5 = conv_general_dilated_3 + conv_general_dilated_4;
        const bool inside_3 = interior || (n3 >= i0);
        const float chosen_3 = inside_3 ? x0[i0 + 1] : 0.0f;
        const float conv_general_dilated_6 = chosen_3 * load_4;
        const float conv_general_dilated_7 = conv_general_dilated_5 + conv_general_dilated_6;
        const bool inside_4 = interior || (n4 >= i0);
        const float chosen_4 = inside_4 ? x0[i0 + n0] : 0.0f;
        const float conv_general_dilated_8 = chosen_4 * load_5;
        const float conv_general_dilated_9 = conv_general_dilated_7 + conv_general_dilated_8;
        const float reduce_sum_1 = conv_general_dilated_9;
        const float add_any_1 = load_6 + reduce_sum_1;
        y0[i0] = add_any_1;
    }
}

static void fused_conv_general_dilated_reduce_sum_add_any_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    const cj::i64 n4 = sizes[4];
    const cj::i64 n5 = sizes[5];
    const cj::i64 n6 = sizes[6];
    const cj::i64 pieces = (n5 + 32767) / 32768;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 row = pieces == 1 ? piece : piece / pieces;
        const cj::i64 begin = (piece - row * pieces) * 32768, end = cj::min(begin + 32768, n5);
        cj::i64 low = begin, high = end;
        low = cj::max(low, cj::i64(n0));
        low = cj::max(low, cj::i64(1));
        high = cj::min(high, cj::i64(n6));
        high = cj::min(high, cj::i64(n3));
        low = cj::min(low, end);
        high = cj::max(low, high);
        const cj::i64 over = (high - low) % 16, whole = high - over;
        const cj::i64 last = whole > low ? high - 16 : whole;
        const cj::i64 parts[] = {low, whole, over ? last : high, high};
        for (int k = 0; k < 4; k += 2)
            if (parts[k] < parts[k + 1]) fused_conv_general_dilated_reduce_sum_add_any_f32_row<true>(x0, x1, y0, n0, n1, n2, n3, n4, parts[k], parts[k + 1]);
        const cj::i64 ends[] = {begin, low, high, end};
        for (int k = 0; k < 4; k += 2)
            if (ends[k] < ends[k + 1]) fused_conv_general_dilated_reduce_sum_add_any_f32_row<false>(x0, x1, y0, n0, n1, n2, n3, n4, ends[k], ends[k + 1]);
    }
}

extern "C" void fused_conv_general_dilated_reduce_sum_add_any_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n5 = sizes[5];
    cj::share(fused_conv_general_dilated_reduce_sum_add_any_f32_part, buffers, sizes, (n5 + 32767) / 32768, threads);
}
