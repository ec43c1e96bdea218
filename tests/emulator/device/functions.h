// Mathematical functions without a namespace, for float and double: those of the C library, and CUDA's beyond them.
//
// The C library's differ from CUDA's in the last bits; what IEEE 754 defines (+ - * / sqrt fma rint) is the same.

#pragma once

// These two, unlike <cmath>, declare the overloads for float outside of `std` as well.
#include <math.h>
#include <stdlib.h>

#include <type_traits>

inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rsqrt(float x) { return rsqrtf(x); }
inline float rcbrtf(float x) { return 1.0f / cbrtf(x); }
inline double rcbrt(double x) { return 1.0 / cbrt(x); }
inline float fdividef(float x, float y) { return x / y; }
inline float saturatef(float x) { return x > 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }

// sin(pi x) and cos(pi x), exact in the reduction of x.
inline double sinpi(double x) {
    double rest = remainder(x, 2.0);
    double folded = fabs(rest) > 0.5 ? copysign(1.0, rest) - rest : rest;
    return folded == 0 ? copysign(0.0, x) : sin(M_PI * folded);
}
inline double cospi(double x) {
    double distance = fabs(remainder(x, 2.0));
    return distance == 0.5 ? 0.0 : sin(M_PI * (0.5 - distance));
}
inline float sinpif(float x) { return float(sinpi(double(x))); }
inline float cospif(float x) { return float(cospi(double(x))); }
inline void sincospi(double x, double* sine, double* cosine) { *sine = sinpi(x), *cosine = cospi(x); }
inline void sincospif(float x, float* sine, float* cosine) { *sine = sinpif(x), *cosine = cospif(x); }

// Of two floats the one that is not NaN; of an int and an unsigned the unsigned one.
template <class A, class B, class T = std::common_type_t<A, B>> T min(A a, B b) {
    if constexpr (std::is_floating_point_v<T>) return std::fmin(T(a), T(b));
    else return T(b) < T(a) ? T(b) : T(a);
}
template <class A, class B, class T = std::common_type_t<A, B>> T max(A a, B b) {
    if constexpr (std::is_floating_point_v<T>) return std::fmax(T(a), T(b));
    else return T(a) < T(b) ? T(b) : T(a);
}

// ---- operations with a given rounding: to nearest ---------------------------------------------------------

inline float __fadd_rn(float x, float y) { return x + y; }
inline float __fsub_rn(float x, float y) { return x - y; }
inline float __fmul_rn(float x, float y) { return x * y; }
inline float __fdiv_rn(float x, float y) { return x / y; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frsqrt_rn(float x) { return float(1.0 / sqrt(double(x))); }
inline float __fmaf_rn(float x, float y, float z) { return fmaf(x, y, z); }
inline double __dadd_rn(double x, double y) { return x + y; }
inline double __dsub_rn(double x, double y) { return x - y; }
inline double __dmul_rn(double x, double y) { return x * y; }
inline double __ddiv_rn(double x, double y) { return x / y; }
inline double __drcp_rn(double x) { return 1.0 / x; }
inline double __dsqrt_rn(double x) { return sqrt(x); }
inline double __fma_rn(double x, double y, double z) { return fma(x, y, z); }
inline float __saturatef(float x) { return saturatef(x); }

// ---- fast versions, here exact ----------------------------------------------------------------------------
// Macros: glibc has these names for itself.

#define __expf(x) expf(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __powf(x, y) powf(x, y)
#define __fdividef(x, y) fdividef(x, y)
#define __sincosf(x, sine, cosine) sincosf(x, sine, cosine)
