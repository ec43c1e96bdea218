#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void copy_f32(const cj::i32* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, const float* CJ_RESTRICT x2, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n2_magic, int n2_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    const cj::i32 load_1 = x0[0];
    const cj::i64 place_1 = 0 >= cj::to_index(load_1) + 1 ? cj::to_index(load_1) + n0 : cj::to_index(load_1);
    const cj::i64 place_2 = 0 >= place_1 + 1 ? 0 : place_1;
    const int place_3 = place_2 >= n0 ? n1 : place_2;
    for (int item = thread; item < n3; item += threads) {
        int rest = item;
        const int i1 = cj::take_last(rest, n2, n2_magic, n2_shift);
        const int i0 = rest;
        const bool inside_1 = i0 >= place_3 && place_3 >= i0;
        float chosen_1;
        if (inside_1) {
            const float load_2 = x1[n2 * i0 - n2 * place_3 + i1];
            chosen_1 = load_2;
        } else {
            chosen_1 = x2[n2 * i0 + i1];
        }
        y0[n2 * i0 + i1] = chosen_1;
    }
}
