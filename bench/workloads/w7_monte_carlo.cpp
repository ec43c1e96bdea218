// W7 by hand: Heston paths, LANES of them side by side in the vectors of a thread, threads over groups of lanes.
//
// A path's key, price and variance lie in registers from beginning to end. Keys and bits are those of JAX: Threefry-2x32
// with 20 rounds (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011), so that the paths are the same.
// With `greeks` a path carries its derivative by the volatility along; that by the strike needs the end alone.

#include <cmath>
#include <cstdint>
#include <cstring>

#define INLINE __attribute__((always_inline)) static inline  // hashes side by side do not wait for one another

constexpr int LANES = 16;  // one AVX-512 vector
constexpr int GROUPS = 2;  // independent ones, since a hash waits for itself all the time
constexpr float SPOT = 100, RATE = 0.02f, YEARS = 1, KAPPA = 2, THETA = 0.04f, XI = 0.3f, RHO = -0.7f;
constexpr float TRUNCATED = 1e-8f;

typedef float Vec __attribute__((vector_size(4 * LANES)));
typedef uint32_t Word __attribute__((vector_size(4 * LANES)));

static inline Vec max(Vec a, float b) { return a > b ? a : Vec{} + b; }

static inline Vec sqrt(Vec a) {
    for (int l = 0; l < LANES; l++) a[l] = std::sqrt(a[l]);
    return a;
}

static inline Vec log(Vec a) {
    for (int l = 0; l < LANES; l++) a[l] = std::log(a[l]);
    return a;
}

static inline Vec exp(Vec a) {
    for (int l = 0; l < LANES; l++) a[l] = std::exp(a[l]);
    return a;
}

struct Key {
    Word a, b;
};

template <int block>
INLINE void four_rounds(Word& x, Word& y, const Word (&keys)[3]) {
    constexpr int turns[2][4] = {{13, 15, 26, 6}, {17, 29, 16, 24}};
#pragma GCC unroll 4
    for (int turn : turns[block % 2]) x += y, y = ((y << turn) | (y >> (32 - turn))) ^ x;
    x += keys[(block + 1) % 3];
    y += keys[(block + 2) % 3] + uint32_t(block + 1);
}

INLINE Key hash(const Key& key, const Word& count) {
    const Word keys[3] = {key.a, key.b, key.a ^ key.b ^ 0x1BD11BDA};
    Word x = keys[0], y = keys[1] + count;
    four_rounds<0>(x, y, keys);
    four_rounds<1>(x, y, keys);
    four_rounds<2>(x, y, keys);
    four_rounds<3>(x, y, keys);
    four_rounds<4>(x, y, keys);
    return {x, y};
}

INLINE Key hash(const Key& key, uint32_t count) { return hash(key, Word{} + count); }

// M. Giles, Approximating the erfinv function, GPU Computing Gems 2, 2010; times the square root of 2.
INLINE Vec normal(const Key& key, uint32_t count) {
    const Key bits = hash(key, count);
    const Word one_to_two = ((bits.a ^ bits.b) >> 9) | 0x3f800000;
    Vec u;
    std::memcpy(&u, &one_to_two, sizeof u);
    u = max(2 * (u - 1) - 0.99999994f, -0.99999994f);
    const Vec w = -log((1 - u) * (1 + u));
    const Vec s = w - 2.5f, t = sqrt(w) - 3;
    const Vec near =
        1.50140941f + s * (0.246640727f + s * (-0.00417768164f + s * (-0.00125372503f + s * (0.000218580870f +
        s * (-4.39150654e-06f + s * (-3.5233877e-06f + s * (3.43273939e-07f + s * 2.81022636e-08f)))))));
    const Vec far =
        2.83297682f + t * (1.00167406f + t * (0.00943887047f + t * (-0.0076224613f + t * (0.00573950773f +
        t * (-0.00367342844f + t * (0.00134934322f + t * (0.000100950558f - t * 0.000200214257f)))))));
    return 1.41421356f * u * (w < 5 ? near : far);
}

struct Path {
    Key key;
    Vec x, v;    // logarithm of the price, and the variance
    Vec dx, dv;  // their derivatives by the volatility
};

template <bool greeks>
INLINE void advance(Path& p, float dt) {
    const Key subkey = hash(p.key, 1);
    p.key = hash(p.key, 0);
    const Vec z1 = normal(subkey, 0), z2 = normal(subkey, 1);
    const Vec mixed = RHO * z1 + std::sqrt(1 - RHO * RHO) * z2;
    const Vec positive = max(p.v, TRUNCATED), root = sqrt(positive * dt);
    if (greeks) {
        const Vec slope = p.v > TRUNCATED ? p.dv : Vec{}, of_root = (0.5f * dt) * slope / root;
        p.dx += of_root * z1 - (0.5f * dt) * slope;
        p.dv += (XI * of_root) * mixed - (KAPPA * dt) * slope;
    }
    p.x += (RATE - 0.5f * positive) * dt + root * z1;
    p.v += (KAPPA * dt) * (THETA - positive) + (XI * root) * mixed;
}

static inline Path start(const uint32_t* words, int64_t first, float vol) {
    Word count;
    for (int l = 0; l < LANES; l++) count[l] = uint32_t(first) + l;
    const Key key = hash(Key{Word{} + words[0], Word{} + words[1]}, count);
    return {key, Vec{}, Vec{} + vol * vol, Vec{}, Vec{} + 2 * vol};
}

// Sums over paths of the payoff, and of its derivatives by strike and volatility.
template <bool greeks>
static void run(const uint32_t* words, float strike, float vol, float* out, int64_t paths, int32_t steps) {
    const float dt = YEARS / steps, discount = std::exp(-RATE * YEARS);
    double price = 0, by_strike = 0, by_vol = 0;
#pragma omp parallel for schedule(static) reduction(+ : price, by_strike, by_vol)
    for (int64_t first = 0; first < paths; first += GROUPS * LANES) {
        Path p[GROUPS];
        for (int g = 0; g < GROUPS; g++) p[g] = start(words, first + g * LANES, vol);
        for (int i = 0; i < steps; i++) {
#pragma GCC unroll 2
            for (int g = 0; g < GROUPS; g++) advance<greeks>(p[g], dt);
        }
        for (int g = 0; g < GROUPS; g++) {
            const Vec end = SPOT * exp(p[g].x);
            for (int l = 0; l < LANES && first + g * LANES + l < paths; l++) {
                if (end[l] <= strike) continue;
                price += end[l] - strike;
                by_strike -= 1;
                by_vol += end[l] * p[g].dx[l];
            }
        }
    }
    const double sums[] = {price, by_strike, by_vol};
    for (int k = 0; k < 3; k++) out[k] = float(discount * sums[k] / paths);
}

extern "C" void price(const uint32_t* words, float strike, float vol, float* out, int64_t paths, int32_t steps) {
    run<false>(words, strike, vol, out, paths, steps);
}

extern "C" void greeks(const uint32_t* words, float strike, float vol, float* out, int64_t paths, int32_t steps) {
    run<true>(words, strike, vol, out, paths, steps);
}
