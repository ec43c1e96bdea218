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
// Of one or two features, a tile has several neighbouring rows of places, which meet most of the same rows of x: each
// vector of x is then loaded once for a column of taps.
//
// Long sums are cut into blocks of depth, of which each has a box.  The gradient by the weights is such a convolution:
// its taps are as many as the places of the result were.  Where there are few results, threads take parts of the depth,
// which are added up at the end; how many there are depends on shapes alone.  So equal inputs give equal bits on any
// number of threads.
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

// An axis of the box, `pitch` elements of it apart: its places `skipped`, `skipped` + gap, ... hold `count` elements of
// x, `step` apart; the others hold zeros.
struct BoxAxis {
    i64 size, pitch, skipped, count, gap, step;
};

// Of axis `a` of space, whose place j holds element (begin + j) / gap of x, where that is a whole number.  `first` is
// the first element that it holds.
CJ_FN BoxAxis space_axis(const Convolution& c, int a, Range places, Range taps, i64* first) {
    const i64 size = box_length(c, a, places.count, taps.count), gap = c.gap[a];
    const i64 begin = places.first * c.stride[a] + taps.first * c.step[a] - c.low[a];
    *first = begin > 0 ? ceil_div(begin, gap) : 0;
    const i64 skipped = least_of(size, *first * gap - begin);
    const i64 met = ceil_div(size - skipped, gap);
    return {size, 0, skipped, most_of(0, least_of(met, c.lengths[a] - *first)), gap, c.x[2 + a]};
}

// Axes that are one in memory, on both sides, made one, so that the last is long; the number of axes that are left.
CJ_FN int join_axes(BoxAxis* axes, int count) {
    for (; count > 1; --count) {
        BoxAxis &outer = axes[count - 2], inner = axes[count - 1];
        if (outer.gap > 1 || inner.gap > 1 || inner.count < inner.size || outer.step != inner.size * inner.step) break;
        outer = {outer.size * inner.size, inner.pitch, outer.skipped * inner.size, outer.count * inner.size, 1,
                 inner.step};
    }
    return count;
}

template <class In, class T> void fill_axes(const BoxAxis* axes, int count, const In* x, T* CJ_RESTRICT box) {
    const BoxAxis& axis = *axes;
    const i64 end = axis.skipped + axis.count;
    if (axis.gap > 1 || axis.count == 0)
        for (i64 i = 0; i < axis.size * axis.pitch; ++i) box[i] = T(0);
    else {
        for (i64 i = 0; i < axis.skipped * axis.pitch; ++i) box[i] = T(0);
        for (i64 i = end * axis.pitch; i < axis.size * axis.pitch; ++i) box[i] = T(0);
    }
    box += axis.skipped * axis.pitch;
    const i64 pace = axis.gap * axis.pitch;
    if (count > 1)
        for (i64 j = 0; j < axis.count; ++j) fill_axes(axes + 1, count - 1, x + j * axis.step, box + j * pace);
    else if (axis.step == 1 && pace == 1)
        for (i64 j = 0; j < axis.count; ++j) box[j] = convert<T>(x[j]);
    else
        for (i64 j = 0; j < axis.count; ++j) box[j * pace] = convert<T>(x[j * axis.step]);
}

// Fills the box with what the places and depths of a block read: elements of x, and zeros.
template <class In, class T>
void fill_box(const Convolution& c, const Blocks& blocks, Bench<T>& bench, const In* x, const Range* places,
              const Range* depth) {
    BoxAxis whole[5] = {{places[0].count, 0, 0, places[0].count, 1, c.x[0]},
                        {depth[0].count, 0, 0, depth[0].count, 1, c.x[1]}};
    x += places[0].first * c.x[0] + depth[0].first * c.x[1];
    for (int a = 0; a < 3; ++a) {
        i64 first;
        whole[2 + a] = space_axis(c, a, places[1 + a], depth[1 + a], &first);
        if (whole[2 + a].count > 0) x += first * c.x[2 + a];
    }
    BoxAxis axes[5];
    i64 pitch = 1;
    for (int i = 4; i >= 0; --i) {
        const i64 axis = blocks.order[i];
        whole[axis].pitch = bench.pitch[axis] = pitch;
        pitch *= whole[axis].size;
        axes[i] = whole[axis];
    }
    fill_axes(axes, join_axes(axes, 5), x, bench.box);
}

