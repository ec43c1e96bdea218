// Finds races: two threads touch one place, at least one of them writes, and nothing says who comes first.
//
// Kernels compiled with -fsanitize=thread announce every access to memory by a call such as __tsan_read4.  Those
// functions are defined in races.cpp, in place of the sanitizer's own library, which knows nothing of barriers and
// warps.  For every byte the last accesses are kept, and a new access is compared with them.  It comes after another
//
//   of the same thread, always;
//   of the same block, if a barrier, or a __syncwarp with both threads in its mask, lies between;
//   of another block, if that thread then went through __threadfence and an atomic operation, and after that a thread
//   of this block through an atomic operation at the same address and __threadfence: so does a block find out that it
//   is the last, and see what the others have left.
//
// Accesses through `volatile` may meet atomic operations and each other: PTX calls all of them strong.
//
// Time is a counter that advances wherever threads wait or fence.

#pragma once

#include "thread.h"

#include <map>
#include <memory>
#include <unordered_map>

namespace emulator {

enum class Kind : unsigned char { read, write, atomic };

struct Access {
    unsigned block = ~0u;
    unsigned short thread = 0;
    Kind kind = Kind::read;
    unsigned time = 0;
    int where = 0;  // return address of the call that announced it, counted from the kernel's entry
    bool exists() const { return block != ~0u; }
    bool same_thread(const Access& other) const { return block == other.block && thread == other.thread; }
};

// What is known about a byte: the last accesses, and of reads and atomic operations, which may meet, those of two
// threads, so that whoever writes next differs from one of them.  Older ones are forgotten, and races with them.
struct Byte {
    Access write, reads[2], atomics[2];
};

class Shadow {
public:
    Byte& operator[](Word address) {
        auto& page = pages_[address / page_size];
        if (!page) page.reset(new Byte[page_size]);
        return page[address % page_size];
    }
    void clear() { pages_.clear(); }

private:
    static constexpr Word page_size = 4096;
    std::unordered_map<Word, std::unique_ptr<Byte[]>> pages_;
};

// By an atomic operation: accesses of `thread` before `own_time` and of all its block before `block_time` are over,
// and its atomic operations up to `time`.
struct Release {
    unsigned block, thread, own_time, block_time, time;
    bool covers(const Access& of_its_block) const;
};

// The last one of each thread.
class Releases {
public:
    void add(const Release&);
    void add(const Releases&);
    bool cover(const Access&) const;
    void clear() { all_.clear(); }

private:
    std::map<std::pair<unsigned, unsigned>, Release> all_;  // by block and thread
};

class Races {
public:
    void start_launch(bool find, Kernel, const Word* slots, SharedMemory);
    void start_block(Word number);
    void pass_barrier();
    void pass_warp(unsigned first_thread, unsigned arrived);
    void fence();
    void atomic(void* address, Word size, void* where);
    void access(void* address, Word size, Kind, void* where);

private:
    bool comes_before_now(const Access&) const;
    void check(const Access& old, const Access& now, Word address, Word size);
    void release_and_see(Word address);
    [[noreturn]] void report(const Access& old, const Access& now, Word address, Word size);
    void describe_place(Text&, Word address);
    bool is_shared(Word address) const;

    bool is_on_ = false;
    Kernel kernel_;
    const Word* slots_;
    SharedMemory shared_;
    unsigned block_;
    unsigned time_, barrier_time_;
    struct Fence { unsigned own_time, block_time; } fences_[most_threads];
    unsigned known_[most_threads][lanes];  // the time up to which a thread knows what a lane of its warp did
    Shadow global_memory_, shared_memory_;
    std::unordered_map<Word, Releases> releases_;  // by address
    Releases seen_, acquired_;                     // by the block that runs, before and after a fence
};

extern Races races;

}  // namespace emulator
