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
//     one by one        where windows are long: each lane one column of them (Relay)
//     many at a time    where they are short: the first of the threads that have the same place enters for them (Turn)

#pragma once

#include "atomic.h"

namespace cj {

#if CJ_DEVICE

constexpr int most_owners = 512;
constexpr int counts_at_a_time = 8;  // that a thread adds up

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
        for (int tile = 0; tile < count; tile += int(blockDim.x) * counts_at_a_time) {
            int first = tile + int(threadIdx.x) * counts_at_a_time;
            I own[counts_at_a_time], sum = 0, total;
            #pragma unroll
            for (int k = 0; k < counts_at_a_time; ++k) sum += own[k] = first + k < count ? offsets[first + k] : I(0);
            I place = before + sum_before(sum, sums, total);
            #pragma unroll
            for (int k = 0; k < counts_at_a_time; ++k) {
                if (first + k < count) offsets[first + k] = place;
                place += own[k];
            }
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

constexpr int turn_length = 32;  // entries, one for each lane of a warp
constexpr int most_groups = 8;   // of warps in a block

// What a warp gives to the next one: the place that is open, and of its columns what has entered so far.
template <class T, class I> struct Baton {
    T values[warp_lanes];
    I start;  // negative where none is open
};

// The warps of a group have the same columns, a lane for each, and take turns: one enters its entries, while those of
// the others are on their way from memory.  Of each entry the number is asked for one turn before the value.  An element
// is written when one of another place comes, so that many of one place do not wait for memory.
//
//     cj::Relay<R, T, M, I> relay(batons, entries, begin, end, warps, column, has_column);     M* column of the target
//     for (; relay.goes_on(); relay.next()) {
//         relay.enter(values);
//         if (relay.asks()) for (int k = 0; k < cj::turn_length; ++k) values[k] = ... of relay.update(k)
//     }
//     relay.leave();
//
// All groups of a block have the same entries, and call all of it together.
template <class R, class T, class M, class I> struct Relay {
    Baton<T, I>& baton;
    const Entry<I>* entries;
    I begin, end, at;  // `at`: the first entry of this turn; before `begin`, turns only ask
    int warps, warp, turn = 0;
    M* column;
    bool has_column;
    Entry<I> now, next_entry;  // of this lane: what it has asked the value of, and what comes after it

    CJ_FN Relay(
        Baton<T, I>* batons, const Entry<I>* entries, I begin, I end, int warps, M* column, bool has_column)
        : baton(batons[int(threadIdx.x) / warp_lanes / warps]), entries(entries), begin(begin), end(end),
          at(begin - I(warps * turn_length)), warps(warps), warp(int(threadIdx.x) / warp_lanes % warps), column(column),
          has_column(has_column), now{-1, 0}, next_entry{-1, 0} {
        __syncthreads();  // those before have left
        if (warp == 0) baton.values[lane()] = T();
        if (warp == 0 && lane() == 0) baton.start = -1;
        if (begin < end) next_entry = entry(begin + I(warp * turn_length));
    }

    CJ_FN bool goes_on() const { return begin < end && at < end; }

    // This turn's entries; then all wait for each other.
    CJ_FN void enter(const T (&values)[turn_length]) {
        if (turn == warp && at >= begin) enter_own(values);
        __syncthreads();
    }

    // Whether this warp has had its turn, and has more entries, whose values it asks for.
    CJ_FN bool asks() {
        if (turn != warp) return false;
        const I later = at + I(warps * turn_length);
        now = next_entry;
        next_entry = entry(later + I(warps * turn_length));
        return later < end;
    }

    CJ_FN I update(int k) const { return __shfl_sync(~0u, now.update, k); }

    CJ_FN void next() {
        at += turn_length;
        turn = turn + 1 < warps ? turn + 1 : 0;
    }

    CJ_FN void leave() const {
        if (warp == 0 && begin < end) write(baton.start, baton.values[lane()]);
    }

private:
    static CJ_FN int lane() { return int(threadIdx.x % warp_lanes); }

    // That of this lane; lanes beyond the end have the last one.
    CJ_FN Entry<I> entry(I first) const {
        const I own = first + I(lane());
        return entries[own < end ? own : end - 1];
    }

    CJ_FN void enter_own(const T (&values)[turn_length]) {
        I start = baton.start;
        T value = baton.values[lane()];
        const I first = __shfl_sync(~0u, now.start, 0);
        if (at + turn_length <= end && __all_sync(~0u, now.start == first)) {
            open(first, start, value);
            #pragma unroll
            for (int k = 0; k < turn_length; ++k) value = combined<R>(value, values[k]);
        } else {
            #pragma unroll
            for (int k = 0; k < turn_length; ++k) {
                const I place = __shfl_sync(~0u, now.start, k);
                if (at + k >= end) continue;
                open(place, start, value);
                value = combined<R>(value, values[k]);
            }
        }
        __syncwarp();  // all have read what the warp before has left
        baton.values[lane()] = value;
        if (lane() == 0) baton.start = start;
    }

    CJ_FN void open(I place, I& start, T& value) const {
        if (place == start) return;
        write(start, value);
        start = place;
        if (has_column) value = T(column[place]);
    }

    CJ_FN void write(I start, T value) const {
        if (has_column && start >= 0) column[start] = value;
    }
};

// ---- many at a time -----------------------------------------------------------------------------------------

constexpr int turn_threads = 256;  // of a block

template <class T, class I> struct Turn {
    I places[turn_threads];
    T values[turn_threads];
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