// Some sums of a run to where their results go.
template <class T, class Out> void write_run(const Convolution& c, const T* sums, i64 count, Out* CJ_RESTRICT out) {
    const i64 pace = c.out[3];
    if (pace == 1)
        for (i64 i = 0; i < count; ++i) out[i] = convert<Out>(sums[i]);
    else
        for (i64 i = 0; i < count; ++i) out[i * pace] = convert<Out>(sums[i]);
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

// Where the rows of a channel and a tap of the first axis are, and the weights of a feature for them.
template <class In, class T>
i64 pack_rows(const Convolution& c, Bench<T>& bench, const In* w, const Range* depth) {
    i32* CJ_RESTRICT cols = bench.cols;
    T* CJ_RESTRICT to = bench.packed;
    for (i64 ch = 0; ch < depth[0].count; ++ch)
        for (i64 t0 = 0; t0 < depth[1].count; ++t0) {
            *cols++ = i32(ch * bench.pitch[1] + t0 * c.step[0] * bench.pitch[2]);
            for (i64 t1 = 0; t1 < depth[2].count; ++t1)
                for (i64 t2 = 0; t2 < depth[3].count; ++t2)
                    *to++ = convert<T>(w[(depth[0].first + ch) * c.w[0] + (depth[1].first + t0) * c.w[1] +
                                         (depth[2].first + t1) * c.w[2] + (depth[3].first + t2) * c.w[3]]);
        }
    return cols - bench.cols;
}

// A tile of `TILE_RUNS` runs, or of what is left of them, one by one.
template <class T>
void multiply_some_runs(const Bench<T>& bench, const T* x, i64 depth, const Rows& rows, i64 count, T* sums, i64 pitch,
                        bool add) {
    if (count == TILE_RUNS)
        return multiply_runs<T, TILE_RUNS>(x, bench.cols, depth, rows, bench.packed, sums, pitch, add);
    for (i64 i = 0; i < count; ++i)
        multiply_runs<T, 1>(x + i * rows.row, bench.cols, depth, rows, bench.packed, sums + i * pitch, pitch, add);
}

// As `add_by_places`, with one feature in a tile and `TILE_RUNS` runs along the second axis of space.  Where depth has
// but one block, the results of a tile are written at once.  Tiles that meet most of the same rows follow one another.
template <class In, class T, class Out>
void add_by_runs(const Convolution& c, Bench<T>& bench, const In* w, Out* out,
                 const Range* places, const Range* depth, Range features, bool add, bool is_only) {
    constexpr i64 width = TILE_VECTORS * LANES<T>;
    const i64 run = places[3].count, runs = places[2].count, outers = places[0].count * places[1].count;
    const i64 pitch = ceil_div(run, width) * width;
    const Rows rows = {bench.pitch[3], c.step[2] * bench.pitch[4], depth[2].count, depth[3].count};
    for (i64 o = 0; o < features.count; ++o) {
        const i64 terms = pack_rows(c, bench, w + (features.first + o) * c.w_feature, depth);
        Out* results = out + (features.first + o) * c.out_feature;
        for (i64 r = 0; r < runs; r += TILE_RUNS)
            for (i64 outer = 0; outer < outers; ++outer) {
                const i64 count = least_of(TILE_RUNS, runs - r), place = (outer * runs + r) * run;
                const T* x = bench.box + bench.starts[place];
                T* sums = bench.sums + (is_only ? 0 : ((o * outers + outer) * runs + r) * pitch);
                for (i64 p = 0; p < run; p += width) {
                    const i64 present = least_of(width, run - p);
                    Out* target = results + bench.results[place] + p * c.out[3];
                    if constexpr (is_same<T, Out>)
                        if (is_only && c.out[3] == 1 && present == width) {
                            multiply_some_runs(bench, x + p, terms, rows, count, target, c.out[2], false);
                            continue;
                        }
                    multiply_some_runs(bench, x + p, terms, rows, count, sums + p, pitch, add);
                    for (i64 i = 0; is_only && i < count; ++i)
                        write_run(c, sums + i * pitch + p, present, target + i * c.out[2]);
                }
            }
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
                for (i64 r = 0; r < least_of(rows, features.count - o); ++r)
                    write_run(c, sums + r * width, least_of(width, run - p),
                              out + bench.results[start] + p * c.out[3] + (features.first + o + r) * c.out_feature);
}

// The channels and taps of a block of depth, taps along the last axis fastest.
CJ_FN void locate_depth(const Convolution& c, const Blocks& blocks, i64 block, Range* depth) {
    const i64 whole[4] = {c.channels, c.taps[0], c.taps[1], c.taps[2]};
    for (int a = 3; a >= 0; --a) {
        const i64 count = ceil_div(whole[a], blocks.depth[a]);
        depth[a] = part_of(block % count, blocks.depth[a], whole[a]);
        block /= count;
    }
}

// One block of places and features, over a part of the blocks of depth.
template <class In, class T, class Out>
void convolve_block(const Convolution& c, const Blocks& blocks, Bench<T>& bench, const In* x, const In* w, Out* out,
                    const Range* places, Range features, Range part) {
    const i64 count = places[0].count * places[1].count * places[2].count * places[3].count, run = places[3].count;
    const bool has_runs = blocks.tile_runs > 1, is_only = has_runs && part.count == 1;
    for (i64 block = 0; block < part.count; ++block) {
        const bool add = block > 0;
        Range depth[4];
        locate_depth(c, blocks, part.first + block, depth);
        fill_box(c, blocks, bench, x, places, depth);
        list_places(c, bench, places, blocks.lanes == OF_PLACES ? 1 : run);
        if (blocks.lanes == OF_DEPTH)
            add_by_depth(c, bench, w, depth, count, features, add);
        else if (has_runs)
            add_by_runs(c, bench, w, out, places, depth, features, add, is_only);
        else {
            const i64 terms = list_depth(c, bench, depth);
            if (blocks.lanes == OF_PLACES)
                add_by_places(c, blocks, bench, w, depth, terms, count, run, features, add);
            else
                add_by_features(c, blocks, bench, w, depth, terms, count, features, add);
        }
    }
    if (is_only) return;
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

// The same with results of one part of depth, one after the other: groups, features, batch, space.
CJ_FN Convolution without_gaps(Convolution c) {
    i64 stride = 1;
    for (int a = 3; a >= 0; --a) {
        c.out[a] = stride;
        stride *= a == 0 ? c.batch : c.places[a - 1];
    }
    c.out_feature = stride, c.out_group = stride * c.features, c.out_start = 0;
    return c;
}

// buffers: x, w, out, scratch.  sizes: a Convolution, then Blocks.  Of pieces, features count fastest, parts slowest.
// Threads take one after the other from a common counter: where others use the processors too, none waits for a share.
template <class In, class T, class Out>
void convolve_part(void* const* buffers, const long long* sizes, i64 thread, i64) {
    Convolution c;
    Blocks blocks;
    copy_bytes<sizeof c>(&c, sizes);
    copy_bytes<sizeof blocks>(&blocks, sizes + CONVOLUTION_SIZES);
    char* scratch = static_cast<char*>(buffers[3]);
    Bench<T> bench = bench_at<T>(scratch + blocks.shared + thread * blocks.bytes, blocks);
    const Convolution inner = without_gaps(c);
    const i64 whole[4] = {c.batch, c.places[0], c.places[1], c.places[2]};
    const i64 panels = ceil_div(c.features, blocks.features), depths = depth_blocks(c, blocks);
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
        const i64 group = rest % c.groups, part = rest / c.groups, first = depths * part / blocks.parts;
        const Range depth = {first, depths * (part + 1) / blocks.parts - first};
        const In* x = static_cast<const In*>(buffers[0]) + group * c.x_group;
        const In* w = static_cast<const In*>(buffers[1]) + c.w_start + group * c.w_group;
        if (blocks.parts > 1) {
            T* out = reinterpret_cast<T*>(scratch + COUNTER_BYTES) + part * results_of(c) + group * inner.out_group;
            convolve_block(inner, blocks, bench, x, w, out, places, features, depth);
        } else {
            Out* out = static_cast<Out*>(buffers[2]) + c.out_start + group * c.out_group;
            convolve_block(c, blocks, bench, x, w, out, places, features, depth);
        }
    }
}

// Adds up the parts of all results.
template <class T, class Out> void add_parts(const Convolution& c, i64 parts, const T* sums, Out* out) {
    const i64 results = results_of(c);
    const i64 count[6] = {c.groups, c.features, c.batch, c.places[0], c.places[1], c.places[2]};
    const i64 stride[6] = {c.out_group, c.out_feature, c.out[0], c.out[1], c.out[2], c.out[3]};
    for (i64 i = 0; i < results; ++i) {
        T sum = sums[i];
        for (i64 part = 1; part < parts; ++part) sum += sums[part * results + i];
        i64 place = c.out_start, rest = i;
        for (int a = 5; a >= 0; --a) {
            place += rest % count[a] * stride[a];
            rest /= count[a];
        }
        out[place] = convert<Out>(sum);
    }
}

template <class In, class T, class Out>
void convolve(void* const* buffers, const long long* sizes, int threads) {
    Convolution c;
    Blocks blocks;
    copy_bytes<sizeof c>(&c, sizes);
    copy_bytes<sizeof blocks>(&blocks, sizes + CONVOLUTION_SIZES);
    *static_cast<i64*>(buffers[3]) = 0;
    share(&convolve_part<In, T, Out>, buffers, sizes, least_of(threads, blocks.pieces), threads);
    if (blocks.parts > 1)
        add_parts(c, blocks.parts, reinterpret_cast<const T*>(static_cast<char*>(buffers[3]) + COUNTER_BYTES),
                  static_cast<Out*>(buffers[2]));
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
