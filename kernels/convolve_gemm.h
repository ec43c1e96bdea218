// Convolution of many products on a device: an implicit matrix product, of tiles that pass through shared memory.
//
// With a place m = (n, p) of the result, a feature o and a depth k = (c, t) of channel and tap, for each group:
//
//     out[m, o] = sum over k of x[start(m) + offset(k)] * w[k, o]          start and offset: sums of strides
//
// Nobody lays out the matrix x[start(m) + offset(k)].  A block of threads has a tile of PLACES x FEATURES sums, of
// which each thread keeps ROWS x COLUMNS in registers.  Depth is gone through in steps of 8: the threads bring that
// much of both factors into shared memory, converted to the type of the sums and with zeros where the window meets
// padding, gaps or the end of an axis; while they multiply, the loads of the next step are under way.  There are two
// copies in shared memory, so one barrier for each step is enough.
//
// A step of depth is one tap of every axis but the last, and (channels, taps of the last axis) = (8, 1), (4, 2), (2, 4)
// or (1, 8): the caller takes that of which most is of use (`channel_bits`).  So a step has one offset in x for each
// channel, neighbouring steps read neighbouring elements of x, which are still in the first cache, and a gradient in
// the filter with few numbers in the batch, whose taps are all places of the cotangent, wastes nothing.
//
// Cost.  In a step a thread of the large tile (128 x 128, 8 x 8 for each of 256 threads) makes 512 fused products and
// sums, with 32 loads of 16 bytes from shared memory, 8 from global memory and about 60 integer operations for the
// latter: so about 80 percent of what it issues are products, and shared memory delivers just enough for them.  From
// this we expect 55 to 70 percent of the peak without tensor cores: 37 to 47 TFLOP/s of float32 on an H100, half of
// that of float64. What tensor cores do with 16-bit floats, ten times as much, is left to cuDNN: matrix instructions
// could not be proved on a host.  None of this has been measured on a GPU yet.
//
// Shared memory: 16 * (PLACES + FEATURES + 8) sums; for the large tile 17 kB of float32, 26 kB of float64 and
// complex64, 35 kB of complex128.  A thread takes at most 128 registers, so that two blocks of 256 threads run on a
// multiprocessor; of 64-bit integers and complex128 it takes more, which leaves one block of the large tile.
//
// Each sum is made by one thread, in an order that shapes alone decide: equal inputs give equal bits.  Where there are
// too few tiles for a device, depth is cut into slices, each a block's, and `add_slices` adds up their sums in order.
// Products of floats are fused with the sum: float32 means float32.
//
// Start reading at `sum_tile`.

#pragma once

#include "complex.h"
#include "convolve_blocks.h"
#include "half.h"

#if CJ_DEVICE

