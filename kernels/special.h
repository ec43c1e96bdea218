// The error functions, and the logarithm of the gamma function with its derivatives.
//
//   erf erfc                     the C library's, but erf of floats on the host; the inverse of erf is in erf_inv.h
//   lgamma gamma                 the gamma function and its logarithm, of doubles the C library's
//   digamma polygamma            and Hurwitz's zeta, of which polygamma is made
//
// Real numbers only; halves are computed in float.  What a function gives at poles and infinities is what the
// `impl` of its op gives.  tests/test_kernel_special.py has the measured accuracy.

#pragma once

#include "math.h"

namespace cj {

#define CJ_HALF_AS_FLOAT(f) \
    template <class T, class = enable<is_half<T>>> CJ_FN T f(T x) { return T(f(float(x))); }

// ---- error functions --------------------------------------------------------------------------------------

#if CJ_DEVICE
CJ_FN float erf(float x) { return CJ_LIBRARY(erff)(x); }
#else

// Near 0 x times a polynomial in x**2, further out 1 - 2**p(x) with a polynomial p near the logarithm of erfc(x); within
// 2 ulp, where vectors of the C library are within 4.
CJ_FN float erf(float x) {
    float size = abs(x), square = x * x;
    float near = fma(x, fused_polynomial(
        square, -0.000631512718f, 0.00505109443, -0.0268025475, 0.112827174, -0.376125718, 0.12837916), x);
    float inside = size < 4.0f ? size : 4.0f;  // where it is 1 in single precision
    float power = fused_polynomial(
        inside, 0.000293845311f, -0.00449812954, 0.0324881889, -0.150799155, -0.918302598, -1.62744808,
        -0.000150784067);
    float whole = rint(power);
    float root = fused_polynomial(
        power - whole, 0.00132764668f, 0.00967554129, 0.0555071329, 0.240221197, 0.693146967, 1.00000007);
    float far = 1.0f - bits_as<float>(bits_as<i32>(root) + i32(whole) * (1 << 23));
    return size < 0.85f ? near : is_nan(x) ? x : copysign(far, x);
}

#endif
CJ_FN double erf(double x) { return CJ_LIBRARY(erf)(x); }
CJ_HALF_AS_FLOAT(erf)

CJ_FN float erfc(float x) { return CJ_LIBRARY(erfcf)(x); }
CJ_FN double erfc(double x) { return CJ_LIBRARY(erfc)(x); }
CJ_HALF_AS_FLOAT(erfc)

// ---- the gamma function -----------------------------------------------------------------------------------

#if !CJ_DEVICE

// log |gamma(x)| of floats, for which the C library has no vectors: by Stirling's formula (A&S 6.1.41) from 7 on, the
// recurrence below, and reflection.  In double, so that what cancels near the roots leaves all digits of a float.
CJ_FN double log_gamma_in_double(double x) {
    constexpr double pi = 3.14159265358979323846, half_log_of_2_pi = 0.91893853320467274178;
    bool negative = x < 0.0, pole = x <= 0.0 && x == rint(x);
    double size = negative ? 1.0 - x : x;
    bool steps = size < 7.0;
    double u = size * (size + 6.0);  // size (size + 1) ... (size + 6), from both ends
    double product = steps ? u * (u + 5.0) * (u + 8.0) * (size + 3.0) : 1.0, y = steps ? size + 7.0 : size;
    double inverse = 1.0 / y, r = inverse * inverse;
    double series = inverse * fused_polynomial(
        r, -3617.0 / 122400, 1.0 / 156, -691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360, 1.0 / 12);
    double stirling = (y - 0.5) * (log(y) - 1.0) + (series + (half_log_of_2_pi - 0.5));
    double sine = abs(sin(pi * (x - rint(x))));
    double rest = log(negative ? pi * product / sine : product);
    bool root = x == 1.0 || x == 2.0;
    return pole ? limits<double>::greatest() : root ? 0.0 : negative ? rest - stirling : stirling - rest;
}

#endif

// log |gamma(x)|: infinite at 0, -1, -2, ... and at both infinities.
CJ_FN float lgamma(float x) {
#if CJ_DEVICE
    return CJ_LIBRARY(lgammaf)(x);
#else
    return float(log_gamma_in_double(x));
#endif
}
CJ_FN double lgamma(double x) { return CJ_LIBRARY(lgamma)(x); }
CJ_HALF_AS_FLOAT(lgamma)

// Infinite at 0, with its sign; NaN at -1, -2, ... and at minus infinity.
CJ_FN float gamma(float x) {
#if CJ_DEVICE
    return CJ_LIBRARY(tgammaf)(x);
#else
    double size = exp(log_gamma_in_double(x)), whole = floor(double(x));
    float value = float(x > 0.0f || whole == 2.0 * floor(0.5 * whole) ? size : -size);
    float at_whole = x == 0.0f ? copysign(limits<float>::greatest(), x) : limits<float>::nan();
    return x > 0.0f || x != float(whole) ? value : at_whole;
#endif
}
CJ_FN double gamma(double x) { return CJ_LIBRARY(tgamma)(x); }
CJ_HALF_AS_FLOAT(gamma)

// (digamma(r + t) - digamma(r)) / t for |t| <= 1/2, where r is the positive root; a minimax polynomial.
CJ_FN float digamma_slope(float t) {
    return fused_polynomial(
        t, 0.0147552396f,
        -0.0215901713, 0.0214711972, -0.0315140274, 0.0489313004, -0.0723852774, 0.107818294, -0.163934288,
        0.258499833, -0.442763275, 0.967672245);
}

CJ_FN double digamma_slope(double t) {
    return fused_polynomial(
        t, 0.00022378877315963456,
        -0.00032709738395189826, 0.00015640096837925952, -0.00022860308524679012, 0.0005351997601937002,
        -0.0007822802138642923, 0.0010718152587911574, -0.001566690807234033, 0.002306172468113026,
        -0.003371330730186513, 0.004926679802966351, -0.007204385895023371, 0.010538797922407356,
        -0.015424775121707113, 0.022597647993903836, -0.033161126126519364, 0.048804288169134125,
        -0.07219956126374974, 0.10782405069121423, -0.16394270544233616, 0.25849976095565114, -0.4427631689835923,
        0.9676722454476212);
}

// log(x) - digamma(x) for large x: Abramowitz and Stegun 6.3.18.
CJ_FN float digamma_below_log(float x) {
    float inverse = 1.0f / x, r = inverse * inverse;
    return fma(r, fused_polynomial(r, float(1.0 / 252), -1.0 / 120, 1.0 / 12), 0.5f * inverse);
}

CJ_FN double digamma_below_log(double x) {
    double inverse = 1.0 / x, r = inverse * inverse;
    return fma(r, fused_polynomial(r, -3617.0 / 8160, 1.0 / 12, -691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252,
                                   -1.0 / 120, 1.0 / 12), 0.5 * inverse);
}

// The sum of 1 / (x + k) for k = 1, ..., 5, in double up to 9.  Terms as far from the middle as each other are added in
// u = (x + 1) (x + 5), as which they differ by a number only: a division for all of them, and nothing that cancels.
CJ_FN float digamma_steps(float x) {
    float middle = x + 3.0f, u = (x + 1.0f) * (x + 5.0f);
    return 1.0f / middle + 2.0f * middle * (2.0f * u + 3.0f) / (u * (u + 3.0f));
}

CJ_FN double digamma_steps(double x) {
    double middle = x + 5.0, u = (x + 1.0) * (x + 9.0);
    double outer = u * (u + 15.0), inner = (u + 7.0) * (u + 12.0);
    return 1.0 / middle + 2.0 * middle * ((2.0 * u + 15.0) * inner + (2.0 * u + 19.0) * outer) / (outer * inner);
}

// For x >= 0, by the recurrence from large x.
template <class T> CJ_FN T digamma_far(T x) {
    constexpr T large = sizeof(T) == 4 ? T(6) : T(10);
    bool steps = x < large;
    T small = steps ? x : T(1), y = steps ? x + large : x;
    T below = steps ? digamma_steps(small) + T(1) / small : T(0);
    return log(y) - digamma_below_log(y) - below;
}

// For x >= 0.  A difference loses digits, which the host has to spare for floats.
template <class T> CJ_FN T digamma_positive(T x) {
    using Wide = choose<CJ_DEVICE, T, double>;
    constexpr T root = T(1.4616321449683622);
    constexpr T rest = T(sizeof(T) == 4 ? 1.2438149938918909e-08 : 9.549995429965697e-17);
    T t = (x - root) - rest, near = t * digamma_slope(t), far = T(digamma_far(Wide(x)));
    return abs(t) < T(0.5) ? near : far;
}

// NaN at 0, -1, -2, ... and at minus infinity.
template <class T> CJ_FN T digamma(T x) {
    if constexpr (is_half<T>) {
        return T(digamma(float(x)));
    } else {
        constexpr T pi = T(3.14159265358979323846);
        T reflected = digamma_positive(x < T(0) ? T(1) - x : x);
        T cotangent = T(1) / tan(pi * (x - rint(x)));
        bool pole = x <= T(0) && x == floor(x);
        return pole ? limits<T>::nan() : x < T(0) ? reflected - pi * cotangent : reflected;
    }
}

// ---- Hurwitz's zeta ---------------------------------------------------------------------------------------

// 1 / x**s to the digits of T, for x > 0.
template <class T> CJ_FN double inverse_power(double x, double s) {
    if constexpr (sizeof(T) == 4) return exp(-s * log(x));
    else return pow(x, -s);
}

// The sum of (q + k)**-s over k = 0, 1, ... for q > 0, s > 1: terms, then the Euler-Maclaurin formula.
template <class T> CJ_FN double zeta_positive(double s, double q) {
    constexpr int terms = sizeof(T) == 4 ? 6 : 12, orders = sizeof(T) == 4 ? 6 : 8;
    double total = 0, end = q + terms;
#if CJ_GPU
#pragma unroll 1  // twelve copies of pow would take a second to compile
#else
#pragma GCC unroll 12  // a loop in a loop would not become vectors
#endif
    for (int k = 0; k < terms; ++k) total += inverse_power<T>(q + k, s);
    double inverse = 1.0 / end, r = inverse * inverse;
    double rest = inverse_power<T>(end, s - 1), last = rest * inverse, factor = s * last * inverse;
    total += rest / (s - 1) + last / 2;
    constexpr double bernoulli[8] = {  // divided by factorials: B2/2!, B4/4!, ...
        1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160, -691.0 / 1307674368000, 1.0 / 74724249600,
        -3617.0 / 10670622842880000};
#if !CJ_GPU
#pragma GCC unroll 8
#endif
    for (int n = 1; n <= orders; ++n) {
        total += factor * bernoulli[n - 1];
        factor *= (s + (2 * n - 1)) * (s + 2 * n) * r;
    }
    return total;
}

// For s > 1; infinite where a term is.  For whole s the terms of negative q are those of a finite sum with the
// sign (-1)**s; for other s they are not real.
template <class T> CJ_FN double zeta_in_double(double s, double q) {
#if CJ_DEVICE  // most threads need one of the three sums below; vectors of the host have no branches
    if (q > 0.0 && s > 1.0) return zeta_positive<T>(s, q);
#endif
    const double infinite = limits<double>::greatest(), nan = limits<double>::nan();
    bool negative = q < 0.0, even = s - 2 * floor(s / 2) == 0.0;
    double fraction = negative ? -q - floor(-q) : 0.5;
    double above = zeta_positive<T>(s, negative ? 1.0 - fraction : q);
    double below = zeta_positive<T>(s, fraction) - zeta_positive<T>(s, negative ? 1.0 - q : 1.0);
    double continued = s != floor(s) ? nan : even ? above + below : above - below;
    double value = !negative ? above : q == floor(q) ? infinite : continued;
    value = q == 0.0 ? infinite : q == infinite ? 0.0 : q != q ? nan : value;
    return s > 1.0 ? value : s == 1.0 ? infinite : nan;
}

CJ_FN double zeta(double s, double q) { return zeta_in_double<double>(s, q); }
CJ_FN float zeta(float s, float q) { return float(zeta_in_double<float>(double(s), double(q))); }

template <class T, class = enable<is_half<T>>> CJ_FN T zeta(T s, T q) { return T(zeta(float(s), float(q))); }

// The derivative of order m of digamma (A&S 6.4.10); NaN unless m is a natural number.
template <class T> CJ_FN T polygamma(T m, T x) {
    if constexpr (is_half<T>) {
        return T(polygamma(float(m), float(x)));
    } else {
        double s = double(m) + 1;
        if (s == 1) return digamma(x);
        bool natural = s > 1 && s == floor(s), even = s - 2 * floor(s / 2) == 0;
        double size = CJ_LIBRARY(tgamma)(s) * zeta_in_double<T>(s, double(x));
        return T(!natural ? limits<double>::nan() : even ? size : -size);
    }
}

#undef CJ_HALF_AS_FLOAT

}  // namespace cj
