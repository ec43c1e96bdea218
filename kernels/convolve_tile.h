// The products of a convolution on the host: tiles of sums that stay in registers while the depth is run through.
//
// Written with the compiler's vectors, as wide as the processor's, since loops are not turned into registers reliably.
// `convolve.h` says what rows, columns and depth are.

#pragma once

#include "vectors.h"

#if !CJ_DEVICE

namespace cj {

constexpr i64 TILE_ROWS = 6, MOST_ROWS = 8;  // the latter with one vector: 8 sums hide the time that one takes
constexpr i64 TILE_RUNS = 4;
constexpr int TILE_VECTORS = CJ_VECTOR_BYTES == 64 ? 4 : 2;
constexpr i64 PACKED_BYTES = 1 << 15;  // of weights, beside some rows of a box in a core's first cache

// `sums` (rows, vectors) plus the products of `depth` terms.  Lanes of features: rows[i][cols[k]] times the vectors at
// b + k * width.  Lanes of places: rows[0][k * ROWS + i] times those at b + cols[k].
template <class T, int ROWS, int VECTORS, bool of_places>
CJ_FUSED __attribute__((noinline)) void multiply_tile(
    const T* const* rows, const i32* CJ_RESTRICT cols, const T* b, i64 depth, T* CJ_RESTRICT sums, bool add) {
    CJ_FUSES
    using V = Vector<T>;
    constexpr int width = VECTORS * LANES<T>;
    V acc[ROWS][VECTORS];
    const T* row[ROWS];
    CJ_UNROLL for (int i = 0; i < ROWS; ++i) {
        row[i] = rows[of_places ? 0 : i];
        CJ_UNROLL for (int v = 0; v < VECTORS; ++v) {
            V start = {};
            if (add) copy_bytes<sizeof(V)>(&start, sums + i * width + v * LANES<T>);
            acc[i][v] = start;
        }
    }
    for (i64 k = 0; k < depth; ++k) {
        const i64 col = cols[k];
        const T* from = of_places ? b + col : b + k * width;
        V y[VECTORS];
        CJ_UNROLL for (int v = 0; v < VECTORS; ++v) copy_bytes<sizeof(V)>(&y[v], from + v * LANES<T>);
        CJ_UNROLL for (int i = 0; i < ROWS; ++i) {
            const T x = of_places ? row[0][k * ROWS + i] : row[i][col];
            CJ_UNROLL for (int v = 0; v < VECTORS; ++v) acc[i][v] += x * y[v];
        }
    }
    CJ_UNROLL for (int i = 0; i < ROWS; ++i)
        CJ_UNROLL for (int v = 0; v < VECTORS; ++v)
            copy_bytes<sizeof(V)>(sums + i * width + v * LANES<T>, &acc[i][v]);
}

// The rows of x that neighbouring runs of places meet: tap (t1, t2) of run i is at (i + t1) * row + t2 * step.
struct Rows {
    i64 row, step, taps1, taps2;
};

// Lanes of places, for RUNS runs that meet the same rows, each of which is read once for all of them.  The sums of a
// run, `pitch` apart from the next run's, are over k and the taps: w[k, t1, t2] times the vectors at that tap from
// x + cols[k] on.
template <class T, int RUNS>
CJ_FUSED __attribute__((noinline)) void multiply_runs(
    const T* x, const i32* cols, i64 depth, const Rows& rows, const T* CJ_RESTRICT w, T* CJ_RESTRICT sums, i64 pitch,
    bool add) {
    CJ_FUSES
    using V = Vector<T>;
    constexpr int vectors = TILE_VECTORS;
    const i64 taps1 = rows.taps1, taps2 = rows.taps2;
    V acc[RUNS][vectors];
    CJ_UNROLL for (int i = 0; i < RUNS; ++i)
        CJ_UNROLL for (int v = 0; v < vectors; ++v) {
            V start = {};
            if (add) copy_bytes<sizeof(V)>(&start, sums + i * pitch + v * LANES<T>);
            acc[i][v] = start;
        }
    for (i64 k = 0; k < depth; ++k, w += taps1 * taps2)
        for (i64 j = 0; j < RUNS - 1 + taps1; ++j)
            for (i64 t2 = 0; t2 < taps2; ++t2) {
                const T* from = x + cols[k] + j * rows.row + t2 * rows.step;
                V y[vectors];
                CJ_UNROLL for (int v = 0; v < vectors; ++v) copy_bytes<sizeof(V)>(&y[v], from + v * LANES<T>);
                CJ_UNROLL for (int i = 0; i < RUNS; ++i) {
                    if (u64(j - i) >= u64(taps1)) continue;  // a row that run i does not meet
                    const T weight = w[(j - i) * taps2 + t2];
                    CJ_UNROLL for (int v = 0; v < vectors; ++v) acc[i][v] += weight * y[v];
                }
            }
    CJ_UNROLL for (int i = 0; i < RUNS; ++i)
        CJ_UNROLL for (int v = 0; v < vectors; ++v) copy_bytes<sizeof(V)>(sums + i * pitch + v * LANES<T>, &acc[i][v]);
}

// Lanes of depth: `sums` (rows, one vector) plus rows[i][k] * b[k], for runs of terms that lie side by side.
template <class T>
CJ_FUSED __attribute__((noinline)) void multiply_run(
    const T* const* rows, const T* CJ_RESTRICT b, i64 depth, T* CJ_RESTRICT sums, bool add) {
    CJ_FUSES
    using V = Vector<T>;
    constexpr int lanes = LANES<T>;
    V acc[TILE_ROWS];
    CJ_UNROLL for (int i = 0; i < TILE_ROWS; ++i) {
        V start = {};
        if (add) copy_bytes<sizeof(V)>(&start, sums + i * lanes);
        acc[i] = start;
    }
    i64 k = 0;
    for (; k + lanes <= depth; k += lanes) {
        V y;
        copy_bytes<sizeof(V)>(&y, b + k);
        CJ_UNROLL for (int i = 0; i < TILE_ROWS; ++i) {
            V x;
            copy_bytes<sizeof(V)>(&x, rows[i] + k);
            acc[i] += x * y;
        }
    }
    CJ_UNROLL for (int i = 0; i < TILE_ROWS; ++i) copy_bytes<sizeof(V)>(sums + i * lanes, &acc[i]);
    for (; k < depth; ++k)
        for (int i = 0; i < TILE_ROWS; ++i) sums[i * lanes] += rows[i][k] * b[k];
}

template <class T> using Tile = void(const T* const*, const i32*, const T*, i64, T*, bool);

// The tile of so many rows of lanes of places, or of so many vectors of lanes of features.
template <class T> Tile<T>* tile_of(i64 rows, i64 vectors, bool of_places) {
    constexpr int most = TILE_VECTORS;
    if (!of_places)
        return vectors == 1 ? multiply_tile<T, MOST_ROWS, 1, false>
             : vectors == 2 ? multiply_tile<T, TILE_ROWS, 2, false>
                            : multiply_tile<T, TILE_ROWS, most, false>;
    return rows == 1 ? multiply_tile<T, 1, most, true>
         : rows == 2 ? multiply_tile<T, 2, most, true>
                     : multiply_tile<T, 4, most, true>;
}

}  // namespace cj

#endif  // !CJ_DEVICE
