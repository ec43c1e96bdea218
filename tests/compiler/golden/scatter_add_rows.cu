#include "prelude.h"
#include "math.h"
#include "in_order.h"
#include "index.h"
#include "reduce.h"

extern "C" __global__ void fused_scatter_add_lt_add_select_n_f32_count(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int n0, int n1, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ int counts[cj::most_owners];
    lists.start_counting(counts);
    for (int update = lists.first() + int(threadIdx.x); update < lists.last(); update += int(blockDim.x)) {
        const int i0 = update;
        const cj::i32 load_1 = x0[i0];
        const bool lt_1 = load_1 < 0;  // programs.py:159
        const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
        const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
        const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1);
        if (inside_1) lists.count(counts, n1 * cj::to_index(select_n_1));
    }
    lists.keep(counts);
}

extern "C" __global__ void __launch_bounds__(1024) fused_scatter_add_lt_add_select_n_f32_offsets(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ int sums[32];
    lists.add_up(sums);
}

extern "C" __global__ void fused_scatter_add_lt_add_select_n_f32_list(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int n0, int n1, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ int next[cj::most_owners];
    lists.start_listing(next);
    int before = -1;
    for (int tile = lists.first(); tile < lists.last() + 32; tile += 32) {
        const int update = tile + int(threadIdx.x);
        int start = -1;
        if (update < lists.last()) {
            const int i0 = update;
            const cj::i32 load_1 = x0[i0];
            const bool lt_1 = load_1 < 0;  // programs.py:159
            const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
            const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
            const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1);
            if (inside_1) start = n1 * cj::to_index(select_n_1);
        }
        if (tile > lists.first()) lists.add(next, before, update - 32);
        before = start;
    }
}

extern "C" __global__ void fused_scatter_add_lt_add_select_n_f32(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int n0, int warps, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ cj::Round<float, int> rows;
    const int begin = lists.begin(blockIdx.x), end = lists.end(blockIdx.x);
    const int lane = int(threadIdx.x % cj::warp_lanes), width = int(blockDim.x) / warps;
    for (int first = int(blockIdx.y) * width; first < n0; first += int(gridDim.y) * width) {
        const int own = first + int(threadIdx.x / cj::warp_lanes) / warps * 32 + lane;
        const int column = own < n0 ? own : n0 - 1;
        const int i1 = column;
        cj::Relay<cj::Sum<float>, float, float, int> relay(rows, lists.entries, begin, end, warps, y0 + i1, own < n0);
        for (; relay.goes_on(); relay.next()) {
            float values[cj::round_entries<float>];
            if (relay.asks()) {
                #pragma unroll
                for (int k = 0; k < cj::round_entries<float>; ++k) {
                    const int update = relay.update(k);
                    const int i0 = update;
                    values[k] = x1[n0 * i0 + i1];
                }
            }
            relay.enter(values);
        }
        relay.leave();
    }
}
