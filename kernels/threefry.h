// Random keys and bits: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy
// as 1, 2, 3", SC'11) and the streams made of it, bit for bit those of `engine/backends/numpy_threefry.py`.
//
// The hash turns a key of two words and a counter of two words into two random words.  A key is a u64, its first
// word in the low half.  Two layouts say which counters make a stream:
//
//   random_bits, random_split               element i is the hash of the counter (i >> 32, i mod 2**32)
//   random_bits_older, random_split_older   of n elements: word i of the first half of the stream and word i of its
//                                           second half are the hash of (i, i + half); narrow elements share words
//
// Everything is 32-bit arithmetic without branches, written out, so that loops over elements vectorise.

#pragma once

#include "prelude.h"

namespace cj {

struct word_pair { u32 x, y; };

// ---- the hash ---------------------------------------------------------------------------------------------

// The words rotated to the left, by this many bits.  On a GPU one unit does all shifts and logic, another all products;
// additions go to either.  With these rotations, 8 of the 20, as the two halves of a product both have as much to do.
template <int bits> constexpr int threefry_factor = bits == 16 ? 0 : bits == 17 ? 1 : bits == 24 ? 2 : bits == 29 ? 3 : -1;
CJ_TABLE u32 threefry_factors[] = {1u << 16, 1u << 17, 1u << 24, 1u << 29};

template <int bits> CJ_FN void threefry_round(word_pair& v) {
    v.x += v.y;
#if CJ_GPU
    if constexpr (threefry_factor<bits> >= 0) {
        u32 low, high;  // in PTX: of a product of wide numbers the compiler adds zeros to the high half
        asm("{ .reg .b64 wide; mul.wide.u32 wide, %2, %3; mov.b64 {%0, %1}, wide; }"
            : "=r"(low), "=r"(high) : "r"(v.y), "r"(threefry_factors[threefry_factor<bits>]));
        v.y = (low | high) ^ v.x;
        return;
    }
#endif
    v.y = ((v.y << bits) | (v.y >> (32 - bits))) ^ v.x;
}

template <int a, int b, int c, int d> CJ_FN void threefry_rounds(word_pair& v, u32 x_key, u32 y_key) {
    threefry_round<a>(v);
    threefry_round<b>(v);
    threefry_round<c>(v);
    threefry_round<d>(v);
    v.x += x_key;
    v.y += y_key;
}

CJ_FN word_pair threefry2x32(u32 k1, u32 k2, u32 x1, u32 x2) {
    u32 k3 = k1 ^ k2 ^ 0x1BD11BDAu;  // the parity word of Threefish (Skein 1.3)
    word_pair v = {x1 + k1, x2 + k2};
    threefry_rounds<13, 15, 26, 6>(v, k2, k3 + 1);
    threefry_rounds<17, 29, 16, 24>(v, k3, k1 + 2);
    threefry_rounds<13, 15, 26, 6>(v, k1, k2 + 3);
    threefry_rounds<17, 29, 16, 24>(v, k2, k3 + 4);
    threefry_rounds<13, 15, 26, 6>(v, k3, k1 + 5);
    return v;
}

// ---- keys -------------------------------------------------------------------------------------------------

CJ_FN u64 join_words(u32 low, u32 high) { return u64(high) << 32 | low; }

CJ_FN u64 random_wrap(u32 first, u32 second) { return join_words(first, second); }

// Word i of the words of all keys, of which `key` is the one that has it.
CJ_FN u32 random_unwrap(u64 key, u64 i) { return i & 1 ? u32(key >> 32) : u32(key); }

// The low 32 bits of a seed are the second word, those above (of 64-bit seeds) the first.
template <class T> CJ_FN u64 random_seed(T seed) {
    if constexpr (sizeof(T) == 8) return join_words(u32(u64(seed) >> 32), u32(seed));
    else return join_words(0, u32(seed));
}

CJ_FN word_pair random_hash(u64 key, u32 x1, u32 x2) { return threefry2x32(u32(key), u32(key >> 32), x1, x2); }

CJ_FN u64 random_fold_in(u64 key, u32 data) {
    word_pair hash = random_hash(key, 0, data);
    return join_words(hash.x, hash.y);
}

// ---- elements that do not depend on how many there are ----------------------------------------------------

CJ_FN u64 random_split(u64 key, u64 i) {
    word_pair hash = random_hash(key, u32(i >> 32), u32(i));
    return join_words(hash.x, hash.y);
}

template <int bits> using random_word = typename word_of_bytes<bits / 8>::type;

template <int bits> CJ_FN random_word<bits> random_bits(u64 key, u64 i) {
    word_pair hash = random_hash(key, u32(i >> 32), u32(i));
    if constexpr (bits == 64) return join_words(hash.y, hash.x);
    else return random_word<bits>(hash.x ^ hash.y);
}

// ---- the older layout -------------------------------------------------------------------------------------

constexpr u64 longest_older_stream = 0xFFFFFFFFu;  // words that one key gives

// The two words of number i < half, and of an odd count 0 is the counter that fills up the last pair.
CJ_FN word_pair older_pair(u64 key, u64 i, u64 count) {
    u64 half = (count + 1) / 2, second = i + half;
    return random_hash(key, u32(i), second == count ? 0 : u32(second));
}

CJ_FN u32 short_older_word(u64 key, u64 i, u64 count) {
    u64 half = (count + 1) / 2;
    word_pair words = older_pair(key, i < half ? i : i - half, count);
    return i < half ? words.x : words.y;
}

// Word i of `count`.  A stream too long for one key is split into keys for the longest streams and one for the rest.
CJ_FN u32 older_word(u64 key, u64 i, u64 count) {
    if (count <= longest_older_stream) return short_older_word(key, i, count);
    u64 blocks = count / longest_older_stream, block = i / longest_older_stream;
    u32 first = short_older_word(key, 2 * block, 2 * (blocks + 1));
    u32 second = short_older_word(key, 2 * block + 1, 2 * (blocks + 1));
    u64 length = block < blocks ? longest_older_stream : count % longest_older_stream;
    return short_older_word(join_words(first, second), i % longest_older_stream, length);
}

CJ_FN u64 random_split_older(u64 key, u64 i, u64 n) {
    return join_words(older_word(key, 2 * i, 2 * n), older_word(key, 2 * i + 1, 2 * n));
}

template <int bits> CJ_FN random_word<bits> random_bits_older(u64 key, u64 i, u64 n) {
    if constexpr (bits == 64) {
        if (2 * n > longest_older_stream) return join_words(older_word(key, i + n, 2 * n), older_word(key, i, 2 * n));
        word_pair words = older_pair(key, i, 2 * n);
        return join_words(words.y, words.x);
    } else {
        constexpr int in_a_word = 32 / bits;
        u32 word = older_word(key, i / in_a_word, (n + in_a_word - 1) / in_a_word);
        return random_word<bits>(word >> (i % in_a_word * bits));
    }
}

}  // namespace cj
