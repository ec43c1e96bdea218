#include "prelude.h"
#include "math.h"

extern "C" __global__ void fused_sub_f32(const float* CJ_RESTRICT x0, const float* CJ_RESTRICT x1, float* CJ_RESTRICT y0, int n0, int n1, int n2, int n3, int n4) {
    __shared__ float tile_0[32][33];
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    const int per_row = (n0 + 31) / 32, per_column = (n1 + 31) / 32;
    for (int tile = int(blockIdx.x); tile < n4 * per_column * per_row; tile += int(gridDim.x)) {
        const int left = tile % per_row * 32, top = tile / per_row % per_column * 32;
        const int i1 = tile / per_row / per_column;
        #pragma unroll
        for (int k = warp; k < warp + 32; k += 8) {
            const int i2 = left + k, i0 = top + lane;
            if (i2 < n0 && i0 < n1) {
                tile_0[i2 - left][i0 - top] = x0[n2 * i2 + n1 * i1 + i0];
            }
        }
        __syncthreads();
        #pragma unroll
        for (int k = warp; k < warp + 32; k += 8) {
            const int i2 = left + lane, i0 = top + k;
            if (i2 < n0 && i0 < n1) {
                const float sub_1 = tile_0[i2 - left][i0 - top] - x1[n3 * i0 + n0 * i1 + i2];  // programs.py:170
                y0[n3 * i0 + n0 * i1 + i2] = sub_1;
            }
        }
        __syncthreads();
    }
}
