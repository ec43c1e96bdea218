#include "prelude.h"
#include "math.h"
#include "index.h"

extern "C" __global__ void fused_add_mul_sub_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n4, int n5, int n6, int n7, int n8, int n9, int n8_magic, int n8_shift) {
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    for (int tile = int(blockIdx.x); tile < n9; tile += int(gridDim.x)) {
        int rest = tile;
        const int left = cj::take_last(rest, n8, n8_magic, n8_shift);
        const int top = rest;
        const int i1 = (left * 32 + lane) * 4, i0 = top * 8 + warp;
        if (i1 < n0 && i0 < n7) {
            const cj::Pack<float> x0_pack_1 = cj::load_pack(x0 + (n0 * i0 + i1));
            const cj::Pack<float> x0_pack_2 = cj::load_pack(x0 + (n0 * i0 + i1 + (i0 >= 1 ? -n1 : 0) + n2));
            const cj::Pack<float> x0_pack_3 = cj::load_pack(x0 + (n0 * i0 + i1 + (i0 >= n3 ? -n1 : 0) + n0));
            cj::Pack<float> y0_pack;
            const float add_1 = x0_pack_2.at[0] + x0_pack_3.at[0];  // programs.py:31
            const float add_2 = add_1 + x0[n0 * i0 + i1 + (i1 >= 1 ? -n0 : 0) + n4];
            const float add_3 = add_2 + x0_pack_1.at[1];
            const float mul_1 = 4.0f * x0_pack_1.at[0];  // programs.py:32
            const float sub_1 = add_3 - mul_1;
            const float mul_2 = 0.1f * sub_1;
            const float add_4 = x0_pack_1.at[0] + mul_2;
            y0_pack.at[0] = add_4;
            const float add_5 = x0_pack_2.at[1] + x0_pack_3.at[1];  // programs.py:31
            const float add_6 = add_5 + x0_pack_1.at[0];
            const float add_7 = add_6 + x0_pack_1.at[2];
            const float mul_3 = 4.0f * x0_pack_1.at[1];  // programs.py:32
            const float sub_2 = add_7 - mul_3;
            const float mul_4 = 0.1f * sub_2;
            const float add_8 = x0_pack_1.at[1] + mul_4;
            y0_pack.at[1] = add_8;
            const float add_9 = x0_pack_2.at[2] + x0_pack_3.at[2];  // programs.py:31
            const float add_10 = add_9 + x0_pack_1.at[1];
            const float add_11 = add_10 + x0_pack_1.at[3];
            const float mul_5 = 4.0f * x0_pack_1.at[2];  // programs.py:32
            const float sub_3 = add_11 - mul_5;
            const float mul_6 = 0.1f * sub_3;
            const float add_12 = x0_pack_1.at[2] + mul_6;
            y0_pack.at[2] = add_12;
            const float add_13 = x0_pack_2.at[3] + x0_pack_3.at[3];  // programs.py:31
            const float add_14 = add_13 + x0_pack_1.at[2];
            const float add_15 = add_14 + x0[n0 * i0 + i1 + (i1 >= n5 ? -n0 : 0) + n6];
            const float mul_7 = 4.0f * x0_pack_1.at[3];  // programs.py:32
            const float sub_4 = add_15 - mul_7;
            const float mul_8 = 0.1f * sub_4;
            const float add_16 = x0_pack_1.at[3] + mul_8;
            y0_pack.at[3] = add_16;
            cj::store_pack(y0 + (n0 * i0 + i1), y0_pack);
        }
    }
}
