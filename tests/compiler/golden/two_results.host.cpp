#include "prelude.h"
#include "math.h"
#include "threads.h"

static void fused_sin_cos_mul_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    float* CJ_RESTRICT y1 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    #pragma omp simd
    for (cj::i64 i1 = from; i1 < to; ++i1) {
        const float load_1 = x0[i1];
        const float sin_1 = cj::sin(load_1);  // programs.py:120
        y0[i1] = sin_1;
        const float cos_1 = cj::cos(load_1);
        const float mul_1 = cos_1 * load_1;
        y1[i1] = mul_1;
    }
}

extern "C" void fused_sin_cos_mul_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_sin_cos_mul_f32_part, buffers, sizes, n0, threads);
}
