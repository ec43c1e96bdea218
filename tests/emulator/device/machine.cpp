// See machine.h: the functions that kernels and the runner call.

#include "machine.h"

#include "block.h"
#include "races.h"

#include <link.h>

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace emulator {

const char* run(Kernel kernel, const Word* slots, const Launch& launch, SharedMemory shared) {
    block.prepare(launch, kernel, slots, shared);
    races.start_launch(launch.find_races, kernel, slots, shared);
    const char* report = run_guarded([] { block.run_all(); }, launch.time_limit);
    if (report) block.discard_stacks();  // threads were left in the middle
    return report;
}

unsigned lane() { return block.running_thread().lane(); }

Votes wait_for_block(const char* operation, Here here, bool vote) {
    return block.wait_for_block({operation, here, 0}, vote);
}

const Exchange& exchange(const char* operation, Here here, unsigned mask, Word value) {
    return block.exchange({operation, here, mask}, value);
}

void announce_atomic(void* address, Word size, void* where) { races.atomic(address, size, where); }

void announce_fence() { races.fence(); }

SharedMemory find_shared_memory(char* dynamic, Word dynamic_size) {
    SharedMemory found = {nullptr, nullptr, dynamic, dynamic_size};
    auto look = [](dl_phdr_info* module, size_t, void* wanted) {
        auto& found = *static_cast<SharedMemory*>(wanted);
        for (int i = 0; i < module->dlpi_phnum; i++) {
            const auto& segment = module->dlpi_phdr[i];
            char* begin = static_cast<char*>(module->dlpi_tls_data);
            if (segment.p_type != PT_TLS || found.dynamic < begin || found.dynamic >= begin + segment.p_memsz) continue;
            found.begin = begin;
            found.end = begin + segment.p_memsz;
            return 1;
        }
        return 0;
    };
    dl_iterate_phdr(look, &found);
    return found;
}

}  // namespace emulator
