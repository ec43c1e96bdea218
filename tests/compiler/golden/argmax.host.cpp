#include "prelude.h"
#include "math.h"
#include "blocks.h"
#include "reduce.h"
#include "threads.h"

static void fused_argmax_i32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    cj::i32* CJ_RESTRICT y0 = static_cast<cj::i32*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    for (cj::i64 item = from; item < to; ++item) {
        const cj::i64 i0 = item;
        cj::Tree<cj::Argmax<float>> argmax_acc_0;
        cj::Lanes<cj::Argmax<float>> argmax_acc_0_lanes;
        for (cj::i64 block = 0; block < n0; block += cj::block_length) {
            const cj::i64 stop = block + cj::block_length < n0 ? block + cj::block_length : n0;
            const auto element = [&](cj::i64 i1, int lane) __attribute__((always_inline)) {
                argmax_acc_0_lanes.values[lane] = cj::Argmax<float>::combine(argmax_acc_0_lanes.values[lane], cj::Argmax<float>::lift(x0[n0 * i0 + i1], cj::i64(i1)));
            };
            cj::i64 at = block;
            for (; at + cj::lane_count <= stop; at += cj::lane_count) {
                #pragma omp simd
                for (int lane = 0; lane < cj::lane_count; ++lane) element(at + lane, lane);
            }
            if (at < stop) {
                #pragma omp simd
                for (int lane = 0; lane < cj::lane_count; ++lane) element(stop - cj::lane_count + lane, lane);
            }
        }
        argmax_acc_0.add(argmax_acc_0_lanes.total());
        const cj::i32 argmax_result_0 = cj::convert<cj::i32>(cj::Argmax<float>::lower(argmax_acc_0.total()));
        y0[i0] = argmax_result_0;
    }
}

extern "C" void fused_argmax_i32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n1 = sizes[1];
    cj::share(fused_argmax_i32_part, buffers, sizes, n1, threads);
}
