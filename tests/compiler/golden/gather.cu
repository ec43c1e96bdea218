#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_lt_add_select_n_mul_f32(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, long long n0, long long n1, long long n2, long long n3) {
    const cj::i64 thread = cj::i64(blockIdx.x) * cj::i64(blockDim.x) + cj::i64(threadIdx.x);
    const cj::i64 threads = cj::i64(gridDim.x) * cj::i64(blockDim.x);
    for (cj::i64 item = thread; item < n3; item += threads) {
        cj::i64 rest = item;
        const cj::i64 i1 = rest % n2;
        rest /= n2;
        const cj::i64 i0 = rest;
        const cj::i32 load_1 = x0[i0];
        const bool lt_1 = load_1 < 0;  // programs.py:134
        const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
        const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
        const float load_2 = x1[n2 * (0 >= cj::to_index(select_n_1) + 1 ? 0 : (cj::to_index(select_n_1) >= n0 ? n1 : cj::to_index(select_n_1))) + i1];
        const float mul_1 = load_2 * 2.0f;
        y0[n2 * i0 + i1] = mul_1;
    }
}
