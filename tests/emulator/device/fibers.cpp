// See fibers.h.

#include "fibers.h"

#include <cstdint>
#include <sys/mman.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

// Pushes the registers that a function must preserve, leaves the stack pointer in *save, and goes on on another stack.
extern "C" void emulator_switch_stack(void** save, void* stack);
asm(R"(
    .text
    .type emulator_switch_stack, @function
emulator_switch_stack:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size emulator_switch_stack, .-emulator_switch_stack
)");

namespace emulator {
namespace {

constexpr std::size_t page = 4096;
#ifdef __SANITIZE_ADDRESS__
constexpr std::size_t stack_size = 1024 * 1024;  // red zones around every variable
#else
constexpr std::size_t stack_size = 256 * 1024;
#endif

Fiber* entered = nullptr;  // read once by a fiber that starts

// The address sanitizer follows a switch of stacks only if it is told before and after.
#ifdef __SANITIZE_ADDRESS__
void announce_switch(void** own_shadow, const void* bottom, std::size_t size) {
    __sanitizer_start_switch_fiber(own_shadow, bottom, size);
}
void finish_switch(void* own_shadow, const void** bottom, std::size_t* size) {
    __sanitizer_finish_switch_fiber(own_shadow, bottom, size);
}
#else
void announce_switch(void**, const void*, std::size_t) {}
void finish_switch(void*, const void**, std::size_t*) {}
#endif

}  // namespace

Fiber::Fiber(void (*function)()) : function_(function) {
    void* memory = mmap(nullptr, page + stack_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    memory_ = static_cast<char*>(memory);
    mprotect(memory_, page, PROT_NONE);
    void** top = reinterpret_cast<void**>(memory_ + page + stack_size);
    *--top = nullptr;                          // the return address of `enter`
    *--top = reinterpret_cast<void*>(&enter);  // where the first switch goes
    for (int saved_register = 0; saved_register < 6; saved_register++) *--top = nullptr;
    own_stack_ = top;
}

bool Fiber::owns(const void* address) const {
    return address >= memory_ + page && address < memory_ + page + stack_size;
}

bool Fiber::overflowed_to(const void* address) const { return address >= memory_ && address < memory_ + page; }

Fiber::~Fiber() { munmap(memory_, page + stack_size); }

void Fiber::enter() {
    Fiber& fiber = *entered;
    finish_switch(nullptr, &fiber.resumers_bottom_, &fiber.resumers_size_);
    fiber.function_();
    __builtin_trap();
}

void Fiber::resume() {
    void* shadow = nullptr;
    entered = this;
    announce_switch(&shadow, memory_ + page, stack_size);
    emulator_switch_stack(&resumers_stack_, own_stack_);
    finish_switch(shadow, nullptr, nullptr);
}

void Fiber::pause() {
    void* shadow = nullptr;
    announce_switch(&shadow, resumers_bottom_, resumers_size_);
    emulator_switch_stack(&own_stack_, resumers_stack_);
    finish_switch(shadow, &resumers_bottom_, &resumers_size_);
}

}  // namespace emulator
