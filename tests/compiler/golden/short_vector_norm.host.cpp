#include "prelude.h"
#include "math.h"
#include "threads.h"

static void fused_summand_reduce_sum_sqrt_div_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp simd
    for (cj::i64 i0 = from; i0 < to; ++i0) {
        const float load_1 = x0[3 * i0];
        const float load_2 = x0[3 * i0 + 2];
        const float load_3 = x0[3 * i0 + 1];
        const float summand_1 = load_1 * load_1;  // programs.py:158
        const float part_1 = cj::fma(load_3, load_3, summand_1);
        const float part_2 = cj::fma(load_2, load_2, part_1);
        const float reduce_sum_1 = part_2;
        const float sqrt_1 = cj::sqrt(reduce_sum_1);
        const float div_1 = cj::div(load_1, sqrt_1);
        y0[3 * i0] = div_1;
        const float div_2 = cj::div(load_3, sqrt_1);
        y0[3 * i0 + 1] = div_2;
        const float div_3 = cj::div(load_2, sqrt_1);
        y0[3 * i0 + 2] = div_3;
    }
}

extern "C" void fused_summand_reduce_sum_sqrt_div_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_summand_reduce_sum_sqrt_div_f32_part, buffers, sizes, n0, threads);
}
