#include "prelude.h"
#include "math.h"
#include "blocks.h"
#include "reduce.h"
#include "threads.h"

static void fused_reduce_sum_div_sub_summand_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    for (cj::i64 item = from; item < to; ++item) {
        const cj::i64 i0 = item;
        cj::Tree<cj::Sum<float>> sum_acc_0;
        for (cj::i64 block = 0; block < n0; block += cj::block_length) {
            cj::Lanes<cj::Sum<float>> sum_acc_0_lanes;
            const cj::i64 stop = block + cj::block_length < n0 ? block + cj::block_length : n0;
            const auto element = [&](cj::i64 i1, int lane) __attribute__((always_inline)) {
                sum_acc_0_lanes.values[lane] = sum_acc_0_lanes.values[lane] + x0[n0 * i0 + i1];
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
        const float sum_result_0 = sum_acc_0.total();
        cj::Tree<cj::Sum<float>> sum_acc_1;
        for (cj::i64 block = 0; block < n0; block += cj::block_length) {
            cj::Lanes<cj::Sum<float>> sum_acc_1_lanes;
            const cj::i64 stop = block + cj::block_length < n0 ? block + cj::block_length : n0;
            const auto element = [&](cj::i64 i1, int lane) __attribute__((always_inline)) {
                const float div_1 = cj::div(sum_result_0, 153.0f);  // programs.py:151
                const float sub_1 = x0[n0 * i0 + i1] - div_1;
                sum_acc_1_lanes.values[lane] = cj::fma(sub_1, sub_1, sum_acc_1_lanes.values[lane]);
            };
            cj::i64 at = block;
            for (; at + cj::lane_count <= stop; at += cj::lane_count) {
                #pragma omp simd
                for (int lane = 0; lane < cj::lane_count; ++lane) element(at + lane, lane);
            }
            if (at < stop) {
                const int before = cj::lane_count - int(stop - at);
                const auto sum_acc_1_lanes_before = sum_acc_1_lanes;
                #pragma omp simd
                for (int lane = 0; lane < cj::lane_count; ++lane) element(stop - cj::lane_count + lane, lane);
                for (int lane = 0; lane < cj::lane_count; ++lane) sum_acc_1_lanes.values[lane] = cj::select(lane < before, sum_acc_1_lanes_before.values[lane], sum_acc_1_lanes.values[lane]);
            }
            sum_acc_1.add(sum_acc_1_lanes.total());
        }
        const float sum_result_1 = sum_acc_1.total();
        const float div_2 = cj::div(sum_result_1, 153.0f);  // programs.py:151
        y0[i0] = div_2;
    }
}

extern "C" void fused_reduce_sum_div_sub_summand_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n1 = sizes[1];
    cj::share(fused_reduce_sum_div_sub_summand_f32_part, buffers, sizes, n1, threads);
}
