// A function with a stack of its own that can stop in the middle and be continued.
//
// `resume` runs it until it calls `pause`; `pause` returns when it is resumed again.  Both switch stacks in a dozen
// instructions, without a system call.  For x86-64 and its System V calling convention.

#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace emulator {

class Fiber {
public:
    explicit Fiber(void (*function)());  // must not return
    ~Fiber();
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;

    void resume();  // from outside
    void pause();   // from inside, back to whoever resumed

    bool owns(const void* address) const;         // as a place on its stack
    bool overflowed_to(const void* address) const;  // beyond its stack

private:
    static void enter();

    void (*function_)();
    char* memory_;  // a page that must not be touched, then the stack, which grows towards that page
    void* own_stack_;
    void* resumers_stack_ = nullptr;
    // What the address sanitizer wants to know about the stack of the resumer.
    const void* resumers_bottom_ = nullptr;
    std::size_t resumers_size_ = 0;
};

// Fibers that all do the same work, over and over: they pause where they rest, and are given back before.
class Fibers {
public:
    explicit Fibers(void (*work)()) : work_(work) {}

    Fiber* take() {
        if (idle_.empty()) idle_.push_back(all_.emplace_back(std::make_unique<Fiber>(work_)).get());
        Fiber* fiber = idle_.back();
        idle_.pop_back();
        return fiber;
    }

    void give_back(Fiber* fiber) { idle_.push_back(fiber); }

    void discard() {
        idle_.clear();
        all_.clear();
    }

private:
    void (*work_)();
    std::vector<std::unique_ptr<Fiber>> all_;
    std::vector<Fiber*> idle_;
};

}  // namespace emulator
