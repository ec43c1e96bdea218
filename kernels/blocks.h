// Reductions of long rows on the host, in an order that the length alone decides.
//
// A row is cut into blocks of `block_length` elements; a block is reduced in `lane_count` running results, which
// fill the vector registers; the results of blocks are combined pairwise, so that the error of a sum grows with the
// logarithm of the length.  The order does not depend on the number of threads.

#pragma once

#include "prelude.h"

namespace cj {

constexpr int lane_count = 32;
constexpr i64 block_length = 2048;

// Running results side by side.  R is a reduction of reduce.h.
template <class R, int count = lane_count> struct Lanes {
    using Acc = typename R::Acc;
    Acc values[count];

    CJ_FN Lanes() { clear(); }

    CJ_FN void clear() {
        for (int lane = 0; lane < count; ++lane) values[lane] = R::identity();
    }

    // All lanes in one, halves upon halves; widths are constants, so that halves are vectors.
    template <int width = count / 2> CJ_FN Acc total() {
        for (int lane = 0; lane < width; ++lane) values[lane] = R::combine(values[lane], values[lane + width]);
        if constexpr (width > 1) return total<width / 2>();
        return values[0];
    }
};

// Results combined pairwise as they come: a binary counter whose digits are partial results.
template <class R> struct Tree {
    using Acc = typename R::Acc;
    Acc levels[48];
    u64 count = 0;

    CJ_FN void add(Acc value) {
        int level = 0;
        for (u64 rest = count++; rest & 1; rest >>= 1) value = R::combine(levels[level++], value);
        levels[level] = value;
    }

    CJ_FN Acc total() const {
        bool is_first = true;
        Acc sum = R::identity();
        int level = 0;
        for (u64 rest = count; rest; rest >>= 1, ++level) {
            if (!(rest & 1)) continue;
            sum = is_first ? levels[level] : R::combine(levels[level], sum);
            is_first = false;
        }
        return sum;
    }
};

}  // namespace cj
