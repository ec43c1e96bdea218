#include "prelude.h"
#include "math.h"
#include "threads.h"

static inline void fused_add_mul_sub_f32_column(const float* CJ_RESTRICT x1, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 n3, cj::i64 n4, cj::i64 i1, cj::i64 left, cj::i64 top, float (&tile_0)[64][129], cj::i64 begin, cj::i64 end) {
    const cj::i64 shift_1 = i1 >= 1 ? -n0 : 0;
    const cj::i64 shift_2 = i1 >= n1 ? -n0 : 0;
    #pragma omp simd
    for (cj::i64 i0 = begin; i0 < end; ++i0) {
        const float load_1 = x1[n2 * i1 + i0];
        const float add_1 = x1[n2 * i1 + i0 + (i0 >= 1 ? -n2 : 0) + n3] + x1[n2 * i1 + i0 + (i0 >= n3 ? -n2 : 0) + 1];  // programs.py:31
        const float add_2 = add_1 + x1[n2 * i1 + i0 + shift_1 + n4];
        const float add_3 = add_2 + x1[n2 * i1 + i0 + shift_2 + n2];
        const float mul_1 = 4.0f * load_1;  // programs.py:32
        const float sub_1 = add_3 - mul_1;
        const float mul_2 = 0.1f * sub_1;
        const float add_4 = load_1 + mul_2;
        tile_0[i1 - left][i0 - top] = add_4;
    }
}

static inline void fused_add_mul_sub_f32_row(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, cj::i64 n5, cj::i64 i0, cj::i64 left, cj::i64 top, float (&tile_0)[64][129], cj::i64 begin, cj::i64 end) {
    #pragma omp simd
    for (cj::i64 i1 = begin; i1 < end; ++i1) {
        const float add_5 = x0[n5 * i0 + i1] + tile_0[i1 - left][i0 - top];  // programs.py:171
        y0[n5 * i0 + i1] = add_5;
    }
}

static void fused_add_mul_sub_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    const cj::i64 n4 = sizes[4];
    const cj::i64 n5 = sizes[5];
    float tile_0[64][129];
    const cj::i64 per_row = (n5 + 63) / 64, per_column = (n2 + 127) / 128;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 left = piece % per_row * 64, right = cj::min(left + 64, n5);
        const cj::i64 top = piece / per_row % per_column * 128, bottom = cj::min(top + 128, n2);
        for (cj::i64 i1 = left; i1 < right; ++i1) {
            const cj::i64 over = (bottom - top) % 16, whole = bottom - over;
            const cj::i64 last = whole > top ? bottom - 16 : whole;
            const cj::i64 parts[] = {top, whole, over ? last : bottom, bottom};
            for (int k = 0; k < 4; k += 2)
                if (parts[k] < parts[k + 1]) fused_add_mul_sub_f32_column(x1, n0, n1, n2, n3, n4, i1, left, top, tile_0, parts[k], parts[k + 1]);
        }
        for (cj::i64 i0 = top; i0 < bottom; ++i0) {
            const cj::i64 over = (right - left) % 16, whole = right - over;
            const cj::i64 last = whole > left ? right - 16 : whole;
            const cj::i64 parts[] = {left, whole, over ? last : right, right};
            for (int k = 0; k < 4; k += 2)
                if (parts[k] < parts[k + 1]) fused_add_mul_sub_f32_row(x0, y0, n5, i0, left, top, tile_0, parts[k], parts[k + 1]);
        }
    }
}

extern "C" void fused_add_mul_sub_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n2 = sizes[2];
    const cj::i64 n5 = sizes[5];
    cj::share(fused_add_mul_sub_f32_part, buffers, sizes, ((n2 + 127) / 128) * ((n5 + 63) / 64), threads);
}
