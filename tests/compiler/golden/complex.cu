#include "prelude.h"
#include "math.h"
#include "complex.h"

extern "C" __global__ void fused_convert_mul_exp_c64(const float* CJ_RESTRICT x0, cj::c64* CJ_RESTRICT y0, int n0) {
    const int thread = int(blockIdx.x) * int(blockDim.x) + int(threadIdx.x);
    const int threads = int(gridDim.x) * int(blockDim.x);
    for (int item = thread; item < n0; item += threads) {
        const int i1 = item;
        const cj::c64 convert_element_type_1 = cj::convert<cj::c64>(x0[i1]);  // programs.py:124
        const cj::c64 mul_1 = cj::c64(0.0f, 1.0f) * convert_element_type_1;
        const cj::c64 exp_1 = cj::exp(mul_1);
        const cj::c64 mul_2 = exp_1 * cj::c64(2.0f, (-1.0f));
        y0[i1] = mul_2;
    }
}
