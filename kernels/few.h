// Updates of few places by many threads, so that the result is the same each time: sums of floats, which round.
//
// Every thread gathers the updates that are its own, in their order, in a copy of all places that nobody else changes.
// Then each block combines its copies to one, and the blocks' results enter the target, place by place:
//
//     __shared__ cj::Few<R, I>::Acc memory[...];        places * blockDim.x of them
//     const cj::Few<cj::Sum<double>> own(memory, places);
//     own.clear();                  each thread its own copy
//     own.update(place, x);         any thread, without waiting for others
//     own.leave(parts);             by all threads of the block together: its result of each place
//
//     cj::enter_parts<cj::Sum<double>>(target, parts, chunks, shared);     in a second kernel, a block for each place
//
// Which updates are whose, and in what order they are combined, depends on the sizes of the grid alone.

#pragma once

#include "atomic.h"

namespace cj {

#if CJ_DEVICE

template <class R> struct Few {
    using Acc = typename R::Acc;

    Acc* memory;  // of each place the copies of all threads, one after the other: lanes side by side meet no bank twice
    int places;

    CJ_FN Few(Acc* memory, int places) : memory(memory), places(places) {}

    CJ_FN void clear() const {
        for (int place = 0; place < places; ++place) *copy(place) = neutral<R>();
    }

    template <class T> CJ_FN void update(i64 place, T x) const { gather<R>(copy(int(place)), x); }

    // A warp for each place; the parts of a place stand together, one for each block.
    CJ_FN void leave(char* parts) const {
        unsigned lane = threadIdx.x % warp_lanes, warps = blockDim.x / warp_lanes;
        __syncthreads();
        for (unsigned place = threadIdx.x / warp_lanes; place < unsigned(places); place += warps) {
            Acc total = memory[place * blockDim.x + lane];
            for (unsigned k = lane + warp_lanes; k < blockDim.x; k += warp_lanes)
                total = R::combine(total, memory[place * blockDim.x + k]);
            total = reduce_to_first_lane<R>(total, lane, warp_lanes);
            if (lane == 0) reinterpret_cast<Acc*>(parts)[place * gridDim.x + blockIdx.x] = total;
        }
    }

private:
    CJ_FN Acc* copy(int place) const { return memory + place * int(blockDim.x) + int(threadIdx.x); }
};

// The place of this block gets what `chunks` blocks have left for it; `shared` holds 32 partial results.
template <class R, class T, class M> CJ_FN void enter_parts(M* target, const char* parts, int chunks, typename R::Acc* shared) {
    const auto* own = reinterpret_cast<const typename R::Acc*>(parts) + i64(blockIdx.x) * chunks;
    typename R::Acc total = neutral<R>();
    for (int k = int(threadIdx.x); k < chunks; k += int(blockDim.x)) total = R::combine(total, own[k]);
    total = block_reduce<R>(total, shared);
    if (threadIdx.x == 0) target[blockIdx.x] = R::lower(R::combine(R::lift(T(target[blockIdx.x])), total));
}

#endif  // CJ_DEVICE

}  // namespace cj
