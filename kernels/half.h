// float16 and bfloat16: stored in 16 bits, computed in float, rounded to nearest even once after each operation.
//
// Numbers turn into halves by themselves, as literals beside arrays do; a half turns into a float only when told
// to (`float(x)`, `convert<float>(x)`), so that in `x + 1` and `w ? x : 0` the result is a half.
//
// On the host conversions are integer code without branches, which loops vectorise; on a GPU they are one
// instruction where the architecture has it.

#pragma once

#include "math.h"

namespace cj {

// ---- conversion of bits -----------------------------------------------------------------------------------

CJ_FN float float_of_f16(u16 h) {
#if CJ_GPU
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(h));
    return x;
#else
    u32 size = u32(h & 0x7fff) << 13, sign = u32(h & 0x8000) << 16;
    u32 normal = size + (112u << 23);                                            // 112: difference of the biases
    u32 special = size + (224u << 23);                                           // infinity and NaN
    u32 subnormal = bits_as<u32>(bits_as<float>(size + (113u << 23)) - 0x1p-14f);  // the difference normalises
    u32 bits = size < (1u << 23) ? subnormal : size < (31u << 23) ? normal : special;
    return bits_as<float>(bits | sign);
#endif
}

CJ_FN u16 f16_of(float x) {
#if CJ_GPU
    u16 h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(x));
    return h;
#else
    u32 bits = bits_as<u32>(x), size = bits & 0x7fffffff, sign = (bits >> 16) & 0x8000;
    u32 normal = (size - (112u << 23) + 0xfff + ((size >> 13) & 1)) >> 13;
    u32 subnormal = bits_as<u32>(bits_as<float>(size) + 0.5f) - (126u << 23);      // the sum rounds at 2**-24
    u32 special = size > 0x7f800000 ? 0x7e00 : 0x7c00;
    u32 h = size < (113u << 23) ? subnormal : size < 0x477ff000 ? normal : special;  // 65520 and above: infinite
    return u16(h | sign);
#endif
}

// A double is brought to float with the last bit set where bits are lost ("round to odd"), so that the second
// rounding is the only one that counts.
CJ_FN float odd_float_of(double x) {
    float nearest = float(x);
    double back = double(nearest);
    u32 bits = bits_as<u32>(nearest);
    bool too_far = abs(back) > abs(x);
    u32 truncated = too_far ? bits - 1 : bits;
    return back == x || is_nan(x) ? nearest : bits_as<float>(truncated | 1);
}

CJ_FN float float_of_bf16(u16 h) { return bits_as<float>(u32(h) << 16); }

CJ_FN u16 bf16_of(float x) {
#if CJ_GPU && defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    u16 h;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(x));
    return h;
#else
    u32 bits = bits_as<u32>(x), rounded = bits + 0x7fff + ((bits >> 16) & 1);
    return is_nan(x) ? u16(((bits >> 16) & 0x8000) | 0x7fc0) : u16(rounded >> 16);
#endif
}

// ---- the types --------------------------------------------------------------------------------------------

#define CJ_HALF(T, to_bits, to_float)                                                   \
    T() = default;                                                                      \
    CJ_COPIED_BY_MEMBERS(T, bits(x.bits), bits = x.bits)                                \
    CJ_FN T(float x) : bits(to_bits(x)) {}                                              \
    template <class A, class = enable<is_integer<A> || is_bool<A>>>                     \
    CJ_FN T(A x) : bits(to_bits(float(x))) {}                                           \
    explicit CJ_FN operator float() const { return to_float(bits); }                    \
    explicit CJ_FN operator double() const { return double(to_float(bits)); }           \
    explicit CJ_FN operator bool() const { return (bits & 0x7fff) != 0; }               \
    friend CJ_FN T operator+(T x, T y) { return T(float(x) + float(y)); }               \
    friend CJ_FN T operator-(T x, T y) { return T(float(x) - float(y)); }               \
    friend CJ_FN T operator*(T x, T y) { return T(float(x) * float(y)); }               \
    friend CJ_FN T operator/(T x, T y) { return T(float(x) / float(y)); }               \
    friend CJ_FN T operator-(T x) { return bits_as<T>(u16(x.bits ^ 0x8000)); }          \
    friend CJ_FN T operator+(T x) { return x; }                                         \
    friend CJ_FN bool operator==(T x, T y) { return float(x) == float(y); }             \
    friend CJ_FN bool operator!=(T x, T y) { return float(x) != float(y); }             \
    friend CJ_FN bool operator<(T x, T y) { return float(x) < float(y); }               \
    friend CJ_FN bool operator<=(T x, T y) { return float(x) <= float(y); }             \
    friend CJ_FN bool operator>(T x, T y) { return float(x) > float(y); }               \
    friend CJ_FN bool operator>=(T x, T y) { return float(x) >= float(y); }

