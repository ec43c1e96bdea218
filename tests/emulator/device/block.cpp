// See block.h.

#include "block.h"

#include "races.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size)
#define ASAN_UNPOISON_MEMORY_REGION(address, size)
#endif

namespace emulator {

Block block;

// ---- from a launch to its threads -------------------------------------------------------------------------

void Block::prepare(const Launch& launch, Kernel kernel, const Word* slots, SharedMemory shared) {
    launch_ = &launch, kernel_ = kernel, slots_ = slots, shared_ = shared;
    gridDim = {launch.grid[0], launch.grid[1], launch.grid[2]};
    blockDim = {launch.block[0], launch.block[1], launch.block[2]};
    threadIdx = blockIdx = {0, 0, 0};
    count_ = blockDim.x * blockDim.y * blockDim.z;
    for (unsigned i = 0; i < count_; i++) {
        order_[i] = unsigned(launch.thread_order.at(i, count_));
        threads_[i].number = i;
        threads_[i].index = {i % blockDim.x, i / blockDim.x % blockDim.y, i / blockDim.x / blockDim.y};
    }
}

void Block::run_all() {
    Word count = launch_->blocks ? launch_->block_count : Word(gridDim.x) * gridDim.y * gridDim.z;
    for (Word i = 0; i < count; i++) {
        Word place = launch_->block_order.at(i, count);
        run(launch_->blocks ? launch_->blocks[place] : place);
    }
}

void Block::run(Word number) {
    blockIdx = place_of(number);
    races.start_block(number);
    start_over();
    while (started_ < count_) run_on(fibers_.take());
    while (present_) {
        if (!resume_ready()) report_deadlock();
    }
}

uint3 Block::place_of(Word number) const {
    return {unsigned(number % gridDim.x), unsigned(number / gridDim.x % gridDim.y),
            unsigned(number / gridDim.x / gridDim.y)};
}

void Block::start_over() {
    poison_shared_memory();
    started_ = 0;
    present_ = count_;
    votes_ = {0, 0};
    for (unsigned i = 0; i < count_; i++) {
        threads_[i].state = Thread::unstarted;
        threads_[i].held = nullptr;
    }
    for (unsigned first = 0; first < count_; first += lanes)
        warps_[first / lanes].start_over(threads_ + first, count_ - first);
}

// With all bits set: a NaN, and an integer that is wrong nearly everywhere.  What the launch has not asked for is out
// of bounds for the address sanitizer.
void Block::poison_shared_memory() {
    auto fill = [](char* begin, char* end) { std::memset(begin, 0xff, Word(end - begin)); };
    Word used = launch_->shared_bytes < shared_.dynamic_size ? launch_->shared_bytes : shared_.dynamic_size;
    char *unused = shared_.dynamic + used, *end = shared_.dynamic + shared_.dynamic_size;
    ASAN_UNPOISON_MEMORY_REGION(shared_.dynamic, used);
    ASAN_POISON_MEMORY_REGION(unused, Word(end - unused));
    fill(shared_.begin, unused);
    fill(end, shared_.end);
}

void Block::run_on(Fiber* fiber) {
    fiber_ = fiber;
    fiber->resume();
}

// What a fiber does: threads that have not started, one after another until one waits; when that one is resumed, the
// rest of it.
void Block::run_thread_after_thread() {
    for (;;) {
        while (block.start_next()) {
            block.kernel_.call(block.slots_);
            block.leave(*block.current_);
        }
        Fiber* fiber = block.fiber_;
        block.fibers_.give_back(fiber);
        fiber->pause();
    }
}

bool Block::start_next() {
    if (started_ == count_) return false;
    Thread& thread = threads_[order_[started_++]];
    thread.fiber = fiber_;
    enter(thread);
    return true;
}

bool Block::resume_ready() {
    bool found = false;
    for (unsigned i = 0; i < count_; i++) {
        Thread& thread = threads_[order_[i]];
        if (thread.state != Thread::ready) continue;
        found = true;
        enter(thread);
        run_on(thread.fiber);
    }
    return found;
}

void Block::enter(Thread& thread) {
    current_ = &thread;
    thread.state = Thread::running;
    threadIdx = thread.index;
}

void Block::leave(Thread& thread) {
    thread.state = Thread::returned;
    present_--;
    warp_of(thread).leave(thread);
    if (votes_.threads && votes_.threads == present_) open_barrier();
}

void Block::wait(const Wait& wait) {
    current_->wait = wait;
    current_->state = Thread::waiting;
    current_->fiber->pause();
}

// ---- waiting for others -----------------------------------------------------------------------------------

Votes Block::wait_for_block(const Wait& here, bool vote) {
    if (!votes_.threads) {
        barrier_ = here;
    } else if (!(barrier_ == here)) {
        Text text;
        here.describe(text);
        text.add(" is a divergent barrier: %u threads of the block wait at ", votes_.threads);
        barrier_.describe(text);
        fail("%s", text.get());
    }
    votes_.threads++;
    votes_.in_favour += vote;
    if (votes_.threads == present_) {
        open_barrier();
    } else {
        wait(here);
    }
    return last_votes_;
}

void Block::open_barrier() {
    races.pass_barrier();
    last_votes_ = votes_;
    votes_ = {0, 0};
    for (unsigned i = 0; i < count_; i++) {
        Thread& thread = threads_[i];
        if (thread.state == Thread::waiting && !thread.wait.mask) thread.state = Thread::ready;
    }
}

const Exchange& Block::exchange(const Wait& here, Word value) {
    Thread& thread = *current_;
    if (!(here.mask & thread.bit()))
        fail("%s with mask 0x%08x, in which its own lane %u is missing", here.operation, here.mask, thread.lane());
    Exchange& exchange = warp_of(thread).join(thread, here, value);
    if (!exchange.is_complete) wait(here);
    return exchange;
}

// Names each place where threads wait, with the first thread there.
void Block::report_deadlock() {
    Text text;
    text.add("deadlock in block (%u,%u,%u)", blockIdx.x, blockIdx.y, blockIdx.z);
    const char* separator = ": ";
    for (unsigned i = 0; i < count_; i++) {
        Thread& first = threads_[i];
        if (first.state != Thread::waiting) continue;
        unsigned others = 0;
        for (unsigned k = i + 1; k < count_; k++) {
            if (threads_[k].state != Thread::waiting || !(threads_[k].wait == first.wait)) continue;
            threads_[k].state = Thread::returned;  // named with the first
            others++;
        }
        text.add("%sthread (%u,%u,%u)", separator, first.index.x, first.index.y, first.index.z);
        if (others) text.add(" and %u more", others);
        text.add(others ? " wait at " : " waits at ");
        first.wait.describe(text);
        separator = "; ";
    }
    fail_with(text.get());
}

}  // namespace emulator
