// W6 by hand: one lane, one step after the other.

#include <cstdint>

#pragma GCC optimize("no-associative-math")  // r * (x * (1 - x)) would be one operation more to wait for

template <class Real>
static Real last(Real r, Real x, int64_t steps) {
    for (int64_t i = 0; i < steps; i++) x = r * x * (1 - x);
    return x;
}

template <class Real>
static void kept(Real r, Real x, Real* out, int64_t steps) {
    for (int64_t i = 0; i < steps; i++) out[i] = x = r * x * (1 - x);
}

extern "C" float last_float(float r, float x, int64_t steps) { return last(r, x, steps); }
extern "C" double last_double(double r, double x, int64_t steps) { return last(r, x, steps); }
extern "C" void kept_float(float r, float x, float* out, int64_t steps) { kept(r, x, out, steps); }

extern "C" int32_t sum(int32_t x, int32_t steps) {
    for (int32_t i = 0; i < steps; i++) x += i;
    return x;
}