struct f16 {
    u16 bits;
    CJ_FN f16(double x) : bits(f16_of(odd_float_of(x))) {}
    CJ_HALF(f16, f16_of, float_of_f16)
};

struct bf16 {
    u16 bits;
    CJ_FN bf16(double x) : bits(bf16_of(float(x))) {}
    CJ_HALF(bf16, bf16_of, float_of_bf16)
};

#undef CJ_HALF

template <> struct limits<f16> {
    static constexpr int mantissa_bits = 10, exponent_bits = 5;
    static CJ_FN f16 greatest() { return bits_as<f16>(u16(0x7c00)); }
    static CJ_FN f16 least() { return bits_as<f16>(u16(0xfc00)); }
    static CJ_FN f16 nan() { return bits_as<f16>(u16(0x7e00)); }
};

template <> struct limits<bf16> {
    static constexpr int mantissa_bits = 7, exponent_bits = 8;
    static CJ_FN bf16 greatest() { return bits_as<bf16>(u16(0x7f80)); }
    static CJ_FN bf16 least() { return bits_as<bf16>(u16(0xff80)); }
    static CJ_FN bf16 nan() { return bits_as<bf16>(u16(0x7fc0)); }
};

// ---- functions --------------------------------------------------------------------------------------------
// What math.h says by operators alone holds for halves as it stands; these call the function of float.

#define CJ_HALF_1(f)                                      \
    CJ_FN f16 f(f16 x) { return f16(f(float(x))); }       \
    CJ_FN bf16 f(bf16 x) { return bf16(f(float(x))); }
#define CJ_HALF_2(f)                                                              \
    CJ_FN f16 f(f16 x, f16 y) { return f16(f(float(x), float(y))); }              \
    CJ_FN bf16 f(bf16 x, bf16 y) { return bf16(f(float(x), float(y))); }
CJ_HALF_1(exp) CJ_HALF_1(exp2) CJ_HALF_1(expm1) CJ_HALF_1(log) CJ_HALF_1(log1p) CJ_HALF_1(logistic)
CJ_HALF_1(sqrt) CJ_HALF_1(rsqrt) CJ_HALF_1(cbrt)
CJ_HALF_1(sin) CJ_HALF_1(cos) CJ_HALF_1(tan) CJ_HALF_1(asin) CJ_HALF_1(acos) CJ_HALF_1(atan) CJ_HALF_2(atan2)
CJ_HALF_1(sinh) CJ_HALF_1(cosh) CJ_HALF_1(tanh) CJ_HALF_1(asinh) CJ_HALF_1(acosh) CJ_HALF_1(atanh)
CJ_HALF_1(floor) CJ_HALF_1(ceil) CJ_HALF_1(trunc) CJ_HALF_1(rint) CJ_HALF_2(fmod)
#undef CJ_HALF_1
#undef CJ_HALF_2

template <class T, class = enable<is_half<T>>> CJ_FN T copysign(T x, T y) {
    return bits_as<T>(u16((x.bits & 0x7fff) | (y.bits & 0x8000)));
}

}  // namespace cj
