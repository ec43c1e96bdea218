// The hash against its published answers, and which counters the words of a stream are made of.

#include "threefry.h"

#include "check.h"

namespace cj {

CHECK_FN bool hashes(u32 k1, u32 k2, u32 x1, u32 x2, u32 first, u32 second) {
    word_pair found = threefry2x32(k1, k2, x1, x2);
    return found.x == first && found.y == second;
}

// Random123, tests/kat_vectors, "threefry2x32 20".
TEST(known_answers) {
    CHECK(hashes(0, 0, 0, 0, 0x6B200159u, 0x99BA4EFEu));
    CHECK(hashes(~0u, ~0u, ~0u, ~0u, 0x1CB996FCu, 0xBB002BE7u));
    CHECK(hashes(0x13198A2Eu, 0x03707344u, 0x243F6A88u, 0x85A308D3u, 0xC4923A9Cu, 0x483DF7A0u));
}

TEST(keys_are_pairs_of_words) {
    CHECK(random_wrap(1, 2) == (u64(2) << 32 | 1));
    CHECK(random_unwrap(random_wrap(1, 2), 6) == 1 && random_unwrap(random_wrap(1, 2), 7) == 2);
    CHECK(random_seed(i32(-1)) == u64(0xFFFFFFFFu) << 32);
    CHECK(random_seed(i64(-2)) == (u64(0xFFFFFFFEu) << 32 | 0xFFFFFFFFu));
    CHECK(random_fold_in(0, 0) == random_wrap(0x6B200159u, 0x99BA4EFEu));
}

TEST(elements_are_hashes_of_their_number) {
    CHECK(random_split(0, 0) == random_wrap(0x6B200159u, 0x99BA4EFEu));
    CHECK(random_bits<64>(0, 0) == (u64(0x6B200159u) << 32 | 0x99BA4EFEu));
    CHECK(random_bits<32>(0, 0) == (0x6B200159u ^ 0x99BA4EFEu));
    CHECK(random_bits<16>(0, 0) == u16(0x6B200159u ^ 0x99BA4EFEu) && random_bits<8>(0, 0) == u8(0x59u ^ 0xFEu));
    u64 key = random_wrap(0x13198A2Eu, 0x03707344u);
    CHECK(random_bits<32>(key, u64(0x243F6A88u) << 32 | 0x85A308D3u) == (0xC4923A9Cu ^ 0x483DF7A0u));
}

TEST(older_streams_share_hashes) {
    word_pair pair = threefry2x32(7, 0, 1, 4), last = threefry2x32(7, 0, 2, 0);
    CHECK(random_bits_older<32>(7, 1, 6) == pair.x && random_bits_older<32>(7, 4, 6) == pair.y);
    CHECK(random_bits_older<32>(7, 2, 5) == last.x);
    CHECK(random_bits_older<8>(7, 6, 24) == u8(pair.x >> 16));
    CHECK(random_bits_older<64>(7, 1, 3) == (u64(pair.x) << 32 | pair.y));
    CHECK(random_split_older(7, 0, 2) == random_wrap(threefry2x32(7, 0, 0, 2).x, threefry2x32(7, 0, 1, 3).x));
}

}  // namespace cj

RUN_TESTS()
