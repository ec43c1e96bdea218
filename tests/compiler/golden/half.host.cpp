#include "prelude.h"
#include "math.h"
#include "half.h"

extern "C" void fused_mul_add_bf16(void* const* buffers, const long long* sizes, int threads) {
    const cj::bf16* CJ_RESTRICT x0 = static_cast<const cj::bf16*>(buffers[0]);
    cj::bf16* CJ_RESTRICT y0 = static_cast<cj::bf16*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp parallel for simd num_threads(threads) if (parallel: threads > 1)
    for (cj::i64 i1 = 0; i1 < n0; ++i1) {
        const cj::bf16 load_1 = x0[i1];
        const cj::bf16 mul_1 = load_1 * load_1;  // programs.py:74
        const cj::bf16 add_1 = mul_1 + cj::bf16(1.0f);
        y0[i1] = add_1;
    }
}
