// The block that runs: its threads, their turns, its barrier.  Start reading at `run_all`.

#pragma once

#include "warp.h"

namespace emulator {

class Block {
public:
    void prepare(const Launch&, Kernel, const Word* slots, SharedMemory);
    void run_all();
    void discard_stacks() { fibers_.discard(); }

    const Thread& running_thread() const { return *current_; }
    const Fiber& running_fiber() const { return *fiber_; }
    uint3 index_of_thread(unsigned number) const { return threads_[number].index; }
    uint3 place_of(Word block_number) const;

    Votes wait_for_block(const Wait&, bool vote);
    const Exchange& exchange(const Wait&, Word value);

private:
    void run(Word number);
    void start_over();
    void poison_shared_memory();
    void run_on(Fiber*);
    static void run_thread_after_thread();
    bool start_next();
    bool resume_ready();
    void enter(Thread&);
    void leave(Thread&);
    void wait(const Wait&);
    void open_barrier();
    [[noreturn]] void report_deadlock();
    Warp& warp_of(const Thread& thread) { return warps_[thread.number / lanes]; }

    const Launch* launch_;
    Kernel kernel_;
    const Word* slots_;
    SharedMemory shared_;
    Fibers fibers_{&run_thread_after_thread};  // as many as threads have waited at the same time, and one more
    Fiber* fiber_;     // that runs
    Thread* current_;  // that runs on it
    unsigned count_, started_, present_;
    unsigned order_[most_threads];
    Thread threads_[most_threads];
    Warp warps_[most_threads / lanes];
    Wait barrier_;
    Votes votes_, last_votes_;
};

extern Block block;  // one at a time, so that stacks are made once

}  // namespace emulator
