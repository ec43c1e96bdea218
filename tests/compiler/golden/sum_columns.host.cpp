#include "prelude.h"
#include "math.h"
#include "blocks.h"
#include "reduce.h"
#include "threads.h"

static void fused_reduce_sum_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 tiles = (n0 + 63) / 64;
    for (cj::i64 item = from; item < to; ++item) {
        const cj::i64 column = item % tiles * 64;
        const int width = n0 - column < 64 ? int(n0 - column) : 64;
        cj::Lanes<cj::Sum<float>, 64> sum_acc_0;
        for (cj::i64 block = 0; block < n1; block += 128) {
            cj::Lanes<cj::Sum<float>, 64> sum_acc_0_block;
            const cj::i64 stop = block + 128 < n1 ? block + 128 : n1;
            for (cj::i64 i0 = block; i0 < stop; ++i0) {
                #pragma omp simd
                for (int lane = 0; lane < width; ++lane) {
                    const cj::i64 i1 = column + lane;
                    sum_acc_0_block.values[lane] = sum_acc_0_block.values[lane] + x0[n0 * i0 + i1];
                }
            }
            for (int lane = 0; lane < width; ++lane) sum_acc_0.values[lane] = sum_acc_0.values[lane] + sum_acc_0_block.values[lane];
        }
        float sum_acc_0_results[64];
        for (int lane = 0; lane < width; ++lane) sum_acc_0_results[lane] = sum_acc_0.values[lane];
        #pragma omp simd
        for (int lane = 0; lane < width; ++lane) {
            const cj::i64 i1 = column + lane;
            y0[i1] = sum_acc_0_results[lane];
        }
    }
}

extern "C" void fused_reduce_sum_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_reduce_sum_f32_part, buffers, sizes, (n0 + 63) / 64, threads);
}
