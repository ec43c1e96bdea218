#include "prelude.h"
#include "math.h"
#include "threads.h"

template <bool interior> static inline void fused_add_div_reduce_sum_2_more_f32_row(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, float* CJ_RESTRICT y1, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 n3, cj::i64 n4, cj::i64 n5, cj::i64 i0, cj::i64 begin, cj::i64 end) {
    const cj::i64 shift_1 = i0 >= 1 ? -n0 : 0;
    #pragma omp simd
    for (cj::i64 i1 = begin; i1 < end; ++i1) {
        const float add_1 = x0[n1 * i0 + i1 + shift_1 + n2] + x0[n1 * i0 + i1 + shift_1 + (!interior && i1 >= n3 ? -n1 : 0) + n4];  // programs.py:50
        const float add_2 = add_1 + x0[n1 * i0 + i1 + n5];
        const float div_1 = cj::div(add_2, 3.0f);
        const float reduce_sum_1 = x1[n1 * i0 + i1 + n5];  // programs.py:51
        const float mul_1 = 0.5f * reduce_sum_1;
        const float mul_2 = div_1 * mul_1;
        const float add_any_1 = mul_2 + mul_2;
        const float reduce_sum_2 = x1[n1 * i0 + i1 + n0];
        const float mul_3 = 0.5f * reduce_sum_2;
        const float add_any_2 = add_any_1 + mul_3;
        y0[n1 * i0 + i1] = add_any_2;
        const float reduce_sum_3 = x1[n1 * i0 + i1];
        const float mul_4 = 0.5f * reduce_sum_3;
        y1[n1 * i0 + i1] = mul_4;
    }
}

static void fused_add_div_reduce_sum_2_more_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    float* CJ_RESTRICT y1 = static_cast<float*>(buffers[3]);
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
        const cj::i64 i0 = row;
        cj::i64 low = begin, high = end;
        high = cj::min(high, cj::i64(n3));
        low = cj::min(low, end);
        high = cj::max(low, high);
        const cj::i64 over = (high - low) % 16, whole = high - over;
        const cj::i64 last = whole > low ? high - 16 : whole;
        const cj::i64 parts[] = {low, whole, over ? last : high, high};
        for (int k = 0; k < 4; k += 2)
            if (parts[k] < parts[k + 1]) fused_add_div_reduce_sum_2_more_f32_row<true>(x0, x1, y0, y1, n0, n1, n2, n3, n4, n5, i0, parts[k], parts[k + 1]);
        const cj::i64 ends[] = {begin, low, high, end};
        for (int k = 0; k < 4; k += 2)
            if (ends[k] < ends[k + 1]) fused_add_div_reduce_sum_2_more_f32_row<false>(x0, x1, y0, y1, n0, n1, n2, n3, n4, n5, i0, ends[k], ends[k + 1]);
    }
}

extern "C" void fused_add_div_reduce_sum_2_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n1 = sizes[1];
    const cj::i64 n6 = sizes[6];
    cj::share(fused_add_div_reduce_sum_2_more_f32_part, buffers, sizes, n6 * ((n1 + 32767) / 32768), threads);
}

