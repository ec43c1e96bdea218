#include "prelude.h"
#include "math.h"

extern "C" __global__ void fused_reduce_sum_mul_neg_3_more_f32(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n4, int n5, int n6, int n7, int n8, int n9, int n10, int n11, int n12, int n13, int n14, int n15, int n16) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n7; item += threads) {
        int rest = item;
        const int i2 = rest % n1;
        rest /= n1;
        const int i1 = rest;
        const bool inside_1 = i1 >= n0;
        const float reduce_sum_1 = x0[n1 * i1 + i2 + n1];  // programs.py:51
        const float mul_1 = 0.5f * reduce_sum_1;
        const float reduce_sum_2 = x0[n1 * i1 + i2 + n2];
        const float mul_2 = 0.5f * reduce_sum_2;
        const float add_1 = x1[n1 * i1 + i2] + x1[n1 * i1 + i2 + (i2 >= n3 ? -n1 : 0) + n4];  // programs.py:50
        float chosen_1;
        if (inside_1) {
            const float reduce_sum_3 = x0[n1 * i1 + i2 - n5];  // programs.py:51
            const float mul_3 = 0.5f * reduce_sum_3;
            const float neg_1 = -mul_3;
            const float add_any_1 = reduce_sum_3 + neg_1;
            const float add_2 = add_1 + x1[n1 * i1 + i2 + n2];  // programs.py:50
            const float div_1 = cj::div(add_2, 3.0f);
            const float mul_4 = div_1 * mul_2;  // programs.py:51
            const float add_any_2 = mul_4 + mul_4;
            const float add_any_3 = add_any_2 + mul_1;
            const float add_any_4 = add_any_3 + mul_3;
            const float div_2 = cj::div(add_any_4, 3.0f);  // programs.py:50
            const float add_any_5 = add_any_1 + div_2;
            chosen_1 = add_any_5;
        } else {
            const float neg_2 = -mul_1;  // programs.py:51
            const float add_any_6 = reduce_sum_1 + neg_2;
            const float add_3 = add_1 + x1[n1 * i1 + i2 + n6];  // programs.py:50
            const float div_3 = cj::div(add_3, 3.0f);
            const float reduce_sum_4 = x0[n1 * i1 + i2 + n6];  // programs.py:51
            const float mul_5 = 0.5f * reduce_sum_4;
            const float mul_6 = div_3 * mul_5;
            const float add_any_7 = mul_6 + mul_6;
            const float add_any_8 = add_any_7 + mul_2;
            const float add_any_9 = add_any_8 + mul_1;
            const float div_4 = cj::div(add_any_9, 3.0f);  // programs.py:50
            const float add_any_10 = add_any_6 + div_4;
            chosen_1 = add_any_10;
        }
        y0[n1 * i1 + i2] = chosen_1;
        float chosen_2;
        if (inside_1) {
            const bool inside_2 = i2 >= 1;
            const float load_1 = x1[n1 * i1 + i2 + n7];
            float chosen_3;
            if (inside_2) {
                const float reduce_sum_5 = x0[n1 * i1 + i2 + n3];  // programs.py:51
                const float mul_7 = 0.5f * reduce_sum_5;
                const float neg_3 = -mul_7;
                const float add_any_11 = reduce_sum_5 + neg_3;
                const float add_4 = x1[n1 * i1 + i2 - 1] + load_1;  // programs.py:50
                const float add_5 = add_4 + x1[n1 * i1 + i2 + n8];
                const float div_5 = cj::div(add_5, 3.0f);
                const float reduce_sum_6 = x0[n1 * i1 + i2 + n8];  // programs.py:51
                const float mul_8 = 0.5f * reduce_sum_6;
                const float mul_9 = div_5 * mul_8;
                const float add_any_12 = mul_9 + mul_9;
                const float add_any_13 = add_any_12 + mul_7;
                const float reduce_sum_7 = x0[n1 * i1 + i2 - n9];
                const float mul_10 = 0.5f * reduce_sum_7;
                const float add_any_14 = add_any_13 + mul_10;
                const float div_6 = cj::div(add_any_14, 3.0f);  // programs.py:50
                const float add_any_15 = add_any_11 + div_6;
                chosen_3 = add_any_15;
            } else {
                const float reduce_sum_8 = x0[n1 * i1 + i2 + n10];  // programs.py:51
                const float mul_11 = 0.5f * reduce_sum_8;
                const float neg_4 = -mul_11;
                const float add_any_16 = reduce_sum_8 + neg_4;
                const float add_6 = x1[n1 * i1 + i2 + n3] + load_1;  // programs.py:50
                const float add_7 = add_6 + x1[n1 * i1 + i2 + n11];
                const float div_7 = cj::div(add_7, 3.0f);
                const float reduce_sum_9 = x0[n1 * i1 + i2 + n11];  // programs.py:51
                const float mul_12 = 0.5f * reduce_sum_9;
                const float mul_13 = div_7 * mul_12;
                const float add_any_17 = mul_13 + mul_13;
                const float add_any_18 = add_any_17 + mul_11;
                const float reduce_sum_10 = x0[n1 * i1 + i2 - n12];
                const float mul_14 = 0.5f * reduce_sum_10;
                const float add_any_19 = add_any_18 + mul_14;
                const float div_8 = cj::div(add_any_19, 3.0f);  // programs.py:50
                const float add_any_20 = add_any_16 + div_8;
                chosen_3 = add_any_20;
            }
            chosen_2 = chosen_3;
        } else {
            const bool inside_3 = i2 >= 1;
            const float load_2 = x1[n1 * i1 + i2 + n7];
            float chosen_4;
            if (inside_3) {
                const float reduce_sum_11 = x0[n1 * i1 + i2 + n8];  // programs.py:51
                const float mul_15 = 0.5f * reduce_sum_11;
                const float neg_5 = -mul_15;
                const float add_any_21 = reduce_sum_11 + neg_5;
                const float add_8 = x1[n1 * i1 + i2 - 1] + load_2;  // programs.py:50
                const float add_9 = add_8 + x1[n1 * i1 + i2 + n13];
                const float div_9 = cj::div(add_9, 3.0f);
                const float reduce_sum_12 = x0[n1 * i1 + i2 + n13];  // programs.py:51
                const float mul_16 = 0.5f * reduce_sum_12;
                const float mul_17 = div_9 * mul_16;
                const float add_any_22 = mul_17 + mul_17;
                const float add_any_23 = add_any_22 + mul_15;
                const float reduce_sum_13 = x0[n1 * i1 + i2 + n3];
                const float mul_18 = 0.5f * reduce_sum_13;
                const float add_any_24 = add_any_23 + mul_18;
                const float div_10 = cj::div(add_any_24, 3.0f);  // programs.py:50
                const float add_any_25 = add_any_21 + div_10;
                chosen_4 = add_any_25;
            } else {
                const float reduce_sum_14 = x0[n1 * i1 + i2 + n11];  // programs.py:51
                const float mul_19 = 0.5f * reduce_sum_14;
                const float neg_6 = -mul_19;
                const float add_any_26 = reduce_sum_14 + neg_6;
                const float add_10 = x1[n1 * i1 + i2 + n3] + load_2;  // programs.py:50
                const float add_11 = add_10 + x1[n1 * i1 + i2 + n14];
                const float div_11 = cj::div(add_11, 3.0f);
                const float reduce_sum_15 = x0[n1 * i1 + i2 + n14];  // programs.py:51
                const float mul_20 = 0.5f * reduce_sum_15;
                const float mul_21 = div_11 * mul_20;
                const float add_any_27 = mul_21 + mul_21;
                const float add_any_28 = add_any_27 + mul_19;
                const float reduce_sum_16 = x0[n1 * i1 + i2 + n10];
                const float mul_22 = 0.5f * reduce_sum_16;
                const float add_any_29 = add_any_28 + mul_22;
                const float div_12 = cj::div(add_any_29, 3.0f);  // programs.py:50
                const float add_any_30 = add_any_26 + div_12;
                chosen_4 = add_any_30;
            }
            chosen_2 = chosen_4;
        }
        y0[n1 * i1 + i2 + n7] = chosen_2;
        const float reduce_sum_17 = x0[n1 * i1 + i2 + n15];  // programs.py:51
        const float mul_23 = 0.5f * reduce_sum_17;
        const float neg_7 = -mul_23;
        const float add_any_31 = reduce_sum_17 + neg_7;
        const float add_12 = x1[n1 * i1 + i2 + (i1 >= 1 ? -n7 : 0) + n5] + x1[n1 * i1 + i2 + (i1 >= 1 ? -n7 : 0) + (i2 >= n3 ? -n1 : 0) + n16];  // programs.py:50
        const float add_13 = add_12 + x1[n1 * i1 + i2 + n15];
        const float div_13 = cj::div(add_13, 3.0f);
        const float mul_24 = div_13 * mul_23;  // programs.py:51
        const float add_any_32 = mul_24 + mul_24;
        const float reduce_sum_18 = x0[n1 * i1 + i2 + n7];
        const float mul_25 = 0.5f * reduce_sum_18;
        const float add_any_33 = add_any_32 + mul_25;
        const float reduce_sum_19 = x0[n1 * i1 + i2];
        const float mul_26 = 0.5f * reduce_sum_19;
        const float add_any_34 = add_any_33 + mul_26;
        const float div_14 = cj::div(add_any_34, 3.0f);  // programs.py:50
        const float add_any_35 = add_any_31 + div_14;
        y0[n1 * i1 + i2 + n15] = add_any_35;
    }
}
