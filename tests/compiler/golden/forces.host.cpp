#include "prelude.h"
#include "math.h"
#include "blocks.h"
#include "reduce.h"
#include "threads.h"

static void fused_sub_summand_reduce_sum_4_more_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    for (cj::i64 item = from; item < to; ++item) {
        const cj::i64 i0 = item;
        cj::Tree<cj::Sum<float>> sum_acc_0;
        cj::Tree<cj::Sum<float>> sum_acc_1;
        cj::Tree<cj::Sum<float>> sum_acc_2;
        for (cj::i64 block = 0; block < n0; block += cj::block_length) {
            cj::Lanes<cj::Sum<float>> sum_acc_0_lanes;
            cj::Lanes<cj::Sum<float>> sum_acc_1_lanes;
            cj::Lanes<cj::Sum<float>> sum_acc_2_lanes;
            const cj::i64 stop = block + cj::block_length < n0 ? block + cj::block_length : n0;
            const auto element = [&](cj::i64 i1, int lane) __attribute__((always_inline)) {
                const float sub_1 = x0[3 * i1] - x0[3 * i0];  // programs.py:61
                const float sub_2 = x0[3 * i1 + 2] - x0[3 * i0 + 2];
                const float sub_3 = x0[3 * i1 + 1] - x0[3 * i0 + 1];
                const float summand_1 = sub_1 * sub_1;  // programs.py:62
                const float part_1 = cj::fma(sub_3, sub_3, summand_1);
                const float part_2 = cj::fma(sub_2, sub_2, part_1);
                const float reduce_sum_1 = part_2;
                const float add_1 = reduce_sum_1 + 0.01f;
                const float sqrt_1 = cj::sqrt(add_1);  // programs.py:63
                const float mul_1 = add_1 * sqrt_1;
                const float div_1 = cj::div(x1[i1], mul_1);
                sum_acc_0_lanes.values[lane] = cj::fma(sub_1, div_1, sum_acc_0_lanes.values[lane]);
                sum_acc_1_lanes.values[lane] = cj::fma(sub_3, div_1, sum_acc_1_lanes.values[lane]);
                sum_acc_2_lanes.values[lane] = cj::fma(sub_2, div_1, sum_acc_2_lanes.values[lane]);
            };
            cj::i64 at = block;
            for (; at + cj::lane_count <= stop; at += cj::lane_count) {
                #pragma omp simd
                for (int lane = 0; lane < cj::lane_count; ++lane) element(at + lane, lane);
            }
            if (at < stop) {
                const int before = cj::lane_count - int(stop - at);
                const auto sum_acc_0_lanes_before = sum_acc_0_lanes;
                const auto sum_acc_1_lanes_before = sum_acc_1_lanes;
                const auto sum_acc_2_lanes_before = sum_acc_2_lanes;
                #pragma omp simd
                for (int lane = 0; lane < cj::lane_count; ++lane) element(stop - cj::lane_count + lane, lane);
                for (int lane = 0; lane < cj::lane_count; ++lane) sum_acc_0_lanes.values[lane] = cj::select(lane < before, sum_acc_0_lanes_before.values[lane], sum_acc_0_lanes.values[lane]);
                for (int lane = 0; lane < cj::lane_count; ++lane) sum_acc_1_lanes.values[lane] = cj::select(lane < before, sum_acc_1_lanes_before.values[lane], sum_acc_1_lanes.values[lane]);
                for (int lane = 0; lane < cj::lane_count; ++lane) sum_acc_2_lanes.values[lane] = cj::select(lane < before, sum_acc_2_lanes_before.values[lane], sum_acc_2_lanes.values[lane]);
            }
            sum_acc_0.add(sum_acc_0_lanes.total());
            sum_acc_1.add(sum_acc_1_lanes.total());
            sum_acc_2.add(sum_acc_2_lanes.total());
        }
        const float sum_result_0 = sum_acc_0.total();
        const float sum_result_1 = sum_acc_1.total();
        const float sum_result_2 = sum_acc_2.total();
        y0[3 * i0] = sum_result_0;
        y0[3 * i0 + 1] = sum_result_1;
        y0[3 * i0 + 2] = sum_result_2;
    }
}

extern "C" void fused_sub_summand_reduce_sum_4_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i64 n0 = sizes[0];
    cj::share(fused_sub_summand_reduce_sum_4_more_f32_part, buffers, sizes, n0, threads);
}
