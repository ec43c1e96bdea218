// Updates of few places by many threads, gathered in each block before they reach the target.
//
//     __shared__ cj::Private<cj::Sum, float>::Memory memory;
//     const cj::Private<cj::Sum, float> own(memory, places, copies);
//     own.clear();                  by all threads of the block together, as
//     own.update(place, x);         by any thread
//     own.merge(target);            one atomic update of each place of the target
//
// Atomic updates of one place wait for each other.  In shared memory they wait for those of the same block alone, and
// where there is room each place has several copies, a power of two up to 32, which the lanes of a warp use in turn:
// with 32 no two of its lanes meet.  The order of updates is not fixed; see in_order.h.

#pragma once

#include "atomic.h"

namespace cj {

#if CJ_DEVICE

// Words that shared memory can change atomically, and wide enough to round once: float for f16, 32 bits for i8.
template <class T> using whole_word = choose<
    is_half<T>, float,
    choose<is_signed_integer<T> && sizeof(T) < 4, i32, choose<is_bool<T> || (is_integer<T> && sizeof(T) < 4), u32, T>>>;

constexpr int private_bytes = 16384;  // so that the memory of a multiprocessor holds as many blocks as its threads

template <template <class> class Op, class T> struct Private {
    using Word = whole_word<T>;
    static constexpr int most_words = private_bytes / sizeof(Word);
    using Memory = Word[most_words];

    Word* memory;
    int places, copies;

    CJ_FN Private(Word* memory, int places, int copies) : memory(memory), places(places), copies(copies) {}

    CJ_FN void clear() const {
        const Word nothing = convert<Word>(neutral<Op<T>>());  // of T: the least i32 is no i8
        for (int k = int(threadIdx.x); k < places * copies; k += int(blockDim.x)) memory[k] = nothing;
        __syncthreads();
    }

    CJ_FN void update(i64 place, T x) const {
        int copy = int(threadIdx.x) & (copies - 1);
        atomic_update<Op<Word>>(&memory[int(place) * copies + copy], convert<Word>(x));
    }

    template <class M> CJ_FN void merge(M* target) const {
        __syncthreads();
        for (int place = int(threadIdx.x); place < places; place += int(blockDim.x)) {
            Word total = memory[place * copies];
            for (int copy = 1; copy < copies; ++copy) total = joined<Op<Word>>(total, memory[place * copies + copy]);
            atomic_update<Op<T>>(target + place, convert<T>(total));
        }
    }
};

#endif  // CJ_DEVICE

}  // namespace cj
