// Arithmetic on indices, and elements of 16 bytes at a time.
//
//     clamp_index(i, low, high)        i, at least low and at most high
//     floor_div(i, n), floor_mod(i, n) rounded down, for n > 0; the remainder is in 0 ... n - 1
//     take_last(rest, n, magic, shift) the remainder of rest, which becomes the quotient, without a division
//     wrap_index(i, n)                 i as counted from the end where it is negative
//     turn(next, first, place)         next, or a place before it and after first
//     to_index(x)                      an integer that was loaded, as an index
//     Pack<T>, load_pack, store_pack   as many elements as 16 bytes hold, at an address that 16 divides

#pragma once

#include "prelude.h"

namespace cj {

template <class I> CJ_FN I clamp_index(I i, I low, I high) { return i < low ? low : i > high ? high : i; }

// The divisor may be a number written out, of another type.
template <class I, class N> CJ_FN I floor_div(I i, N divisor) {
    const I n = I(divisor);
    I quotient = i / n;
    return quotient - (i - quotient * n < 0);
}

template <class I> CJ_FN I floor_mod(I i, I n) {
    I rest = i % n;
    return rest < 0 ? rest + n : rest;
}

// For 0 <= rest < 2^31 and n > 1, with magic = floor(2^(32 + shift) / n) + 1 and 2^shift < n <= 2^(shift + 1): the
// product exceeds rest / n by less than 1 / n.  T. Granlund, P. L. Montgomery, Division by invariant integers using
// multiplication, PLDI 1994.
CJ_FN int take_last(int& rest, int n, int magic, int shift) {
    int quotient = int((u64(u32(rest)) * u32(magic)) >> 32) >> shift;
    int last = rest - quotient * n;
    rest = quotient;
    return last;
}

template <class I> CJ_FN I turn(I next, I first, I place) { return first < place && place < next ? place : next; }

template <class I> CJ_FN I wrap_index(I i, I n) { return i < 0 ? i + n : i; }

// What does not fit, of uint64, is as far past the end as can be.
template <class T> CJ_FN i64 to_index(T x) { return i64(x); }
template <> CJ_FN i64 to_index(u64 x) { return x >> 63 ? i64(~u64(0) >> 1) : i64(x); }

// ---- packs ------------------------------------------------------------------------------------------------

template <class T> struct alignas(16) Pack {
    static constexpr int count = 16 / sizeof(T);
    T at[count];
};

template <class T> CJ_FN bool is_pack_aligned(const T* place) { return reinterpret_cast<u64>(place) % 16 == 0; }

#if CJ_GPU
using PackBits = uint4;  // the compiler's own vector: one load, one store
#else
struct alignas(16) PackBits { u32 x, y, z, w; };
#endif

template <class T> CJ_FN Pack<T> load_pack(const T* place) {
    return bits_as<Pack<T>>(*reinterpret_cast<const PackBits*>(place));
}

template <class T> CJ_FN void store_pack(T* place, Pack<T> pack) {
    *reinterpret_cast<PackBits*>(place) = bits_as<PackBits>(pack);
}

}  // namespace cj
