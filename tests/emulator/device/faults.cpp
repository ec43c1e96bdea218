// See faults.h.

#include "faults.h"

#include "block.h"

#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace emulator {
namespace {

char report[2048];
jmp_buf way_out;
pthread_t guarded_thread;

constexpr int time_is_over = SIGVTALRM;
constexpr int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, time_is_over};
constexpr int signal_count = sizeof signals / sizeof *signals;

const char* meaning_of(int signal, const void* address) {
    switch (signal) {
        case time_is_over: return "no end: the kernel may wait for what another thread does later";
        case SIGFPE: return "integer division by zero";
        case SIGILL: return "trap";
        case SIGBUS: return "access beyond the end of a mapped file";
        default:
            return block.running_fiber().overflowed_to(address)
                       ? "stack overflow: more local variables than the emulator has room for"
                       : "segmentation fault: an access far out of bounds, or a misaligned one of a vector";
    }
}

// While it lives, the exceptions of the processor go to `fail`, on a stack of their own.
class Exceptions {
public:
    Exceptions() {
        stack_t stack = {};
        stack.ss_sp = stack_;
        stack.ss_size = sizeof stack_;
        sigaltstack(&stack, &stack_before_);
        struct sigaction action = {};
        action.sa_sigaction = &handle;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;  // nothing to undo when it is left by a jump
        for (int i = 0; i < signal_count; i++) sigaction(signals[i], &action, &before_[i]);
    }

    ~Exceptions() {
        for (int i = 0; i < signal_count; i++) sigaction(signals[i], &before_[i], nullptr);
        sigaltstack(&stack_before_, nullptr);
    }

private:
    static void handle(int signal, siginfo_t* info, void*) {
        if (pthread_equal(pthread_self(), guarded_thread)) fail("%s", meaning_of(signal, info->si_addr));
        std::signal(signal, SIG_DFL);  // somebody else's: happens again when the handler returns
    }

    char stack_[16384];
    stack_t stack_before_ = {};
    struct sigaction before_[signal_count] = {};
};

// Sends a signal to this thread after so many nanoseconds of its time, unless it has died before.
class Alarm {
public:
    explicit Alarm(unsigned long long nanoseconds) {
        sigevent event = {};
        event.sigev_notify = SIGEV_THREAD_ID;
        event.sigev_signo = time_is_over;
        event._sigev_un._tid = pid_t(syscall(SYS_gettid));
        if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer_) != 0) return;
        is_set_ = true;
        itimerspec time = {};
        time.it_value.tv_sec = time_t(nanoseconds / 1000000000);
        time.it_value.tv_nsec = long(nanoseconds % 1000000000);
        timer_settime(timer_, 0, &time, nullptr);
    }

    ~Alarm() {
        if (is_set_) timer_delete(timer_);
    }

private:
    timer_t timer_;
    bool is_set_ = false;
};

}  // namespace

const char* run_guarded(void (*work)(), unsigned long long time_limit) {
#ifndef __SANITIZE_ADDRESS__  // which has handlers of its own
    Exceptions exceptions;
    Alarm alarm(time_limit);
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
