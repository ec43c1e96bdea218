// Atomic functions, for exactly the types for which CUDA has them.
//
// Threads take turns only where they wait for each other, so a read, a calculation and a write are never interrupted.
// Each returns the value that was there before.

#pragma once

#include "machine.h"

#ifdef __SANITIZE_THREAD__
#define EMULATOR_BY_ITSELF __attribute__((noinline, no_sanitize("thread")))
#define EMULATOR_ANNOUNCE(address) \
    emulator::announce_atomic(address, sizeof *(address), __builtin_return_address(0))
#else
#define EMULATOR_BY_ITSELF
#define EMULATOR_ANNOUNCE(address)
#endif

#define EMULATOR_ATOMIC_IN(name, T, result)                     \
    EMULATOR_BY_ITSELF inline T name(T* address, T value) {     \
        EMULATOR_ANNOUNCE(address);                             \
        T old = *address;                                       \
        *address = result;                                      \
        return old;                                             \
    }
#define EMULATOR_ATOMIC(name, T, result)         \
    EMULATOR_ATOMIC_IN(name, T, result)          \
    EMULATOR_ATOMIC_IN(name##_block, T, result)  \
    EMULATOR_ATOMIC_IN(name##_system, T, result)

EMULATOR_ATOMIC(atomicAdd, int, unsigned(old) + unsigned(value))
EMULATOR_ATOMIC(atomicAdd, unsigned, old + value)
EMULATOR_ATOMIC(atomicAdd, unsigned long long, old + value)
EMULATOR_ATOMIC(atomicAdd, float, old + value)
EMULATOR_ATOMIC(atomicAdd, double, old + value)

EMULATOR_ATOMIC(atomicSub, int, unsigned(old) - unsigned(value))
EMULATOR_ATOMIC(atomicSub, unsigned, old - value)

EMULATOR_ATOMIC(atomicExch, int, value)
EMULATOR_ATOMIC(atomicExch, unsigned, value)
EMULATOR_ATOMIC(atomicExch, unsigned long long, value)
EMULATOR_ATOMIC(atomicExch, float, value)

EMULATOR_ATOMIC(atomicMin, int, value < old ? value : old)
EMULATOR_ATOMIC(atomicMin, unsigned, value < old ? value : old)
EMULATOR_ATOMIC(atomicMin, long long, value < old ? value : old)
EMULATOR_ATOMIC(atomicMin, unsigned long long, value < old ? value : old)

EMULATOR_ATOMIC(atomicMax, int, value > old ? value : old)
EMULATOR_ATOMIC(atomicMax, unsigned, value > old ? value : old)
EMULATOR_ATOMIC(atomicMax, long long, value > old ? value : old)
EMULATOR_ATOMIC(atomicMax, unsigned long long, value > old ? value : old)

EMULATOR_ATOMIC(atomicInc, unsigned, old >= value ? 0 : old + 1)
EMULATOR_ATOMIC(atomicDec, unsigned, old == 0 || old > value ? value : old - 1)

#define EMULATOR_ATOMIC_BITS(T)               \
    EMULATOR_ATOMIC(atomicAnd, T, old & value) \
    EMULATOR_ATOMIC(atomicOr, T, old | value)  \
    EMULATOR_ATOMIC(atomicXor, T, old ^ value)

EMULATOR_ATOMIC_BITS(int)
EMULATOR_ATOMIC_BITS(unsigned)
EMULATOR_ATOMIC_BITS(unsigned long long)

#define EMULATOR_COMPARE_AND_SWAP_IN(name, T)                               \
    EMULATOR_BY_ITSELF inline T name(T* address, T expected, T value) {     \
        EMULATOR_ANNOUNCE(address);                                         \
        T old = *address;                                                   \
        if (old == expected) *address = value;                              \
        return old;                                                         \
    }
#define EMULATOR_COMPARE_AND_SWAP(T)                   \
    EMULATOR_COMPARE_AND_SWAP_IN(atomicCAS, T)         \
    EMULATOR_COMPARE_AND_SWAP_IN(atomicCAS_block, T)   \
    EMULATOR_COMPARE_AND_SWAP_IN(atomicCAS_system, T)

EMULATOR_COMPARE_AND_SWAP(int)
EMULATOR_COMPARE_AND_SWAP(unsigned)
EMULATOR_COMPARE_AND_SWAP(unsigned long long)
EMULATOR_COMPARE_AND_SWAP(unsigned short)