template <bool interior> static inline void fused_reduce_sum_neg_add_any_2_more_f32_row(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, const float* CJ_RESTRICT x2, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 n3, cj::i64 n4, cj::i64 n5, cj::i64 n6, cj::i64 n7, cj::i64 n8, cj::i64 n9, cj::i64 n10, cj::i64 i1, cj::i64 begin, cj::i64 end) {
    #pragma omp simd
    for (cj::i64 i2 = begin; i2 < end; ++i2) {
        const bool inside_1 = !interior && i1 >= n0;
        float chosen_1;
        if (inside_1) {
            const float reduce_sum_1 = x0[n1 * i1 + i2 - n2];  // programs.py:51
            const float load_1 = x1[n1 * i1 + i2 - n2];
            const float neg_1 = -load_1;
            const float add_any_1 = reduce_sum_1 + neg_1;
            const float add_any_2 = x2[n1 * i1 + i2 - n2] + load_1;
            const float div_1 = cj::div(add_any_2, 3.0f);  // programs.py:50
            const float add_any_3 = add_any_1 + div_1;
            chosen_1 = add_any_3;
        } else {
            const float reduce_sum_2 = x0[n1 * i1 + i2 + n1];  // programs.py:51
            const float load_2 = x1[n1 * i1 + i2 + n1];
            const float neg_2 = -load_2;
            const float add_any_4 = reduce_sum_2 + neg_2;
            const float add_any_5 = x2[n1 * i1 + i2 + n1] + load_2;
            const float div_2 = cj::div(add_any_5, 3.0f);  // programs.py:50
            const float add_any_6 = add_any_4 + div_2;
            chosen_1 = add_any_6;
        }
        y0[n1 * i1 + i2] = chosen_1;
        float chosen_2;
        if (inside_1) {
            const bool inside_2 = interior || (i2 >= 1);
            float chosen_3;
            if (inside_2) {
                const float reduce_sum_3 = x0[n1 * i1 + i2 + n3];  // programs.py:51
                const float mul_1 = 0.5f * reduce_sum_3;
                const float neg_3 = -mul_1;
                const float add_any_7 = reduce_sum_3 + neg_3;
                const float add_any_8 = x2[n1 * i1 + i2 - n4] + x1[n1 * i1 + i2 - n4];
                const float div_3 = cj::div(add_any_8, 3.0f);  // programs.py:50
                const float add_any_9 = add_any_7 + div_3;
                chosen_3 = add_any_9;
            } else {
                const float reduce_sum_4 = x0[n1 * i1 + i2 + n5];  // programs.py:51
                const float mul_2 = 0.5f * reduce_sum_4;
                const float neg_4 = -mul_2;
                const float add_any_10 = reduce_sum_4 + neg_4;
                const float add_any_11 = x2[n1 * i1 + i2 - n6] + x1[n1 * i1 + i2 - n6];
                const float div_4 = cj::div(add_any_11, 3.0f);  // programs.py:50
                const float add_any_12 = add_any_10 + div_4;
                chosen_3 = add_any_12;
            }
            chosen_2 = chosen_3;
        } else {
            const bool inside_3 = interior || (i2 >= 1);
            float chosen_4;
            if (inside_3) {
                const float reduce_sum_5 = x0[n1 * i1 + i2 + n7];  // programs.py:51
                const float mul_3 = 0.5f * reduce_sum_5;
                const float neg_5 = -mul_3;
                const float add_any_13 = reduce_sum_5 + neg_5;
                const float add_any_14 = x2[n1 * i1 + i2 + n3] + x1[n1 * i1 + i2 + n3];
                const float div_5 = cj::div(add_any_14, 3.0f);  // programs.py:50
                const float add_any_15 = add_any_13 + div_5;
                chosen_4 = add_any_15;
            } else {
                const float reduce_sum_6 = x0[n1 * i1 + i2 + n8];  // programs.py:51
                const float mul_4 = 0.5f * reduce_sum_6;
                const float neg_6 = -mul_4;
                const float add_any_16 = reduce_sum_6 + neg_6;
                const float add_any_17 = x2[n1 * i1 + i2 + n5] + x1[n1 * i1 + i2 + n5];
                const float div_6 = cj::div(add_any_17, 3.0f);  // programs.py:50
                const float add_any_18 = add_any_16 + div_6;
                chosen_4 = add_any_18;
            }
            chosen_2 = chosen_4;
        }
        y0[n1 * i1 + i2 + n9] = chosen_2;
        const float reduce_sum_7 = x0[n1 * i1 + i2 + n10];  // programs.py:51
        const float mul_5 = 0.5f * reduce_sum_7;
        const float neg_7 = -mul_5;
        const float add_any_19 = reduce_sum_7 + neg_7;
        const float add_any_20 = x2[n1 * i1 + i2] + x1[n1 * i1 + i2];
        const float div_7 = cj::div(add_any_20, 3.0f);  // programs.py:50
        const float add_any_21 = add_any_19 + div_7;
        y0[n1 * i1 + i2 + n10] = add_any_21;
    }
}

static void fused_reduce_sum_neg_add_any_2_more_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    const float* CJ_RESTRICT x2 = static_cast<const float*>(buffers[2]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[3]);
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
    const cj::i64 pieces = (n1 + 32767) / 32768;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 row = pieces == 1 ? piece : piece / pieces;
        const cj::i64 begin = (piece - row * pieces) * 32768, end = cj::min(begin + 32768, n1);
        const cj::i64 i1 = row;
        cj::i64 low = begin, high = end;
        if (!(n12 >= i1)) high = low;
        low = cj::max(low, cj::i64(1));
        low = cj::min(low, end);
        high = cj::max(low, high);
        const cj::i64 over = (high - low) % 16, whole = high - over;
        const cj::i64 last = whole > low ? high - 16 : whole;
        const cj::i64 parts[] = {low, whole, over ? last : high, high};
        for (int k = 0; k < 4; k += 2)
            if (parts[k] < parts[k + 1]) fused_reduce_sum_neg_add_any_2_more_f32_row<true>(x0, x1, x2, y0, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, i1, parts[k], parts[k + 1]);
        const cj::i64 ends[] = {begin, low, high, end};
        for (int k = 0; k < 4; k += 2)
            if (ends[k] < ends[k + 1]) fused_reduce_sum_neg_add_any_2_more_f32_row<false>(x0, x1, x2, y0, n0, n1, n2, n3, n4, n5, n6, n7, n8, n9, n10, i1, ends[k], ends[k + 1]);
    }
}

extern "C" void fused_reduce_sum_neg_add_any_2_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n1 = sizes[1];
    const cj::i64 n11 = sizes[11];
    cj::share(fused_reduce_sum_neg_add_any_2_more_f32_part, buffers, sizes, n11 * ((n1 + 32767) / 32768), threads);
}
