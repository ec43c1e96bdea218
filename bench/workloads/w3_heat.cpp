// W3 by hand: steps of the stencil from one buffer to the other and back, the rows of a step dealt out to threads.

#include <cstdint>
#include <utility>

constexpr float DIFFUSION = 0.2f;

static inline float next(float here, float above, float below, float left, float right) {
    return here + DIFFUSION * (above + below + left + right - 4 * here);
}

static void row(const float* above, const float* here, const float* below, float* out, int64_t side) {
    out[0] = next(here[0], above[0], below[0], here[side - 1], here[1]);
    out[side - 1] = next(here[side - 1], above[side - 1], below[side - 1], here[side - 2], here[0]);
#pragma omp simd
    for (int64_t j = 1; j < side - 1; j++) out[j] = next(here[j], above[j], below[j], here[j - 1], here[j + 1]);
}

// `steps` of them on u, which is overwritten, as is `other`; the result lies in u after an even number of steps.
extern "C" void heat(float* u, float* other, int64_t side, int32_t steps) {
#pragma omp parallel firstprivate(u, other)
    for (int32_t step = 0; step < steps; step++) {
#pragma omp for schedule(static)
        for (int64_t i = 0; i < side; i++) {
            const int64_t above = i ? i - 1 : side - 1, below = i + 1 < side ? i + 1 : 0;
            row(u + above * side, u + i * side, u + below * side, other + i * side, side);
        }
        std::swap(u, other);
    }
}
