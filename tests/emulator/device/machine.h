// The machine: runs the blocks of a kernel one after another, and the threads of a block in turns.
//
// A thread runs until it returns or has to wait for others, at a barrier or at an operation of its warp.  So long as
// none waits, a block is a plain loop over its threads on one stack.  A thread that waits keeps that stack, and the
// rest of the loop goes on on another (fibers.h).  Nothing ever runs at the same time, so results do not depend on
// chance; they may depend on the order in which threads and blocks get their turns, which the launch gives.
//
// Here is what kernels and the functions of CUDA (barriers.h, warps.h) see of it.  Start reading at `run`, in
// machine.cpp.

#pragma once

#include "faults.h"
#include "vector_types.h"

#pragma GCC visibility push(default)  // kernels and the machine are different libraries

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;

namespace emulator {

using Word = unsigned long long;

// ---- a launch ---------------------------------------------------------------------------------------------

// A permutation of 0 ... count - 1: the element at place i is (factor * i + offset) mod count.
struct Order {
    Word factor, offset;
    Word at(Word i, Word count) const { return Word((static_cast<unsigned __int128>(factor) * i + offset) % count); }
};

// As the runner fills it in, field for field.
struct Launch {
    unsigned grid[3], block[3];
    Word shared_bytes;
    Order block_order, thread_order;
    const Word* blocks;  // numbers of the blocks to run, or null for all
    Word block_count;
    Word time_limit;  // nanoseconds of the processor
    Word find_races;  // 1 in a module whose accesses are announced, see races.h
};

// The shared memory of a module: all of it, and the part in it whose size the launch gives.
struct SharedMemory {
    char *begin, *end, *dynamic;
    Word dynamic_size;
};

// Of the module whose variables for threads surround `dynamic`.
SharedMemory find_shared_memory(char* dynamic, Word dynamic_size);

// Calls a kernel with parameters that are read from slots of 8 bytes.
struct Kernel {
    void (*call)(const Word* slots);
    unsigned parameters;
};

// Runs a kernel; the report of what a thread did wrong, or null.
const char* run(Kernel, const Word* slots, const Launch&, SharedMemory);

// ---- what a thread can ask for ----------------------------------------------------------------------------

// The place of a call in the text of the kernel, as a default argument.
struct Here {
    const char* file;
    int line;
    Here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) : file(file), line(line) {}
};

// The number of a thread in its warp.
unsigned lane();

struct Votes {
    unsigned threads, in_favour;
};

// Waits until all threads of the block that have not returned are here.
Votes wait_for_block(const char* operation, Here, bool vote);

// What the lanes of a warp have handed to each other.
struct Exchange {
    const char* operation;
    unsigned mask;     // who is expected
    unsigned arrived;  // who has come
    unsigned readers;  // who may still read
    bool is_complete;
    Word values[32];
};

// For races.h: an atomic operation, and a fence, of the thread that runs.
void announce_atomic(void* address, Word size, void* where);
void announce_fence();

// Waits until all lanes of `mask` that have not returned are here.  Valid until the thread's next exchange.
const Exchange& exchange(const char* operation, Here, unsigned mask, Word value);

}  // namespace emulator

#pragma GCC visibility pop
