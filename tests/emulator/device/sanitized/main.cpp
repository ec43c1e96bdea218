// A program that launches one kernel under the address and undefined-behaviour sanitizers; see sanitized.py.
//
//     program kernel < request > answer
//
// The request: a Launch; the number of slots; for each slot its size and that many bytes of a buffer, or `is_number`
// and a number.  Every buffer has an allocation of its own, of whole words of 32 bits: that is what an atomic operation
// on a narrower element exchanges.  The answer: the buffers, one after another.
// A report of the machine or of a sanitizer goes to the standard error, followed by the block and the thread.

#include "../machine.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

using emulator::Word;

constexpr Word is_number = ~Word(0);
constexpr int reported = 3;

// After a sanitizer's report, which ends in `abort`.
void say_where(int) {
    std::fprintf(stderr, "in block (%u,%u,%u), thread (%u,%u,%u)\n", blockIdx.x, blockIdx.y, blockIdx.z, threadIdx.x,
                 threadIdx.y, threadIdx.z);
    _exit(1);
}

void read(void* target, Word size) {
    if (size && std::fread(target, size, 1, stdin) != 1) std::exit(2);
}

template <class T> T read() {
    T value;
    read(&value, sizeof value);
    return value;
}

struct Buffer {
    void* address;
    Word size;
};

}  // namespace

__attribute__((visibility("default"))) int main(int, char** arguments) {
    auto launch = read<emulator::Launch>();
    std::vector<Word> slots(read<Word>());
    std::vector<Buffer> buffers;
    for (Word& slot : slots) {
        Word size = read<Word>();
        if (size == is_number) {
            slot = read<Word>();
            continue;
        }
        void* buffer = std::malloc((size + 3) / 4 * 4);
        read(buffer, size);
        buffers.push_back({buffer, size});
        slot = Word(buffer);
    }
    auto entry = dlsym(RTLD_DEFAULT, (std::string(arguments[1]) + "__launch").c_str());
    if (!entry) return 2;
    std::signal(SIGABRT, &say_where);
    auto call = reinterpret_cast<const char* (*)(const Word*, const emulator::Launch&)>(entry);
    if (const char* report = call(slots.data(), launch)) {
        std::fprintf(stderr, "%s\n", report);
        return reported;
    }
    for (const Buffer& buffer : buffers) std::fwrite(buffer.address, 1, buffer.size, stdout);
    std::fflush(stdout);
    _exit(0);
}
