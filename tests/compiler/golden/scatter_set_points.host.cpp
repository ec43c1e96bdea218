#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" void fused_scatter_lt_add_4_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i32* CJ_RESTRICT x0 = static_cast<const cj::i32*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    for (cj::i64 i0 = 0; i0 < n3; ++i0) {
        const cj::i32 load_1 = x0[i0];
        const bool lt_1 = load_1 < 0;  // programs.py:160
        const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
        const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
        const cj::i32 rem_1 = cj::rem(load_1, 53);
        const bool ne_1 = rem_1 != 0;
        const bool lt_2 = rem_1 < 0;
        const bool ne_2 = lt_2 != false;
        const bool and_1 = ne_1 & ne_2;
        const cj::i32 add_2 = cj::wrap(rem_1) + cj::wrap(53);
        const cj::i32 select_n_2 = cj::select(and_1, add_2, rem_1);
        const bool lt_3 = select_n_2 < 0;
        const cj::i32 add_3 = cj::wrap(select_n_2) + cj::wrap(53);
        const cj::i32 select_n_3 = cj::select(lt_3, add_3, select_n_2);
        const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1) && cj::to_index(select_n_3) >= 0 && n1 >= cj::to_index(select_n_3);
        if (inside_1) {
            y0[n2 * cj::to_index(select_n_1) + cj::to_index(select_n_3)] = x1[i0];
        }
    }
}
