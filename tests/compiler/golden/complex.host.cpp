#include "prelude.h"
#include "math.h"
#include "complex.h"

extern "C" void fused_convert_mul_exp_c64(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    cj::c64* CJ_RESTRICT y0 = static_cast<cj::c64*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp parallel for simd num_threads(threads) if (parallel: threads > 1)
    for (cj::i64 i1 = 0; i1 < n0; ++i1) {
        const cj::c64 convert_element_type_1 = cj::convert<cj::c64>(x0[i1]);  // programs.py:73
        const cj::c64 mul_1 = cj::c64(0.0f, 1.0f) * convert_element_type_1;
        const cj::c64 exp_1 = cj::exp(mul_1);
        const cj::c64 mul_2 = exp_1 * cj::c64(2.0f, (-1.0f));
        y0[i1] = mul_2;
    }
}
