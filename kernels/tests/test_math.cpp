// Scalar functions at the values where languages and processors differ.

#include "math.h"

#include "check.h"

namespace cj {

TEST(integers_divide_toward_zero_and_by_zero) {
    CHECK(div(i32(-7), 2) == -3);
    CHECK(rem(i32(-7), 2) == -1);
    CHECK(div(i32(7), 0) == -1);
    CHECK(rem(i32(7), 0) == 7);
    CHECK(div(u8(7), 0) == 255);
    CHECK(div(limits<i64>::least(), -1) == limits<i64>::least());
    CHECK(rem(limits<i32>::least(), -1) == 0);
    CHECK(div(i8(-128), -1) == -128);
}

TEST(integers_wrap) {
    CHECK(abs(limits<i32>::least()) == limits<i32>::least());
    CHECK(integer_pow<3>(i8(100)) == i8(64));
    CHECK(multiply(limits<i32>::greatest(), 2) == -2);
    CHECK(pow(i32(3), i32(4)) == 81);
    CHECK(pow(i32(-1), i32(-3)) == -1);
    CHECK(pow(i32(2), i32(-1)) == 0);
}

TEST(shifts_past_the_width_leave_nothing_but_the_sign) {
    CHECK(shift_left(i32(1), 31) == limits<i32>::least());
    CHECK(shift_left(i32(1), 32) == 0);
    CHECK(shift_left(i32(1), -1) == 0);
    CHECK(shift_right_logical(i8(-1), 7) == 1);
    CHECK(shift_right_logical(i8(-1), 8) == 0);
    CHECK(shift_right_arithmetic(i8(-2), 100) == -1);
    CHECK(shift_right_arithmetic(u8(0x80), 1) == 0xc0);
}

TEST(bits_are_counted) {
    CHECK(clz(u8(1)) == 7 && clz(i16(0)) == 16 && clz(i32(-1)) == 0 && clz(u64(1)) == 63);
    CHECK(population_count(i8(-1)) == 8 && population_count(u64(~u64(0))) == 64);
    CHECK(mulhi(limits<u64>::greatest(), limits<u64>::greatest()) == limits<u64>::greatest() - 1);
    CHECK(mulhi(i32(-1), 1) == -1 && mulhi(i8(100), 100) == 39);
    CHECK(bit_not(true) == false && bit_not(u8(1)) == 254);
}

TEST(floats_become_the_nearest_integer_that_there_is) {
    CHECK(convert<i32>(nan_f32()) == 0);
    CHECK(convert<i32>(3e9f) == limits<i32>::greatest());
    CHECK(convert<i32>(-3e9f) == limits<i32>::least());
    CHECK(convert<u8>(-1.5f) == 0 && convert<u8>(255.9f) == 255 && convert<i8>(-128.9f) == -128);
    CHECK(convert<i64>(9.3e18) == limits<i64>::greatest() && convert<u64>(infinity_f64()) == ~u64(0));
    CHECK(convert<bool>(nan_f32()) && !convert<bool>(-0.0f));
    CHECK(convert<float>(true) == 1.0f);
}

TEST(nan_wins_in_max_and_min) {
    CHECK(alike(max(nan_f32(), 1.0f), nan_f32()) && alike(max(1.0f, nan_f32()), nan_f32()));
    CHECK(alike(min(nan_f64(), 1.0), nan_f64()) && alike(min(1.0, nan_f64()), nan_f64()));
    CHECK(max(1.0f, 2.0f) == 2.0f && min(i32(-1), 3) == -1 && clamp(0, i32(7), 5) == 5);
    CHECK(alike(sign(-0.0f), -0.0f) && sign(-3.0f) == -1.0f && alike(sign(nan_f32()), nan_f32()));
}

TEST(rounding) {
    CHECK(round<0>(2.5f) == 3.0f && round<0>(-2.5f) == -3.0f && round<0>(0.49999997f) == 0.0f);
    CHECK(round<1>(2.5f) == 2.0f && round<1>(3.5) == 4.0);
    CHECK(nextafter(0.0f, -1.0f) == bits_as<float>(0x80000001u));
    CHECK(nextafter(1.0, 2.0) == 1.0 + 0x1p-52 && alike(nextafter(1.0f, nan_f32()), nan_f32()));
    CHECK(reduce_precision<5, 10>(65520.0f) == infinity_f32() && reduce_precision<8, 7>(1.00390625f) == 1.0f);
    CHECK(alike(rem(-5.5f, 2.0f), -1.5f) && alike(rem(-4.0, 2.0), -0.0));
}

TEST(functions_keep_special_values) {
    CHECK(alike(exp(-infinity_f32()), 0.0f) && alike(log(0.0), -infinity_f64()) && alike(log(-1.0f), nan_f32()));
    CHECK(alike(sin(-0.0f), -0.0f) && alike(tanh(infinity_f64()), 1.0) && alike(sin(infinity_f32()), nan_f32()));
    CHECK(near(exp(-100.0f), 3.783506e-44f) && exp(-100.0f) > 0.0f);  // a subnormal number
    CHECK(near(pow(2.0f, i32(-3)), 0.125f) && alike(pow(nan_f32(), 0.0f), 1.0f));
    CHECK(near(rsqrt(4.0f), 0.5f) && near(logistic(0.0), 0.5) && near(integer_pow<-2>(3.0), 1.0 / 9.0));
}

}  // namespace cj

RUN_TESTS()
