// The compiler's vectors, as wide as the processor's, for kernels of the host that say themselves what is a register.
//
//     Vector<T>                    LANES<T> numbers
//     load(from), store(to, v)     from and to memory, aligned or not
//     evens, odds                  of 2 vectors, one after the other: the numbers at 0, 2, 4, ... and at 1, 3, 5, ...
//     first_pairs, last_pairs      of x and y: x0 y0 x1 y1 ..., up to the middle and from there on
//     transpose(rows)              LANES<T> vectors, in place

#pragma once

#include "prelude.h"

#if !CJ_DEVICE

#if defined(__AVX512F__)
#define CJ_VECTOR_BYTES 64
#elif defined(__AVX__)
#define CJ_VECTOR_BYTES 32
#else
#define CJ_VECTOR_BYTES 16
#endif

// Before a function, and in its body: products and sums are rounded once, where the processor has that.
#if defined(__clang__)
#define CJ_FUSED
#define CJ_FUSES _Pragma("clang fp contract(fast)")
#define CJ_UNROLL _Pragma("unroll")
#else
#define CJ_FUSED __attribute__((optimize("fp-contract=fast")))
#define CJ_FUSES
#define CJ_UNROLL _Pragma("GCC unroll 16")
#endif

namespace cj {

template <class T> struct vector_type { typedef T type __attribute__((vector_size(CJ_VECTOR_BYTES))); };
template <class T> using Vector = typename vector_type<T>::type;
template <class T> constexpr int LANES = CJ_VECTOR_BYTES / int(sizeof(T));

template <class T> CJ_FN Vector<T> load(const T* from) {
    Vector<T> v;
    copy_bytes<sizeof(v)>(&v, from);
    return v;
}
template <class T> CJ_FN void store(T* to, Vector<T> v) { copy_bytes<sizeof(v)>(to, &v); }

// ---- exchanges of lanes -----------------------------------------------------------------------------------

template <int... I> struct Places {};
template <int count, int... I> struct places_below { using type = typename places_below<count - 1, count - 1, I...>::type; };
template <int... I> struct places_below<0, I...> { using type = Places<I...>; };
// The numbers 0, 1, ... of the lanes.
template <class T> using lanes_of = typename places_below<LANES<T>>::type;

// What stands at the places I of x and y, one after the other.
template <class T, int... I> CJ_FN Vector<T> chosen(Vector<T> x, Vector<T> y, Places<I...>) {
#if defined(__clang__)
    return __builtin_shufflevector(x, y, I...);
#else
    typedef signed_word<T> Where __attribute__((vector_size(CJ_VECTOR_BYTES)));
    return __builtin_shuffle(x, y, Where{I...});
#endif
}

// Numbers at `first`, `first + 2`, ...
template <class T, int first, int... I> CJ_FN Vector<T> every_second(Vector<T> x, Vector<T> y, Places<I...>) {
    return chosen<T>(x, y, Places<(first + 2 * I)...>{});
}
// x0 y0 x1 y1 ... from place `first` on.
template <class T, int first, int... I> CJ_FN Vector<T> in_turn(Vector<T> x, Vector<T> y, Places<I...>) {
    return chosen<T>(x, y, Places<((first + I) / 2 + I % 2 * LANES<T>)...>{});
}

template <class T> CJ_FN Vector<T> evens(Vector<T> x, Vector<T> y) { return every_second<T, 0>(x, y, lanes_of<T>{}); }
template <class T> CJ_FN Vector<T> odds(Vector<T> x, Vector<T> y) { return every_second<T, 1>(x, y, lanes_of<T>{}); }
template <class T> CJ_FN Vector<T> first_pairs(Vector<T> x, Vector<T> y) { return in_turn<T, 0>(x, y, lanes_of<T>{}); }
template <class T> CJ_FN Vector<T> last_pairs(Vector<T> x, Vector<T> y) {
    return in_turn<T, LANES<T>>(x, y, lanes_of<T>{});
}

// Lanes of x that have the bit `d` in their number change places with those of y that have it not.
template <class T, int d, int... I> CJ_FN void exchange(Vector<T>& x, Vector<T>& y, Places<I...>) {
    const Vector<T> upper = chosen<T>(x, y, Places<(I & d ? LANES<T> + I - d : I)...>{});
    y = chosen<T>(x, y, Places<(I & d ? LANES<T> + I : I + d)...>{});
    x = upper;
}

template <class T, int d = 1> CJ_FN void transpose(Vector<T>* rows) {
    if constexpr (d < LANES<T>) {
        CJ_UNROLL for (int i = 0; i < LANES<T>; ++i)
            if (!(i & d)) exchange<T, d>(rows[i], rows[i + d], lanes_of<T>{});
        transpose<T, 2 * d>(rows);
    }
}

}  // namespace cj

#endif  // !CJ_DEVICE
