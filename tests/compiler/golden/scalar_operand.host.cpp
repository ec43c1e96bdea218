#include "prelude.h"
#include "math.h"

extern "C" void fused_mul_add_f32(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const float load_1 = x0[0];
    #pragma omp parallel for simd num_threads(threads) if (parallel: threads > 1)
    for (cj::i64 i1 = 0; i1 < n0; ++i1) {
        const float mul_1 = load_1 * x1[i1];  // programs.py:70
        const float add_1 = mul_1 + 1.0f;
        y0[i1] = add_1;
    }
}
