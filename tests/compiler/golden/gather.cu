#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_lt_add_select_n_mul_f32(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n2_magic, int n2_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n3; item += threads) {
        int rest = item;
        const int i1 = cj::take_last(rest, n2, n2_magic, n2_shift);
        const int i0 = rest;
        const cj::i32 load_1 = x0[i0];
        const bool lt_1 = load_1 < 0;  // programs.py:134
        const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
        const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
        const float load_2 = x1[n2 * int(0 >= cj::to_index(select_n_1) + 1 ? 0 : (cj::to_index(select_n_1) >= n0 ? n1 : cj::to_index(select_n_1))) + i1];
        const float mul_1 = load_2 * 2.0f;
        y0[n2 * i0 + i1] = mul_1;
    }
}
