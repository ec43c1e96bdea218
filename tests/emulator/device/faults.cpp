// See faults.h.

#include "faults.h"

#include "machine.h"

#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <pthread.h>

namespace emulator {
namespace {

char report[2048];
jmp_buf way_out;
pthread_t guarded_thread;

const char* name_of(int signal) {
    switch (signal) {
        case SIGFPE: return "integer division by zero";
        case SIGILL: return "trap";
        case SIGBUS: return "access beyond the end of a mapped file";
        default: return "segmentation fault: an access far out of bounds, or a misaligned one of a vector";
    }
}

// Sends the exceptions of the processor to `fail`, on a stack of their own, while it lives.
class Exceptions {
public:
    Exceptions() {
        stack_t stack = {};
        stack.ss_sp = stack_;
        stack.ss_size = sizeof stack_;
        sigaltstack(&stack, &stack_before_);
        struct sigaction action = {};
        action.sa_handler = &handle;
        action.sa_flags = SA_ONSTACK | SA_NODEFER;  // nothing to undo when it is left by a jump
        for (int i = 0; i < count; i++) sigaction(signals[i], &action, &before_[i]);
    }

    ~Exceptions() {
        for (int i = 0; i < count; i++) sigaction(signals[i], &before_[i], nullptr);
        sigaltstack(&stack_before_, nullptr);
    }

private:
    static void handle(int signal) {
        if (pthread_equal(pthread_self(), guarded_thread)) fail("%s", name_of(signal));
        std::signal(signal, SIG_DFL);  // somebody else's: happens again when the handler returns
    }

    static constexpr int count = 4;
    static constexpr int signals[count] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    char stack_[16384];
    stack_t stack_before_ = {};
    struct sigaction before_[count] = {};
};

}  // namespace

const char* run_guarded(void (*work)()) {
#ifndef __SANITIZE_ADDRESS__  // which has handlers of its own
    Exceptions exceptions;
#endif
    guarded_thread = pthread_self();
    report[0] = '\0';
    if (setjmp(way_out) == 0) work();
    return report[0] ? report : nullptr;
}

void fail_with(const char* text) {
    std::snprintf(report, sizeof report, "%s", text);
    std::longjmp(way_out, 1);
}

void fail(const char* format, ...) {
    char text[1024];
    va_list values;
    va_start(values, format);
    std::vsnprintf(text, sizeof text, format, values);
    va_end(values);
    char full[1200];
    std::snprintf(full, sizeof full, "%s, in block (%u,%u,%u), thread (%u,%u,%u)", text, blockIdx.x, blockIdx.y,
                  blockIdx.z, threadIdx.x, threadIdx.y, threadIdx.z);
    fail_with(full);
}

}  // namespace emulator
