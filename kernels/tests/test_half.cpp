// float16 and bfloat16: conversions to the bit, and one rounding for each operation.

#include "half.h"

#include "check.h"

namespace cj {

template <class H> CHECK_FN u16 bits(H x) { return x.bits; }

TEST(float16_of_floats_and_back) {
    CHECK(bits(f16(1.0f)) == 0x3c00 && bits(f16(-2.0f)) == 0xc000 && bits(f16(65504.0f)) == 0x7bff);
    CHECK(bits(f16(65519.996f)) == 0x7bff && bits(f16(65520.0f)) == 0x7c00 && bits(f16(-infinity_f32())) == 0xfc00);
    CHECK(bits(f16(0x1p-24f)) == 1 && bits(f16(0x1p-25f)) == 0 && bits(f16(0x1.000002p-25f)) == 1);
    CHECK(bits(f16(-0.0f)) == 0x8000 && is_nan(f16(nan_f32())));
    CHECK(bits(f16(1.0 + 0x1p-11 + 0x1p-40)) == 0x3c01);  // by way of float, rounded to even, it would be 0x3c00
    for (u32 b = 0; b < 0x10000; ++b) {
        f16 x = bits_as<f16>(u16(b));
        CHECK(is_nan(x) || bits(f16(float(x))) == b);
    }
}

TEST(bfloat16_of_floats_and_back) {
    CHECK(bits(bf16(1.0f)) == 0x3f80 && bits(bf16(1.00390625f)) == 0x3f80 && bits(bf16(1.01171875f)) == 0x3f82);
    CHECK(bits(bf16(3.4e38f)) == 0x7f80 && is_nan(bf16(nan_f32())));
    for (u32 b = 0; b < 0x10000; ++b) {
        bf16 x = bits_as<bf16>(u16(b));
        CHECK(is_nan(x) || bits(bf16(float(x))) == b);
    }
}

TEST(numbers_beside_halves_become_halves) {
    f16 x = 2049;  // rounded to even
    CHECK(float(x) == 2048.0f && x == 2048);
    CHECK(float(x + 1) == 2048.0f && float(x * 0.5f) == 1024.0f && float(-x) == -2048.0f);
    f16 chosen = x > 3 ? x : 0.5f;
    CHECK(chosen == x && float(max(x, 1e4f)) == 1e4f);
    CHECK(convert<i8>(x) == 127 && convert<bool>(x) && float(convert<f16>(i64(100000))) == infinity_f32());
}

TEST(functions_of_halves) {
    CHECK(float(sqrt(f16(2.0f))) == float(f16(1.41421356f)) && bits(exp(bf16(0.0f))) == 0x3f80);
    CHECK(bits(nextafter(f16(0.0f), f16(1.0f))) == 1 && bits(abs(bf16(-1.0f))) == 0x3f80);
    CHECK(float(round<0>(f16(2.5f))) == 3.0f && float(round<1>(f16(2.5f))) == 2.0f);
    CHECK(float(select(true, f16(1.0f), f16(2.0f))) == 1.0f && float(pow(f16(2.0f), i32(3))) == 8.0f);
}

}  // namespace cj

RUN_TESTS()
