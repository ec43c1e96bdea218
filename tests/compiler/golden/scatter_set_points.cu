#include "prelude.h"
#include "math.h"
#include "in_order.h"
#include "index.h"
#include "reduce.h"

extern "C" __global__ void fused_scatter_lt_add_4_more_f32_count(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int n0, int n1, int n2, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ int counts[cj::most_owners];
    lists.start_counting(counts);
    for (int update = lists.first() + int(threadIdx.x); update < lists.last(); update += int(blockDim.x)) {
        const int i0 = update;
        const cj::i32 load_1 = x0[i0];
        const bool lt_1 = load_1 < 0;  // programs.py:160
        const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
        const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
        const cj::i32 rem_1 = cj::rem(load_1, 53);
        const bool ne_1 = rem_1 != 0;
        const bool lt_2 = rem_1 < 0;
        const bool ne_2 = lt_2 != false;
        const bool and_1 = ne_1 & ne_2;
        const cj::i32 add_2 = cj::wrap(rem_1) + cj::wrap(53);
        const cj::i32 select_n_2 = cj::select(and_1, add_2, rem_1);
        const bool lt_3 = select_n_2 < 0;
        const cj::i32 add_3 = cj::wrap(select_n_2) + cj::wrap(53);
        const cj::i32 select_n_3 = cj::select(lt_3, add_3, select_n_2);
        const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1) && cj::to_index(select_n_3) >= 0 && n1 >= cj::to_index(select_n_3);
        if (inside_1) lists.count(counts, n2 * cj::to_index(select_n_1) + cj::to_index(select_n_3));
    }
    lists.keep(counts);
}

extern "C" __global__ void __launch_bounds__(1024) fused_scatter_lt_add_4_more_f32_offsets(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ int sums[32];
    lists.add_up(sums);
}

extern "C" __global__ void fused_scatter_lt_add_4_more_f32_list(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int n0, int n1, int n2, int owners, int chunks, int updates, int spacing) {
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
            const bool lt_1 = load_1 < 0;  // programs.py:160
            const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
            const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
            const cj::i32 rem_1 = cj::rem(load_1, 53);
            const bool ne_1 = rem_1 != 0;
            const bool lt_2 = rem_1 < 0;
            const bool ne_2 = lt_2 != false;
            const bool and_1 = ne_1 & ne_2;
            const cj::i32 add_2 = cj::wrap(rem_1) + cj::wrap(53);
            const cj::i32 select_n_2 = cj::select(and_1, add_2, rem_1);
            const bool lt_3 = select_n_2 < 0;
            const cj::i32 add_3 = cj::wrap(select_n_2) + cj::wrap(53);
            const cj::i32 select_n_3 = cj::select(lt_3, add_3, select_n_2);
            const bool inside_1 = cj::to_index(select_n_1) >= 0 && n0 >= cj::to_index(select_n_1) && cj::to_index(select_n_3) >= 0 && n1 >= cj::to_index(select_n_3);
            if (inside_1) start = n2 * cj::to_index(select_n_1) + cj::to_index(select_n_3);
        }
        if (tile > lists.first()) lists.add(next, before, update - 32);
        before = start;
    }
}

extern "C" __global__ void fused_scatter_lt_add_4_more_f32(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ cj::Turn<float, int> turn;
    const int end = lists.end(blockIdx.x);
    for (int tile = lists.begin(blockIdx.x); tile < end; tile += int(blockDim.x)) {
        const bool is_entry = tile + int(threadIdx.x) < end;
        const cj::Entry<int> entry = lists.entries[is_entry ? tile + int(threadIdx.x) : tile];
        const int i0 = entry.update;
        cj::enter_in_turn<cj::Last<float>>(turn, y0, is_entry ? entry.start : -1, x1[i0]);
    }
}
