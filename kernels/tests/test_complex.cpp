// Complex numbers: accuracy where formulas cancel, no overflow on the way, C99's special values.

#include "complex.h"

#include "check.h"

namespace cj {

using ::near;

template <class T> CHECK_FN bool near(complex<T> x, complex<T> y) { return near(x.re, y.re) && near(x.im, y.im); }

TEST(arithmetic) {
    c64 z(1.0f, 2.0f), w(3.0f, -1.0f);
    CHECK(z * w == c64(5.0f, 5.0f) && z + 1 == c64(2.0f, 2.0f) && -z == c64(-1.0f, -2.0f) && z != w);
    CHECK(near(z / w, c64(0.1f, 0.7f)) && alike((z / c64(0)).re, infinity_f32()));
    CHECK(near(c128(1) / c128(1e300, 1e300), c128(5e-301, -5e-301)));
    CHECK(abs(c64(3e30f, 4e30f)) == 5e30f && near(abs(c128(3e200, 4e200)), 5e200));
    CHECK(near(integer_pow<2>(z), c64(-3.0f, 4.0f)) && near(pow(z, 2), c64(-3.0f, 4.0f)));
}

TEST(logarithms_near_one) {
    CHECK(near(log(c64(1.0f, 1e-5f)), c64(5e-11f, 1e-5f)));
    CHECK(near(log1p(c128(1e-20, 1e-5)), c128(5.00000000075e-11, 9.999999999666668e-06)));
    CHECK(near(log(c128(1e300, 1e300)), c128(691.1221014884936, 0.7853981633974483)));
    CHECK(alike(log(c64(0)).re, -infinity_f32()));
}

TEST(exponentials_beyond_the_range_of_their_parts) {
    CHECK(near(exp(c64(89.0f, 1.57f)).re, 3.574963e35f));
    CHECK(alike(exp(c64(infinity_f32(), 0.0f)).im, 0.0f) && alike(exp(c64(-infinity_f32(), nan_f32())).re, 0.0f));
    CHECK(near(tanh(c128(1e3, 1.0)).re, 1.0) && near(expm1(c64(1e-10f, 0.0f)).re, 1e-10f));
}

TEST(roots_and_branch_cuts) {
    CHECK(near(sqrt(c64(-4.0f, 0.0f)), c64(0.0f, 2.0f)) && near(sqrt(c64(-4.0f, -0.0f)), c64(0.0f, -2.0f)));
    CHECK(near(sqrt(c64(0.0f, 3e38f)), c64(1.2247449e19f, 1.2247449e19f)));
    CHECK(near(asin(c64(2.0f, 0.0f)), c64(1.5707963f, 1.3169579f)) && near(asin(c64(2.0f, -0.0f)).im, -1.3169579f));
    CHECK(near(acosh(c128(-1.0, 0.0)), c128(0.0, 3.141592653589793)));
    CHECK(near(atan(c64(1e-20f, 1e-20f)), c64(1e-20f, 1e-20f)) && near(atanh(c64(1.0f, 1e-10f)).re, 11.859499f));
}

TEST(order_is_that_of_pairs) {
    CHECK(max(c64(1.0f, 2.0f), c64(1.0f, 3.0f)) == c64(1.0f, 3.0f));
    CHECK(min(c64(1.0f, 2.0f), c64(0.0f, 9.0f)) == c64(0.0f, 9.0f));
    CHECK(is_nan(max(c64(1.0f, 2.0f), c64(0.0f, nan_f32()))));
}

}  // namespace cj

RUN_TESTS()
