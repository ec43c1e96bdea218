#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" void fused_scatter_add_lt_add_select_n_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i32* CJ_RESTRICT x0 = static_cast<const cj::i32*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    for (cj::i64 i0 = 0; i0 < n1; ++i0) {
        const cj::i32 load_1 = x0[i0];
        const bool lt_1 = load_1 < 0;  // programs.py:178
        const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(3);
        const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
        const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1);
        if (inside_1) {
            y0[cj::to_index(select_n_1)] += x1[i0];
        }
    }
}
