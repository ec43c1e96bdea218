// Many tridiagonal systems at a time: elimination with interchanges of neighbouring rows.
//
//     dl[s, i] x[s, i - 1, c] + d[s, i] x[s, i, c] + du[s, i] x[s, i + 1, c] = b[s, i, c]
//
// dl, d, du are (count, n), of which dl[s, 0] and du[s, n - 1] stand for nothing; b and x are (count, n, columns).  The
// operations and their order are those of backends/tridiagonal.py, so the results are its to the bit.  A system is a
// lane: of a vector on the host, a thread of a warp on the device.  Lanes go down the rows together and leave what the
// way back needs in `scratch`, where the numbers of neighbouring lanes are neighbours.  In the arrays the rows of a
// system are neighbours; so elements come and go through tiles of some rows of all lanes.
//
//     solve_tridiagonal<float>(buffers, sizes, threads)                  host: buffers (dl, d, du, b, x, scratch)
//     solve_tridiagonal(dl, d, du, b, x, scratch, count, n, columns)     device: blocks of one warp
//     solve_inside<float, 64>(dl, d, du, b, x, count, n)                 the same for one column and up to 64 rows
//
// The last one holds its systems in shared memory, where what the way back needs replaces what has been read.
//
// `scratch` has room for scratch_arrays * n numbers for each lane: `host_lanes` of them for each thread of the host, 32
// for each block of the device.

#pragma once

#include "math.h"
#include "threads.h"

