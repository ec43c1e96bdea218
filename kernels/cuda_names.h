// CUDA's names of functions, on the host too, for sources that users give (`cujax.cuda_op`).
//
// Such a source lies in the namespace cj_user.  On a GPU it finds CUDA's own functions; elsewhere those below, which
// are called the same and take the same numbers, by those of math.h where these become vectors.  Functions of complex
// numbers are found in cj, where their type is.
//
// What is CUDA's alone (intrinsics such as __expf, threads, warps, memory) is missing on the host.

#pragma once

#include "math.h"

#if !CJ_DEVICE
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#endif

namespace cj_user {

template <class T> constexpr bool is_whole = cj::is_integer<T> || cj::is_bool<T>;
template <class T> using if_whole = cj::enable<is_whole<T>, double>;

// Of two numbers: double, but for float with float or a whole number.
template <class X, class Y> constexpr bool is_single =
    (cj::is_same<X, float> && (is_whole<Y> || cj::is_same<Y, float>)) || (cj::is_same<Y, float> && is_whole<X>);
template <class X, class Y> using if_mixed =
    cj::enable<!cj::is_same<X, Y> || is_whole<X>, cj::choose<is_single<X, Y>, float, double>>;

#if !CJ_GPU

// name(x) for float, double and whole numbers, and namef(x); `single` and `wide` are functions of float and double.
#define CJ_USER_1(name, single, wide)                                   \
    CJ_FN float name(float x) { return single(x); }                     \
    CJ_FN double name(double x) { return wide(x); }                     \
    template <class X> CJ_FN if_whole<X> name(X x) { return wide(double(x)); } \
    CJ_FN float name##f(float x) { return single(x); }
#define CJ_USER_2(name, single, wide)                                   \
    CJ_FN float name(float x, float y) { return single(x, y); }         \
    CJ_FN double name(double x, double y) { return wide(x, y); }        \
    template <class X, class Y> CJ_FN if_mixed<X, Y> name(X x, Y y) {   \
        return name(if_mixed<X, Y>(x), if_mixed<X, Y>(y));              \
    }                                                                   \
    CJ_FN float name##f(float x, float y) { return single(x, y); }
#define CJ_OURS_1(name) CJ_USER_1(name, cj::name, cj::name)
#define CJ_OURS_2(name) CJ_USER_2(name, cj::name, cj::name)
#define CJ_SYSTEM_1(name) CJ_USER_1(name, __builtin_##name##f, __builtin_##name)
#define CJ_SYSTEM_2(name) CJ_USER_2(name, __builtin_##name##f, __builtin_##name)

CJ_OURS_1(exp) CJ_OURS_1(exp2) CJ_OURS_1(expm1) CJ_OURS_1(log) CJ_OURS_1(log1p) CJ_OURS_1(sqrt) CJ_OURS_1(cbrt)
CJ_OURS_1(rsqrt) CJ_OURS_1(sin) CJ_OURS_1(cos) CJ_OURS_1(tan) CJ_OURS_1(asin) CJ_OURS_1(acos) CJ_OURS_1(atan)
CJ_OURS_1(sinh) CJ_OURS_1(cosh) CJ_OURS_1(tanh) CJ_OURS_1(asinh) CJ_OURS_1(acosh) CJ_OURS_1(atanh)
CJ_OURS_1(floor) CJ_OURS_1(ceil) CJ_OURS_1(trunc) CJ_OURS_1(rint)
CJ_USER_1(nearbyint, cj::rint, cj::rint) CJ_USER_1(round, cj::round<0>, cj::round<0>)
CJ_USER_1(fabs, cj::abs, cj::abs)
CJ_SYSTEM_1(log2) CJ_SYSTEM_1(log10) CJ_SYSTEM_1(erf) CJ_SYSTEM_1(erfc) CJ_SYSTEM_1(lgamma) CJ_SYSTEM_1(tgamma)
CJ_OURS_2(atan2) CJ_OURS_2(hypot) CJ_OURS_2(copysign) CJ_OURS_2(pow) CJ_OURS_2(fmod) CJ_OURS_2(nextafter)
CJ_SYSTEM_2(remainder) CJ_SYSTEM_2(fdim)

#undef CJ_OURS_1
#undef CJ_OURS_2
#undef CJ_SYSTEM_1
#undef CJ_SYSTEM_2

CJ_FN float exp10(float x) { return cj::pow(10.0f, x); }
CJ_FN double exp10(double x) { return cj::pow(10.0, x); }
CJ_FN float exp10f(float x) { return exp10(x); }
template <class T> CJ_FN T half_turns(T x) { return T(3.14159265358979323846) * cj::fmod(x, T(2)); }
CJ_FN float sinpi(float x) { return cj::sin(half_turns(x)); }
CJ_FN double sinpi(double x) { return cj::sin(half_turns(x)); }
CJ_FN float sinpif(float x) { return sinpi(x); }
CJ_FN float cospi(float x) { return cj::cos(half_turns(x)); }
CJ_FN double cospi(double x) { return cj::cos(half_turns(x)); }
CJ_FN float cospif(float x) { return cospi(x); }

CJ_FN float fma(float x, float y, float z) { return cj::fma(x, y, z); }
CJ_FN double fma(double x, double y, double z) { return cj::fma(x, y, z); }
CJ_FN float fmaf(float x, float y, float z) { return cj::fma(x, y, z); }

// Of two numbers the one that is none is not chosen, as by the C library's fmax and fmin.
template <class T> CJ_FN T max(T x, T y) { return x > y || y != y ? x : y; }
template <class T> CJ_FN T min(T x, T y) { return x < y || y != y ? x : y; }
CJ_FN double max(float x, double y) { return max(double(x), y); }
CJ_FN double max(double x, float y) { return max(x, double(y)); }
CJ_FN double min(float x, double y) { return min(double(x), y); }
CJ_FN double min(double x, float y) { return min(x, double(y)); }
CJ_USER_2(fmax, max, max) CJ_USER_2(fmin, min, min)

template <class T> CJ_FN cj::enable<!cj::is_complex<T>, T> abs(T x) { return x < T(0) ? -x : x == T(0) ? T(0) : x; }
template <class T> CJ_FN bool isnan(T x) { return x != x; }
template <class T> CJ_FN bool isfinite(T x) { return cj::is_finite(x); }
template <class T> CJ_FN bool isinf(T x) { return !(x != x) && !cj::is_finite(x); }
CJ_FN bool signbit(float x) { return cj::copysign(1.0f, x) < 0; }
CJ_FN bool signbit(double x) { return cj::copysign(1.0, x) < 0; }

#else

// CUDA's functions, and those of whole numbers, which NVRTC by itself does not choose one for.
#define CJ_USER_1(name) \
    using ::name;       \
    template <class X> CJ_FN if_whole<X> name(X x) { return ::name(double(x)); }
#define CJ_USER_2(name)                                               \
    using ::name;                                                     \
    template <class X, class Y> CJ_FN if_mixed<X, Y> name(X x, Y y) { \
        return ::name(if_mixed<X, Y>(x), if_mixed<X, Y>(y));          \
    }

CJ_USER_1(exp) CJ_USER_1(exp2) CJ_USER_1(exp10) CJ_USER_1(expm1) CJ_USER_1(log) CJ_USER_1(log1p) CJ_USER_1(log2)
CJ_USER_1(log10) CJ_USER_1(sqrt) CJ_USER_1(cbrt) CJ_USER_1(rsqrt) CJ_USER_1(sin) CJ_USER_1(cos) CJ_USER_1(tan)
CJ_USER_1(asin) CJ_USER_1(acos) CJ_USER_1(atan) CJ_USER_1(sinh) CJ_USER_1(cosh) CJ_USER_1(tanh) CJ_USER_1(asinh)
CJ_USER_1(acosh) CJ_USER_1(atanh) CJ_USER_1(floor) CJ_USER_1(ceil) CJ_USER_1(trunc) CJ_USER_1(rint)
CJ_USER_1(nearbyint) CJ_USER_1(round) CJ_USER_1(fabs) CJ_USER_1(erf) CJ_USER_1(erfc) CJ_USER_1(lgamma)
CJ_USER_1(tgamma) CJ_USER_1(sinpi) CJ_USER_1(cospi)
CJ_USER_2(atan2) CJ_USER_2(hypot) CJ_USER_2(copysign) CJ_USER_2(pow) CJ_USER_2(fmod) CJ_USER_2(nextafter)
CJ_USER_2(remainder) CJ_USER_2(fdim) CJ_USER_2(fmax) CJ_USER_2(fmin)

#endif

#undef CJ_USER_1
#undef CJ_USER_2

}  // namespace cj_user
