// Reductions, and how the threads of a device carry them out together.
//
// A reduction of elements of type T is a struct `R<T>`:
//
//     Acc                     the type of a partial result: float for f16 and bf16, a value and its place for argmax
//     identity()              the result of nothing
//     lift(x), lift(x, i)     an element (of place i) as a partial result
//     combine(a, b)           of two partial results one, where the elements of a come before those of b
//     lower(a)                the result as an element; argmax and argmin give the place
//
// The order of combination is fixed by the number of threads alone, so equal inputs give equal bits.
//
//     warp_reduce<R>(acc)              the lanes of each warp, the result in all of them
//     block_reduce<R>(acc, shared)     the threads of a block, the result in all of them
//
// How updates of one place by many threads combine stands in atomic.h; what the host does, in blocks.h.

#pragma once

#include "math.h"

namespace cj {

// ---- the reductions ---------------------------------------------------------------------------------------

template <class T> using accumulator = choose<is_half<T>, float, T>;

template <class T> struct Elementwise {
    using Acc = accumulator<T>;
    static CJ_FN Acc lift(T x) { return convert<Acc>(x); }
    static CJ_FN T lower(Acc a) { return convert<T>(a); }
};

// Of booleans: whether one is true.
template <class T> struct Sum : Elementwise<T> {
    using Acc = accumulator<T>;
    static CJ_FN Acc identity() { return Acc(0); }
    static CJ_FN Acc combine(Acc a, Acc b) { return Acc(wrap(a) + wrap(b)); }
};

template <class T> struct Product : Elementwise<T> {
    using Acc = accumulator<T>;
    static CJ_FN Acc identity() { return Acc(1); }
    static CJ_FN Acc combine(Acc a, Acc b) { return Acc(wrap(a) * wrap(b)); }
};

template <class T> struct Max : Elementwise<T> {
    using Acc = accumulator<T>;
    static CJ_FN Acc identity() { return limits<Acc>::least(); }
    static CJ_FN Acc combine(Acc a, Acc b) { return max(a, b); }
};

template <class T> struct Min : Elementwise<T> {
    using Acc = accumulator<T>;
    static CJ_FN Acc identity() { return limits<Acc>::greatest(); }
    static CJ_FN Acc combine(Acc a, Acc b) { return min(a, b); }
};

// Booleans are mostly found by comparing numbers of 32 bits or more; as bytes they would have to be put together from
// several vectors.
template <class T> using bits_accumulator = choose<is_bool<T> && !CJ_DEVICE, i32, T>;

template <class T> struct And : Elementwise<T> {
    using Acc = bits_accumulator<T>;
    static CJ_FN Acc identity() { return convert<Acc>(bit_not(T(0))); }
    static CJ_FN Acc lift(T x) { return convert<Acc>(x); }
    static CJ_FN T lower(Acc a) { return convert<T>(a); }
    static CJ_FN Acc combine(Acc a, Acc b) { return Acc(a & b); }
};

template <class T> struct Or : Elementwise<T> {
    using Acc = bits_accumulator<T>;
    static CJ_FN Acc identity() { return Acc(0); }
    static CJ_FN Acc lift(T x) { return convert<Acc>(x); }
    static CJ_FN T lower(Acc a) { return convert<T>(a); }
    static CJ_FN Acc combine(Acc a, Acc b) { return Acc(a | b); }
};

template <class T> struct Xor : Elementwise<T> {
    static CJ_FN T identity() { return T(0); }
    static CJ_FN T combine(T a, T b) { return T(a ^ b); }
};

// The later of two: what a scatter that overwrites leaves.
template <class T> struct Last {
    using Acc = T;
    static CJ_FN T lift(T x) { return x; }
    static CJ_FN T lower(T a) { return a; }
    static CJ_FN T combine(T, T b) { return b; }
};

// ---- places of extrema ------------------------------------------------------------------------------------

template <class V> struct Placed {
    V value;
    i64 place;

    Placed() = default;
    CJ_FN Placed(V v, i64 i) : value(v), place(i) {}
    CJ_COPIED_BY_MEMBERS(Placed, CJ_LIST(value(x.value), place(x.place)), CJ_LIST(value = x.value, place = x.place))
};

// `better(x, y)`: x wins over y wherever they stand.  Of equals the first wins; NaN wins over numbers.
template <class T, class Order> struct Place {
    using Value = accumulator<T>;
    using Acc = Placed<Value>;
    static CJ_FN Acc identity() { return {Order::worst(), limits<i64>::greatest()}; }
    static CJ_FN Acc lift(T x, i64 place) { return {convert<Value>(x), place}; }
    static CJ_FN i64 lower(Acc a) { return a.place; }
    static CJ_FN bool better(Value x, Value y) { return Order::before(x, y) | (is_nan(x) & !is_nan(y)); }
    static CJ_FN Acc combine(Acc a, Acc b) {
        bool first = better(a.value, b.value) | (!better(b.value, a.value) & (a.place <= b.place));
        return {first ? a.value : b.value, first ? a.place : b.place};
    }
};

template <class V> struct Descending {
    static CJ_FN V worst() { return limits<V>::least(); }
    static CJ_FN bool before(V x, V y) { return x > y; }
};

template <class V> struct Ascending {
    static CJ_FN V worst() { return limits<V>::greatest(); }
    static CJ_FN bool before(V x, V y) { return x < y; }
};

template <class T> struct Argmax : Place<T, Descending<accumulator<T>>> {};
template <class T> struct Argmin : Place<T, Ascending<accumulator<T>>> {};

#if CJ_DEVICE

// ---- warps ------------------------------------------------------------------------------------------------

constexpr unsigned warp_lanes = 32;

// Words of 32 bits that hold an A, which is how lanes exchange it.
template <class A> struct Words {
    static constexpr int count = (sizeof(A) + 3) / 4;
    u32 at[count] = {};
    CJ_FN explicit Words(A x) { copy_bytes<sizeof(A)>(at, &x); }
    CJ_FN A get() const {
        A x;
        copy_bytes<sizeof(A)>(&x, at);
        return x;
    }
};

// The `x` of another lane; all lanes in `mask` call it together.
template <class A> CJ_FN A from_lane(unsigned mask, A x, unsigned lane) {
    Words<A> words(x);
    for (int k = 0; k < Words<A>::count; ++k) words.at[k] = __shfl_sync(mask, words.at[k], int(lane));
    return words.get();
}

// Lane 0 gets the result of the first `lanes` lanes, which are all that call this.
template <class R> CJ_FN typename R::Acc reduce_to_first_lane(typename R::Acc acc, unsigned lane, unsigned lanes) {
    unsigned mask = lanes == warp_lanes ? ~0u : (1u << lanes) - 1;
    for (unsigned distance = warp_lanes / 2; distance > 0; distance /= 2) {
        bool has_partner = lane + distance < lanes;
        typename R::Acc other = from_lane(mask, acc, has_partner ? lane + distance : lane);
        if (has_partner) acc = R::combine(acc, other);
    }
    return acc;
}

CJ_FN unsigned thread_number() {
    return threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
}

CJ_FN unsigned thread_count() { return blockDim.x * blockDim.y * blockDim.z; }

// The lanes that the warp of a thread has: fewer than 32 in the last one of a block.
CJ_FN unsigned lanes_of_warp(unsigned thread) {
    unsigned rest = thread_count() - thread / warp_lanes * warp_lanes;
    return rest < warp_lanes ? rest : warp_lanes;
}

template <class R> CJ_FN typename R::Acc warp_reduce(typename R::Acc acc) {
    unsigned thread = thread_number(), lanes = lanes_of_warp(thread);
    acc = reduce_to_first_lane<R>(acc, thread % warp_lanes, lanes);
    return from_lane(lanes == warp_lanes ? ~0u : (1u << lanes) - 1, acc, 0);
}

// ---- blocks -----------------------------------------------------------------------------------------------

// `shared` holds 32 partial results.  All threads of the block call this; it may be called again at once.
template <class R> CJ_FN typename R::Acc block_reduce(typename R::Acc acc, typename R::Acc* shared) {
    unsigned thread = thread_number(), lane = thread % warp_lanes, warp = thread / warp_lanes;
    unsigned warps = (thread_count() + warp_lanes - 1) / warp_lanes;
    acc = reduce_to_first_lane<R>(acc, lane, lanes_of_warp(thread));
    if (lane == 0) shared[warp] = acc;
    __syncthreads();
    if (thread < warps) acc = reduce_to_first_lane<R>(shared[thread], thread, warps);
    if (thread == 0) shared[0] = acc;
    __syncthreads();
    acc = shared[0];
    __syncthreads();
    return acc;
}

// The sum of `x` over the lanes of a warp up to each.
template <class I> CJ_FN I sum_of_lanes_to(unsigned lane, I x) {
    for (unsigned distance = 1; distance < warp_lanes; distance *= 2) {
        const I other = __shfl_up_sync(~0u, x, distance);
        if (lane >= distance) x += other;
    }
    return x;
}

// The sum of `x` over the threads before each, and over all.  `sums` holds 32; it may be called again at once.
template <class I> CJ_FN I sum_before(I x, I* sums, I& total) {
    unsigned thread = thread_number(), lane = thread % warp_lanes, warp = thread / warp_lanes;
    const I sum = sum_of_lanes_to(lane, x);
    if (lane == warp_lanes - 1) sums[warp] = sum;
    __syncthreads();
    const I of_warp = lane < thread_count() / warp_lanes ? sums[lane] : I(0);
    const I to_warp = sum_of_lanes_to(lane, of_warp);
    total = __shfl_sync(~0u, to_warp, int(warp_lanes) - 1);
    const I before = __shfl_sync(~0u, to_warp - of_warp, int(warp));
    __syncthreads();
    return before + sum - x;
}

#endif  // CJ_DEVICE

}  // namespace cj
