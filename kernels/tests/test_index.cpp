// Arithmetic on indices, and packs.

#include "half.h"
#include "index.h"

#include "check.h"

namespace cj {

TEST(division_rounds_down) {
    CHECK(floor_div(-7, 2) == -4 && floor_div(7, 2) == 3 && floor_div(-8, 2) == -4);
    CHECK(floor_mod(-7, 2) == 1 && floor_mod(-8, 2) == 0 && floor_mod(i64(-1), i64(1) << 40) == (i64(1) << 40) - 1);
    CHECK(clamp_index(-3, 0, 5) == 0 && clamp_index(9, 0, 5) == 5 && wrap_index(-1, 10) == 9);
}

TEST(the_last_place_is_taken_without_a_division) {
    for (int n : {2, 3, 5, 7, 1023, 1024, 1025, 1 << 30, (1 << 30) + 1, 2147483647}) {
        int shift = 0;
        while ((i64(2) << shift) < n) ++shift;
        const int magic = int(u32((u64(1) << (32 + shift)) / u64(n) + 1));
        for (int number : {0, 1, n - 1, n, 2 * (n / 2) + 1, 2147483647, 2147483647 / n * n, 2147483647 / n * n - 1}) {
            int rest = number;
            const int last = take_last(rest, n, magic, shift);
            CHECK(last == number % n && rest == number / n);
        }
    }
}

TEST(the_next_turn_is_after_the_first_place_and_before_the_end) {
    CHECK(turn(9, 2, 5) == 5 && turn(9, 2, 2) == 9 && turn(9, 2, 9) == 9 && turn(9, 2, -1) == 9 && turn(5, 2, 7) == 5);
}

TEST(packs_hold_16_bytes) {
    alignas(16) f16 x[8] = {0, 1, 2, 3, 4, 5, 6, 7}, y[8];
    CHECK(Pack<f16>::count == 8 && Pack<double>::count == 2 && is_pack_aligned(x) && !is_pack_aligned(x + 1));
    Pack<f16> pack = load_pack(x);
    for (int k = 0; k < 8; ++k) pack.at[k] = pack.at[k] + 1;
    store_pack(y, pack);
    CHECK(y[0] == 1 && y[7] == 8);
}

}  // namespace cj

RUN_TESTS()
