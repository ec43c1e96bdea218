#include "prelude.h"
#include "math.h"
#include "threads.h"

static inline void fused_mul_add_f32_column(const float* CJ_RESTRICT x0, cj::i64 n0, cj::i64 i1, cj::i64 left, cj::i64 top, float (&tile_0)[64][129], cj::i64 begin, cj::i64 end) {
    #pragma omp simd
    for (cj::i64 i0 = begin; i0 < end; ++i0) {
        tile_0[i1 - left][i0 - top] = x0[n0 * i1 + i0];
    }
}

static inline void fused_mul_add_f32_row(const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, cj::i64 n1, cj::i64 i0, cj::i64 left, cj::i64 top, float (&tile_0)[64][129], cj::i64 begin, cj::i64 end) {
    #pragma omp simd
    for (cj::i64 i1 = begin; i1 < end; ++i1) {
        const float mul_1 = tile_0[i1 - left][i0 - top] * x1[n1 * i0 + i1];  // programs.py:169
        const float add_1 = mul_1 + 1.0f;
        y0[n1 * i0 + i1] = add_1;
    }
}

static void fused_mul_add_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    float tile_0[64][129];
    const cj::i64 per_row = (n1 + 63) / 64, per_column = (n0 + 127) / 128;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 left = piece % per_row * 64, right = cj::min(left + 64, n1);
        const cj::i64 top = piece / per_row % per_column * 128, bottom = cj::min(top + 128, n0);
        for (cj::i64 i1 = left; i1 < right; ++i1) {
            const cj::i64 over = (bottom - top) % 16, whole = bottom - over;
            const cj::i64 last = whole > top ? bottom - 16 : whole;
            const cj::i64 parts[] = {top, whole, over ? last : bottom, bottom};
            for (int k = 0; k < 4; k += 2)
                if (parts[k] < parts[k + 1]) fused_mul_add_f32_column(x0, n0, i1, left, top, tile_0, parts[k], parts[k + 1]);
        }
        for (cj::i64 i0 = top; i0 < bottom; ++i0) {
            const cj::i64 over = (right - left) % 16, whole = right - over;
            const cj::i64 last = whole > left ? right - 16 : whole;
            const cj::i64 parts[] = {left, whole, over ? last : right, right};
            for (int k = 0; k < 4; k += 2)
                if (parts[k] < parts[k + 1]) fused_mul_add_f32_row(x1, y0, n1, i0, left, top, tile_0, parts[k], parts[k + 1]);
        }
    }
}

extern "C" void fused_mul_add_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    cj::share(fused_mul_add_f32_part, buffers, sizes, ((n0 + 127) / 128) * ((n1 + 63) / 64), threads);
}
