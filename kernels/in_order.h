// Updates of one place by many threads in their order, so that the result is the one that a single thread gets.
//
// Updates have numbers and starts: where their windows begin in the target.  Every start has an owner, one of a few
// hundred blocks.  Three kernels list the updates of each owner by a stable partition (Knuth, TAOCP 3, section 5.2,
// distribution counting), for which the updates are cut into chunks:
//
//     count      how many updates each chunk has for each owner
//     offsets    where the list of each owner begins, and in it the part of each chunk: the sum of all counts before
//     list       puts each update in its place
//
// and a fourth kernel has each owner enter its list,
//
//     one by one        where windows are long: each thread one column of them (Run)
//     many at a time    where they are short: the first of the threads that have the same place enters for them (Turn)

#pragma once

#include "atomic.h"

namespace cj {

#if CJ_DEVICE

constexpr int most_owners = 256;

// An update: its number, and the place of the target where its window begins.  I is int where both fit.
template <class I> struct Entry { I start, update; };

// ---- lists --------------------------------------------------------------------------------------------------

template <class I> struct Lists {
    I* offsets;         // of owner 0 in all chunks, then of owner 1, ...; the last one is that of the end
    Entry<I>* entries;  // the list of owner 0, then that of owner 1, ...
    int owners, chunks;
    I updates, spacing;  // how many updates there are; what all starts are multiples of

    // `memory` begins with the offsets; entries begin where 16 divides.
    CJ_FN Lists(char* memory, int owners, int chunks, I updates, I spacing)
        : offsets(reinterpret_cast<I*>(memory)), owners(owners), chunks(chunks), updates(updates), spacing(spacing) {
        i64 bytes = i64(owners * chunks + 1) * i64(sizeof(I));
        entries = reinterpret_cast<Entry<I>*>(memory + (bytes + 15) / 16 * 16);
    }

    // The updates of this block's chunk.
    CJ_FN I first() const { return I(blockIdx.x) * ((updates - 1) / chunks + 1); }
    CJ_FN I last() const {
        I end = I(blockIdx.x + 1) * ((updates - 1) / chunks + 1);
        return end < updates ? end : updates;
    }

    // The entries of an owner.
    CJ_FN I begin(unsigned owner) const { return offsets[int(owner) * chunks]; }
    CJ_FN I end(unsigned owner) const { return offsets[int(owner + 1) * chunks]; }

    // Neighbours have different owners, so that work is shared where updates gather in one part of the target.
    CJ_FN int owner(I start) const { return int(start / spacing % owners); }

    // -- count: counts[most_owners] in shared memory

    CJ_FN void start_counting(int* counts) const {
        for (int k = int(threadIdx.x); k < owners; k += int(blockDim.x)) counts[k] = 0;
        __syncthreads();
    }

    CJ_FN void count(int* counts, I start) const { atomicAdd(&counts[owner(start)], 1); }

    CJ_FN void keep(const int* counts) const {
        __syncthreads();
        for (int k = int(threadIdx.x); k < owners; k += int(blockDim.x))
            offsets[k * chunks + int(blockIdx.x)] = I(counts[k]);
    }

    // -- offsets: one block; sums[32] in shared memory

    CJ_FN void add_up(I* sums) const {
        int count = owners * chunks;
        I before = 0;
        for (int tile = 0; tile < count; tile += int(blockDim.x)) {
            int k = tile + int(threadIdx.x);
            I own = k < count ? offsets[k] : I(0), total;
            I place = before + sum_before(own, sums, total);
            if (k < count) offsets[k] = place;
            before += total;
        }
        if (threadIdx.x == 0) offsets[count] = before;
    }

    // -- list: blocks of one warp; next[most_owners] in shared memory, where the next update of each owner goes

    CJ_FN void start_listing(I* next) const {
        for (int k = int(threadIdx.x); k < owners; k += int(warp_lanes)) next[k] = offsets[k * chunks + int(blockIdx.x)];
        __syncwarp();
    }

    // Called by all lanes together, with updates in their order; `start` is negative where a lane has none.
    CJ_FN void add(I* next, I start, I update) const {
        int own = start < 0 ? -1 : owner(start);
        unsigned equal = __match_any_sync(~0u, own);
        int before = __popc(equal & ((1u << threadIdx.x) - 1));
        I place = own < 0 ? I(0) : next[own];
        __syncwarp();
        if (own >= 0) {
            entries[place + before] = {start, update};
            if (before == 0) next[own] = place + I(__popc(equal));
        }
        __syncwarp();
    }
};

// ---- one by one ---------------------------------------------------------------------------------------------

constexpr int read_ahead = 16;  // updates that are read before the first of them enters: they wait for memory together

// Updates of one column, M* target: an element is written when one of another place comes, so that many of one place
// do not wait for memory.
template <class R, class T, class M, class I> struct Run {
    M* column;
    I start = -1;
    T value;

    CJ_FN explicit Run(M* column) : column(column), value() {}

    CJ_FN void enter(I at, T x) {
        if (at != start) {
            leave();
            start = at;
            value = T(column[at]);
        }
        value = combined<R>(value, x);
    }

    CJ_FN void leave() {
        if (start >= 0) column[start] = value;
    }
};

// ---- many at a time -----------------------------------------------------------------------------------------

constexpr int turn_length = 256;  // threads of a block

template <class T, class I> struct Turn {
    I places[turn_length];
    T values[turn_length];
};

// Called by all threads of a block together: their updates enter in the order of the threads.  `place` is negative
// where a thread has none.
template <class R, class T, class M, class I> CJ_FN void enter_in_turn(Turn<T, I>& turn, M* target, same<I> place, same<T> x) {
    int thread = int(threadIdx.x), k = 0;
    __syncthreads();
    turn.places[thread] = place;
    turn.values[thread] = x;
    __syncthreads();
    if (place < 0) return;
    while (turn.places[k] != place) ++k;
    if (k < thread) return;  // a thread before has the same place
    T value = T(target[place]);
    for (; k < int(blockDim.x); ++k)
        if (turn.places[k] == place) value = combined<R>(value, turn.values[k]);
    target[place] = value;
}

#endif  // CJ_DEVICE

}  // namespace cj
