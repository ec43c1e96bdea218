// The error functions, and the logarithm of the gamma function with its derivatives.
//
//   erf erfc                     the C library's; the inverse of erf is in erf_inv.h
//   lgamma gamma                 the gamma function and its logarithm, the C library's
//   digamma polygamma            and Hurwitz's zeta, of which polygamma is made
//
// Real numbers only; halves are computed in float.  What a function gives at poles and infinities is what the
// `impl` of its op gives.  tests/test_kernel_special.py has the measured accuracy.

#pragma once

#include "math.h"

namespace cj {

// The polynomial with these coefficients, that of the highest power first.
template <class T> CJ_FN T polynomial(T, T sum) { return sum; }
template <class T, class... Rest> CJ_FN T polynomial(T x, T sum, double next, Rest... rest) {
    return polynomial(x, sum * x + T(next), rest...);
}

#define CJ_HALF_AS_FLOAT(f) \
    template <class T, class = enable<is_half<T>>> CJ_FN T f(T x) { return T(f(float(x))); }

// ---- error functions --------------------------------------------------------------------------------------

CJ_FN float erf(float x) { return CJ_LIBRARY(erff)(x); }
CJ_FN double erf(double x) { return CJ_LIBRARY(erf)(x); }
CJ_HALF_AS_FLOAT(erf)

CJ_FN float erfc(float x) { return CJ_LIBRARY(erfcf)(x); }
CJ_FN double erfc(double x) { return CJ_LIBRARY(erfc)(x); }
CJ_HALF_AS_FLOAT(erfc)

// ---- the gamma function -----------------------------------------------------------------------------------

// log |gamma(x)|: infinite at 0, -1, -2, ... and at both infinities.
CJ_FN float lgamma(float x) { return CJ_LIBRARY(lgammaf)(x); }
CJ_FN double lgamma(double x) { return CJ_LIBRARY(lgamma)(x); }
CJ_HALF_AS_FLOAT(lgamma)

// Infinite at 0, with its sign; NaN at -1, -2, ... and at minus infinity.
CJ_FN float gamma(float x) { return CJ_LIBRARY(tgammaf)(x); }
CJ_FN double gamma(double x) { return CJ_LIBRARY(tgamma)(x); }
CJ_HALF_AS_FLOAT(gamma)

// (digamma(r + t) - digamma(r)) / t for |t| <= 1/2, where r is the positive root; a minimax polynomial.
CJ_FN float digamma_slope(float t) {
    return polynomial(
        t, 0.0147552396f,
        -0.0215901713, 0.0214711972, -0.0315140274, 0.0489313004, -0.0723852774, 0.107818294, -0.163934288,
        0.258499833, -0.442763275, 0.967672245);
}

CJ_FN double digamma_slope(double t) {
    return polynomial(
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
    float r = 1.0f / (x * x);
    return 0.5f / x + r * polynomial(r, float(1.0 / 252), -1.0 / 120, 1.0 / 12);
}

CJ_FN double digamma_below_log(double x) {
    double r = 1.0 / (x * x);
    return 0.5 / x + r * polynomial(r, -3617.0 / 8160, 1.0 / 12, -691.0 / 32760, 1.0 / 132, -1.0 / 240, 1.0 / 252,
                                    -1.0 / 120, 1.0 / 12);
}

// For x >= 0: near the root by `digamma_slope`, else by the recurrence from large x.
template <class T> CJ_FN T digamma_positive(T x) {
    constexpr int large = sizeof(T) == 4 ? 6 : 10;
    constexpr T root = T(1.4616321449683622);
    constexpr T rest = T(sizeof(T) == 4 ? 1.2438149938918909e-08 : 9.549995429965697e-17);
    T steps = 0, y = x;
    for (int k = 0; k < large; ++k) {
        steps += y < T(large) ? T(1) / y : T(0);
        y += y < T(large) ? T(1) : T(0);
    }
    T t = (x - root) - rest, near = t * digamma_slope(t), far = log(y) - digamma_below_log(y) - steps;
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

// The sum of (q + k)**-s over k = 0, 1, ... for q > 0, s > 1: terms, then the Euler-Maclaurin formula.
CJ_FN double zeta_positive(double s, double q) {
    constexpr int terms = 12;
    double total = 0, end = q + terms;
#if CJ_GPU
#pragma unroll 1  // twelve copies of pow would take a second to compile
#endif
    for (int k = 0; k < terms; ++k) total += pow(q + k, -s);
    double last = pow(end, -s), r = 1.0 / (end * end), factor = s * last / end;
    total += pow(end, 1 - s) / (s - 1) + last / 2;
    constexpr double bernoulli[8] = {  // divided by factorials: B2/2!, B4/4!, ...
        1.0 / 12, -1.0 / 720, 1.0 / 30240, -1.0 / 1209600, 1.0 / 47900160, -691.0 / 1307674368000, 1.0 / 74724249600,
        -3617.0 / 10670622842880000};
    for (int n = 1; n <= 8; ++n) {
        total += factor * bernoulli[n - 1];
        factor *= (s + (2 * n - 1)) * (s + 2 * n) * r;
    }
    return total;
}

// For s > 1; infinite where a term is.  For whole s the terms of negative q are those of a finite sum with the
// sign (-1)**s; for other s they are not real.
CJ_FN double zeta(double s, double q) {
    if (q > 0) return s > 1 ? zeta_positive(s, q) : s == 1 ? limits<double>::greatest() : limits<double>::nan();
    if (!(q <= 0 && s > 1)) return s == 1 ? limits<double>::greatest() : limits<double>::nan();
    if (q == floor(q)) return limits<double>::greatest();
    if (s != floor(s)) return limits<double>::nan();
    double fraction = -q - floor(-q);
    double below = zeta_positive(s, fraction) - zeta_positive(s, 1 - q);
    return zeta_positive(s, 1 - fraction) + (s - 2 * floor(s / 2) == 0 ? below : -below);
}

CJ_FN float zeta(float s, float q) { return float(zeta(double(s), double(q))); }

template <class T, class = enable<is_half<T>>> CJ_FN T zeta(T s, T q) { return T(zeta(float(s), float(q))); }

// The derivative of order m of digamma (A&S 6.4.10); NaN unless m is a natural number.
template <class T> CJ_FN T polygamma(T m, T x) {
    if constexpr (is_half<T>) {
        return T(polygamma(float(m), float(x)));
    } else {
        double s = double(m) + 1;
        if (s == 1) return digamma(x);
        bool natural = s > 1 && s == floor(s), even = s - 2 * floor(s / 2) == 0;
        double size = CJ_LIBRARY(tgamma)(s) * zeta(s, double(x));
        return T(!natural ? limits<double>::nan() : even ? size : -size);
    }
}

#undef CJ_HALF_AS_FLOAT

}  // namespace cj
