#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void copy_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n4, int n5, int n4_magic, int n4_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n5; item += threads) {
        int rest = item;
        const int i1 = cj::take_last(rest, n4, n4_magic, n4_shift);
        const int i0 = rest;
        const bool inside_1 = n0 * ((i0) / n0) >= i0 && i0 >= n0 && n1 >= i1;
        const float chosen_1 = inside_1 ? x0[n2 * ((i0) / n0) + i1 - n3] : 1.0f;
        y0[n4 * i0 + i1] = chosen_1;
    }
}
