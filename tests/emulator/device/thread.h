// A thread of the block that runs, and for what it waits.

#pragma once

#include "fibers.h"
#include "machine.h"

#include <cstdio>
#include <cstring>

namespace emulator {

constexpr unsigned most_threads = 1024, lanes = 32;

// A report under construction; what does not fit is cut off.
class Text {
public:
    template <class... Values> void add(const char* format, Values... values) {
        int space = int(sizeof text_) - length_;
        int length = std::snprintf(text_ + length_, space, format, values...);
        length_ += length < space ? length : space - 1;
    }
    const char* get() const { return text_; }

private:
    char text_[2048] = "";
    int length_ = 0;
};

// A call at which a thread waits for the lanes of `mask`, or for its whole block where that is 0.
struct Wait {
    const char* operation;
    Here here;
    unsigned mask;

    bool operator==(const Wait& other) const {
        return here.line == other.here.line && mask == other.mask && !std::strcmp(operation, other.operation) &&
               !std::strcmp(here.file, other.here.file);
    }

    void describe(Text& text) const {
        const char* slash = std::strrchr(here.file, '/');
        text.add("%s", operation);
        if (mask) text.add(" with mask 0x%08x", mask);
        text.add(" (%s:%d)", slash ? slash + 1 : here.file, here.line);
    }
};

struct Thread {
    enum State { unstarted, running, waiting, ready, returned };

    uint3 index;
    unsigned number;
    State state;
    Fiber* fiber;
    Exchange* held;  // the last exchange, which others may not reuse yet
    Wait wait;

    unsigned lane() const { return number % lanes; }
    unsigned bit() const { return 1u << lane(); }
};

}  // namespace emulator
