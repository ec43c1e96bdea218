#include "prelude.h"
#include "math.h"
#include "erf_inv.h"
#include "threads.h"
#include "threefry.h"

template <bool full>
static void scan_random_wrap_random_split_random_bits_9_more_f32_lanes(const cj::u32* CJ_RESTRICT x0, float* CJ_RESTRICT y0, float* CJ_RESTRICT y1, cj::i64 n0, cj::i64 n1, cj::i64 n2, cj::i64 base, int count) {
    const int lanes = full ? 64 : count;
    float r1_0[64];
    cj::u64 kept_1[64];
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        const cj::u64 random_wrap_1 = cj::random_wrap(x0[n0 * i0], x0[n0 * i0 + 1]);  // programs.py:103
        kept_1[k] = random_wrap_1;
        r1_0[k] = 0.0f;
    }
    for (cj::i64 t2 = 0; t2 < n1; ++t2) {
        #pragma omp simd
        for (int k = 0; k < lanes; ++k) {
            const cj::i64 i0 = base + k;
            const float index_1 = r1_0[k];
            const cj::u64 random_split_1 = cj::random_split(kept_1[k], cj::u64(t2));  // programs.py:103
            const cj::u32 random_bits_1 = cj::random_bits<32>(random_split_1, cj::u64(0));  // programs.py:104
            const cj::u32 shift_right_logical_1 = cj::shift_right_logical(random_bits_1, 9u);
            const cj::u32 or_1 = shift_right_logical_1 | 1065353216u;
            const float bitcast_convert_type_1 = cj::bitcast<float>(or_1);
            const float sub_1 = bitcast_convert_type_1 - 1.0f;
            const float fma_1 = cj::fma(sub_1, 2.0f, (-0.99999994f));
            const float max_1 = cj::max((-0.99999994f), fma_1);
            const float erf_inv_1 = cj::erf_inv(max_1);
            const float mul_1 = 1.4142135f * erf_inv_1;
            const float add_1 = index_1 + mul_1;
            y1[n2 * t2 + i0] = index_1;
            r1_0[k] = add_1;
        }
    }
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        y0[i0] = r1_0[k];
    }
}

extern "C" void scan_random_wrap_random_split_random_bits_9_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::u32* CJ_RESTRICT x0 = static_cast<const cj::u32*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    float* CJ_RESTRICT y1 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    #pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (cj::i64 base = 0; base < n2; base += 64) {
        if (base + 64 <= n2) scan_random_wrap_random_split_random_bits_9_more_f32_lanes<true>(x0, y0, y1, n0, n1, n2, base, 64);
        else scan_random_wrap_random_split_random_bits_9_more_f32_lanes<false>(x0, y0, y1, n0, n1, n2, base, int(n2 - base));
    }
}

static void copy_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    const cj::i64 n4 = sizes[4];
    const cj::i64 n5 = sizes[5];
    const cj::i64 n6 = sizes[6];
    const cj::i64 n7 = sizes[7];
    #pragma omp simd
    for (cj::i64 i0 = from; i0 < to; ++i0) {
        y0[9 * i0] = x0[i0];
        y0[9 * i0 + 1] = x0[i0 + n0];
        y0[9 * i0 + 2] = x0[i0 + n1];
        y0[9 * i0 + 3] = x0[i0 + n2];
        y0[9 * i0 + 4] = x0[i0 + n3];
        y0[9 * i0 + 5] = x0[i0 + n4];
        y0[9 * i0 + 6] = x0[i0 + n5];
        y0[9 * i0 + 7] = x0[i0 + n6];
        y0[9 * i0 + 8] = x0[i0 + n7];
    }
}

extern "C" void copy_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(copy_f32_part, buffers, sizes, n0, threads);
}
