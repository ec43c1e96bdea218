// Barriers of a block, and fences, which order nothing that is not in order where one thread runs at a time.

#pragma once

#include "machine.h"

inline void __syncthreads(emulator::Here here = {}) { emulator::wait_for_block("__syncthreads", here, false); }

inline int __syncthreads_count(int vote, emulator::Here here = {}) {
    return int(emulator::wait_for_block("__syncthreads_count", here, vote).in_favour);
}

inline int __syncthreads_and(int vote, emulator::Here here = {}) {
    emulator::Votes votes = emulator::wait_for_block("__syncthreads_and", here, vote);
    return votes.in_favour == votes.threads;
}

inline int __syncthreads_or(int vote, emulator::Here here = {}) {
    return emulator::wait_for_block("__syncthreads_or", here, vote).in_favour != 0;
}

inline void __threadfence_block() {}
inline void __threadfence() { emulator::announce_fence(); }
inline void __threadfence_system() { emulator::announce_fence(); }
