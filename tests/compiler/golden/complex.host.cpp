#include "prelude.h"
#include "math.h"
#include "complex.h"
#include "threads.h"

static void fused_convert_mul_exp_c64_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    cj::c64* CJ_RESTRICT y0 = static_cast<cj::c64*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp simd
    for (cj::i64 i1 = from; i1 < to; ++i1) {
        const cj::c64 convert_element_type_1 = cj::convert<cj::c64>(x0[i1]);  // programs.py:124
        const cj::c64 mul_1 = cj::c64(0.0f, 1.0f) * convert_element_type_1;
        const cj::c64 exp_1 = cj::exp(mul_1);
        const cj::c64 mul_2 = exp_1 * cj::c64(2.0f, (-1.0f));
        y0[i1] = mul_2;
    }
}

extern "C" void fused_convert_mul_exp_c64(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_convert_mul_exp_c64_part, buffers, sizes, n0, threads);
}