namespace cj {

enum { KEPT_PIVOT, KEPT_RIGHT, KEPT_SECOND, KEPT_SIDE, KEPT_FACTOR, KEPT_SWAP, scratch_arrays };
constexpr int inside_arrays = KEPT_SIDE + 1;  // without those that only the sides ask for

// Eliminates the first unknown of the open row, the last of the triangle so far, or of the next row of the matrix,
// (low, middle, high), which takes its place where it has the larger one.  What is final then is `kept`.
template <class T> CJ_FN void eliminate(T& open, T& open_right, T low, T middle, T high, T* kept, i64 stride) {
    const bool swap = abs(low) > abs(open);
    const T pivot = swap ? low : open, other = swap ? open : low;
    const T right = swap ? middle : open_right, other_right = swap ? open_right : middle;
    const T second = swap ? high : T(0), other_second = swap ? T(0) : high;
    const T factor = other / pivot;
    kept[KEPT_PIVOT * stride] = pivot;
    kept[KEPT_RIGHT * stride] = right;
    kept[KEPT_SECOND * stride] = second;
    kept[KEPT_FACTOR * stride] = factor;
    kept[KEPT_SWAP * stride] = swap ? T(1) : T(0);
    open = other_right - factor * right;
    open_right = other_second - factor * second;
}

// The same for an element of the right-hand side: `side` is that of the open row.
template <class T> CJ_FN void eliminate_side(T& side, T below, T* kept, i64 stride) {
    const bool swap = kept[KEPT_SWAP * stride] != T(0);
    const T first = swap ? below : side, other = swap ? side : below;
    kept[KEPT_SIDE * stride] = first;
    side = other - kept[KEPT_FACTOR * stride] * first;
}

// An unknown from the two after it.
template <class T> CJ_FN T substitute(const T* kept, i64 stride, T next, T after) {
    const T known = kept[KEPT_RIGHT * stride] * next + kept[KEPT_SECOND * stride] * after;
    return (kept[KEPT_SIDE * stride] - known) / kept[KEPT_PIVOT * stride];
}

// Where the last row of the triangle stands once all others are known.
template <class T> CJ_FN void close_row(T open, T* kept, i64 stride) {
    kept[KEPT_PIVOT * stride] = open;
    kept[KEPT_RIGHT * stride] = kept[KEPT_SECOND * stride] = T(0);
}

#if !CJ_DEVICE

template <class T> constexpr int host_lanes = 128 / sizeof(T);  // two vectors, so that one divides while the other adds
constexpr int tile_rows = 16;

template <class T> using HostTile = T[tile_rows][host_lanes<T>];

// Lanes without a system repeat the last one.
template <class T> CJ_FN void load(HostTile<T>& tile, const T* from, i64 pitch, i64 step, int rows, int lanes) {
    for (int l = 0; l < host_lanes<T>; ++l) {
        const T* CJ_RESTRICT column = from + pitch * (l < lanes ? l : lanes - 1);
        for (int r = 0; r < rows; ++r) tile[r][l] = column[r * step];
    }
}

template <class T> CJ_FN void store(const HostTile<T>& tile, T* to, i64 pitch, i64 step, int rows, int lanes) {
    for (int l = 0; l < lanes; ++l) {
        T* CJ_RESTRICT column = to + pitch * l;
        for (int r = 0; r < rows; ++r) column[r * step] = tile[r][l];
    }
}

// The matrices of `lanes` systems, which begin at dl, d and du.
template <class T> static void factor_lanes(const T* dl, const T* d, const T* du, T* scratch, i64 n, int lanes) {
    constexpr int width = host_lanes<T>;
    T open[width], right[width];
    HostTile<T> low, middle, high;
    for (i64 row = 0; row < n; row += tile_rows) {
        const int rows = int(min(n - row, i64(tile_rows)));
        load<T>(low, dl + row, n, 1, rows, lanes);
        load<T>(middle, d + row, n, 1, rows, lanes);
        load<T>(high, du + row, n, 1, rows, lanes);
        if (row + rows == n)
            for (int l = 0; l < width; ++l) high[rows - 1][l] = T(0);
        for (int r = 0; r < rows; ++r) {
            const T *low_row = low[r], *middle_row = middle[r], *high_row = high[r];
            if (row + r == 0) {
                for (int l = 0; l < width; ++l) open[l] = middle_row[l], right[l] = high_row[l];
                continue;
            }
            T* CJ_RESTRICT kept = scratch + (row + r - 1) * scratch_arrays * width;  // of the row before
            #pragma omp simd
            for (int l = 0; l < width; ++l)
                eliminate(open[l], right[l], low_row[l], middle_row[l], high_row[l], kept + l, width);
        }
    }
    T* CJ_RESTRICT kept = scratch + (n - 1) * scratch_arrays * width;
    for (int l = 0; l < width; ++l) close_row(open[l], kept + l, width);
}

// A column of the right-hand sides of the same systems.
template <class T> static void solve_lanes(const T* b, T* x, T* scratch, i64 n, i64 columns, int lanes) {
    constexpr int width = host_lanes<T>;
    T side[width];
    HostTile<T> tile;
    for (i64 row = 0; row < n; row += tile_rows) {
        const int rows = int(min(n - row, i64(tile_rows)));
        load<T>(tile, b + row * columns, n * columns, columns, rows, lanes);
        for (int r = 0; r < rows; ++r) {
            if (row + r == 0) {
                for (int l = 0; l < width; ++l) side[l] = tile[0][l];
                continue;
            }
            T* CJ_RESTRICT kept = scratch + (row + r - 1) * scratch_arrays * width;
            #pragma omp simd
            for (int l = 0; l < width; ++l) eliminate_side(side[l], tile[r][l], kept + l, width);
        }
    }
    T next[width], after[width];
    for (int l = 0; l < width; ++l) {
        scratch[((n - 1) * scratch_arrays + KEPT_SIDE) * width + l] = side[l];
        next[l] = after[l] = T(0);
    }
    for (i64 row = (n - 1) / tile_rows * tile_rows; row >= 0; row -= tile_rows) {
        const int rows = int(min(n - row, i64(tile_rows)));
        for (int r = rows - 1; r >= 0; --r) {
            const T* CJ_RESTRICT kept = scratch + (row + r) * scratch_arrays * width;
            #pragma omp simd
            for (int l = 0; l < width; ++l) {
                const T found = substitute(kept + l, width, next[l], after[l]);
                after[l] = next[l];
                next[l] = tile[r][l] = found;
            }
        }
        store<T>(tile, x + row * columns, n * columns, columns, rows, lanes);
    }
}

// Blocks `from` to `to` - 1, each of as many systems as there are lanes.
template <class T> static void tridiagonal_part(void* const* buffers, const long long* sizes, i64 from, i64 to) {
    const i64 count = sizes[0], n = sizes[1], columns = sizes[2];
    const T *dl = static_cast<const T*>(buffers[0]), *d = static_cast<const T*>(buffers[1]);
    const T *du = static_cast<const T*>(buffers[2]), *b = static_cast<const T*>(buffers[3]);
    T* x = static_cast<T*>(buffers[4]);
    T* scratch = static_cast<T*>(buffers[5]) + thread_number() * scratch_arrays * n * host_lanes<T>;
    for (i64 block = from; block < to; ++block) {
        const i64 first = block * host_lanes<T>, start = first * n;
        const int lanes = int(min(count - first, i64(host_lanes<T>)));
        factor_lanes<T>(dl + start, d + start, du + start, scratch, n, lanes);
        for (i64 c = 0; c < columns; ++c)
            solve_lanes<T>(b + start * columns + c, x + start * columns + c, scratch, n, columns, lanes);
    }
}

template <class T> CJ_FN void solve_tridiagonal(void* const* buffers, const long long* sizes, int threads) {
    share(tridiagonal_part<T>, buffers, sizes, (sizes[0] + host_lanes<T> - 1) / host_lanes<T>, threads);
}

#else

constexpr int warp_systems = 32;  // of a block; a tile has as many rows

// A tile [lane][row] in shared memory.  A row of it has a number more, so that a warp meets no bank twice in either
// direction.
template <class T> struct WarpTile {
    T (&numbers)[warp_systems][warp_systems + 1];

    // Rows from `row` on; those beyond the last and lanes without a system are not read, and not asked for.
    CJ_FN void load(const T* from, i64 first, i64 count, i64 n, i64 row, i64 step) const {
        const i64 mine = row + threadIdx.x;
        for (int l = 0; l < warp_systems && first + l < count; ++l)
            if (mine < n) numbers[l][threadIdx.x] = from[((first + l) * n + mine) * step];
    }

    CJ_FN void store(T* to, i64 first, i64 count, i64 n, i64 row, i64 step) const {
        const i64 mine = row + threadIdx.x;
        for (int l = 0; l < warp_systems && first + l < count; ++l)
            if (mine < n) to[((first + l) * n + mine) * step] = numbers[l][threadIdx.x];
    }
};

template <class T> CJ_FN void solve_tridiagonal(
    const T* CJ_RESTRICT dl, const T* CJ_RESTRICT d, const T* CJ_RESTRICT du, const T* CJ_RESTRICT b, T* CJ_RESTRICT x,
    T* CJ_RESTRICT scratch, i64 count, i64 n, i64 columns) {
    __shared__ T memory[3][warp_systems][warp_systems + 1];
    const WarpTile<T> low{memory[0]}, middle{memory[1]}, high{memory[2]};
    const i64 first = i64(blockIdx.x) * warp_systems, stride = i64(gridDim.x) * warp_systems;
    const int lane = int(threadIdx.x);
    const bool has_system = first + lane < count;
    T* mine = scratch + first + lane;
    T open{}, right{};
    for (i64 row = 0; row < n; row += warp_systems) {
        low.load(dl, first, count, n, row, 1);
        middle.load(d, first, count, n, row, 1);
        high.load(du, first, count, n, row, 1);
        __syncthreads();
        for (i64 i = row; has_system && i < min(row + warp_systems, n); ++i) {
            const T next_low = low.numbers[lane][i - row], next_middle = middle.numbers[lane][i - row];
            const T next_high = i == n - 1 ? T(0) : high.numbers[lane][i - row];
            if (i == 0)
                open = next_middle, right = next_high;
            else
                eliminate(
                    open, right, next_low, next_middle, next_high, mine + (i - 1) * scratch_arrays * stride, stride);
        }
        __syncthreads();
    }
    if (has_system) close_row(open, mine + (n - 1) * scratch_arrays * stride, stride);
    for (i64 c = 0; c < columns; ++c) {
        T side{};
        for (i64 row = 0; row < n; row += warp_systems) {
            low.load(b + c, first, count, n, row, columns);
            __syncthreads();
            for (i64 i = row; has_system && i < min(row + warp_systems, n); ++i) {
                const T below = low.numbers[lane][i - row];
                if (i == 0)
                    side = below;
                else
                    eliminate_side(side, below, mine + (i - 1) * scratch_arrays * stride, stride);
            }
            __syncthreads();
        }
        if (has_system) mine[((n - 1) * scratch_arrays + KEPT_SIDE) * stride] = side;
        T next{}, after{};
        for (i64 row = (n - 1) / warp_systems * warp_systems; row >= 0; row -= warp_systems) {
            for (i64 i = min(row + warp_systems, n) - 1; has_system && i >= row; --i) {
                const T found = substitute(mine + i * scratch_arrays * stride, stride, next, after);
                after = next;
                next = low.numbers[lane][i - row] = found;
            }
            __syncthreads();
            low.store(x + c, first, count, n, row, columns);
            __syncthreads();
        }
    }
}

// Rows of all systems of a block: of row i the elements of the matrix and the side, then what is kept of it.  As above, a
// row has a number more.
template <class T, int most_rows> using InsideRows = T[inside_arrays][most_rows][warp_systems + 1];

template <class T, int most_rows> CJ_FN void solve_inside(
    const T* CJ_RESTRICT dl, const T* CJ_RESTRICT d, const T* CJ_RESTRICT du, const T* CJ_RESTRICT b, T* CJ_RESTRICT x,
    i64 count, int n) {
    __shared__ InsideRows<T, most_rows> rows;
    constexpr i64 stride = most_rows * (warp_systems + 1);
    const i64 first = i64(blockIdx.x) * warp_systems, start = first * n;
    const int lane = int(threadIdx.x), numbers = int(min(count - first, i64(warp_systems))) * n;
    #pragma unroll 8
    for (int k = lane; k < numbers; k += warp_systems) {
        const int system = int(unsigned(k) / unsigned(n)), row = k - system * n;
        rows[0][row][system] = dl[start + k];
        rows[1][row][system] = d[start + k];
        rows[2][row][system] = du[start + k];
        rows[3][row][system] = b[start + k];
    }
    __syncthreads();
    if (lane * n < numbers) {
        T open = rows[1][0][lane], right = rows[2][0][lane], side = rows[3][0][lane];
        for (int i = 1; i < n; ++i) {
            const T low = rows[0][i][lane], middle = rows[1][i][lane], below = rows[3][i][lane];
            const T high = i == n - 1 ? T(0) : rows[2][i][lane];
            T kept[scratch_arrays];
            eliminate(open, right, low, middle, high, kept, 1);
            eliminate_side(side, below, kept, 1);
            for (int k = 0; k < inside_arrays; ++k) rows[k][i - 1][lane] = kept[k];
        }
        close_row(open, &rows[0][n - 1][lane], stride);
        rows[KEPT_SIDE][n - 1][lane] = side;
        T next{}, after{};
        for (int i = n - 1; i >= 0; --i) {
            const T found = substitute(&rows[0][i][lane], stride, next, after);
            after = next;
            next = rows[KEPT_PIVOT][i][lane] = found;
        }
    }
    __syncthreads();
    #pragma unroll 8
    for (int k = lane; k < numbers; k += warp_systems) {
        const int system = int(unsigned(k) / unsigned(n));
        x[start + k] = rows[KEPT_PIVOT][k - system * n][system];
    }
}

#endif  // CJ_DEVICE

}  // namespace cj
