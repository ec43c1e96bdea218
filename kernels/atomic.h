// Updates of one place by many threads: what a scatter does where indices may collide.
//
//     update<R>(place, x)          *place combined with x, by the only thread that is there
//     gather<R>(place, x)          the same where a partial result is gathered, from neutral<R>() on
//     atomic_update<R>(place, x)   the same while others do it too
//     neutral<R>()                 an update that changes nothing
//
// R is a reduction of reduce.h.  Where the processor has no atomic instruction for it, the word that holds the
// element is read, changed and exchanged until nobody else came between; complex128, which no word holds, is
// changed under a lock.  Each update of f16 and bf16 is rounded.  The order of updates is not fixed, so sums of
// floats may differ in their last bits from run to run; extrema are the same in every order.  Where the order
// counts: in_order.h and few.h.  Where many updates go to few places: private.h.

#pragma once

#include "complex.h"
#include "half.h"
#include "reduce.h"

namespace cj {

template <class R, class T> CJ_FN T combined(T old, T x) { return R::lower(R::combine(R::lift(old), R::lift(x))); }

// Whether x lies behind the extremum `old`.  Most do, so that to ask is less than to write: a branch on the host, which
// the processor foresees.  Zeros of either sign are equal, so that the last of them is written; integers gain nothing.
template <class R, class A> CJ_FN bool is_no_news(A old, A x) {
    if constexpr (!CJ_DEVICE && (is_same<R, Max<float>> || is_same<R, Max<double>>)) return x < old;
    else if constexpr (!CJ_DEVICE && (is_same<R, Min<float>> || is_same<R, Min<double>>)) return x > old;
    else return false;
}

template <class R, class T> CJ_FN void update(T* place, T x) {
    if (!is_no_news<R>(R::lift(*place), R::lift(x))) *place = combined<R>(*place, x);
}

template <class R, class T> CJ_FN void gather(typename R::Acc* place, T x) { *place = R::combine(*place, R::lift(x)); }

// As `combined` where the order is not fixed.  Of 0 and -0, and of several NaNs, the extremum is one whatever the order.
template <class R, class T> CJ_FN T joined(T old, T x) {
    if constexpr (is_float<T> && (is_same<R, Max<T>> || is_same<R, Min<T>>)) {
        T first = combined<R>(old, x), second = combined<R>(x, old);
        return bits_as<word<T>>(first) > bits_as<word<T>>(second) ? first : second;
    } else {
        return combined<R>(old, x);
    }
}

template <class R> struct Neutral {
    static CJ_FN typename R::Acc value() { return R::identity(); }
};

template <class T> struct Neutral<Sum<T>> {  // 0 would make 0 of -0
    static CJ_FN typename Sum<T>::Acc value() { return -Sum<T>::identity(); }
};

template <class R> CJ_FN typename R::Acc neutral() { return Neutral<R>::value(); }

// ---- exchange of words ------------------------------------------------------------------------------------

// The previous value; `desired` is stored where it equals `expected`.
template <class W> CJ_FN W exchange_if(W* place, W expected, W desired) {
#if CJ_DEVICE
    return atomicCAS(place, expected, desired);
#else
    __atomic_compare_exchange_n(place, &expected, desired, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    return expected;
#endif
}

template <class R, class T> CJ_FN void update_word(T* place, T x) {
    using W = word<T>;
    W* target = reinterpret_cast<W*>(place);
    W seen = *const_cast<volatile W*>(target), before;
    do {
        before = seen;
        seen = exchange_if(target, before, bits_as<W>(joined<R>(bits_as<T>(before), x)));
    } while (seen != before);
}

#if CJ_DEVICE

// Elements of 8 and 16 bits: devices exchange words of 32.
template <class R, class T> CJ_FN void update_part_of_word(T* place, T x) {
    using W = word<T>;
    u64 address = reinterpret_cast<u64>(place);
    u32* target = reinterpret_cast<u32*>(address & ~u64(3));
    u32 shift = u32(address & 3) * 8, mask = u32(W(~W(0))) << shift;
    u32 seen = *const_cast<volatile u32*>(target), before;
    do {
        before = seen;
        T next = joined<R>(bits_as<T>(W(before >> shift)), x);
        seen = exchange_if(target, before, (before & ~mask) | (u32(bits_as<W>(next)) << shift));
    } while (seen != before);
}

#endif

// ---- locks ------------------------------------------------------------------------------------------------

constexpr u32 lock_count = 1024;

#if CJ_GPU
static __device__ u32 locks[lock_count];
#else
inline u32 locks[lock_count];
#endif

template <class T> CJ_FN u32* lock_of(T* place) {
    return &locks[(reinterpret_cast<u64>(place) / sizeof(T)) % lock_count];
}

template <class R, class T> CJ_FN void update_under_lock(T* place, T x) {
    u32* lock = lock_of(place);
    volatile auto* parts = &place->re;
    for (bool done = false; !done;) {  // the lanes of a warp may want one lock: none waits inside for another
#if CJ_DEVICE
        if (atomicCAS(lock, 0u, 1u) != 0) continue;
        __threadfence();
#else
        if (__atomic_exchange_n(lock, 1u, __ATOMIC_ACQUIRE) != 0) continue;
#endif
        T next = combined<R>(T(parts[0], parts[1]), x);
        parts[0] = next.re;
        parts[1] = next.im;
#if CJ_DEVICE
        __threadfence();
        atomicExch(lock, 0u);
#else
        __atomic_store_n(lock, 0u, __ATOMIC_RELEASE);
#endif
        done = true;
    }
}

// ---- the update -------------------------------------------------------------------------------------------

template <class R, class T> CJ_FN void update_by_exchange(T* place, T x) {
    if constexpr (sizeof(T) > 8) update_under_lock<R>(place, x);
#if CJ_DEVICE
    else if constexpr (sizeof(T) < 4) update_part_of_word<R>(place, x);
#endif
    else update_word<R>(place, x);
}

template <class R> struct Atomic {
    template <class T> static CJ_FN void update(T* place, T x) { update_by_exchange<R>(place, x); }
};

template <class T> struct Atomic<Sum<T>> {
    static CJ_FN void update(T* place, T x) {
        if constexpr (is_complex<T>) {  // part by part
            Atomic<Sum<decltype(x.re)>>::update(&place->re, x.re);
            Atomic<Sum<decltype(x.im)>>::update(&place->im, x.im);
        } else {
            add(place, x);
        }
    }

private:
    static CJ_FN void add(T* place, T x) {
#if CJ_DEVICE
        if constexpr (is_same<T, float> || is_same<T, double>) atomicAdd(place, x);
        else if constexpr (is_integer<T> && sizeof(T) >= 4) atomicAdd(reinterpret_cast<word<T>*>(place), word<T>(x));
        else update_by_exchange<Sum<T>>(place, x);
#else
        if constexpr (is_integer<T>) __atomic_fetch_add(place, x, __ATOMIC_RELAXED);
        else update_by_exchange<Sum<T>>(place, x);
#endif
    }
};

#if CJ_DEVICE

template <class T> struct Atomic<Max<T>> {
    static CJ_FN void update(T* place, T x) {
        if constexpr (is_integer<T> && sizeof(T) >= 4) atomicMax(place, x);
        else update_by_exchange<Max<T>>(place, x);
    }
};

template <class T> struct Atomic<Min<T>> {
    static CJ_FN void update(T* place, T x) {
        if constexpr (is_integer<T> && sizeof(T) >= 4) atomicMin(place, x);
        else update_by_exchange<Min<T>>(place, x);
    }
};

#endif

template <class R, class T> CJ_FN void atomic_update(T* place, same<T> x) { Atomic<R>::update(place, T(x)); }

template <class R> CJ_FN void update(b8* place, bool x) { *place = combined<R>(bool(*place), x); }

template <class R> CJ_FN void atomic_update(b8* place, bool x) {
    Atomic<R>::update(reinterpret_cast<bool*>(place), x);
}

}  // namespace cj