namespace cj {

constexpr int GEMM_DEPTH = 8;  // products of a sum in one step
constexpr int GEMM_PAD = 4;    // keeps the lanes of a warp that store other depths out of one another's banks

// PLACES, FEATURES: of a block.  ROWS, COLUMNS: of a thread, places and features.
template <int places, int features, int rows, int columns> struct GemmTile {
    static constexpr int PLACES = places, FEATURES = features, ROWS = rows, COLUMNS = columns;
    static constexpr int THREADS = PLACES * FEATURES / (ROWS * COLUMNS);
    static_assert(THREADS % 32 == 0 && ROWS % 4 == 0 && COLUMNS % 4 == 0, "a warp is 4 x 8 threads of 4 x 4 sums");
};

// How a factor is brought in.  ALONG_ROWS: neighbouring threads read neighbouring places or features, which are
// neighbours in memory.  ALONG_DEPTH: neighbouring channels, or taps.  PACKS: channels, four of them in one load.
enum Reading { ALONG_ROWS, ALONG_DEPTH, PACKS };

// What tells the caller's choices.  A step has 2**channel_bits channels, a slice `steps` steps; of the axes of places
// the batch is the fastest, or the slowest.  slice_size: elements from the sums of one slice to those of the next.
struct GemmOrder {
    i64 channel_bits, steps, batch_is_fastest, slice_size;
};

// ---- sums -------------------------------------------------------------------------------------------------

// Integers wrap, whatever their width: their sums are modulo 2**32 or 2**64.
template <class T> struct gemm_sum { using type = T; };
template <> struct gemm_sum<i8> { using type = u32; };
template <> struct gemm_sum<u8> { using type = u32; };
template <> struct gemm_sum<i16> { using type = u32; };
template <> struct gemm_sum<u16> { using type = u32; };
template <> struct gemm_sum<i32> { using type = u32; };
template <> struct gemm_sum<i64> { using type = u64; };
template <class T> using GemmSum = typename gemm_sum<T>::type;

template <class T> CJ_FN T multiply_add(T a, T b, T sum) {
    if constexpr (is_integer<T>) return a * b + sum;
    else return fma(a, b, sum);
}
template <class T> CJ_FN complex<T> multiply_add(complex<T> a, complex<T> b, complex<T> sum) {
    return {fma(-a.im, b.im, fma(a.re, b.re, sum.re)), fma(a.im, b.re, fma(a.re, b.im, sum.im))};
}

// An element as a factor of sums of type T, such as u32 for those of int8.
template <class T, class In> CJ_FN GemmSum<T> factor_of(In x) { return GemmSum<T>(convert<T>(x)); }

// ---- places, features, depth ------------------------------------------------------------------------------

CJ_FN i32 count_places(const Convolution& c) { return i32(c.batch * c.places[0] * c.places[1] * c.places[2]); }

struct Place {
    i32 n, p[3];
};

CJ_FN Place place_of(const Convolution& c, const GemmOrder& order, i32 m) {
    Place place;
    if (order.batch_is_fastest) {
        place.n = m % i32(c.batch);
        m /= i32(c.batch);
    }
#pragma unroll
    for (int a = 2; a >= 0; --a) {
        place.p[a] = m % i32(c.places[a]);
        m /= i32(c.places[a]);
    }
    if (!order.batch_is_fastest) place.n = m;
    return place;
}

CJ_FN i64 result_at(const Convolution& c, const GemmOrder& order, i32 m) {
    const Place place = place_of(c, order, m);
    return place.n * c.out[0] + place.p[0] * c.out[1] + place.p[1] * c.out[2] + place.p[2] * c.out[3];
}

// A place or a feature: where its elements begin, and of a place the coordinates of its window in x.
struct GemmRow {
    i64 start;
    i32 at[3];
    bool is_there;
};

CJ_FN GemmRow place_row(const Convolution& c, const GemmOrder& order, i32 m) {
    GemmRow row;
    row.is_there = m < count_places(c);
    const Place place = place_of(c, order, m);
    row.start = place.n * c.x[0];
#pragma unroll
    for (int a = 0; a < 3; ++a) row.at[a] = place.p[a] * i32(c.stride[a]) - i32(c.low[a]);
    return row;
}

CJ_FN GemmRow feature_row(const Convolution& c, i32 o) { return {o * c.w_feature, {0, 0, 0}, o < c.features}; }

// Where a step begins: its first channel and tap.
struct GemmStep {
    i32 channel, tap[3];
};

CJ_FN i32 taps_in_step(const GemmOrder& order) { return GEMM_DEPTH >> i32(order.channel_bits); }

CJ_FN i32 last_taps(const Convolution& c, const GemmOrder& order) {
    return (i32(c.taps[2]) + taps_in_step(order) - 1) / taps_in_step(order);
}

CJ_FN i32 count_steps(const Convolution& c, const GemmOrder& order) {
    const i32 channels = i32(ceil_div(c.channels, i64(1) << order.channel_bits));
    return channels * i32(c.taps[0] * c.taps[1]) * last_taps(c, order);
}

// Steps run through the taps of the last axis first, then of the others, then through channels.
CJ_FN GemmStep step_of(const Convolution& c, const GemmOrder& order, i32 number) {
    const i32 last = last_taps(c, order), middle = i32(c.taps[1]), first = i32(c.taps[0]);
    return {(number / (last * middle * first)) << i32(order.channel_bits),
            {number / (last * middle) % first, number / last % middle, number % last * taps_in_step(order)}};
}

CJ_FN void advance(const Convolution& c, const GemmOrder& order, GemmStep& step) {
    step.tap[2] += taps_in_step(order);
    if (step.tap[2] < i32(c.taps[2])) return;
    step.tap[2] = 0;
    if (++step.tap[1] < i32(c.taps[1])) return;
    step.tap[1] = 0;
    if (++step.tap[0] < i32(c.taps[0])) return;
    step.tap[0] = 0;
    step.channel += 1 << i32(order.channel_bits);
}

// The element of x along one axis of space that the window at `at` meets, in `offset`; whether there is one.
template <bool has_gaps> CJ_FN bool meets(const Convolution& c, int axis, i32 at, i64& offset) {
    i32 index = at;
    if constexpr (has_gaps) {
        const i32 gap = i32(c.gap[axis]);
        index = at / gap;
        if (index * gap != at) return false;
    }
    offset += index * c.x[2 + axis];
    return at >= 0 && index < i32(c.lengths[axis]);
}

// ---- factors ----------------------------------------------------------------------------------------------

// What a thread brings in of one factor: COUNT depths that follow one another, of one row.
template <class Tile, int LENGTH, Reading reading> struct Share {
    static constexpr int COUNT = LENGTH * GEMM_DEPTH / Tile::THREADS, PARTS = GEMM_DEPTH / COUNT;
    static constexpr int PACK = reading == PACKS ? 4 : 1;
    static_assert(COUNT * PARTS == GEMM_DEPTH && COUNT % PACK == 0, "threads share a step without rest");

    static CJ_FN int row() { return reading == ALONG_ROWS ? threadIdx.x % LENGTH : threadIdx.x / PARTS; }
    static CJ_FN int depth() { return (reading == ALONG_ROWS ? threadIdx.x / LENGTH : threadIdx.x % PARTS) * COUNT; }
};

template <class In, int count> struct alignas(count * sizeof(In) < 16 ? count * sizeof(In) : 16) GemmPack {
    In at[count];
};

// COUNT elements from depth `first` of a step on, zeros where there are none.  `find(channel, tap, offset)` says
// whether there is one, and where.
template <int PACK, int COUNT, class In, class Find>
CJ_FN void bring(const GemmOrder& order, const GemmStep& step, int first, const In* CJ_RESTRICT from,
                 In (&found)[COUNT], Find find) {
#pragma unroll
    for (int i = 0; i < COUNT; i += PACK) {
        const i32 k = first + i, bits = i32(order.channel_bits);
        i64 offset;
        GemmPack<In, PACK> pack = {};
        if (find(step.channel + (k & ((1 << bits) - 1)), step.tap[2] + (k >> bits), offset))
            pack = *reinterpret_cast<const GemmPack<In, PACK>*>(from + offset);
#pragma unroll
        for (int j = 0; j < PACK; ++j) found[i + j] = pack.at[j];
    }
}

template <bool has_gaps, int PACK, int COUNT, class In>
CJ_FN void bring_x(const Convolution& c, const GemmOrder& order, const GemmStep& step, const GemmRow& row, int first,
                   const In* CJ_RESTRICT x, In (&found)[COUNT]) {
    i64 start = row.start;
    const bool is_there = row.is_there & meets<has_gaps>(c, 0, row.at[0] + step.tap[0] * i32(c.step[0]), start) &
                          meets<has_gaps>(c, 1, row.at[1] + step.tap[1] * i32(c.step[1]), start);
    bring<PACK>(order, step, first, x, found, [&](i32 channel, i32 tap, i64& offset) {
        offset = start + channel * c.x[1];
        return is_there & (channel < i32(c.channels)) & (tap < i32(c.taps[2])) &
               meets<has_gaps>(c, 2, row.at[2] + tap * i32(c.step[2]), offset);
    });
}

template <int PACK, int COUNT, class In>
CJ_FN void bring_w(const Convolution& c, const GemmOrder& order, const GemmStep& step, const GemmRow& row, int first,
                   const In* CJ_RESTRICT w, In (&found)[COUNT]) {
    const i64 start = row.start + step.tap[0] * c.w[1] + step.tap[1] * c.w[2];
    bring<PACK>(order, step, first, w, found, [&](i32 channel, i32 tap, i64& offset) {
        offset = start + channel * c.w[0] + tap * c.w[3];
        return row.is_there & (channel < i32(c.channels)) & (tap < i32(c.taps[2]));
    });
}

// ---- tiles ------------------------------------------------------------------------------------------------

template <class T, class Tile> struct GemmMemory {
    alignas(16) T x[2][GEMM_DEPTH][Tile::PLACES + GEMM_PAD];
    alignas(16) T w[2][GEMM_DEPTH][Tile::FEATURES + GEMM_PAD];
};

// The rows and columns of a thread are four neighbours each, or twice four, half a tile apart: so a warp of 4 x 8
// threads reads 64 or 128 bytes of neighbours at a time.
template <class Tile> struct Seat {
    int row, column;  // the first

    static CJ_FN Seat mine() {
        constexpr int across = Tile::FEATURES / Tile::COLUMNS, warps = across < 8 ? 1 : across / 8;
        constexpr int wide = across < 8 ? across : 8, high = 32 / wide;
        const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
        return {(warp / warps * high + lane / wide) * 4, (warp % warps * wide + lane % wide) * 4};
    }

    static CJ_FN int nth_row(int i) { return i / 4 * (Tile::PLACES * 4 / Tile::ROWS) + i % 4; }
    static CJ_FN int nth_column(int j) { return j / 4 * (Tile::FEATURES * 4 / Tile::COLUMNS) + j % 4; }
};

template <class T, class Tile>
CJ_FN void multiply_step(const GemmMemory<T, Tile>& memory, int copy, Seat<Tile> seat,
                         T (&sums)[Tile::ROWS][Tile::COLUMNS]) {
#pragma unroll (sizeof(T) > 4 ? 1 : 2)  // more would take more registers than there are
    for (int k = 0; k < GEMM_DEPTH; ++k) {
        T a[Tile::ROWS], b[Tile::COLUMNS];
#pragma unroll
        for (int i = 0; i < Tile::ROWS; ++i) a[i] = memory.x[copy][k][seat.row + Seat<Tile>::nth_row(i)];
#pragma unroll
        for (int j = 0; j < Tile::COLUMNS; ++j) b[j] = memory.w[copy][k][seat.column + Seat<Tile>::nth_column(j)];
#pragma unroll
        for (int i = 0; i < Tile::ROWS; ++i)
#pragma unroll
            for (int j = 0; j < Tile::COLUMNS; ++j) sums[i][j] = multiply_add(a[i], b[j], sums[i][j]);
    }
}

// Adds the products of the steps `first` to `end` - 1.  x and w begin at the group's first elements.
template <class T, class Tile, Reading of_x, Reading of_w, bool has_gaps, class In>
CJ_FN void sum_tile(const Convolution& c, const GemmOrder& order, const In* CJ_RESTRICT x, const In* CJ_RESTRICT w,
                    i32 place, i32 feature, i32 first, i32 end, GemmSum<T> (&sums)[Tile::ROWS][Tile::COLUMNS]) {
    using OfX = Share<Tile, Tile::PLACES, of_x>;
    using OfW = Share<Tile, Tile::FEATURES, of_w>;
    __shared__ GemmMemory<GemmSum<T>, Tile> memory;
    const int x_row = OfX::row(), x_depth = OfX::depth(), w_row = OfW::row(), w_depth = OfW::depth();
    const GemmRow of_place = place_row(c, order, place + x_row), of_feature = feature_row(c, feature + w_row);
    const Seat<Tile> seat = Seat<Tile>::mine();
    GemmStep step = step_of(c, order, first);
    In from_x[OfX::COUNT], from_w[OfW::COUNT];
    bring_x<has_gaps, OfX::PACK>(c, order, step, of_place, x_depth, x, from_x);
    bring_w<OfW::PACK>(c, order, step, of_feature, w_depth, w, from_w);
    int copy = 0;
#pragma unroll 1
    for (i32 number = first; number < end; ++number, copy ^= 1) {
#pragma unroll
        for (int i = 0; i < OfX::COUNT; ++i) memory.x[copy][x_depth + i][x_row] = factor_of<T>(from_x[i]);
#pragma unroll
        for (int i = 0; i < OfW::COUNT; ++i) memory.w[copy][w_depth + i][w_row] = factor_of<T>(from_w[i]);
        __syncthreads();
        if (number + 1 < end) {
            advance(c, order, step);
            bring_x<has_gaps, OfX::PACK>(c, order, step, of_place, x_depth, x, from_x);
            bring_w<OfW::PACK>(c, order, step, of_feature, w_depth, w, from_w);
        }
        multiply_step<GemmSum<T>, Tile>(memory, copy, seat, sums);
    }
}

// ---- kernels ----------------------------------------------------------------------------------------------

// Blocks: along x the tiles of places, of all groups; along y those of features, of all slices.
template <class T, class Tile, Reading of_x, Reading of_w, bool has_gaps, class In, class Out>
CJ_FN void convolve_gemm(const Convolution& c, const GemmOrder& order, const In* CJ_RESTRICT x,
                         const In* CJ_RESTRICT w, Out* CJ_RESTRICT out) {
    const i32 count = count_places(c), features = i32(c.features);
    const i32 across = (count + Tile::PLACES - 1) / Tile::PLACES;
    const i32 down = (features + Tile::FEATURES - 1) / Tile::FEATURES;
    const i32 group = i32(blockIdx.x) / across, place = i32(blockIdx.x) % across * Tile::PLACES;
    const i32 slice = i32(blockIdx.y) / down, feature = i32(blockIdx.y) % down * Tile::FEATURES;
    const i32 first = slice * i32(order.steps), end = min(first + i32(order.steps), count_steps(c, order));
    GemmSum<T> sums[Tile::ROWS][Tile::COLUMNS] = {};
    sum_tile<T, Tile, of_x, of_w, has_gaps>(c, order, x + group * c.x_group, w + c.w_start + group * c.w_group, place,
                                            feature, first, end, sums);
    out += c.out_start + slice * order.slice_size + group * c.out_group;
    const Seat<Tile> seat = Seat<Tile>::mine();
#pragma unroll
    for (int i = 0; i < Tile::ROWS; ++i) {
        const i32 m = place + seat.row + Seat<Tile>::nth_row(i);
        if (m >= count) continue;
        Out* to = out + result_at(c, order, m);
#pragma unroll
        for (int j = 0; j < Tile::COLUMNS; ++j) {
            const i32 o = feature + seat.column + Seat<Tile>::nth_column(j);
            if (o < features) to[o * c.out_feature] = convert<Out>(T(sums[i][j]));
        }
    }
}

// The sums of all slices, in order, an element for each thread; `sums` is (slices, groups, places, features).
template <class T, class Out>
CJ_FN void add_slices(const Convolution& c, const GemmOrder& order, i64 slices, const T* CJ_RESTRICT sums,
                      Out* CJ_RESTRICT out) {
    const i64 i = i64(blockIdx.x) * blockDim.x + threadIdx.x;
    if (i >= order.slice_size) return;
    GemmSum<T> sum = GemmSum<T>(sums[i]);
    for (i64 slice = 1; slice < slices; ++slice) sum = sum + GemmSum<T>(sums[slice * order.slice_size + i]);
    const i32 count = count_places(c);
    const i64 row = i / c.features;
    out += c.out_start + row / count * c.out_group + i % c.features * c.out_feature;
    out[result_at(c, order, i32(row % count))] = convert<Out>(T(sum));
}

}  // namespace cj

#endif  // CJ_DEVICE
