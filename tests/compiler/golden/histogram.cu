#include "prelude.h"
#include "math.h"
#include "atomic.h"
#include "index.h"
#include "private.h"
#include "reduce.h"

extern "C" __global__ void fused_scatter_add_lt_add_select_n_i32(const cj::i32* CJ_RESTRICT x0, cj::i32* CJ_RESTRICT y0, int n0, int n1) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n1; item += threads) {
        const int i0 = item;
        const cj::i32 load_1 = x0[i0];
        const bool lt_1 = load_1 < 0;  // programs.py:163
        const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
        const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
        const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1);
        if (inside_1) {
            cj::atomic_update<cj::Sum<cj::i32>>(&y0[cj::to_index(select_n_1)], 1);
        }
    }
}

extern "C" __global__ void fused_scatter_add_lt_add_select_n_i32_private(const cj::i32* CJ_RESTRICT x0, cj::i32* CJ_RESTRICT y0, int n0, int n1, int places, int copies) {
    __shared__ cj::Private<cj::Sum, cj::i32>::Memory memory;
    const cj::Private<cj::Sum, cj::i32> own(memory, places, copies);
    own.clear();
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n1; item += threads) {
        const int i0 = item;
        const cj::i32 load_1 = x0[i0];
        const bool lt_1 = load_1 < 0;  // programs.py:163
        const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
        const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
        const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1);
        if (inside_1) {
            own.update(cj::to_index(select_n_1), 1);
        }
    }
    own.merge(y0);
}
