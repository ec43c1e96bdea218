// Convolution of many products on the host: an implicit matrix product whose sums stay in registers.
//
// With a place m = (n, p) of the result, a depth k = (c, t) of channel and tap, and a feature o of the result:
//
//     out[m, o] = sum over k of x[start(m) + offset(k)] * w[k, o]          start and offset: sums of strides
//
// Nobody lays out the matrix x[start(m) + offset(k)]: it is read where the input lies.  A thread takes a block of
// places, copies the part of the input that it meets (the *box*: padding, gaps and conversion are done here and nowhere
// else) into memory of its own that stays in its cache, and multiplies tile by tile.
//
//     lanes of features    a vector holds features of one place; elements of x are broadcast, weights are packed
//     lanes of places      a vector holds neighbouring places of one feature; weights are broadcast: for few features
//     lanes of depth       a vector holds neighbouring taps, and is summed up at the end: for few places and features
//
// Long sums are cut into blocks of depth, of which each has a box.  The gradient by the weights is such a convolution:
// its taps are as many as the places of the result were.  Equal inputs give equal bits on any number of threads.
//
// Scratch memory of a thread: `Blocks::bytes`, less than 1.5 MB whatever is convolved.  `convolve_blocks.h` chooses
// the blocks, `convolve_tile.h` multiplies.  Start reading at `convolve_block`.

#pragma once

#include "convolve_blocks.h"
#include "half.h"
#include "threads.h"

#if !CJ_DEVICE

