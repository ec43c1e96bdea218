#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" void fused_scatter_add_lt_add_select_n_f32(void* const* buffers, const long long* sizes, int threads) {
    const cj::i32* CJ_RESTRICT x0 = static_cast<const cj::i32*>(buffers[0]);
    const float* CJ_RESTRICT x1 = static_cast<const float*>(buffers[1]);
    float* CJ_RESTRICT y0 = static_cast<float*>(buffers[2]);
    const cj::i64 n0 = sizes[0];
    const cj::i64 n1 = sizes[1];
    const cj::i64 n2 = sizes[2];
    const cj::i64 n3 = sizes[3];
    const cj::i64 tiles = cj::clamp_index(n0 / 1024, cj::i64(1), cj::i64(threads));
    const cj::i64 ranges = threads / tiles, tile = (n0 / 16 / tiles + 1) * 16;
    #pragma omp parallel for num_threads(threads) if (threads > 1)
    for (cj::i64 part = 0; part < ranges * tiles; ++part) {
        const cj::i64 low = part / tiles * n1 / ranges, high = (part / tiles + 1) * n1 / ranges;
        const cj::i64 begin = part % tiles * tile, end = cj::min(begin + tile, n0);
        for (cj::i64 i0 = 0; i0 < n3; ++i0) {
            const cj::i32 load_1 = x0[i0];
            const bool lt_1 = load_1 < 0;  // programs.py:106
            const cj::i32 add_1 = cj::wrap(load_1) + cj::wrap(37);
            const cj::i32 select_n_1 = cj::select(lt_1, add_1, load_1);
            const bool inside_1 = cj::to_index(select_n_1) >= 0 && n2 >= cj::to_index(select_n_1);
            const cj::i64 start = n0 * cj::to_index(select_n_1);
            if (inside_1 && low <= start && start < high) {
                #pragma omp simd
                for (cj::i64 i1 = begin; i1 < end; ++i1) {
                    y0[n0 * cj::to_index(select_n_1) + i1] += x1[n0 * i0 + i1];
                }
            }
        }
    }
}
