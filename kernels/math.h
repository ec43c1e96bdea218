// Functions of integers and real numbers, as generated kernels call them: one for each op that needs more than an
// operator.  half.h and complex.h add the same names for their types.
//
// What a function means is what the op's `impl` computes on NumPy, with JAX's edge cases: integers wrap, x / 0 has
// all bits set and x % 0 is x, a shift past the width leaves nothing but the sign, a float that no integer can hold
// becomes the nearest bound and NaN becomes 0, max and min of NaN are NaN.
//
// Everything is written without branches that a compiler could not turn into a choice, so that loops over it
// vectorise on the host.  The transcendental functions are then those of glibc's vector math library: within 4 ulp
// of the true value, NaN, infinities, signed zeros and subnormal numbers kept.

#pragma once

#include "prelude.h"

// ---- the system's functions -------------------------------------------------------------------------------
// glibc says that a function has vector forms only under -ffast-math, which would give up NaN; so it is said here.

#if CJ_LIBMVEC && !CJ_GPU && defined(__GNUC__) && !defined(__clang__)
#define CJ_VECTOR_1(name)                                                              \
    __attribute__((simd("notinbranch"))) double name(double) noexcept;                 \
    __attribute__((simd("notinbranch"))) float name##f(float) noexcept;
#define CJ_VECTOR_2(name)                                                              \
    __attribute__((simd("notinbranch"))) double name(double, double) noexcept;         \
    __attribute__((simd("notinbranch"))) float name##f(float, float) noexcept;
extern "C" {
CJ_VECTOR_1(exp) CJ_VECTOR_1(log) CJ_VECTOR_2(pow)
// GCC joins sin(x) and cos(x) of one x into a call that has no vector form, unless it does not know whom it calls.
#define CJ_UNJOINED(name)                                                                                        \
    __attribute__((simd("notinbranch"), const)) double cj_##name(double) noexcept __asm__(#name);                \
    __attribute__((simd("notinbranch"), const)) float cj_##name##f(float) noexcept __asm__(#name "f");
CJ_UNJOINED(sin) CJ_UNJOINED(cos)
#undef CJ_UNJOINED
#if CJ_LIBMVEC >= 2
CJ_VECTOR_1(tan) CJ_VECTOR_1(asin) CJ_VECTOR_1(acos) CJ_VECTOR_1(atan) CJ_VECTOR_2(atan2)
CJ_VECTOR_1(sinh) CJ_VECTOR_1(cosh) CJ_VECTOR_1(tanh) CJ_VECTOR_1(asinh) CJ_VECTOR_1(acosh) CJ_VECTOR_1(atanh)
CJ_VECTOR_1(exp2) CJ_VECTOR_1(expm1) CJ_VECTOR_1(log1p) CJ_VECTOR_1(cbrt) CJ_VECTOR_2(hypot)
CJ_VECTOR_1(erf) CJ_VECTOR_1(erfc)
#endif
}
#undef CJ_VECTOR_1
#undef CJ_VECTOR_2
#define CJ_SIN_COS(name) cj_##name
#else
#define CJ_SIN_COS(name) CJ_LIBRARY(name)
#endif

#if CJ_GPU
#define CJ_LIBRARY(name) ::name
#else
#define CJ_LIBRARY(name) __builtin_##name
#endif

