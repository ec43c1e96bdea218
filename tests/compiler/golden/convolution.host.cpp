#include "prelude.h"
#include "math.h"
#include "threads.h"

template <bool interior> static inline void fused_conv_general_dilated_mul_add_f32_row(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 n3, cj::i64 n4, cj::i64 n5, cj::i64 n6, cj::i64 n7, cj::i64 n8, cj::i64 n9, cj::i64 n10, cj::i64 n11, cj::i64 i0, cj::i64 begin, cj::i64 end) {
    const float load_1 = x1[0];
    const float load_2 = x1[1];
    const float load_3 = x1[n0];
    const float load_4 = x1[n1];
    const float load_5 = x1[n2];
    const float load_6 = x1[n3];
    const float load_7 = x1[n4];
    const float load_8 = x1[n5];
    const float load_9 = x1[n6];
    #pragma omp simd
    for (cj::i64 i1 = begin; i1 < end; ++i1) {
        const float load_10 = x0[n7 * i0 + i1];
        const bool inside_1 = interior || (i0 >= 1 && i1 >= 1);
        const float chosen_1 = inside_1 ? x0[n7 * i0 + i1 - n8] : 0.0f;
        const float conv_general_dilated_1 = chosen_1 * load_1;  // programs.py:173
        const bool inside_2 = interior || (i0 >= 1);
        const float chosen_2 = inside_2 ? x0[n7 * i0 + i1 - n7] : 0.0f;
        const float conv_general_dilated_2 = chosen_2 * load_2;
        const float conv_general_dilated_3 = conv_general_dilated_1 + conv_general_dilated_2;
        const bool inside_3 = interior || (i0 >= 1 && n9 >= i1);
        const float chosen_3 = inside_3 ? x0[n7 * i0 + i1 - n10] : 0.0f;
        const float conv_general_dilated_4 = chosen_3 * load_3;
        const float conv_general_dilated_5 = conv_general_dilated_3 + conv_general_dilated_4;
        const bool inside_4 = interior || (i1 >= 1);
        const float chosen_4 = inside_4 ? x0[n7 * i0 + i1 - 1] : 0.0f;
        const float conv_general_dilated_6 = chosen_4 * load_4;
        const float conv_general_dilated_7 = load_10 * load_5;
        const float conv_general_dilated_8 = conv_general_dilated_6 + conv_general_dilated_7;
        const bool inside_5 = interior || (n9 >= i1);
        const float chosen_5 = inside_5 ? x0[n7 * i0 + i1 + 1] : 0.0f;
        const float conv_general_dilated_9 = chosen_5 * load_6;
        const float conv_general_dilated_10 = conv_general_dilated_8 + conv_general_dilated_9;
        const float conv_general_dilated_11 = conv_general_dilated_5 + conv_general_dilated_10;
        const bool inside_6 = interior || (n11 >= i0 && i1 >= 1);
        const float chosen_6 = inside_6 ? x0[n7 * i0 + i1 + n10] : 0.0f;
        const float conv_general_dilated_12 = chosen_6 * load_7;
        const bool inside_7 = interior || (n11 >= i0);
        const float chosen_7 = inside_7 ? x0[n7 * i0 + i1 + n7] : 0.0f;
        const float conv_general_dilated_13 = chosen_7 * load_8;
        const float conv_general_dilated_14 = conv_general_dilated_12 + conv_general_dilated_13;
        const bool inside_8 = interior || (n11 >= i0 && n9 >= i1);
        const float chosen_8 = inside_8 ? x0[n7 * i0 + i1 + n8] : 0.0f;
        const float conv_general_dilated_15 = chosen_8 * load_9;
        const float conv_general_dilated_16 = conv_general_dilated_14 + conv_general_dilated_15;
        const float conv_general_dilated_17 = conv_general_dilated_11 + conv_general_dilated_16;
        const float mul_1 = 0.1f * conv_general_dilated_17;
        const float add_1 = load_10 + mul_1;
        y0[n7 * i0 + i1] = add_1;
    }
}

static void fused_conv_general_dilated_mul_add_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
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
    const cj::i64 n7 = sizes[7];
    const cj::i64 n8 = sizes[8];
    const cj::i64 n9 = sizes[9];
    const cj::i64 n10 = sizes[10];
    const cj::i64 n11 = sizes[11];
    const cj::i64 n12 = sizes[12];
    const cj::i64 pieces = (n7 + 32767) / 32768;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 row = pieces == 1 ? piece : piece / pieces;
        const cj::i64 begin = (piece - row * pieces) * 32768, end = cj::min(begin + 32768, n7);
        const cj::i64 i0 = row;
        cj::i64 low = begin, high = end;
        if (!(i0 >= 1)) high = low;
        low = cj::max(low, cj::i64(1));
        if (!(i0 >= 1)) high = low;
        if (!(i0 >= 1)) high = low;
        high = cj::min(high, cj::i64(n10));
        low = cj::max(low, cj::i64(1));
        high = cj::min(high, cj::i64(n10));
        if (!(n11 >= i0)) high = low;
        low = cj::max(low, cj::i64(1));
        if (!(n11 >= i0)) high = low;
        if (!(n11 >= i0)) high = low;
        high = cj::min(high, cj::i64(n10));
        low = cj::min(low, end);
        high = cj::max(low, high);
        const cj::i64 over = (high - low) % 16, whole = high - over;
        const cj::i64 last = whole > low ? high - 16 : whole;
        const cj::i64 parts[] = {low, whole, over ? last : high, high};
        for (int k = 0; k < 4; k += 2)
            if (parts[k] < parts[k + 1]) fused_conv_general_dilated_mul_add_f32_row<true>(x0, x1, y0, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, i0, parts[k], parts[k + 1]);
        const cj::i64 ends[] = {begin, low, high, end};
        for (int k = 0; k < 4; k += 2)
            if (ends[k] < ends[k + 1]) fused_conv_general_dilated_mul_add_f32_row<false>(x0, x1, y0, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, n11, i0, ends[k], ends[k + 1]);
    }
}

extern "C" void fused_conv_general_dilated_mul_add_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n7 = sizes[7];
    const cj::i64 n12 = sizes[12];
    cj::share(fused_conv_general_dilated_mul_add_f32_part, buffers, sizes, n12 * ((n7 + 32767) / 32768), threads);
}
