#include "prelude.h"
#include "math.h"
#include "threads.h"
#include "threefry.h"

static void fused_random_wrap_random_bits_shift_right_logical_3_more_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const cj::u32* CJ_RESTRICT x0 = static_cast<const cj::u32*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    const cj::u32 load_1 = x0[0];
    const cj::u32 load_2 = x0[1];
    const cj::u64 random_wrap_1 = cj::random_wrap(load_1, load_2);  // programs.py:145
    #pragma omp simd
    for (cj::i64 i0 = from; i0 < to; ++i0) {
        const cj::u32 random_bits_1 = cj::random_bits<32>(random_wrap_1, cj::u64(i0));  // programs.py:145
        const cj::u32 shift_right_logical_1 = cj::shift_right_logical(random_bits_1, 9u);
        const cj::u32 or_1 = shift_right_logical_1 | 1065353216u;
        const float bitcast_convert_type_1 = cj::bitcast<float>(or_1);
        const float sub_1 = bitcast_convert_type_1 - 1.0f;
        y0[i0] = sub_1;
    }
}

extern "C" void fused_random_wrap_random_bits_shift_right_logical_3_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_random_wrap_random_bits_shift_right_logical_3_more_f32_part, buffers, sizes, n0, threads);
}
