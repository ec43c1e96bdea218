#include "prelude.h"
#include "math.h"
#include "half.h"
#include "threads.h"

static void fused_convert_mul_add_f16_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    cj::f16* CJ_RESTRICT y0 = static_cast<cj::f16*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp simd
    for (cj::i64 i1 = from; i1 < to; ++i1) {
        const cj::f16 convert_element_type_1 = cj::convert<cj::f16>(x0[i1]);  // programs.py:119
        const cj::f16 mul_1 = cj::f16(2.5f) * convert_element_type_1;
        const cj::f16 add_1 = mul_1 + cj::f16(1.0f);
        y0[i1] = add_1;
    }
}

extern "C" void fused_convert_mul_add_f16(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_convert_mul_add_f16_part, buffers, sizes, n0, threads);
}
