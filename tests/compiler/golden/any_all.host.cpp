#include "prelude.h"
#include "math.h"
#include "reduce.h"
#include "threads.h"

static void fused_gt_lt_reduce_or_reduce_and_bool_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    cj::b8* CJ_RESTRICT y0 = static_cast<cj::b8*>(buffers[1]);
    cj::b8* CJ_RESTRICT y1 = static_cast<cj::b8*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    for (cj::i64 item = from; item < to; ++item) {
        const cj::i64 i1 = item;
        cj::Or<bool>::Acc or_acc_0 = cj::Or<bool>::identity();
        cj::And<bool>::Acc and_acc_1 = cj::And<bool>::identity();
        for (cj::i64 i0 = 0; i0 < n1; ++i0) {
            const float load_1 = x0[n0 * i0 + i1];
            const bool gt_1 = load_1 > 1.0f;  // programs.py:154
            or_acc_0 = cj::Or<bool>::combine(or_acc_0, cj::Or<bool>::lift(gt_1));
            const bool lt_1 = load_1 < 9.0f;
            and_acc_1 = cj::And<bool>::combine(and_acc_1, cj::And<bool>::lift(lt_1));
        }
        const bool or_result_0 = cj::Or<bool>::lower(or_acc_0);
        const bool and_result_1 = cj::And<bool>::lower(and_acc_1);
        y0[i1] = or_result_0;
        y1[i1] = and_result_1;
    }
}

extern "C" void fused_gt_lt_reduce_or_reduce_and_bool(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_gt_lt_reduce_or_reduce_and_bool_part, buffers, sizes, n0, threads);
}
