#include "prelude.h"
#include "math.h"
#include "threads.h"

static void fused_sin_mul_exp_3_more_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp simd
    for (cj::i64 i1 = from; i1 < to; ++i1) {
        const float load_1 = x0[i1];
        const float sin_1 = cj::sin(load_1);  // programs.py:118
        const float mul_1 = (-0.1f) * load_1;
        const float exp_1 = cj::exp(mul_1);
        const float mul_2 = sin_1 * exp_1;
        const float sqrt_1 = cj::sqrt(load_1);
        const float log_1 = cj::log(load_1);
        const float mul_3 = sqrt_1 * log_1;
        const float add_1 = mul_2 + mul_3;
        y0[i1] = add_1;
    }
}

extern "C" void fused_sin_mul_exp_3_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_sin_mul_exp_3_more_f32_part, buffers, sizes, n0, threads);
}
