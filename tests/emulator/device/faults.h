// How a launch ends early: with a report of what a thread did wrong.

#pragma once

#pragma GCC visibility push(default)

namespace emulator {

// Runs `work`; the report of `fail`, or of an exception of the processor, or that it took more than so many nanoseconds
// of the processor; or null.
const char* run_guarded(void (*work)(), unsigned long long time_limit);

// Ends the launch.  The report is the text, formatted as by printf, with the block and the thread that runs.
[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char* format, ...);

// The same without block and thread, where the text names them itself.
[[noreturn]] void fail_with(const char* text);

}  // namespace emulator

#pragma GCC visibility pop
