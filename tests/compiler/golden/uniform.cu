#include "prelude.h"
#include "math.h"
#include "index.h"
#include "threefry.h"

extern "C" __global__ void fused_random_wrap_random_bits_shift_right_logical_3_more_f32(const cj::u32* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    const cj::u32 load_1 = x0[0];
    const cj::u32 load_2 = x0[1];
    const cj::u64 random_wrap_1 = cj::random_wrap(load_1, load_2);  // programs.py:145
    for (int pack = thread; pack < n0 / 4; pack += threads) {
        cj::Pack<float> y0_pack;
        #pragma unroll
        for (int k = 0; k < 4; ++k) {
            const int i0 = pack * 4 + k;
            const cj::u32 random_bits_1 = cj::random_bits<32>(random_wrap_1, cj::u64(i0));  // programs.py:145
            const cj::u32 shift_right_logical_1 = cj::shift_right_logical(random_bits_1, 9u);
            const cj::u32 or_1 = shift_right_logical_1 | 1065353216u;
            const float bitcast_convert_type_1 = cj::bitcast<float>(or_1);
            const float sub_1 = bitcast_convert_type_1 - 1.0f;
            y0_pack.at[k] = sub_1;
        }
        cj::store_pack(y0 + pack * 4, y0_pack);
    }
    for (int i0 = n0 / 4 * 4 + thread; i0 < n0; i0 += threads) {
        const cj::u32 random_bits_2 = cj::random_bits<32>(random_wrap_1, cj::u64(i0));  // programs.py:145
        const cj::u32 shift_right_logical_2 = cj::shift_right_logical(random_bits_2, 9u);
        const cj::u32 or_2 = shift_right_logical_2 | 1065353216u;
        const float bitcast_convert_type_2 = cj::bitcast<float>(or_2);
        const float sub_2 = bitcast_convert_type_2 - 1.0f;
        y0[i0] = sub_2;
    }
}
