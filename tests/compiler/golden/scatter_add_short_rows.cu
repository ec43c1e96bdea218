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
        const bool lt_1 = load_1 < 0;  // programs.py:162
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
            const bool lt_1 = load_1 < 0;  // programs.py:162
            const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
            const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
            const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1);
            if (inside_1) start = n1 * cj::to_index(select_n_1);
        }
        if (tile > lists.first()) lists.add(next, before, update - 32);
        before = start;
    }
}

extern "C" __global__ void fused_scatter_add_lt_add_select_n_f32(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int n0, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ cj::Turn<float, int> turn;
    const int end = lists.end(blockIdx.x);
    for (int tile = lists.begin(blockIdx.x); tile < end; tile += int(blockDim.x)) {
        const bool is_entry = tile + int(threadIdx.x) < end;
        const cj::Entry<int> entry = lists.entries[is_entry ? tile + int(threadIdx.x) : tile];
        const int i0 = entry.update;
        for (int i1 = 0; i1 < n0; ++i1) {
            cj::enter_in_turn<cj::Sum<float>>(turn, y0, is_entry ? entry.start + i1 : -1, x1[n0 * i0 + i1]);
        }
    }
}
