#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_mul_add_sign_8_more_i32(const cj::i32* CJ_RESTRICT x0, cj::i32* CJ_RESTRICT y0, int n0) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int pack = thread; pack < n0 / 4; pack += threads) {
        const cj::Pack<cj::i32> x0_pack = cj::load_pack(x0 + pack * 4);
        cj::Pack<cj::i32> y0_pack;
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int i0 = pack * 4 + k;
            const cj::i32 mul_1 = cj::wrap(x0_pack.at[k]) * cj::wrap(7);  // programs.py:122
            const cj::i32 add_1 = cj::wrap(mul_1) + cj::wrap(3);
            const cj::i32 sign_1 = cj::sign(add_1);
            const bool ne_1 = sign_1 != 1;
            const cj::i32 rem_1 = cj::rem(add_1, 2);
            const bool ne_2 = rem_1 != 0;
            const bool and_1 = ne_1 & ne_2;
            const cj::i32 div_1 = cj::div(add_1, 2);
            const cj::i32 sub_1 = cj::wrap(div_1) - cj::wrap(1);
            const cj::i32 select_n_1 = cj::select(and_1, sub_1, div_1);
            const cj::i32 rem_2 = cj::rem(select_n_1, 5);
            const bool ne_3 = rem_2 != 0;
            const bool lt_1 = rem_2 < 0;
            const bool ne_4 = lt_1 != false;
            const bool and_2 = ne_3 & ne_4;
            const cj::i32 add_2 = cj::wrap(rem_2) + cj::wrap(5);
            const cj::i32 select_n_2 = cj::select(and_2, add_2, rem_2);
            const cj::i32 shift_left_1 = cj::shift_left(select_n_2, 1);
            y0_pack.at[k] = shift_left_1;
        }
        cj::store_pack(y0 + pack * 4, y0_pack);
    }
    for (int i0 = n0 / 4 * 4 + thread; i0 < n0; i0 += threads) {
        const cj::i32 mul_2 = cj::wrap(x0[i0]) * cj::wrap(7);  // programs.py:122
        const cj::i32 add_3 = cj::wrap(mul_2) + cj::wrap(3);
        const cj::i32 sign_2 = cj::sign(add_3);
        const bool ne_5 = sign_2 != 1;
        const cj::i32 rem_3 = cj::rem(add_3, 2);
        const bool ne_6 = rem_3 != 0;
        const bool and_3 = ne_5 & ne_6;
        const cj::i32 div_2 = cj::div(add_3, 2);
        const cj::i32 sub_2 = cj::wrap(div_2) - cj::wrap(1);
        const cj::i32 select_n_3 = cj::select(and_3, sub_2, div_2);
        const cj::i32 rem_4 = cj::rem(select_n_3, 5);
        const bool ne_7 = rem_4 != 0;
        const bool lt_2 = rem_4 < 0;
        const bool ne_8 = lt_2 != false;
        const bool and_4 = ne_7 & ne_8;
        const cj::i32 add_4 = cj::wrap(rem_4) + cj::wrap(5);
        const cj::i32 select_n_4 = cj::select(and_4, add_4, rem_4);
        const cj::i32 shift_left_2 = cj::shift_left(select_n_4, 1);
        y0[i0] = shift_left_2;
    }
}
