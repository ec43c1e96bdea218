// Convolutions on the host, against sums written out: random geometries, every kind of vector, many blocks of depth.

#include "convolve.h"

#include "check.h"

#if !CJ_DEVICE

#include <cstdlib>
#include <vector>

namespace cj {

static u32 state = 1;

static i64 random_between(i64 low, i64 high) {  // both included
    state = state * 1664525u + 1013904223u;
    return low + i64(state >> 8) % (high - low + 1);
}

// One of random size, NCHW by OIHW, or with channels last by HWIO.
static Convolution random_convolution(i64 most_features, i64 most_taps, i64 most_length, i64 most_rows,
                                      bool channels_last) {
    Convolution c{};
    c.groups = random_between(1, 2), c.batch = random_between(1, 3), c.channels = random_between(1, 5);
    c.features = random_between(1, most_features);
    i64 x_space = 1, taps = 1, places = 1;
    for (int a = 0; a < 3; ++a) {
        c.taps[a] = random_between(1, a == 2 ? most_taps : 3);
        c.lengths[a] = random_between(1, a == 2 ? most_length : a == 1 ? most_rows : 5);
        c.stride[a] = random_between(1, 4) == 1 ? 2 : 1, c.step[a] = random_between(1, 4) == 1 ? 2 : 1;
        c.gap[a] = random_between(1, 4) == 1 ? 3 : 1, c.low[a] = random_between(-1, 3);
        const i64 wide = (c.lengths[a] - 1) * c.gap[a] + 1 + c.low[a] + random_between(-1, 3);
        const i64 left = wide - (c.taps[a] - 1) * c.step[a] - 1;
        c.places[a] = left < 0 ? 0 : left / c.stride[a] + 1;
        x_space *= c.lengths[a], taps *= c.taps[a], places *= c.places[a];
    }
    const i64 channels = c.groups * c.channels, features = c.groups * c.features;
    const i64 x = channels_last ? channels : 1, w = channels_last ? c.channels * features : 1,
              out = channels_last ? features : 1;
    c.x[1] = channels_last ? 1 : x_space, c.x[0] = channels * x_space, c.x_group = c.channels * c.x[1];
    c.w_feature = channels_last ? 1 : c.channels * taps, c.w[0] = channels_last ? features : taps;
    c.w_group = c.features * c.w_feature;
    c.out_feature = channels_last ? 1 : places, c.out[0] = features * places, c.out_group = c.features * c.out_feature;
    i64 x_stride = x, w_stride = w, out_stride = out;
    for (int a = 2; a >= 0; --a) {
        c.x[2 + a] = x_stride, c.w[1 + a] = w_stride, c.out[1 + a] = out_stride;
        x_stride *= c.lengths[a], w_stride *= c.taps[a], out_stride *= c.places[a];
    }
    return c;
}

// The element of x that place `p` meets with tap `t` along axis `a`, -1 where it is padding or a gap.
static i64 met(const Convolution& c, int a, i64 p, i64 t) {
    const i64 j = p * c.stride[a] + t * c.step[a] - c.low[a];
    return j < 0 || j % c.gap[a] || j / c.gap[a] >= c.lengths[a] ? -1 : j / c.gap[a];
}

template <class T>
static T element(const Convolution& c, const T* x, const T* w, i64 n, const i64* p) {
    T sum = 0;
    for (i64 ch = 0; ch < c.channels; ++ch)
        for (i64 t0 = 0; t0 < c.taps[0]; ++t0)
            for (i64 t1 = 0; t1 < c.taps[1]; ++t1)
                for (i64 t2 = 0; t2 < c.taps[2]; ++t2) {
                    const i64 i = met(c, 0, p[0], t0), j = met(c, 1, p[1], t1), k = met(c, 2, p[2], t2);
                    if (i < 0 || j < 0 || k < 0) continue;
                    sum += x[n * c.x[0] + ch * c.x[1] + i * c.x[2] + j * c.x[3] + k * c.x[4]] *
                           w[ch * c.w[0] + t0 * c.w[1] + t1 * c.w[2] + t2 * c.w[3]];
                }
    return sum;
}

// Small whole numbers, so that sums are exact in every order.
template <class T> static std::vector<T> numbers(i64 count) {
    std::vector<T> x(count);
    for (T& value : x) value = T(random_between(-3, 3));
    return x;
}

template <class T> static bool is_right(const Convolution& c, const std::vector<T>& x, const std::vector<T>& w,
                                        const std::vector<T>& out) {
    for (i64 g = 0; g < c.groups; ++g)
        for (i64 n = 0; n < c.batch; ++n)
            for (i64 o = 0; o < c.features; ++o)
                for (i64 p0 = 0; p0 < c.places[0]; ++p0)
                    for (i64 p1 = 0; p1 < c.places[1]; ++p1)
                        for (i64 p2 = 0; p2 < c.places[2]; ++p2) {
                            const i64 p[3] = {p0, p1, p2};
                            const T sum = element(c, &x[g * c.x_group], &w[g * c.w_group + o * c.w_feature], n, p);
                            if (sum != out[g * c.out_group + n * c.out[0] + o * c.out_feature + p0 * c.out[1] +
                                           p1 * c.out[2] + p2 * c.out[3]])
                                return false;
                        }
    return true;
}

// Convolves with memory that is just as large as asked for.
template <class T> static Blocks run_one(const Convolution& c, i64 threads) {
    const i64 places = c.places[0] * c.places[1] * c.places[2];
    const std::vector<T> x = numbers<T>(c.batch * c.x[0]);
    const std::vector<T> w = numbers<T>(c.groups * c.features * c.channels * c.taps[0] * c.taps[1] * c.taps[2]);
    std::vector<T> out(c.groups * c.batch * c.features * places, T(77));
    const Blocks blocks = blocks_of<T>(c, threads);
    long long sizes[CONVOLUTION_SIZES + BLOCKS_SIZES];
    copy_bytes<sizeof c>(sizes, &c);
    copy_bytes<sizeof blocks>(sizes + CONVOLUTION_SIZES, &blocks);
    void* scratch = std::malloc(blocks.shared + blocks.bytes * threads);
    void* buffers[4] = {const_cast<T*>(x.data()), const_cast<T*>(w.data()), out.data(), scratch};
    convolve<T, T, T>(buffers, sizes, int(threads));
    std::free(scratch);
    CHECK(is_right(c, x, w, out));
    CHECK(blocks.bytes < 3 << 19);
    return blocks;
}

struct Seen {
    int by_features, by_places, by_depth, in_runs, in_parts;
};

template <class T>
static Seen run_many(i64 most_features, i64 most_taps, i64 most_length, int count, i64 most_rows = 5) {
    Seen seen{};
    for (int i = 0; i < count; ++i) {
        const Convolution c = random_convolution(most_features, most_taps, most_length, most_rows, i % 2);
        if (c.places[0] * c.places[1] * c.places[2] == 0) continue;
        const Blocks blocks = run_one<T>(c, 1 + i % 3);
        seen.by_features += blocks.lanes == OF_FEATURES, seen.by_places += blocks.lanes == OF_PLACES;
        seen.by_depth += blocks.lanes == OF_DEPTH, seen.in_runs += blocks.tile_runs > 1;
        seen.in_parts += blocks.parts > 1;
    }
    return seen;
}

template <class T> constexpr bool FEW_LANES = LANES<T> <= 4;  // most of them are always of use

TEST(many_features) { CHECK(run_many<float>(70, 3, 12, 40).by_features > 0); }
TEST(many_features_of_doubles) { CHECK(run_many<double>(40, 3, 12, 40).by_features > 0); }
TEST(many_features_of_integers) { CHECK(run_many<i32>(70, 3, 12, 40).by_features > 0); }
TEST(few_features) { CHECK(run_many<float>(3, 4, 150, 30).by_places > 0 || FEW_LANES<float>); }
TEST(few_features_of_doubles) { CHECK(run_many<double>(2, 4, 90, 30).by_places > 0 || FEW_LANES<double>); }
TEST(rows_of_one_feature) { CHECK(run_many<float>(1, 4, 150, 30, 40).in_runs > 0 || FEW_LANES<float>); }
TEST(rows_of_two_features) { CHECK(run_many<double>(2, 4, 90, 30, 40).in_runs > 0 || FEW_LANES<double>); }
TEST(kernels_as_long_as_the_input) { CHECK(run_many<float>(2, 150, 152, 30).by_depth > 0 || FEW_LANES<float>); }
TEST(kernels_as_long_as_the_input_of_doubles) {
    CHECK(run_many<double>(2, 150, 152, 30).by_depth > 0 || FEW_LANES<double>);
}

// A box holds a part of the taps along the last axis, so that the sums of several parts are added up.
TEST(sums_in_parts) {
    for (i64 threads = 1; threads < 4; ++threads) {
        Convolution c{};
        c.groups = 2, c.batch = 1, c.channels = 2, c.features = 1;
        for (int a = 0; a < 3; ++a) c.lengths[a] = c.taps[a] = c.places[a] = c.stride[a] = c.step[a] = c.gap[a] = 1;
        c.lengths[2] = 100000, c.taps[2] = 99998, c.places[2] = 3;
        c.x[0] = 400000, c.x[1] = 100000, c.x[4] = 1, c.x_group = 200000;
        c.w[0] = 99998, c.w[3] = 1, c.w_group = c.w_feature = 2 * 99998;
        c.out[0] = 6, c.out_feature = c.out_group = 3, c.out[3] = 1;
        CHECK(run_one<double>(c, threads).parts > 1 || FEW_LANES<double>);
    }
}

}  // namespace cj

#else

TEST(nothing_on_devices) {}

#endif

RUN_TESTS()
