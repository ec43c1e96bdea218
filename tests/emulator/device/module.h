// What follows the text of the kernels: their entries for the runner, and the shared memory of the module.
//
//     EMULATOR_DYNAMIC_MEMORY(bytes)   room for the shared memory whose size a launch gives
//     EMULATOR_DYNAMIC_NAME(name)      `extern __shared__ T name[];` is that memory
//     EMULATOR_KERNEL(name)            defines name__launch and name__parameters

#pragma once

#include "machine.h"

#include <cstring>
#include <utility>

namespace emulator {

template <class T> T parameter_in(const Word* slot) {
    static_assert(sizeof(T) <= sizeof(Word), "a parameter takes one slot of 8 bytes");
    T value;
    std::memcpy(&value, slot, sizeof value);
    return value;
}

template <class... T> struct Parameters {
    static constexpr unsigned count = sizeof...(T);

    template <void (*kernel)(T...)> static void call(const Word* slots) {
        call<kernel>(slots, std::index_sequence_for<T...>());
    }
    template <void (*kernel)(T...), std::size_t... i> static void call(const Word* slots, std::index_sequence<i...>) {
        kernel(parameter_in<T>(slots + i)...);
    }
};

template <class... T> Parameters<T...> parameters_of(void (*)(T...));

}  // namespace emulator

#define EMULATOR_VISIBLE extern "C" __attribute__((visibility("default")))

#define EMULATOR_DYNAMIC_MEMORY(bytes)                                                                      \
    extern "C" {                                                                                            \
    __attribute__((aligned(1024), used)) thread_local char emulator_dynamic_memory[bytes];                  \
    }

// The names are made equal by the assembler: in the text each may have another type.
#define EMULATOR_DYNAMIC_NAME(name) \
    asm(".globl " #name "\n.hidden " #name "\n.type " #name ", @tls_object\n.set " #name ", emulator_dynamic_memory");

#define EMULATOR_KERNEL(name)                                                                               \
    EMULATOR_VISIBLE const char* name##__launch(const emulator::Word* slots, const emulator::Launch& launch) { \
        using Parameters = decltype(emulator::parameters_of(&name));                                        \
        auto shared = emulator::find_shared_memory(emulator_dynamic_memory, sizeof emulator_dynamic_memory); \
        return emulator::run({&Parameters::call<&name>, Parameters::count}, slots, launch, shared);         \
    }                                                                                                       \
    EMULATOR_VISIBLE const unsigned name##__parameters;                                                     \
    const unsigned name##__parameters = decltype(emulator::parameters_of(&name))::count;