namespace cj {

// A parameter of type same<T> takes whatever converts to T and has no say in what T is.
template <class T> struct same_type { using type = T; };
template <class T> using same = typename same_type<T>::type;

#define CJ_REAL_1(name)                                                       \
    CJ_FN float name(float x) { return CJ_LIBRARY(name##f)(x); }              \
    CJ_FN double name(double x) { return CJ_LIBRARY(name)(x); }
#define CJ_REAL_2(name)                                                       \
    CJ_FN float name(float x, float y) { return CJ_LIBRARY(name##f)(x, y); }  \
    CJ_FN double name(double x, double y) { return CJ_LIBRARY(name)(x, y); }
CJ_REAL_1(exp2) CJ_REAL_1(expm1) CJ_REAL_1(log1p) CJ_REAL_1(sqrt) CJ_REAL_1(cbrt)
CJ_REAL_1(tan) CJ_REAL_1(asin) CJ_REAL_1(acos) CJ_REAL_1(atan) CJ_REAL_2(atan2)
CJ_REAL_1(sinh) CJ_REAL_1(cosh) CJ_REAL_1(tanh) CJ_REAL_1(asinh) CJ_REAL_1(acosh) CJ_REAL_1(atanh)
CJ_REAL_1(floor) CJ_REAL_1(ceil) CJ_REAL_1(trunc) CJ_REAL_1(rint)
CJ_REAL_2(copysign) CJ_REAL_2(hypot)
CJ_FN double sin(double x) { return CJ_SIN_COS(sin)(x); }
CJ_FN double cos(double x) { return CJ_SIN_COS(cos)(x); }
#undef CJ_REAL_1
#undef CJ_REAL_2

CJ_FN float fma(float x, float y, float z) { return CJ_LIBRARY(fmaf)(x, y, z); }
CJ_FN double fma(double x, double y, double z) { return CJ_LIBRARY(fma)(x, y, z); }

// x * y; 0 where y is, whatever x is.
template <class T> CJ_FN T mul_nonzero(T x, T y) { return y == T(0) ? y : T(x * y); }

// The polynomial with these coefficients, that of the highest power first, fused at every step.
template <class T> CJ_FN T fused_polynomial(T, T sum) { return sum; }
template <class T, class... Rest> CJ_FN T fused_polynomial(T x, T sum, double next, Rest... rest) {
    return fused_polynomial(x, fma(sum, x, T(next)), rest...);
}

constexpr float whole_f32 = 12582912.0f;  // 1.5 * 2**23: what is added to it is rounded to an integer, its last bits

#if !CJ_DEVICE && defined(__FMA__)

CJ_FN float power_of_two(i32 n) { return bits_as<float>((n + 127) << 23); }

// 2**n exp(rest), x = n log(2) + rest (Cody and Waite); within 1.01 ulp.  No branch: the vector forms of the system's call
// a function for each element whose result is not normal, as are most values of a Gaussian.  2**n are two factors, so
// that it may be 0, subnormal, or infinity; beyond the bounds it is the same as at them.
CJ_FN float exp(float x) {
    float inside = x > 89.0f ? 89.0f : x;
    inside = inside < -104.0f ? -104.0f : inside;
    float shifted = fma(inside, 0x1.715476p+0f, whole_f32), n = shifted - whole_f32;
    float rest = fma(n, 0x1.05c61p-29f, fma(n, -0x1.62e43p-1f, inside));
    float series = fused_polynomial(rest, 0x1.6a23cep-10f, 0x1.123a2p-7, 0x1.5558f2p-5, 0x1.555492p-3, 0x1.fffffcp-2);
    float sum = fma(rest * rest, series, rest) + 1.0f;
    i32 exponent = bits_as<i32>(shifted) - bits_as<i32>(whole_f32), half = exponent >> 1;
    return sum * power_of_two(half) * power_of_two(exponent - half);
}

#else

CJ_FN float exp(float x) { return CJ_LIBRARY(expf)(x); }

#endif

#if CJ_DEVICE

// Half the instructions of CUDA's sinf and cosf, within 1.8 ulp: x less multiples of pi, which three floats add up to
// (Cody and Waite), so that one odd polynomial does for all of it, and the last bit of the multiple is the sign.  All
// three are positive, and the cube has 0 added to it, so that -0 stays.  Of large multiples the library keeps all digits.

// Of x, near `multiple` times pi; times -1 where the last bit of `sign` is set.
CJ_FN float sin_near_multiple(float x, float multiple, u32 sign) {
    float rest = fma(multiple, -0x1.921fb4p+1f, x);
    rest = fma(multiple, -0x1.4442dp-23f, rest);
    rest = fma(multiple, -0x1.84698ap-47f, rest);
    float square = rest * rest, cube = fma(rest, square, 0.0f);
    float series = fma(square, 0x1.5dc8c6p-19f, -0x1.9f70eep-13f);
    series = fma(square, fma(square, series, 0x1.110edap-7f), -0x1.55554cp-3f);
    float found = fma(series, cube, rest);
    return bits_as<float>(bits_as<u32>(found) + (sign << 31));
}

CJ_APART float sin_of_large(float x) { return CJ_LIBRARY(sinf)(x); }
CJ_APART float cos_of_large(float x) { return CJ_LIBRARY(cosf)(x); }

CJ_FN bool is_large(float x) { return !(CJ_LIBRARY(fabsf)(x) < 1e5f); }

CJ_FN float sin_of_small(float x) {
    float shifted = fma(x, 0.318309886f, whole_f32);
    return sin_near_multiple(x, shifted - whole_f32, bits_as<u32>(shifted));
}

CJ_FN float cos_of_small(float x) {
    float shifted = fma(x, 0.318309886f, 0.5f) + whole_f32;
    return sin_near_multiple(x, shifted - whole_f32 - 0.5f, bits_as<u32>(shifted));
}

CJ_FN float sin(float x) { return is_large(x) ? sin_of_large(x) : sin_of_small(x); }
CJ_FN float cos(float x) { return is_large(x) ? cos_of_large(x) : cos_of_small(x); }

// log of float: x = 2**n (1 + f), 1 + f between 2/3 and 4/3, and (log(1 + f) - f) / f**2 as a polynomial, fitted so that
// the greatest error of the logarithm is least; within 2 ulp.  CUDA's takes a quarter more: it looks for what is special by
// itself at four places.
CJ_APART float log_of_special(float x) { return CJ_LIBRARY(logf)(x); }

CJ_FN float log_of_normal(float x) {
    u32 bits = bits_as<u32>(x), power = (bits - 0x3f2aaaabu) & 0xff800000u;  // 2**23 n
    float f = bits_as<float>(bits - power) - 1.0f;
    float series = fused_polynomial(f, 0x1.1f425cp-3f, -0x1.3b284cp-3f, 0x1.1ea25ep-3f, -0x1.5032e8p-3f, 0x1.99d428p-3f,
                                    -0x1.001480p-2f, 0x1.5554fap-2f, -0x1.ffffd6p-2f);
    return fma(series, f * f, fma(float(i32(power)), 0x1.62e430p-24f, f));
}

CJ_FN float log(float x) {
    return bits_as<u32>(x) - 0x00800000u >= 0x7f000000u ? log_of_special(x) : log_of_normal(x);
}

// 1 / x and 1 / sqrt(x) but for the last bit.  Subnormal numbers are zeros to them, as operands and as results.
#if CJ_GPU
CJ_FN float approximate_inverse(float x) {
    float found;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(found) : "f"(x));
    return found;
}
CJ_FN float approximate_inverse_root(float x) {
    float found;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(found) : "f"(x));
    return found;
}
#else
CJ_FN float without_subnormal(float x) {
    return CJ_LIBRARY(fabsf)(x) < 0x1p-126f ? CJ_LIBRARY(copysignf)(0.0f, x) : x;
}
CJ_FN float approximate_inverse(float x) { return without_subnormal(1.0f / without_subnormal(x)); }
CJ_FN float approximate_inverse_root(float x) { return 1.0f / CJ_LIBRARY(sqrtf)(without_subnormal(x)); }
#endif

// x ** y = 2 ** (y log2(x)) with two thirds of the instructions of CUDA's, and without its five branches; within 3 ulp.
// x = 2**n (1 + f), 1 + f between the roots of 1/2 and 2; of u = 2 f / (2 + f) the logarithm is log2(e) u + u**3 times a
// polynomial of u**2.  What is rounded off u, the logarithm and the product is carried along (fdlibm, e_pow.c).
CJ_APART float pow_of_special(float x, float y) { return CJ_LIBRARY(powf)(x, y); }

CJ_FN float pow(float x, float y) {
    u32 bits = bits_as<u32>(x), power = (bits - 0x3f3504f3u) & 0xff800000u;
    float f = bits_as<float>(bits - power) - 1.0f, n = float(i32(power)) * 0x1p-23f;
    float inverse = approximate_inverse(f + 2.0f), u = (f + f) * inverse, left = f - u;
    float u_low = fma(-f, u, left + left) * inverse, square = u * u;
    float series = fused_polynomial(square, 0x1.5c4ae2p-11f, 0x1.a597d2p-9f, 0x1.277764p-6f, 0x1.ec709ep-4f) * square;
    float small = fma(u, series, fma(u_low, fma(series, 3.0f, 0x1.715476p+0f), u * 0x1.4ae0cp-26f));
    float high = fma(u, 0x1.715476p+0f, n);
    float low = fma(u, 0x1.715476p+0f, n - high) + small;
    float log = high + low, log_low = low - (log - high), exponent = y * log;
    if (bits - 0x00800000u >= 0x7f000000u || !(CJ_LIBRARY(fabsf)(exponent) < 126.0f)) return pow_of_special(x, y);
    float shifted = exponent + whole_f32;
    float rest = exponent - (shifted - whole_f32) + fma(y, log_low, fma(y, log, -exponent));
    float found = fused_polynomial(rest, 0x1.41f00ap-13f, 0x1.5f4f96p-10f, 0x1.3b2d84p-7f, 0x1.c6aec8p-5f,
                                   0x1.ebfbdcp-3f, 0x1.62e43p-1f, 1.0f);
    return bits_as<float>(bits_as<u32>(found) + (bits_as<u32>(shifted) << 23));
}

// exp and log of double with half the instructions of CUDA's: coefficients come from constant memory as operands, where
// each would take two instructions to be put together, and what is special is a function of the library by itself.

CJ_APART double exp_of_special(double x) { return CJ_LIBRARY(exp)(x); }
CJ_APART double log_of_special(double x) { return CJ_LIBRARY(log)(x); }

// (exp(x) - 1 - x) / x**2 for |x| <= log(2) / 2, the highest power first; within 2e-17 of exp.
CJ_TABLE double exp_f64_series[] = {
    0x1.af38a0d2d9620p-26, 0x1.28917e2c43a66p-22, 0x1.71de0db21e27fp-19, 0x1.a019b9133a48ap-16,
    0x1.a01a01a7c327ap-13, 0x1.6c16c1788a49bp-10, 0x1.11111111109b4p-7, 0x1.5555555553d67p-5,
    0x1.5555555555556p-3, 0x1.0000000000001p-1};

// 2**n exp(rest), x = n log(2) + rest (Cody and Waite); within 1 ulp.
CJ_FN double exp(double x) {
    if (!(CJ_LIBRARY(fabs)(x) < 708.0)) return exp_of_special(x);
    constexpr double whole = 6755399441055744.0;  // 1.5 * 2**52: what is added to it is rounded to an integer
    double shifted = fma(x, 1.4426950408889634, whole), n = shifted - whole;
    double rest = fma(n, -0x1.62e42fefa39efp-1, x);
    rest = fma(n, -0x1.abc9e3b39803fp-56, rest);
    double series = exp_f64_series[0];
#pragma unroll
    for (int k = 1; k < 10; ++k) series = fma(series, rest, exp_f64_series[k]);
    double found = fma(fma(series, rest, 1.0), rest, 1.0);
    return bits_as<double>(bits_as<u64>(found) + (bits_as<u64>(shifted) << 52));
}

// (log((1 + s) / (1 - s)) - 2 s) / s**3 for |s| <= 0.1716, the highest power of s**2 first (fdlibm's e_log.c, Lg7 ... Lg1).
CJ_TABLE double log_f64_series[] = {
    0.1479819860511658591, 0.1531383769920937332, 0.1818357216161805012, 0.2222219843214978396, 0.2857142874366239149,
    0.3999999999940941908, 0.6666666666666735130};

// 1 / x of a number near 1, to the last bit or two.
CJ_FN double inverse_near_one(double x) {
#if CJ_GPU
    double found;
    asm("rcp.approx.ftz.f64 %0, %1;" : "=d"(found) : "d"(x));
#else
    double found = double(1.0f / float(x));
#endif
    found = fma(found, fma(-x, found, 1.0), found);
    return fma(found, fma(-x, found, 1.0), found);
}

// n log(2) + log(1 + f), x = 2**n (1 + f), 1 + f between the roots of 1/2 and 2; s = f / (2 + f) (fdlibm, e_log.c); within
// 1 ulp.
CJ_FN double log(double x) {
    constexpr u32 least = 0x00100000, root = 0x3fe6a09e;  // upper words of the least normal number, of the root of 1/2
    u64 bits = bits_as<u64>(x);
    u32 upper = u32(bits >> 32);
    if (upper - least >= 0x7ff00000u - least) return log_of_special(x);
    upper -= root;
    double n = bits_as<double>(0x4330000000000000ull | u32(i32(upper) >> 20 ^ i32(0x80000000u))) - 4503601774854144.0;
    double f = bits_as<double>(u64((upper & 0xfffffu) + root) << 32 | u32(bits)) - 1.0;
    double s = f * inverse_near_one(f + 2.0), square = s * s, half = 0.5 * f * f;
    double series = log_f64_series[0];
#pragma unroll
    for (int k = 1; k < 7; ++k) series = fma(series, square, log_f64_series[k]);
    double small = fma(s, fma(series, square, half), n * 0x1.a39ef35793c76p-33);
    return fma(n, 0x1.62e42feep-1, f - (half - small));
}

// The functions of float without a way for what is special: they set the flag where they do not hold.  So several of
// them, of several elements, have one branch together, and their instructions fill one another's gaps.  Very small
// numbers are special to the root, and so to the logarithm, too: one question serves for both.

CJ_FN bool has_special_root(float x) { return bits_as<u32>(x) - 0x0d000000u >= 0x72800000u; }

// x * rsqrt(x) and a step of Newton's, which fma makes exact (Markstein, IBM J. Res. Dev. 34, 1990): the instructions that
// the compiler makes of a root, in the range in which it takes them.  The inverse is -inf for a negative subnormal number;
// taken without its sign, it makes NaN of that.
CJ_FN float root_of_normal(float x) {
    float inverse = approximate_inverse_root(x), found = x * inverse;
    return fma(fma(-found, found, x), CJ_LIBRARY(fabsf)(inverse) * 0.5f, found);
}

#define CJ_QUICK(name, is_special, usual)             \
    CJ_FN float name(float x, bool& special) {        \
        special |= is_special(x);                     \
        return usual(x);                              \
    }
CJ_QUICK(sin, is_large, sin_of_small)
CJ_QUICK(cos, is_large, cos_of_small)
CJ_QUICK(log, has_special_root, log_of_normal)
CJ_QUICK(sqrt, has_special_root, root_of_normal)
#undef CJ_QUICK

// Roots and quotients that are looked at afterwards, which takes a comparison each: steps that leave the numbers in which
// they are exact make NaN, or what is too small to be sure of.  A subnormal number has an infinite inverse and one beyond
// 2**126 the inverse 0, and that of 0, infinity or NaN is NaN after a step; of a root, so it is with all of them.
CJ_FN float root(float x, bool& special) {
    float found = root_of_normal(x);
    special |= !(found >= 0x1p-50f);
    return found;
}

// The instructions that the compiler makes of a quotient in its own range: 1 / y and a step of Newton's, and what is left
// of x (Markstein, as above).
CJ_FN float quotient_of_normal(float x, float y) {
    float inverse = approximate_inverse(y);
    inverse = fma(fma(-y, inverse, 1.0f), inverse, inverse);
    float found = x * inverse;
    return fma(inverse, fma(-y, found, x), found);
}

CJ_FN float div(float x, float y, bool& special) {
    float found = quotient_of_normal(x, y);
    special |= !(CJ_LIBRARY(fabsf)(x) >= 0x1p-100f) | !(CJ_LIBRARY(fabsf)(found) >= 0x1p-125f);
    return found;
}

#else

CJ_FN float pow(float x, float y) { return CJ_LIBRARY(powf)(x, y); }
CJ_FN double exp(double x) { return CJ_LIBRARY(exp)(x); }
CJ_FN float log(float x) { return CJ_LIBRARY(logf)(x); }
CJ_FN double log(double x) { return CJ_LIBRARY(log)(x); }
CJ_FN float sin(float x) { return CJ_SIN_COS(sinf)(x); }
CJ_FN float cos(float x) { return CJ_SIN_COS(cosf)(x); }

#endif

// ---- bits of floats --------------------------------------------------------------------------------------

template <class T> constexpr int width = 8 * sizeof(T);

template <class T> constexpr word<T> sign_bit = word<T>(word<T>(1) << (width<T> - 1));

// The bits of infinity, which are those of the exponent.
template <class T> constexpr word<T> infinity_bits =
    word<T>(((word<T>(1) << limits<T>::exponent_bits) - 1) << limits<T>::mantissa_bits);

template <class T> CJ_FN bool is_nan(T x) { return x != x; }

// -x, unknown to a compiler that looks for differences.
template <class T> CJ_FN T negated(T x) { return bits_as<T>(word<T>(bits_as<word<T>>(x) ^ sign_bit<T>)); }

template <class T> CJ_FN bool is_finite(T x) {
    return (bits_as<word<T>>(x) & infinity_bits<T>) != infinity_bits<T>;
}

// `which ? x : y`; for structs the choice is made member by member, since a choice of places does not vectorise.
template <class T> CJ_FN T select(bool which, T x, same<T> y) {
    if constexpr (is_half<T>) return bits_as<T>(u16(which ? x.bits : y.bits));
    else if constexpr (is_bool<T>) return (which & x) | (!which & y);
    else return which ? x : y;
}

// ---- conversion -------------------------------------------------------------------------------------------

// Float to integer: truncated; NaN becomes 0, what is out of range the nearest bound.
template <class T, class From> CJ_FN T saturate(From x) {
    constexpr From beyond = From(u64(1) << (width<T> - 1)) * (is_signed_integer<T> ? 1 : 2);  // greatest() + 1
    constexpr From lowest = is_signed_integer<T> ? -beyond : From(0);
    From inside = x > lowest && x < beyond ? x : From(0);
    using Wide = choose<sizeof(T) == 8, T, choose<sizeof(T) == 4, T, i32>>;
    T whole = T(Wide(inside));
    return x >= beyond ? limits<T>::greatest() : x <= lowest ? limits<T>::least() : whole;
}

template <class To, class From> CJ_FN To convert(From x) {
    if constexpr (is_same<To, From>) return x;
    else if constexpr (is_complex<From> && !is_complex<To>) return convert<To>(x.re);
    else if constexpr (is_bool<To>) return x != From(0);
    else if constexpr (is_bool<From> && !is_integer<To>) return select(x, To(1), To(0));
    else if constexpr (is_half<From>) return convert<To>(float(x));
    else if constexpr (is_integer<To> && is_float<From>) return saturate<To>(x);
    else return To(x);
}

// The same bits as another type of the same size.
template <class To, class From> CJ_FN To bitcast(From x) { return bits_as<To>(x); }

// ---- arithmetic -------------------------------------------------------------------------------------------

template <class T> struct wrapping { using type = choose<sizeof(T) == 8, u64, u32>; };

// An integer as an unsigned one of at least 32 bits, on which + - * wrap instead of being undefined.
template <class T> CJ_FN auto wrap(T x) {
    if constexpr (is_integer<T>) return typename wrapping<T>::type(x);
    else return x;
}

template <class T> CJ_FN T multiply(T x, T y) { return T(wrap(x) * wrap(y)); }

template <class T> CJ_FN T abs(T x) {
    if constexpr (is_integer<T>) return x < 0 ? T(0 - wrap(x)) : x;
#if CJ_GPU  // part of the instruction that takes it
    if constexpr (is_same<T, float>) return ::fabsf(x);
    if constexpr (is_same<T, double>) return ::fabs(x);
#endif
    return bits_as<T>(word<T>(bits_as<word<T>>(x) & ~sign_bit<T>));
}

// Truncated quotient for y other than 0 and -1.
template <class T> CJ_FN T quotient(T x, T y) {
#if !CJ_DEVICE
    if constexpr (sizeof(T) < 8) return T(double(x) / double(y));  // exact, and there are vectors of doubles
#endif
    return T(x / y);
}

template <class T> CJ_FN T div(T x, same<T> y) {
    if constexpr (is_signed_integer<T>) {
        T safe = y == 0 || y == -1 ? T(1) : y;
        T q = quotient(x, safe);
        return y == 0 ? T(-1) : y == -1 ? T(0 - wrap(x)) : q;
    } else if constexpr (is_unsigned_integer<T>) {
        T q = quotient(x, y == 0 ? T(1) : y);
        return y == 0 ? limits<T>::greatest() : q;
    } else {
        return x / y;
    }
}

// The remainder of floats is exact.  With a fused multiply-add it needs no call of the system's function, which takes
// long and has no vector form.
#if !CJ_GPU && defined(__FMA__)

// `rest` without its multiples of `divisor`, for a quotient below 2**48; what cancels in the product is exact.
CJ_FN double remainder_step(double rest, double divisor, double inverse) {
    rest = fma(-trunc(rest * inverse), divisor, rest);
    return rest < 0 ? rest + divisor : rest;
}

// Two floats are at most 2**277 apart: multiples of y * 2**240, y * 2**192, ..., y are taken away in turn.
CJ_FN float fmod(float x, float y) {
    double rest = abs(double(x)), divisor = abs(double(y)), inverse = 1.0 / divisor;
    rest = remainder_step(rest, divisor * 0x1p240, inverse * 0x1p-240);
    rest = remainder_step(rest, divisor * 0x1p192, inverse * 0x1p-192);
    rest = remainder_step(rest, divisor * 0x1p144, inverse * 0x1p-144);
    rest = remainder_step(rest, divisor * 0x1p96, inverse * 0x1p-96);
    rest = remainder_step(rest, divisor * 0x1p48, inverse * 0x1p-48);
    rest = remainder_step(rest, divisor, inverse);
    rest = rest >= divisor ? rest - divisor : rest;
    float result = copysign(float(rest), x);
    return divisor == infinity_f64() && is_finite(x) ? x : result;
}

CJ_FN double fmod(double x, double y) {
    double size = abs(x), divisor = abs(y), quotient = size / divisor;
    if (!(quotient < 0x1p50) || divisor == infinity_f64()) return CJ_LIBRARY(fmod)(x, y);
    double rest = fma(-trunc(quotient), divisor, size);
    rest = rest < 0 ? rest + divisor : rest;
    rest = rest >= divisor ? rest - divisor : rest;
    return copysign(rest, x);
}

#else

CJ_FN float fmod(float x, float y) { return CJ_LIBRARY(fmodf)(x, y); }
CJ_FN double fmod(double x, double y) { return CJ_LIBRARY(fmod)(x, y); }

#endif

template <class T> CJ_FN T rem(T x, same<T> y) {
    if constexpr (is_integer<T>) return T(wrap(x) - wrap(div(x, y)) * wrap(y));
    else return fmod(x, y);
}

template <class T> CJ_FN T sign(T x) {
    if constexpr (is_integer<T>) return T((x > 0) - (x < 0));
    else return select(x > T(0), T(1), select(x < T(0), T(-1), x));
}

// The comparison alone is the processor's own max; it gives y where one is NaN.
template <class T> CJ_FN T max(T x, same<T> y) {
    return select(is_nan(x), x, select(x > y, x, y));
}

template <class T> CJ_FN T min(T x, same<T> y) {
    return select(is_nan(x), x, select(x < y, x, y));
}

#if CJ_GPU && __CUDA_ARCH__ >= 800  // one instruction

template <> CJ_FN float max<float>(float x, float y) {
    float found;
    asm("max.NaN.f32 %0, %1, %2;" : "=f"(found) : "f"(x), "f"(y));
    return found;
}

template <> CJ_FN float min<float>(float x, float y) {
    float found;
    asm("min.NaN.f32 %0, %1, %2;" : "=f"(found) : "f"(x), "f"(y));
    return found;
}

#endif

template <class T> CJ_FN T clamp(same<T> low, T x, same<T> high) { return min(max(T(low), x), T(high)); }

template <class T> CJ_FN T rsqrt(T x) {
#if CJ_GPU
    if constexpr (is_same<T, float>) return ::rsqrtf(x);
    if constexpr (is_same<T, double>) return ::rsqrt(x);
#endif
    return T(1) / sqrt(x);
}

template <class T> CJ_FN T logistic(T x) { return T(1) / (T(1) + exp(-x)); }

// ---- powers -----------------------------------------------------------------------------------------------

template <u64 y, bool started, class T> CJ_FN T power_by_squaring(T result, T x) {
    T product = result;
    if constexpr (y & 1) product = started ? multiply(result, x) : x;
    if constexpr (y > 1) return power_by_squaring<(y >> 1), (started || (y & 1))>(product, multiply(x, x));
    return product;
}

template <i64 y, class T> CJ_FN T integer_pow(T x) {
    if constexpr (y == 0) return T(1);
    else if constexpr (y > 0) return power_by_squaring<u64(y), false>(x, x);
    else return T(1) / power_by_squaring<u64(0) - u64(y), false>(x, x);
}

#if CJ_DEVICE
template <i64 y> CJ_FN float integer_pow(float x, bool& special) {
    static_assert(y < 0, "a quotient");
    return div(1.0f, power_by_squaring<u64(0) - u64(y), false>(x, x), special);
}
#endif

// x ** y of integers; for negative y rounded toward zero, so only 1 and -1 leave something.
template <class T> CJ_FN T whole_power(T x, T y) {
    T result = 1, factor = x;
    for (T rest = y > 0 ? y : T(0); rest != 0; rest = T(rest >> 1)) {
        result = rest & 1 ? multiply(result, factor) : result;
        factor = multiply(factor, factor);
    }
    if constexpr (is_signed_integer<T>) {
        T inverse = x == T(-1) ? T(1 - 2 * (y & 1)) : T(x == 1);
        return y < 0 ? inverse : result;
    }
    return result;
}

template <class T, class Y> CJ_FN T pow(T x, Y y) {
    if constexpr (is_integer<T>) return whole_power(x, T(y));
    else if constexpr (is_half<T>) return T(pow(float(x), convert<float>(y)));
    else if constexpr (is_same<T, float>) return pow(x, convert<float>(y));
    else return CJ_LIBRARY(pow)(x, convert<double>(y));
}

// ---- rounding and representation --------------------------------------------------------------------------

// 0: halves away from zero; 1: to even.
template <int method, class T> CJ_FN T round(T x) {
    if constexpr (method == 1) return rint(x);
    T whole = trunc(x);
    return select(abs(x - whole) >= T(0.5), whole + copysign(T(1), x), whole);
}

// The bits of floats of one sign are ordered as the floats are.
template <class T> CJ_FN T nextafter(T x, same<T> y) {
    word<T> bits = bits_as<word<T>>(x), one = 1;
    word<T> smallest = word<T>((bits_as<word<T>>(y) & sign_bit<T>) | one);
    bool outward = (x < y) == (x > T(0));
    word<T> step = x == T(0) ? smallest : word<T>(outward ? bits + one : bits - one);
    return select(is_nan(x) || is_nan(y), limits<T>::nan(), select(x == y, y, bits_as<T>(step)));
}

// Rounded to `mantissa_bits` on the bits, to even; then the range of the exponent is cut off.
template <int exponent_bits, int mantissa_bits, class T> CJ_FN T reduce_precision(T x) {
    using W = word<T>;
    constexpr int dropped = limits<T>::mantissa_bits - mantissa_bits;
    if constexpr (dropped > 0) {
        constexpr W half = W((W(1) << (dropped - 1)) - 1), kept = W(~W(0) << dropped);
        W bits = bits_as<W>(x);
        x = select(is_nan(x), x, bits_as<T>(W(W(bits + half + ((bits >> dropped) & 1)) & kept)));
    }
    if constexpr (exponent_bits < limits<T>::exponent_bits) {
        constexpr int bias = (1 << (exponent_bits - 1)) - 1, own = (1 << (limits<T>::exponent_bits - 1)) - 1;
        constexpr W above = W(W(bias + 1 + own) << limits<T>::mantissa_bits);
        constexpr W below = W(W(1 - bias + own) << limits<T>::mantissa_bits);
        W bits = bits_as<W>(x), size = W(bits & ~sign_bit<T>), sign = W(bits & sign_bit<T>);
        W cut = size >= above ? W(sign | infinity_bits<T>) : size < below ? sign : bits;
        x = select(is_nan(x), x, bits_as<T>(cut));
    }
    return x;
}

// ---- bits of integers -------------------------------------------------------------------------------------

template <class T> CJ_FN T bit_not(T x) {
    if constexpr (is_bool<T>) return !x;
    else return T(~x);
}

template <class T> CJ_FN T shift_left(T x, same<T> y) {
    bool inside = word<T>(y) < width<T>;
    return inside ? T(wrap(x) << (inside ? word<T>(y) : 0)) : T(0);
}

template <class T> CJ_FN T shift_right_logical(T x, same<T> y) {
    bool inside = word<T>(y) < width<T>;
    return inside ? T(word<T>(x) >> (inside ? word<T>(y) : 0)) : T(0);
}

// Past the width every bit is the sign's; the highest bit of an unsigned x is taken for its sign.
template <class T> CJ_FN T shift_right_arithmetic(T x, same<T> y) {
    word<T> last = width<T> - 1;
    return T(signed_word<T>(x) >> (word<T>(y) < last ? word<T>(y) : last));
}

template <class T> CJ_FN T mulhi(T x, same<T> y) {
    if constexpr (sizeof(T) < 8) {
        using Wide = choose<is_signed_integer<T>, i64, u64>;
        return T((Wide(x) * Wide(y)) >> width<T>);
    } else {
#if CJ_GPU
        if constexpr (is_signed_integer<T>) return T(::__mul64hi(x, y));
        else return T(::__umul64hi(x, y));
#else
        using Wide = choose<is_signed_integer<T>, __int128, unsigned __int128>;
        return T((Wide(x) * Wide(y)) >> 64);
#endif
    }
}

template <class T> CJ_FN T population_count(T x) {
#if CJ_GPU
    if constexpr (sizeof(T) == 8) return T(::__popcll(word<T>(x)));
    else return T(::__popc(word<T>(x)));
#else
    if constexpr (sizeof(T) == 8) return T(__builtin_popcountll(word<T>(x)));
    else return T(__builtin_popcount(word<T>(x)));
#endif
}

// Zero bits above the highest one.
template <class T> CJ_FN T clz(T x) {
#if CJ_GPU
    if constexpr (sizeof(T) == 8) return T(::__clzll(i64(x)));
    else return T(::__clz(int(word<T>(x))) - (32 - width<T>));
#else
    word<T> bits = word<T>(x);
    if constexpr (sizeof(T) == 8) return bits ? T(__builtin_clzll(bits)) : T(64);
    else return bits ? T(__builtin_clz(bits) - (32 - width<T>)) : T(width<T>);
#endif
}

}  // namespace cj
