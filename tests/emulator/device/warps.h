// Operations in which lanes of a warp take part together: synchronisation, shuffles, votes, matches, reductions.
//
// What CUDA leaves undefined is reported: a lane that is not in its own mask, lanes of one mask at different
// operations, a value of a lane that takes no part.

#pragma once

#include "machine.h"

#include <cstring>
#include <type_traits>

namespace emulator {

template <class T> Word word_of(T value) {
    static_assert(std::is_arithmetic_v<T>, "lanes hand numbers to each other");
    Word word = 0;
    std::memcpy(&word, &value, sizeof value);
    return word;
}

template <class T> T value_of(Word word) {
    T value;
    std::memcpy(&value, &word, sizeof value);
    return value;
}

inline void check_width(const char* operation, int width) {
    if (width < 1 || width > 32 || (width & (width - 1)))
        fail("%s with width %d, which is not a power of two up to 32", operation, width);
}

// The value of the lane `source`.
template <class T> T shuffle(const char* operation, Here here, unsigned mask, T value, unsigned source) {
    const Exchange& all = exchange(operation, here, mask, word_of(value));
    if (!(all.arrived >> source & 1))
        fail("%s reads lane %u, which does not take part: the lanes are 0x%08x", operation, source, all.arrived);
    return value_of<T>(all.values[source]);
}

// Calls `each` with the number and the word of every lane that takes part, lowest first.
template <class Each> void for_each_lane(const Exchange& all, Each each) {
    for (unsigned rest = all.arrived; rest; rest &= rest - 1) {
        unsigned lane = unsigned(__builtin_ctz(rest));
        each(lane, all.values[lane]);
    }
}

inline unsigned ballot(const char* operation, Here here, unsigned mask, bool vote) {
    const Exchange& all = exchange(operation, here, mask, vote);
    unsigned in_favour = 0;
    for_each_lane(all, [&](unsigned lane, Word word) { in_favour |= unsigned(word) << lane; });
    return in_favour;
}

}  // namespace emulator

inline void __syncwarp(unsigned mask = 0xffffffff, emulator::Here here = {}) {
    emulator::exchange("__syncwarp", here, mask, 0);
}

inline unsigned __activemask() { return 1u << emulator::lane(); }  // only one lane runs at a time

// ---- shuffles ---------------------------------------------------------------------------------------------
// Lanes form groups of `width`.  Where the source lies outside of its group, a lane gets its own value.

template <class T> T __shfl_sync(unsigned mask, T value, int source, int width = 32, emulator::Here here = {}) {
    emulator::check_width("__shfl_sync", width);
    unsigned place = unsigned(width - 1), first = emulator::lane() & ~place;
    return emulator::shuffle("__shfl_sync", here, mask, value, first | (unsigned(source) & place));
}

template <class T> T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, emulator::Here here = {}) {
    emulator::check_width("__shfl_up_sync", width);
    unsigned lane = emulator::lane(), place = lane & unsigned(width - 1);
    return emulator::shuffle("__shfl_up_sync", here, mask, value, by <= place ? lane - by : lane);
}

template <class T> T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, emulator::Here here = {}) {
    emulator::check_width("__shfl_down_sync", width);
    unsigned lane = emulator::lane(), last = lane | unsigned(width - 1);
    return emulator::shuffle("__shfl_down_sync", here, mask, value, by <= last - lane ? lane + by : lane);
}

template <class T> T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, emulator::Here here = {}) {
    emulator::check_width("__shfl_xor_sync", width);
    unsigned lane = emulator::lane(), last = lane | unsigned(width - 1), source = lane ^ unsigned(bits);
    return emulator::shuffle("__shfl_xor_sync", here, mask, value, source <= last ? source : lane);
}

// ---- votes and matches ------------------------------------------------------------------------------------

inline unsigned __ballot_sync(unsigned mask, int vote, emulator::Here here = {}) {
    return emulator::ballot("__ballot_sync", here, mask, vote);
}

inline int __any_sync(unsigned mask, int vote, emulator::Here here = {}) {
    return emulator::ballot("__any_sync", here, mask, vote) != 0;
}

inline int __all_sync(unsigned mask, int vote, emulator::Here here = {}) {
    return emulator::ballot("__all_sync", here, mask, !vote) == 0;
}

// The lanes with the same value.
template <class T> unsigned __match_any_sync(unsigned mask, T value, emulator::Here here = {}) {
    const emulator::Exchange& all = emulator::exchange("__match_any_sync", here, mask, emulator::word_of(value));
    unsigned equal = 0;
    emulator::for_each_lane(all, [&](unsigned lane, emulator::Word word) {
        equal |= unsigned(word == emulator::word_of(value)) << lane;
    });
    return equal;
}

// All lanes and true if they have the same value, else none and false.
template <class T> unsigned __match_all_sync(unsigned mask, T value, int* equal, emulator::Here here = {}) {
    const emulator::Exchange& all = emulator::exchange("__match_all_sync", here, mask, emulator::word_of(value));
    *equal = 1;
    emulator::for_each_lane(all, [&](unsigned, emulator::Word word) { *equal &= word == emulator::word_of(value); });
    return *equal ? all.arrived : 0;
}

// ---- reductions -------------------------------------------------------------------------------------------

#define EMULATOR_REDUCTION(name, T, combination)                                                        \
    inline T name(unsigned mask, T value, emulator::Here here = {}) {                                   \
        const emulator::Exchange& all = emulator::exchange(#name, here, mask, emulator::word_of(value)); \
        bool is_first = true;                                                                           \
        T a{};                                                                                          \
        emulator::for_each_lane(all, [&](unsigned, emulator::Word word) {                               \
            T b = emulator::value_of<T>(word);                                                          \
            a = is_first ? b : T(combination);                                                          \
            is_first = false;                                                                           \
        });                                                                                             \
        return a;                                                                                       \
    }

EMULATOR_REDUCTION(__reduce_add_sync, unsigned, a + b)
EMULATOR_REDUCTION(__reduce_add_sync, int, unsigned(a) + unsigned(b))
EMULATOR_REDUCTION(__reduce_min_sync, unsigned, b < a ? b : a)
EMULATOR_REDUCTION(__reduce_min_sync, int, b < a ? b : a)
EMULATOR_REDUCTION(__reduce_max_sync, unsigned, b > a ? b : a)
EMULATOR_REDUCTION(__reduce_max_sync, int, b > a ? b : a)
EMULATOR_REDUCTION(__reduce_and_sync, unsigned, a & b)
EMULATOR_REDUCTION(__reduce_or_sync, unsigned, a | b)
EMULATOR_REDUCTION(__reduce_xor_sync, unsigned, a ^ b)
