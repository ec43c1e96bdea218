#include "prelude.h"
#include "math.h"
#include "threads.h"

static void fused_mul_add_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const float load_1 = x0[0];
    #pragma omp simd
    for (cj::i64 i1 = from; i1 < to; ++i1) {
        const float mul_1 = load_1 * x1[i1];  // programs.py:121
        const float add_1 = mul_1 + 1.0f;
        y0[i1] = add_1;
    }
}

extern "C" void fused_mul_add_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_mul_add_f32_part, buffers, sizes, n0, threads);
}