namespace cj {

// ---- blocks -----------------------------------------------------------------------------------------------

// Part of the axes of a block: where it begins and how long it is.
struct Range {
    i64 first, count;
};

CJ_FN Range part_of(i64 number, i64 size, i64 whole) {
    const i64 first = number * size;
    return {first, least_of(size, whole - first)};
}

// A thread's memory, and where the axes of its box are: `pitch` elements apart.
template <class T> struct Bench {
    T *box, *packed, *sums;
    i32 *starts, *cols;
    i64 *results, pitch[5];
};

// Axes that are one in memory, on both sides, made one, so that the last is long.
CJ_FN void join_axes(i64* count, i64* from, i64* to) {
    for (int joins = 0; joins < 4; ++joins) {
        if (from[3] != count[4] * from[4] || to[3] != count[4] * to[4]) return;
        count[4] *= count[3];
        for (int i = 3; i > 0; --i) count[i] = count[i - 1], from[i] = from[i - 1], to[i] = to[i - 1];
        count[0] = 1;
    }
}

// Fills the box with what the places and depths of a block read: elements of x, and zeros.
template <class In, class T>
void fill_box(const Convolution& c, const Blocks& blocks, Bench<T>& bench, const In* x, const Range* places,
              const Range* depth) {
    i64 size[5] = {places[0].count, depth[0].count}, count[5], from[5], to[5], pitch = 1;
    const In* source = x + places[0].first * c.x[0] + depth[0].first * c.x[1];
    for (int a = 0; a < 3; ++a) size[2 + a] = box_length(c, a, places[1 + a].count, depth[1 + a].count);
    for (int i = 4; i >= 0; --i) {
        const i64 axis = blocks.order[i];
        bench.pitch[axis] = pitch;
        pitch *= size[axis];
    }
    T* target = bench.box;
    bool is_full = true;
    for (int i = 0; i < 5; ++i) {
        const int axis = int(blocks.order[i]);
        count[i] = size[axis], from[i] = c.x[axis], to[i] = bench.pitch[axis];
        if (axis < 2) continue;
        const int a = axis - 2;  // box place j holds element (begin + j) / gap of x, where that is a whole number
        const i64 begin = places[1 + a].first * c.stride[a] + depth[1 + a].first * c.step[a] - c.low[a];
        const i64 gap = c.gap[a], first = begin > 0 ? ceil_div(begin, gap) : 0;
        const i64 skipped = first * gap - begin;
        const i64 met = skipped < size[axis] ? (size[axis] - 1 - skipped) / gap + 1 : 0;
        count[i] = most_of(0, least_of(met, c.lengths[a] - first));
        is_full &= count[i] == size[axis];
        if (count[i] == 0) continue;
        source += first * from[i];
        target += skipped * to[i];
        to[i] *= gap;
    }
    if (!is_full)
        for (i64 i = 0; i < pitch; ++i) bench.box[i] = T(0);
    join_axes(count, from, to);
    for (i64 i0 = 0; i0 < count[0]; ++i0)
        for (i64 i1 = 0; i1 < count[1]; ++i1)
            for (i64 i2 = 0; i2 < count[2]; ++i2)
                for (i64 i3 = 0; i3 < count[3]; ++i3) {
                    const In* s = source + i0 * from[0] + i1 * from[1] + i2 * from[2] + i3 * from[3];
                    T* CJ_RESTRICT t = target + i0 * to[0] + i1 * to[1] + i2 * to[2] + i3 * to[3];
                    if (from[4] == 1 && to[4] == 1)
                        for (i64 i = 0; i < count[4]; ++i) t[i] = convert<T>(s[i]);
                    else
                        for (i64 i = 0; i < count[4]; ++i) t[i * to[4]] = convert<T>(s[i * from[4]]);
                }
}

// Where in the box the sums of each place begin, and where their results go; of a run along the last axis the first
// `listed` places.
template <class T> void list_places(const Convolution& c, Bench<T>& bench, const Range* places, i64 listed) {
    const i64 run = places[3].count, move = c.stride[2] * bench.pitch[4], pace = c.out[3];
    i32* CJ_RESTRICT starts = bench.starts;
    i64* CJ_RESTRICT results = bench.results;
    for (i64 n = 0; n < places[0].count; ++n)
        for (i64 p0 = 0; p0 < places[1].count; ++p0)
            for (i64 p1 = 0; p1 < places[2].count; ++p1, starts += run, results += run) {
                const i64 start = n * bench.pitch[0] + p0 * c.stride[0] * bench.pitch[2] +
                                  p1 * c.stride[1] * bench.pitch[3];
                const i64 result = (places[0].first + n) * c.out[0] + (places[1].first + p0) * c.out[1] +
                                   (places[2].first + p1) * c.out[2] + places[3].first * pace;
                for (i64 p2 = 0; p2 < listed; ++p2) starts[p2] = i32(start + p2 * move);
                for (i64 p2 = 0; p2 < listed; ++p2) results[p2] = result + p2 * pace;
            }
}

// Where each term of a sum is, from where the sum begins: taps and then channels, in the order of w.
template <class T> i64 list_depth(const Convolution& c, Bench<T>& bench, const Range* depth) {
    i32* CJ_RESTRICT cols = bench.cols;
    const i64 channels = depth[0].count, pitch = bench.pitch[1];
    for (i64 t0 = 0; t0 < depth[1].count; ++t0)
        for (i64 t1 = 0; t1 < depth[2].count; ++t1)
            for (i64 t2 = 0; t2 < depth[3].count; ++t2, cols += channels) {
                const i64 start = t0 * c.step[0] * bench.pitch[2] + t1 * c.step[1] * bench.pitch[3] +
                                  t2 * c.step[2] * bench.pitch[4];
                for (i64 ch = 0; ch < channels; ++ch) cols[ch] = i32(start + ch * pitch);
            }
    return cols - bench.cols;
}

// Weights `from` to `from + count` - 1 of a block of depth, as (count, width) for the features `first` and following,
// and zeros where there are none.
template <class In, class T>
void pack(const Convolution& c, Bench<T>& bench, const In* w, const Range* depth, i64 from, i64 count, Range features,
          i64 width) {
    const i64 present = least_of(width, features.count);
    i64 ch = from % depth[0].count, t = from / depth[0].count;
    i64 t2 = t % depth[3].count, t1 = t / depth[3].count % depth[2].count, t0 = t / (depth[3].count * depth[2].count);
    T* CJ_RESTRICT to = bench.packed;
    for (i64 k = 0; k < count; ++k, to += width) {
        const In* s = w + (depth[0].first + ch) * c.w[0] + (depth[1].first + t0) * c.w[1] +
                      (depth[2].first + t1) * c.w[2] + (depth[3].first + t2) * c.w[3] + features.first * c.w_feature;
        if (c.w_feature == 1)
            for (i64 o = 0; o < present; ++o) to[o] = convert<T>(s[o]);
        else
            for (i64 o = 0; o < present; ++o) to[o] = convert<T>(s[o * c.w_feature]);
        for (i64 o = present; o < width; ++o) to[o] = T(0);
        if (++ch < depth[0].count) continue;
        ch = 0;
        if (++t2 < depth[3].count) continue;
        t2 = 0;
        if (++t1 < depth[2].count) continue;
        t1 = 0, ++t0;
    }
}

// Adds the products of one block of depth to the sums: (panels of features, places in tiles, width).
template <class In, class T>
void add_by_features(const Convolution& c, const Blocks& blocks, Bench<T>& bench, const In* w, const Range* depth,
                     i64 terms, i64 places, Range features, bool add) {
    const i64 width = blocks.tile_vectors * LANES<T>, height = blocks.tile_rows;
    const i64 tiles = ceil_div(places, height);
    const i64 step = even_part(terms, PACKED_BYTES / (width * i64(sizeof(T))));
    Tile<T>* multiply = tile_of<T>(height, blocks.tile_vectors, false);
    T* sums = bench.sums;
    for (i64 o = 0; o < features.count; o += width, sums += tiles * height * width)
        for (i64 k = 0; k < terms; k += step) {
            const i64 count = least_of(step, terms - k);
            pack(c, bench, w, depth, k, count, {features.first + o, features.count - o}, width);
            for (i64 tile = 0; tile < tiles; ++tile) {
                const T* rows[MOST_ROWS];
                for (i64 i = 0; i < height; ++i)
                    rows[i] = bench.box + bench.starts[least_of(tile * height + i, places - 1)];
                multiply(rows, bench.cols + k, bench.packed, count, sums + tile * height * width, add || k > 0);
            }
        }
}

// The same as (groups of `tile_rows` features, runs of places along the last axis in tiles, features, width).
template <class In, class T>
void add_by_places(const Convolution& c, const Blocks& blocks, Bench<T>& bench, const In* w, const Range* depth,
                   i64 terms, i64 places, i64 run, Range features, bool add) {
    const i64 width = blocks.tile_vectors * LANES<T>, rows = blocks.tile_rows, size = rows * width;
    const i64 step = even_part(terms, PACKED_BYTES / (rows * i64(sizeof(T))));
    Tile<T>* multiply = tile_of<T>(rows, blocks.tile_vectors, true);
    T* sums = bench.sums;
    for (i64 o = 0; o < features.count; o += rows) {
        T* next = sums;
        for (i64 k = 0; k < terms; k += step) {
            const i64 count = least_of(step, terms - k);
            pack(c, bench, w, depth, k, count, {features.first + o, features.count - o}, rows);
            next = sums;
            for (i64 start = 0; start < places; start += run)
                for (i64 p = 0; p < run; p += width, next += size)
                    multiply(&bench.packed, bench.cols + k, bench.box + bench.starts[start] + p, count, next,
                             add || k > 0);
        }
        sums = next;
    }
}

// The same as (features, places in tiles, lanes).
template <class In, class T>
void add_by_depth(const Convolution& c, Bench<T>& bench, const In* w, const Range* depth, i64 places, Range features,
                  bool add) {
    constexpr i64 most = PACKED_BYTES / i64(sizeof(T)), size = TILE_ROWS * LANES<T>;
    const i64 tiles = ceil_div(places, TILE_ROWS);
    for (i64 o = 0; o < features.count; ++o)
        for (i64 ch = 0; ch < depth[0].count; ++ch)
            for (i64 t0 = 0; t0 < depth[1].count; ++t0)
                for (i64 t1 = 0; t1 < depth[2].count; ++t1)
                    for (i64 k = 0; k < depth[3].count; k += most) {
                        const i64 count = least_of(most, depth[3].count - k);
                        const In* from = w + (features.first + o) * c.w_feature + (depth[0].first + ch) * c.w[0] +
                                         (depth[1].first + t0) * c.w[1] + (depth[2].first + t1) * c.w[2] +
                                         depth[3].first + k;
                        for (i64 i = 0; i < count; ++i) bench.packed[i] = convert<T>(from[i]);
                        const T* box = bench.box + ch * bench.pitch[1] + t0 * c.step[0] * bench.pitch[2] +
                                       t1 * c.step[1] * bench.pitch[3] + k;
                        const bool is_first = ch == 0 && t0 == 0 && t1 == 0 && k == 0;
                        for (i64 tile = 0; tile < tiles; ++tile) {
                            const T* rows[TILE_ROWS];
                            for (i64 i = 0; i < TILE_ROWS; ++i)
                                rows[i] = box + bench.starts[least_of(tile * TILE_ROWS + i, places - 1)];
                            multiply_run(rows, bench.packed, count, bench.sums + (o * tiles + tile) * size,
                                         add || !is_first);
                        }
                    }
}

template <class T, class Out>
void write_by_depth(const Convolution& c, Bench<T>& bench, Out* out, i64 places, Range features) {
    const i64 tiles = ceil_div(places, TILE_ROWS);
    for (i64 o = 0; o < features.count; ++o)
        for (i64 m = 0; m < places; ++m) {
            const T* from = bench.sums + (o * tiles * TILE_ROWS + m) * LANES<T>;
            T sum = from[0];
            for (int i = 1; i < LANES<T>; ++i) sum += from[i];
            out[bench.results[m] + (features.first + o) * c.out_feature] = convert<Out>(sum);
        }
}

template <class T, class Out>
void write_by_features(const Convolution& c, const Blocks& blocks, Bench<T>& bench, Out* out, i64 places,
                       Range features) {
    const i64 width = blocks.tile_vectors * LANES<T>, height = blocks.tile_rows;
    const i64 tiles = ceil_div(places, height);
    const T* sums = bench.sums;
    for (i64 o = 0; o < features.count; o += width, sums += tiles * height * width)
        for (i64 m = 0; m < places; ++m) {
            Out* CJ_RESTRICT to = out + bench.results[m] + (features.first + o) * c.out_feature;
            const T* from = sums + m * width;
            const i64 count = least_of(width, features.count - o);
            if (c.out_feature == 1)
                for (i64 i = 0; i < count; ++i) to[i] = convert<Out>(from[i]);
            else
                for (i64 i = 0; i < count; ++i) to[i * c.out_feature] = convert<Out>(from[i]);
        }
}

template <class T, class Out>
void write_by_places(const Convolution& c, const Blocks& blocks, Bench<T>& bench, Out* out, i64 places, i64 run,
                     Range features) {
    const i64 width = blocks.tile_vectors * LANES<T>, rows = blocks.tile_rows;
    const T* sums = bench.sums;
    for (i64 o = 0; o < features.count; o += rows)
        for (i64 start = 0; start < places; start += run)
            for (i64 p = 0; p < run; p += width, sums += rows * width)
                for (i64 r = 0; r < least_of(rows, features.count - o); ++r) {
                    Out* CJ_RESTRICT to =
                        out + bench.results[start] + p * c.out[3] + (features.first + o + r) * c.out_feature;
                    const T* from = sums + r * width;
                    const i64 count = least_of(width, run - p);
                    if (c.out[3] == 1)
                        for (i64 i = 0; i < count; ++i) to[i] = convert<Out>(from[i]);
                    else
                        for (i64 i = 0; i < count; ++i) to[i * c.out[3]] = convert<Out>(from[i]);
                }
}

// One block of places and features, over all depth.
template <class In, class T, class Out>
void convolve_block(const Convolution& c, const Blocks& blocks, Bench<T>& bench, const In* x, const In* w, Out* out,
                    const Range* places, Range features) {
    const i64 count = places[0].count * places[1].count * places[2].count * places[3].count, run = places[3].count;
    bool add = false;
    for (i64 ch = 0; ch * blocks.depth[0] < c.channels; ++ch)
        for (i64 t0 = 0; t0 * blocks.depth[1] < c.taps[0]; ++t0)
            for (i64 t1 = 0; t1 * blocks.depth[2] < c.taps[1]; ++t1)
                for (i64 t2 = 0; t2 * blocks.depth[3] < c.taps[2]; ++t2, add = true) {
                    const Range depth[4] = {
                        part_of(ch, blocks.depth[0], c.channels), part_of(t0, blocks.depth[1], c.taps[0]),
                        part_of(t1, blocks.depth[2], c.taps[1]), part_of(t2, blocks.depth[3], c.taps[2])};
                    fill_box(c, blocks, bench, x, places, depth);
                    list_places(c, bench, places, blocks.lanes == OF_PLACES ? 1 : run);
                    if (blocks.lanes == OF_DEPTH) {
                        add_by_depth(c, bench, w, depth, count, features, add);
                        continue;
                    }
                    const i64 terms = list_depth(c, bench, depth);
                    if (blocks.lanes == OF_PLACES)
                        add_by_places(c, blocks, bench, w, depth, terms, count, run, features, add);
                    else
                        add_by_features(c, blocks, bench, w, depth, terms, count, features, add);
                }
    if (blocks.lanes == OF_DEPTH)
        write_by_depth(c, bench, out, count, features);
    else if (blocks.lanes == OF_PLACES)
        write_by_places(c, blocks, bench, out, count, run, features);
    else
        write_by_features(c, blocks, bench, out, count, features);
}

// ---- all of it --------------------------------------------------------------------------------------------

template <class T> Bench<T> bench_at(char* memory, const Blocks& blocks) {
    const i64 places = product_of(blocks.places);
    Bench<T> bench;
    bench.packed = reinterpret_cast<T*>(memory);
    bench.sums = bench.packed + PACKED_BYTES / sizeof(T);
    memory += in_lines(PACKED_BYTES + sums_of<T>(blocks) * sizeof(T));
    bench.box = reinterpret_cast<T*>(memory);
    memory += in_lines(blocks.box * sizeof(T));
    bench.results = reinterpret_cast<i64*>(memory);
    memory += in_lines(places * 8);
    bench.starts = reinterpret_cast<i32*>(memory);
    bench.cols = reinterpret_cast<i32*>(memory + in_lines(places * 4));
    return bench;
}

constexpr int CONVOLUTION_SIZES = sizeof(Convolution) / sizeof(i64), BLOCKS_SIZES = sizeof(Blocks) / sizeof(i64);

constexpr i64 COUNTER_BYTES = 64;  // of scratch memory, before the threads' parts

// buffers: x, w, out, scratch.  sizes: a Convolution, then Blocks.  Of pieces, features count fastest, groups slowest.
// Threads take one after the other from a common counter: where others use the processors too, none waits for a share.
template <class In, class T, class Out>
void convolve_part(void* const* buffers, const long long* sizes, i64 thread, i64) {
    Convolution c;
    Blocks blocks;
    copy_bytes<sizeof c>(&c, sizes);
    copy_bytes<sizeof blocks>(&blocks, sizes + CONVOLUTION_SIZES);
    char* scratch = static_cast<char*>(buffers[3]);
    Bench<T> bench = bench_at<T>(scratch + COUNTER_BYTES + thread * blocks.bytes, blocks);
    const i64 whole[4] = {c.batch, c.places[0], c.places[1], c.places[2]};
    const i64 panels = ceil_div(c.features, blocks.features);
    i64* next = reinterpret_cast<i64*>(scratch);
    for (i64 piece; (piece = __atomic_fetch_add(next, 1, __ATOMIC_RELAXED)) < blocks.pieces;) {
        const Range features = part_of(piece % panels, blocks.features, c.features);
        i64 rest = piece / panels;
        Range places[4];
        for (int a = 3; a >= 0; --a) {
            const i64 parts = ceil_div(whole[a], blocks.places[a]);
            places[a] = part_of(rest % parts, blocks.places[a], whole[a]);
            rest /= parts;
        }
        convolve_block(c, blocks, bench, static_cast<const In*>(buffers[0]) + rest * c.x_group,
                       static_cast<const In*>(buffers[1]) + c.w_start + rest * c.w_group,
                       static_cast<Out*>(buffers[2]) + c.out_start + rest * c.out_group, places, features);
    }
}

template <class In, class T, class Out>
void convolve(void* const* buffers, const long long* sizes, int threads) {
    Blocks blocks;
    copy_bytes<sizeof blocks>(&blocks, sizes + CONVOLUTION_SIZES);
    *static_cast<i64*>(buffers[3]) = 0;
    share(&convolve_part<In, T, Out>, buffers, sizes, least_of(threads, blocks.pieces), threads);
}

// buffers: where the Blocks for a Convolution, the sizes, and these threads are written.
template <class T> void plan_convolution(void* const* buffers, const long long* sizes, int threads) {
    Convolution c;
    copy_bytes<sizeof c>(&c, sizes);
    const Blocks blocks = blocks_of<T>(c, threads);
    copy_bytes<sizeof blocks>(buffers[0], &blocks);
}

}  // namespace cj

#endif  // !CJ_DEVICE
