#include "prelude.h"
#include "math.h"
#include "few.h"
#include "index.h"
#include "reduce.h"

extern "C" __global__ void fused_scatter_add_lt_add_select_n_f32(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT parts, int n0, int n1, int places) {
    __shared__ cj::Sum<float>::Acc memory[16384 / sizeof(cj::Sum<float>::Acc)];
    const cj::Few<cj::Sum<float>> own(memory, places);
    own.clear();
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n1; item += threads) {
        const int i0 = item;
        const cj::i32 load_1 = x0[i0];
        const bool lt_1 = load_1 < 0;  // programs.py:178
        const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(3);
        const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
        const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1);
        if (inside_1) {
            own.update(cj::to_index(select_n_1), float(x1[i0]));
        }
    }
    own.leave(parts);
}

extern "C" __global__ void fused_scatter_add_lt_add_select_n_f32_enter(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT parts, int chunks) {
    __shared__ cj::Sum<float>::Acc shared[32];
    cj::enter_parts<cj::Sum<float>, float>(y0, parts, chunks, shared);
}
