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
//     one by one        where windows are long: each lane one column of them, whose values other warps fetch (Relay)
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

    // -- offsets: one block; sums[32] in shared memory.  What a thread adds up, it loads and stores as a whole: one by
    // one each would be a transfer of its own, 32 bytes for four.

    struct alignas(16) Counts { I of[counts_at_a_time]; };

    CJ_FN Counts counts(int first, int count) const {
        if (first + counts_at_a_time <= count) return *reinterpret_cast<const Counts*>(offsets + first);
        Counts found;
        #pragma unroll
        for (int k = 0; k < counts_at_a_time; ++k) found.of[k] = first + k < count ? offsets[first + k] : I(0);
        return found;
    }

    CJ_FN void keep_offsets(const Counts& own, int first, int count) const {
        if (first + counts_at_a_time <= count) {
            *reinterpret_cast<Counts*>(offsets + first) = own;
            return;
        }
        #pragma unroll
        for (int k = 0; k < counts_at_a_time; ++k)
            if (first + k < count) offsets[first + k] = own.of[k];
    }

    CJ_FN void add_up(I* sums) const {
        const int count = owners * chunks, tile = int(blockDim.x) * counts_at_a_time;
        int first = int(threadIdx.x) * counts_at_a_time;
        Counts ahead = counts(first, count);
        I before = 0;
        for (int done = 0; done < count; done += tile, first += tile) {
            Counts own = ahead;
            ahead = counts(first + tile, count);
            I sum = 0, total;
            #pragma unroll
            for (int k = 0; k < counts_at_a_time; ++k) sum += own.of[k];
            I place = before + sum_before(sum, sums, total);
            #pragma unroll
            for (int k = 0; k < counts_at_a_time; ++k) {
                const I here = own.of[k];
                own.of[k] = place;
                place += here;
            }
            keep_offsets(own, first, count);
            before += total;
        }
        if (threadIdx.x == 0) offsets[count] = before;
    }

    // -- list: blocks of one warp; next[most_owners] in shared memory, where the next update of each owner goes

    CJ_FN void start_listing(I* next) const {
        #pragma unroll 8
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

constexpr int most_feeding = 7;  // warps of a block that ask for values
constexpr int read_ahead = 16;   // values on their way from shared memory
constexpr int read_at_once = 8;

// So many entries, at most a lane's each, a warp asks the values of in a round: of complex128 as many bytes as of float.
template <class T> constexpr int round_entries = sizeof(T) <= 4 ? int(warp_lanes) : 128 / int(sizeof(T));

// What enters in a round: of each entry its start, and the value of each column.
template <class T, class I> struct Round {
    T values[most_feeding * round_entries<T>][warp_lanes];
    I starts[most_feeding * round_entries<T>];
};

// The warps of a group have the same columns, a lane for each.  In each round they ask for the values of the entries of
// the next one, while the first warp alone enters those of the round before, which lie in shared memory: it waits for
// nothing but additions, one after the other.  Of two warps and more the first one asks for nothing.  A column is written
// when an entry of another place comes, so that many of one place do not wait for memory.
//
//     cj::Relay<R, T, M, I> relay(rows, entries, begin, end, warps, column, has_column);     M* column of the target
//     for (; relay.goes_on(); relay.next()) {
//         T values[cj::round_entries<T>];
//         if (relay.asks()) for (int k = 0; k < cj::round_entries<T>; ++k) values[k] = ... of relay.update(k)
//         relay.enter(values);
//     }
//     relay.leave();
//
// All groups of a block have the same entries, and call all of it together.
template <class R, class T, class M, class I> struct Relay {
    static constexpr int own_entries = round_entries<T>;
    Round<T, I>& rows;
    const Entry<I>* entries;
    I begin, end, at;  // `at`: the first entry whose value is asked for in this round
    int feeding, group_row, own_row;
    bool enters, feeds;
    M* column;
    bool has_column;
    Entry<I> ahead;  // of this lane, in the next round
    I start = -1;  // of the open place; `value`: what its column is so far
    T value = T();

    CJ_FN Relay(Round<T, I>& rows, const Entry<I>* entries, I begin, I end, int warps, M* column, bool has_column)
        : rows(rows), entries(entries), begin(begin), end(end), at(begin), column(column), has_column(has_column),
          ahead{0, 0} {
        const int warp = int(threadIdx.x) / warp_lanes, group = warp / warps, number = warp % warps;
        feeding = warps > 1 ? warps - 1 : 1;
        enters = number == 0;
        feeds = number > 0 || warps == 1;
        group_row = group * feeding * own_entries;
        own_row = group_row + (warps > 1 ? number - 1 : 0) * own_entries;
        if (begin >= end) return;
        if (feeds) ahead = entry(begin);
        if (enters) open(entries[begin].start);
    }

    CJ_FN bool goes_on() const { return begin < end && at < end + round(); }

    // Whether this warp has entries in this round.
    CJ_FN bool asks() {
        if (!feeds || at >= end) return false;
        own = ahead;
        ahead = entry(at + round());
        return true;
    }

    CJ_FN I update(int k) const { return __shfl_sync(~0u, own.update, k); }

    // Those of the round before enter; then this round's take their place.
    CJ_FN void enter(const T (&values)[own_entries]) {
        if (enters && at > begin) enter_round(at - round());
        __syncthreads();
        if (feeds && at < end) {
            #pragma unroll
            for (int k = 0; k < own_entries; ++k) rows.values[own_row + k][lane()] = values[k];
            if (lane() < own_entries) rows.starts[own_row + lane()] = own.start;
        }
        __syncthreads();
    }

    CJ_FN void next() { at += round(); }

    CJ_FN void leave() const {
        if (enters) write();
    }

private:
    Entry<I> own{0, 0};  // of this lane, in this round

    static CJ_FN int lane() { return int(threadIdx.x % warp_lanes); }
    CJ_FN I round() const { return I(feeding * own_entries); }

    // That of this lane; lanes beyond the end have the last one.
    CJ_FN Entry<I> entry(I first) const {
        const I place = first + I(own_row - group_row + lane() % own_entries);
        return entries[place < end ? place : end - 1];
    }

    CJ_FN void enter_round(I first) {
        const int last = group_row + int(end - first < round() ? end - first : round());
        int row = group_row;
        bool same = true;
        for (int k = row + lane(); k < last; k += int(warp_lanes)) same &= rows.starts[k] == start;
        if (__all_sync(~0u, same)) return enter_rows(row, last);
        while (row < last) {
            const I place = rows.starts[row];
            const unsigned equal = __ballot_sync(~0u, row + lane() < last && rows.starts[row + lane()] == place);
            const int after = row + (equal == ~0u ? int(warp_lanes) : __ffs(int(~equal)) - 1);
            if (place != start) {
                write();
                open(place);
            }
            enter_rows(row, after);
            row = after;
        }
    }

    // Rows of the open place.
    CJ_FN void enter_rows(int row, int last) {
        int pieces = (last - row) / read_ahead;
        if (pieces > 0) {
            const T(*from)[warp_lanes] = &rows.values[row];
            T values[read_ahead];
            #pragma unroll
            for (int k = 0; k < read_ahead; ++k) values[k] = from[k][lane()];
            row += pieces * read_ahead;
            for (; pieces > 0; --pieces) {
                if (pieces > 1) from += read_ahead;
                #pragma unroll
                for (int k = 0; k < read_ahead; k += read_at_once) {
                    #pragma unroll
                    for (int j = k; j < k + read_at_once; ++j) value = combined<R>(value, values[j]);
                    #pragma unroll
                    for (int j = k; j < k + read_at_once; ++j) values[j] = from[j][lane()];
                }
            }
        }
        for (; row < last; ++row) value = combined<R>(value, rows.values[row][lane()]);
    }

    CJ_FN void open(I place) {
        start = place;
        if (has_column) value = T(column[place]);
    }

    CJ_FN void write() const {
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
