#include "prelude.h"
#include "math.h"
#include "blocks.h"
#include "reduce.h"

template <bool full>
static void scan_mul_neg_fma_2_more_f32_lanes(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, float* CJ_RESTRICT y1, cj::i64 n0, cj::i64 n1, cj::i64 base, int count) {
    const int lanes = full ? 64 : count;
    const float load_1 = x1[0];
    float r1_0[64], r2_0[64], r3_0[64];
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        const float load_2 = x0[i0];
        r1_0[k] = load_2;
        r2_0[k] = 0.0f;
        r3_0[k] = 1.0f;
    }
    for (cj::i64 t4 = 0; t4 < n0; ++t4) {
        #pragma omp simd
        for (int k = 0; k < lanes; ++k) {
            const float mul_1 = load_1 * r1_0[k];  // programs.py:110
            const float neg_1 = -mul_1;
            const float fma_1 = cj::fma(neg_1, r1_0[k], r1_0[k]);
            const float mul_nonzero_1 = cj::mul_nonzero(load_1, r2_0[k]);
            const float add_any_1 = r1_0[k] + mul_nonzero_1;
            const float mul_nonzero_2 = cj::mul_nonzero(r1_0[k], add_any_1);
            const float mul_nonzero_3 = cj::mul_nonzero(mul_1, r2_0[k]);
            const float add_any_2 = mul_nonzero_2 + mul_nonzero_3;
            const float neg_2 = -add_any_2;
            const float add_any_3 = r2_0[k] + neg_2;
            const float mul_2 = load_1 * r3_0[k];
            const float mul_3 = mul_1 * r3_0[k];
            const float fma_2 = cj::fma(mul_2, r1_0[k], mul_3);
            const float neg_3 = -fma_2;
            const float add_any_4 = r3_0[k] + neg_3;
            r1_0[k] = fma_1;
            r2_0[k] = add_any_3;
            r3_0[k] = add_any_4;
        }
    }
    #pragma omp simd
    for (int k = 0; k < lanes; ++k) {
        const cj::i64 i0 = base + k;
        y0[i0] = r2_0[k];
        y1[i0] = r3_0[k];
    }
}

extern "C" void scan_mul_neg_fma_2_more_f32(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    float* CJ_RESTRICT y1 = static_cast<float*>(buffers[3]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    #pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)
    for (cj::i64 base = 0; base < n1; base += 64) {
        if (base + 64 <= n1) scan_mul_neg_fma_2_more_f32_lanes<true>(x0, x1, y0, y1, n0, n1, base, 64);
        else scan_mul_neg_fma_2_more_f32_lanes<false>(x0, x1, y0, y1, n0, n1, base, int(n1 - base));
    }
}

extern "C" void fused_reduce_sum_f32(void* const* buffers, const long long* sizes, int threads) {
    const float* CJ_RESTRICT x0 = static_cast<const float*>(buffers[0]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[1]);
    const cj::i64 n0 = sizes[0];
    cj::Tree<cj::Sum<float>> sum_acc_0;
    for (cj::i64 block = 0; block < n0; block += cj::block_length) {
        cj::Lanes<cj::Sum<float>> sum_acc_0_lanes;
        const cj::i64 stop = block + cj::block_length < n0 ? block + cj::block_length : n0;
        const auto element = [&](cj::i64 i0, int lane) __attribute__((always_inline)) {
            sum_acc_0_lanes.values[lane] = sum_acc_0_lanes.values[lane] + x0[i0];
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
    y0[0] = sum_result_0;
}
