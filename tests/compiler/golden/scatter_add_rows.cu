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

extern "C" __global__ void fused_scatter_add_lt_add_select_n_f32_offsets(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ int sums[32];
    lists.add_up(sums);
}

extern "C" __global__ void fused_scatter_add_lt_add_select_n_f32_list(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int n0, int n1, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    __shared__ int next[cj::most_owners];
    lists.start_listing(next);
    for (int tile = lists.first(); tile < lists.last(); tile += 32) {
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
        lists.add(next, start, update);
    }
}

extern "C" __global__ void fused_scatter_add_lt_add_select_n_f32(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, char* CJ_RESTRICT memory, int n0, int owners, int chunks, int updates, int spacing) {
    const cj::Lists<int> lists(memory, owners, chunks, updates, spacing);
    const int end = lists.end(blockIdx.x);
    for (int column = int(blockIdx.y) * int(blockDim.x) + int(threadIdx.x); column < n0; column += int(gridDim.y) * int(blockDim.x)) {
        const int i1 = column;
        cj::Run<cj::Sum<float>, float, float, int> run(y0 + i1);
        for (int k = lists.begin(blockIdx.x); k < end; k += cj::read_ahead) {
            int starts[cj::read_ahead];
            float values[cj::read_ahead];
            #pragma unroll
            for (int ahead = 0; ahead < cj::read_ahead; ++ahead) {
                const cj::Entry<int> entry = lists.entries[k + ahead < end ? k + ahead : end - 1];
                const int i0 = entry.update;
                starts[ahead] = entry.start;
                values[ahead] = x1[n0 * i0 + i1];
            }
            #pragma unroll
            for (int ahead = 0; ahead < cj::read_ahead; ++ahead)
                if (k + ahead < end) run.enter(starts[ahead], values[ahead]);
        }
        run.leave();
    }
}
