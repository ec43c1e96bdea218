#include "prelude.h"
#include "math.h"

extern "C" void fused_sin_cos_mul_f32(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    float* CJ_RESTRICT y1 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    #pragma omp parallel for simd num_threads(threads) if (parallel: threads > 1)
    for (cj::i64 i1 = 0; i1 < n0; ++i1) {
        const float load_1 = x0[i1];
        const float sin_1 = cj::sin(load_1);  // programs.py:69
        y0[i1] = sin_1;
        const float cos_1 = cj::cos(load_1);
        const float mul_1 = cos_1 * load_1;
        y1[i1] = mul_1;
    }
}
