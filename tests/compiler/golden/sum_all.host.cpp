#include "prelude.h"
#include "math.h"
#include "blocks.h"
#include "reduce.h"
#include "threads.h"

static void fused_summand_reduce_sum_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    auto* sum_acc_0_parts = static_cast<cj::Sum<float>::Acc*>(buffers[2]);
    const cj::i64 chunk = (n0 + 63) / 64;
    for (cj::i64 part = from; part < to; ++part) {
        const cj::i64 item = part / 64;
        const cj::i64 first = part % 64 * chunk;
        const cj::i64 last = first + chunk < n0 ? first + chunk : n0;
        cj::Tree<cj::Sum<float>> sum_acc_0;
        for (cj::i64 block = first; block < last; block += cj::block_length) {
            cj::Lanes<cj::Sum<float>> sum_acc_0_lanes;
            const cj::i64 stop = block + cj::block_length < last ? block + cj::block_length : last;
            const auto element = [&](cj::i64 i1, int lane) __attribute__((always_inline)) {
                const float load_1 = x0[i1];
                sum_acc_0_lanes.values[lane] = cj::fma(load_1, load_1, sum_acc_0_lanes.values[lane]);
            };
            cj::i64 at = block;
            for (; at + cj::lane_count <= stop; at += cj::lane_count) {
                #pragma omp simd
                for (int lane = 0; lane < cj::lane_count; ++lane) element(at + lane, lane);
            }
            if (at < stop) {
                const int before = cj::lane_count - int(stop - at);
                const auto sum_acc_0_lanes_before = sum_acc_0_lanes;
                #pragma omp simd
                for (int lane = 0; lane < cj::lane_count; ++lane) element(stop - cj::lane_count + lane, lane);
                for (int lane = 0; lane < cj::lane_count; ++lane) sum_acc_0_lanes.values[lane] = cj::select(lane < before, sum_acc_0_lanes_before.values[lane], sum_acc_0_lanes.values[lane]);
            }
            sum_acc_0.add(sum_acc_0_lanes.total());
        }
        sum_acc_0_parts[part] = sum_acc_0.total();
    }
}

extern "C" void fused_summand_reduce_sum_f32(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    cj::Sum<float>::Acc sum_acc_0_parts[1024];
    void* const with_parts[] = {buffers[0], buffers[1], sum_acc_0_parts};
    cj::share(fused_summand_reduce_sum_f32_part, with_parts, sizes, 64, threads);
    const cj::i64 item = 0;
    cj::Tree<cj::Sum<float>> sum_acc_0;
    for (int k = 0; k < 64; ++k) sum_acc_0.add(sum_acc_0_parts[item * 64 + k]);
    const float sum_result_0 = sum_acc_0.total();
    y0[0] = sum_result_0;
}
