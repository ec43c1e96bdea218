// W11 by hand: matrices of three rows by their cofactors, and tridiagonal systems by elimination, LANES of them side by
// side in vectors.

#include <cstdint>

constexpr int LANES = 16;  // one AVX-512 vector
constexpr int LONGEST = 256;  // rows of a tridiagonal matrix

typedef float Vec __attribute__((vector_size(4 * LANES)));

// `width` numbers of each of the matrices or vectors from `first` on, side by side.
template <int width>
static inline void load(const float* x, int64_t first, int64_t count, Vec (&found)[width]) {
    for (int l = 0; l < LANES; l++) {
        const int64_t k = first + l < count ? first + l : count - 1;
        for (int i = 0; i < width; i++) found[i][l] = x[width * k + i];
    }
}

template <int width>
static inline void store(float* out, int64_t first, int64_t count, const Vec (&x)[width]) {
    for (int l = 0; l < LANES && first + l < count; l++)
        for (int i = 0; i < width; i++) out[width * (first + l) + i] = x[i][l];
}

static inline void invert(const Vec (&a)[9], Vec (&out)[9]) {
    const Vec c0 = a[4] * a[8] - a[5] * a[7], c1 = a[5] * a[6] - a[3] * a[8], c2 = a[3] * a[7] - a[4] * a[6];
    const Vec scale = 1 / (a[0] * c0 + a[1] * c1 + a[2] * c2);
    out[0] = c0 * scale, out[1] = (a[2] * a[7] - a[1] * a[8]) * scale, out[2] = (a[1] * a[5] - a[2] * a[4]) * scale;
    out[3] = c1 * scale, out[4] = (a[0] * a[8] - a[2] * a[6]) * scale, out[5] = (a[2] * a[3] - a[0] * a[5]) * scale;
    out[6] = c2 * scale, out[7] = (a[1] * a[6] - a[0] * a[7]) * scale, out[8] = (a[0] * a[4] - a[1] * a[3]) * scale;
}

extern "C" void inverses(const float* a_of, float* out, int64_t count) {
#pragma omp parallel for schedule(static)
    for (int64_t first = 0; first < count; first += LANES) {
        Vec a[9], x[9];
        load(a_of, first, count, a);
        invert(a, x);
        store(out, first, count, x);
    }
}

extern "C" void solves(const float* a_of, const float* b_of, float* out, int64_t count) {
#pragma omp parallel for schedule(static)
    for (int64_t first = 0; first < count; first += LANES) {
        Vec a[9], inverse[9], b[3], x[3];
        load(a_of, first, count, a);
        load(b_of, first, count, b);
        invert(a, inverse);
        for (int i = 0; i < 3; i++) x[i] = inverse[3 * i] * b[0] + inverse[3 * i + 1] * b[1] + inverse[3 * i + 2] * b[2];
        store(out, first, count, x);
    }
}

// Without pivoting, as the matrices are diagonally dominant.
extern "C" void tridiagonal(
    const float* lower, const float* diagonal, const float* upper, const float* b, float* out, int64_t count, int64_t n
) {
#pragma omp parallel for schedule(static)
    for (int64_t first = 0; first < count; first += LANES) {
        const int lanes = first + LANES <= count ? LANES : int(count - first);
        float ratios[LONGEST][LANES], xs[LONGEST][LANES], ratio[LANES] = {}, x[LANES] = {};
        for (int64_t i = 0; i < n; i++) {
#pragma omp simd
            for (int l = 0; l < lanes; l++) {
                const int64_t at = (first + l) * n + i;
                const float scale = 1 / (diagonal[at] - lower[at] * ratio[l]);
                x[l] = xs[i][l] = (b[at] - lower[at] * x[l]) * scale;
                ratio[l] = ratios[i][l] = upper[at] * scale;
            }
        }
        for (int l = 0; l < lanes; l++) x[l] = 0;
        for (int64_t i = n - 1; i >= 0; i--) {
#pragma omp simd
            for (int l = 0; l < lanes; l++) out[(first + l) * n + i] = x[l] = xs[i][l] - ratios[i][l] * x[l];
        }
    }
}
