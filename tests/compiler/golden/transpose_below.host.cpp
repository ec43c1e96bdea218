#include "prelude.h"
#include "math.h"
#include "threads.h"

template <bool interior> static inline void fused_mul_f32_column(const float* CJ_RESTRICT x1, cj::i64 n0, cj::i64 i1, cj::i64 left, cj::i64 top, float (&tile_0)[64][129], cj::i64 begin, cj::i64 end) {
    #pragma omp simd
    for (cj::i64 i0 = begin; i0 < end; ++i0) {
        const bool inside_1 = !interior && i0 >= n0;
        const float chosen_1 = inside_1 ? 0.0f : x1[n0 * i1 + i0];
        tile_0[i1 - left][i0 - top] = chosen_1;
    }
}

template <bool interior> static inline void fused_mul_f32_row(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 i0, cj::i64 left, cj::i64 top, float (&tile_0)[64][129], cj::i64 begin, cj::i64 end) {
    #pragma omp simd
    for (cj::i64 i1 = begin; i1 < end; ++i1) {
        const bool inside_2 = !interior && i0 >= n0;
        const float chosen_2 = inside_2 ? x0[n1 * i0 + i1 - n2] : tile_0[i1 - left][i0 - top];
        const float mul_1 = chosen_2 * 2.0f;  // programs.py:172
        y0[n1 * i0 + i1] = mul_1;
    }
}

static void fused_mul_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    const cj::i64 n4 = sizes[4];
    float tile_0[64][129];
    const cj::i64 per_row = (n1 + 63) / 64, per_column = (n3 + 127) / 128;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 left = piece % per_row * 64, right = cj::min(left + 64, n1);
        const cj::i64 top = piece / per_row % per_column * 128, bottom = cj::min(top + 128, n3);
        for (cj::i64 i1 = left; i1 < right; ++i1) {
            cj::i64 low = top, high = bottom;
            high = cj::min(high, cj::i64(n0));
            low = cj::min(low, bottom);
            high = cj::max(low, high);
            const cj::i64 over = (high - low) % 16, whole = high - over;
            const cj::i64 last = whole > low ? high - 16 : whole;
            const cj::i64 parts[] = {low, whole, over ? last : high, high};
            for (int k = 0; k < 4; k += 2)
                if (parts[k] < parts[k + 1]) fused_mul_f32_column<true>(x1, n0, i1, left, top, tile_0, parts[k], parts[k + 1]);
            const cj::i64 ends[] = {top, low, high, bottom};
            for (int k = 0; k < 4; k += 2)
                if (ends[k] < ends[k + 1]) fused_mul_f32_column<false>(x1, n0, i1, left, top, tile_0, ends[k], ends[k + 1]);
        }
        for (cj::i64 i0 = top; i0 < bottom; ++i0) {
            cj::i64 low = left, high = right;
            if (!(n4 >= i0)) high = low;
            low = cj::min(low, right);
            high = cj::max(low, high);
            const cj::i64 over = (high - low) % 16, whole = high - over;
            const cj::i64 last = whole > low ? high - 16 : whole;
            const cj::i64 parts[] = {low, whole, over ? last : high, high};
            for (int k = 0; k < 4; k += 2)
                if (parts[k] < parts[k + 1]) fused_mul_f32_row<true>(x0, y0, n0, n1, n2, i0, left, top, tile_0, parts[k], parts[k + 1]);
            const cj::i64 ends[] = {left, low, high, right};
            for (int k = 0; k < 4; k += 2)
                if (ends[k] < ends[k + 1]) fused_mul_f32_row<false>(x0, y0, n0, n1, n2, i0, left, top, tile_0, ends[k], ends[k + 1]);
        }
    }
}

extern "C" void fused_mul_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n1 = sizes[1];
    const cj::i64 n3 = sizes[3];
    cj::share(fused_mul_f32_part, buffers, sizes, ((n3 + 127) / 128) * ((n1 + 63) / 64), threads);
}
