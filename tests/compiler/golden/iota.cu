#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_convert_add_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1, int n0_magic, int n0_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n1; item += threads) {
        int rest = item;
        const int i1 = cj::take_last(rest, n0, n0_magic, n0_shift);
        const int i0 = rest;
        const float convert_element_type_1 = cj::convert<float>(cj::i32(i1));  // programs.py:133
        const float add_1 = x0[n0 * i0 + i1] + convert_element_type_1;
        y0[n0 * i0 + i1] = add_1;
    }
}
