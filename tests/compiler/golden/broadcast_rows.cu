#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_mul_add_f32(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n1_magic, int n1_shift) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n2; item += threads) {
        int rest = item;
        const int pack = cj::take_last(rest, n1, n1_magic, n1_shift);
        const int i0 = rest;
        const int i1 = pack * 4;
        const cj::Pack<float> x0_pack_1 = cj::load_pack(x0 + (n0 * i0 + i1));
        const cj::Pack<float> x1_pack_2 = cj::load_pack(x1 + (i1));
        cj::Pack<float> y0_pack;
        const float mul_1 = x0_pack_1.at[0] * x1_pack_2.at[0];  // programs.py:180
        const float add_1 = mul_1 + x1_pack_2.at[0];
        y0_pack.at[0] = add_1;
        const float mul_2 = x0_pack_1.at[1] * x1_pack_2.at[1];
        const float add_2 = mul_2 + x1_pack_2.at[1];
        y0_pack.at[1] = add_2;
        const float mul_3 = x0_pack_1.at[2] * x1_pack_2.at[2];
        const float add_3 = mul_3 + x1_pack_2.at[2];
        y0_pack.at[2] = add_3;
        const float mul_4 = x0_pack_1.at[3] * x1_pack_2.at[3];
        const float add_4 = mul_4 + x1_pack_2.at[3];
        y0_pack.at[3] = add_4;
        cj::store_pack(y0 + (n0 * i0 + i1), y0_pack);
    }
}
