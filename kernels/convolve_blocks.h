// Which convolution, and in which blocks the host computes it: `blocks_of`.
//
// A thread's block is some places and features, and all depth in turn.  How places and features are divided may depend
// on the number of threads; how depth is, on which the order of sums hangs, depends on shapes and strides alone.

#pragma once

#include "convolve_tile.h"

namespace cj {

// Axes of a box, and of x: batch, channel and three of space.  Lengths and strides count elements.
struct Convolution {
    i64 groups, batch, channels, features, places[3], taps[3];
    i64 lengths[3], low[3], stride[3], step[3], gap[3];     // of x; padding; between windows, taps and elements of x
    i64 x_group, x[5], w_group, w_feature, w[4], out_group, out_feature, out[4];  // strides; w: channel and taps
    i64 w_start, out_start;  // the first elements
};

// Elements of each kind in a block: places (batch and space), depth (channel and taps), features, and the order of the
// axes of a box in memory, outermost first.  Scratch memory is `shared` bytes and `bytes` for each thread.  Blocks of
// depth are in `parts`, whose sums are added up at the end where there are several.
struct Blocks {
    i64 bytes, pieces, shared, parts, places[4], depth[4], features, order[5];
    i64 lanes, tile_rows, tile_vectors, tile_runs, box;
};

enum Lane : i64 { OF_FEATURES, OF_PLACES, OF_DEPTH };

CJ_FN i64 least_of(i64 x, i64 y) { return x < y ? x : y; }
CJ_FN i64 most_of(i64 x, i64 y) { return x > y ? x : y; }
CJ_FN i64 ceil_div(i64 x, i64 y) { return (x + y - 1) / y; }
CJ_FN i64 product_of(const i64* x) { return x[0] * x[1] * x[2] * x[3]; }

// Equal parts of `whole`, none of more than `most`.
CJ_FN i64 even_part(i64 whole, i64 most) { return ceil_div(whole, ceil_div(whole, most_of(1, least_of(whole, most)))); }

// The length of the box along axis `a` of space, for these many places and taps.
CJ_FN i64 box_length(const Convolution& c, int a, i64 places, i64 taps) {
    return (places - 1) * c.stride[a] + (taps - 1) * c.step[a] + 1;
}

#if !CJ_DEVICE

constexpr i64 BOX_BYTES = 1 << 18;                        // beside weights and sums in a core's second cache
constexpr i64 COUNTER_BYTES = 64, MOST_PARTS = 64, PARTS_BYTES = 1 << 18;  // shared by all threads
constexpr i64 MOST_PLACES = 384, MOST_RUN_PLACES = 16384;  // of a block: beyond, weights are packed rarely enough

CJ_FN i64 box_size(const Convolution& c, const i64* places, const i64* depth) {
    i64 size = places[0] * depth[0];
    for (int a = 0; a < 3; ++a) size *= box_length(c, a, places[1 + a], depth[1 + a]);
    return size;
}

// What vectors hold: that of which most of their lanes are of use.
template <class T> void choose_tile(const Convolution& c, Blocks& blocks) {
    constexpr i64 most = TILE_VECTORS, lanes = LANES<T>;
    const i64 rows = c.features <= 2 ? c.features : 4, run = c.places[2], terms = c.taps[2];
    const double by_features = double(ceil_div(c.features, lanes) * lanes) / double(c.features);
    const double by_places = double(ceil_div(c.features, rows) * rows * ceil_div(run, most * lanes) * most * lanes) /
                             double(c.features * run);
    const double by_depth = 2.0 * double(ceil_div(terms, lanes) * lanes) / double(terms);  // loads for each product
    const bool has_places = c.stride[2] == 1, has_depth = c.step[2] == 1 && c.w[3] == 1 && terms >= 4 * lanes;
    blocks.lanes = has_depth && by_depth < by_features && (!has_places || by_depth < by_places) ? OF_DEPTH
                 : has_places && by_places < by_features                                        ? OF_PLACES
                                                                                                : OF_FEATURES;
    const i64 by_two = ceil_div(c.features, 2 * lanes) * 2, by_most = ceil_div(c.features, most * lanes) * most;
    blocks.tile_vectors = blocks.lanes == OF_PLACES || by_most <= by_two ? most : c.features <= lanes ? 1 : 2;
    blocks.tile_rows = blocks.lanes == OF_PLACES ? rows : blocks.tile_vectors == 1 ? MOST_ROWS : TILE_ROWS;
    const bool has_runs = blocks.lanes == OF_PLACES && c.features <= 2 && c.places[1] > 1 && c.taps[1] > 1 &&
                          c.stride[1] == 1 && c.step[1] == 1;
    blocks.tile_runs = has_runs ? TILE_RUNS : 1;
    if (has_runs) blocks.tile_rows = 1;
}

// From the last axis on, as many as there may be, and fewer where windows are far from one another.
CJ_FN void choose_places(const Convolution& c, Blocks& blocks, i64 item) {
    const i64 whole[4] = {c.batch, c.places[0], c.places[1], c.places[2]}, one[4] = {1, 1, 1, 1};
    i64 most = blocks.lanes == OF_PLACES ? MOST_RUN_PLACES / blocks.tile_rows : MOST_PLACES;
    for (; most > 1; most /= 2) {
        i64 left = most;
        for (int a = 3; a >= 0; --a) {
            blocks.places[a] = even_part(whole[a], left);
            left = most_of(1, left / blocks.places[a]);
        }
        if (box_size(c, blocks.places, one) * item <= BOX_BYTES) return;
    }
    for (int a = 0; a < 4; ++a) blocks.places[a] = 1;
}

// The order of the axes of a box is that of x in memory, but vectors of places and of taps need these side by side.
CJ_FN void choose_order(const Convolution& c, Blocks& blocks) {
    const i64 size[5] = {c.batch, c.channels, c.lengths[0], c.lengths[1], c.lengths[2]};
    i64 rank[5];
    for (int a = 0; a < 5; ++a) {
        const i64 stride = c.x[a] < 0 ? -c.x[a] : c.x[a];
        rank[a] = blocks.lanes != OF_FEATURES && a == 4 ? -1 : size[a] == 1 ? i64(1) << 62 : stride;
    }
    for (int i = 0; i < 5; ++i) {
        int largest = 0;
        for (int a = 1; a < 5; ++a)
            if (rank[a] > rank[largest]) largest = a;
        blocks.order[i] = largest;
        rank[largest] = -2;
    }
}

// As many taps, from the last axis on, and then channels, as fit into a box, and whose weights are packed at once where
// a tile runs through all of them.
CJ_FN void choose_depth(const Convolution& c, Blocks& blocks, i64 item) {
    const i64 most = BOX_BYTES / item, most_terms = blocks.tile_runs > 1 ? PACKED_BYTES / item : i64(1) << 62;
    const i64 whole[4] = {c.channels, c.taps[0], c.taps[1], c.taps[2]};
    for (int a = 0; a < 4; ++a) blocks.depth[a] = 1;
    for (int a = 3; a >= 0; --a) {
        i64 low = 1, high = whole[a] + 1;  // fits, does not fit
        while (high - low > 1) {
            blocks.depth[a] = (low + high) / 2;
            const bool fits = box_size(c, blocks.places, blocks.depth) <= most &&
                              product_of(blocks.depth) <= most_terms;
            (fits ? low : high) = blocks.depth[a];
        }
        blocks.depth[a] = even_part(whole[a], low);
        if (low < whole[a]) return;
    }
}

CJ_FN i64 depth_blocks(const Convolution& c, const Blocks& blocks) {
    i64 count = ceil_div(c.channels, blocks.depth[0]);
    for (int a = 0; a < 3; ++a) count *= ceil_div(c.taps[a], blocks.depth[1 + a]);
    return count;
}

CJ_FN i64 results_of(const Convolution& c) {
    return c.groups * c.features * c.batch * c.places[0] * c.places[1] * c.places[2];
}

CJ_FN i64 pieces_of(const Convolution& c, const Blocks& blocks) {
    const i64 whole[4] = {c.batch, c.places[0], c.places[1], c.places[2]};
    i64 pieces = blocks.parts * c.groups * ceil_div(c.features, blocks.features);
    for (int a = 0; a < 4; ++a) pieces *= ceil_div(whole[a], blocks.places[a]);
    return pieces;
}

// A multiple of the cache's lines.
CJ_FN i64 in_lines(i64 bytes) { return ceil_div(bytes, 64) * 64; }

// Pieces of depth, for the threads to share where there are few results.
CJ_FN void choose_parts(const Convolution& c, Blocks& blocks, i64 item) {
    const i64 results = most_of(1, results_of(c)), most = least_of(MOST_PARTS, PARTS_BYTES / (results * item));
    blocks.parts = blocks.lanes == OF_DEPTH ? most_of(1, least_of(depth_blocks(c, blocks), most)) : 1;
    blocks.shared = COUNTER_BYTES + (blocks.parts > 1 ? in_lines(blocks.parts * results * item) : 0);
}

template <class T> i64 sums_of(const Blocks& blocks) {
    const i64 width = blocks.tile_vectors * LANES<T>, places = product_of(blocks.places), run = blocks.places[3];
    if (blocks.lanes == OF_DEPTH) return blocks.features * ceil_div(places, TILE_ROWS) * TILE_ROWS * LANES<T>;
    if (blocks.lanes == OF_PLACES) {
        const i64 rows = ceil_div(blocks.features, blocks.tile_rows) * blocks.tile_rows;
        return rows * (places / run) * ceil_div(run, width) * width;
    }
    return ceil_div(places, blocks.tile_rows) * blocks.tile_rows * ceil_div(blocks.features, width) * width;
}

// Blocks of a convolution.  Those of depth and their parts, on which the bits of sums depend, are chosen without a look
// at `threads`.
template <class T> Blocks blocks_of(const Convolution& c, i64 threads) {
    Blocks blocks;
    choose_tile<T>(c, blocks);
    choose_places(c, blocks, sizeof(T));
    choose_order(c, blocks);
    choose_depth(c, blocks, sizeof(T));
    choose_parts(c, blocks, sizeof(T));
    const i64 width = blocks.tile_vectors * LANES<T>, panel = blocks.lanes == OF_PLACES ? blocks.tile_rows : width;
    blocks.features = blocks.lanes == OF_DEPTH ? 4 : 2 * panel;
    if (pieces_of(c, blocks) < 2 * threads) blocks.features = least_of(panel, blocks.features);
    for (int a = 0; a < 4; ++a)
        while (blocks.places[a] > 1 && threads > 1 && pieces_of(c, blocks) < 2 * threads &&
               product_of(blocks.places) > (blocks.lanes == OF_DEPTH ? 1 : 8) * TILE_ROWS)
            blocks.places[a] = ceil_div(blocks.places[a], 2);
    blocks.box = box_size(c, blocks.places, blocks.depth) + width;
    blocks.bytes = in_lines(product_of(blocks.places) * 4) + in_lines(product_of(blocks.places) * 8) +
                   in_lines(product_of(blocks.depth) * 4) +
                   in_lines(PACKED_BYTES + sums_of<T>(blocks) * sizeof(T)) +
                   in_lines(blocks.box * sizeof(T));
    blocks.pieces = pieces_of(c, blocks);
    return blocks;
}

#endif  // !CJ_DEVICE

}  // namespace cj
