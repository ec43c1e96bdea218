#include "prelude.h"
#include "math.h"
#include "index.h"
#include "threads.h"

static inline void copy_f32_row(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, const float* CJ_RESTRICT x2, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 i0, cj::i64 begin, cj::i64 end) {
    const cj::i32 load_1 = x0[0];
    const cj::i64 place_1 = 0 >= cj::to_index(load_1) + 1 ? cj::to_index(load_1) + n0 : cj::to_index(load_1);
    const cj::i64 place_2 = 0 >= place_1 + 1 ? 0 : place_1;
    const cj::i64 place_3 = place_2 >= n0 ? n1 : place_2;
    #pragma omp simd
    for (cj::i64 i1 = begin; i1 < end; ++i1) {
        const bool inside_1 = i0 >= place_3 && place_3 >= i0;
        float chosen_1;
        if (inside_1) {
            const float load_2 = x1[n2 * i0 - n2 * place_3 + i1];
            chosen_1 = load_2;
        } else {
            chosen_1 = x2[n2 * i0 + i1];
        }
        y0[n2 * i0 + i1] = chosen_1;
    }
}

static void copy_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const cj::i32* CJ_RESTRICT x0 = static_cast<const cj::i32*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    const float* CJ_RESTRICT x2 = static_cast<const float*>(buffers[2]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[3]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 pieces = (n2 + 32767) / 32768;
    for (cj::i64 piece = from; piece < to; ++piece) {
        const cj::i64 row = pieces == 1 ? piece : piece / pieces;
        const cj::i64 begin = (piece - row * pieces) * 32768, end = cj::min(begin + 32768, n2);
        const cj::i64 i0 = row;
        const cj::i64 over = (end - begin) % 16, whole = end - over;
        const cj::i64 last = whole > begin ? end - 16 : whole;
        const cj::i64 parts[] = {begin, whole, over ? last : end, end};
        for (int k = 0; k < 4; k += 2)
            if (parts[k] < parts[k + 1]) copy_f32_row(x0, x1, x2, y0, n0, n1, n2, i0, parts[k], parts[k + 1]);
    }
}

extern "C" void copy_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    const cj::i64 n2 = sizes[2];
    cj::share(copy_f32_part, buffers, sizes, n0 * ((n2 + 32767) / 32768), threads);
}
