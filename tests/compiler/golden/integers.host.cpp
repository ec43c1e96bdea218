#include "prelude.h"
#include "math.h"
#include "threads.h"

static void fused_mul_add_sign_8_more_i32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const cj::i32* CJ_RESTRICT x0 = static_cast<const cj::i32*>(buffers[0]);
    cj::i32* CJ_RESTRICT y0 = static_cast<cj::i32*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    #pragma omp simd
    for (cj::i64 i0 = from; i0 < to; ++i0) {
        const cj::i32 mul_1 = cj::wrap(x0[i0]) * cj::wrap(7);  // programs.py:122
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
        y0[i0] = shift_left_1;
    }
}

extern "C" void fused_mul_add_sign_8_more_i32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_mul_add_sign_8_more_i32_part, buffers, sizes, n0, threads);
}
