// Intrinsic functions on integers and bits, casts, conversions, loads and stores with a cache hint.

#pragma once

#include "machine.h"

#include <cmath>
#include <cstdio>
#include <cstring>

// ---- integers ---------------------------------------------------------------------------------------------

inline int __mulhi(int x, int y) { return int((static_cast<long long>(x) * y) >> 32); }
inline unsigned __umulhi(unsigned x, unsigned y) { return unsigned((static_cast<unsigned long long>(x) * y) >> 32); }
inline long long __mul64hi(long long x, long long y) { return (long long)((static_cast<__int128>(x) * y) >> 64); }
inline unsigned long long __umul64hi(unsigned long long x, unsigned long long y) {
    return (unsigned long long)((static_cast<unsigned __int128>(x) * y) >> 64);
}

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)x) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }

inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int i = 0; i < 32; i++) reversed |= ((x >> i) & 1) << (31 - i);
    return reversed;
}
inline unsigned long long __brevll(unsigned long long x) {
    return static_cast<unsigned long long>(__brev(unsigned(x))) << 32 | __brev(unsigned(x >> 32));
}

// Of the 64 bits in `high` and `low`, the upper 32 after a shift to the left, the lower 32 after one to the right.
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
    return unsigned(((static_cast<unsigned long long>(high) << 32 | low) << (shift & 31)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
    return unsigned((static_cast<unsigned long long>(high) << 32 | low) >> (shift & 31));
}
inline unsigned __funnelshift_lc(unsigned low, unsigned high, unsigned shift) {
    return shift < 32 ? __funnelshift_l(low, high, shift) : low;
}
inline unsigned __funnelshift_rc(unsigned low, unsigned high, unsigned shift) {
    return shift < 32 ? __funnelshift_r(low, high, shift) : high;
}

// Four of the eight bytes of `y` and `x`, each chosen by three bits of `selector`, or the sign of one by a fourth.
inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
    unsigned long long bytes = static_cast<unsigned long long>(y) << 32 | x;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) {
        unsigned choice = selector >> (4 * i), byte = unsigned(bytes >> (8 * (choice & 7))) & 0xff;
        result |= (choice & 8 ? (byte & 0x80 ? 0xff : 0) : byte) << (8 * i);
    }
    return result;
}

// ---- bits of floats ---------------------------------------------------------------------------------------

#define EMULATOR_BIT_CAST(name, From, To)                            \
    inline To name(From x) {                                         \
        static_assert(sizeof(To) == sizeof(From), "a cast of bits"); \
        To y;                                                        \
        std::memcpy(&y, &x, sizeof y);                               \
        return y;                                                    \
    }

EMULATOR_BIT_CAST(__float_as_int, float, int)
EMULATOR_BIT_CAST(__int_as_float, int, float)
EMULATOR_BIT_CAST(__float_as_uint, float, unsigned)
EMULATOR_BIT_CAST(__uint_as_float, unsigned, float)
EMULATOR_BIT_CAST(__double_as_longlong, double, long long)
EMULATOR_BIT_CAST(__longlong_as_double, long long, double)

// ---- conversions that saturate ----------------------------------------------------------------------------

namespace emulator {

// `x` is a whole number, infinite or NaN; `limit` is the first number that is too large for To.
template <class To, class From> To saturate(From x, From limit) {
    constexpr bool is_signed = To(-1) < To(0);
    constexpr To ones = To(~To(0)), least = is_signed ? To(To(1) << (8 * sizeof(To) - 1)) : To(0);
    constexpr To greatest = is_signed ? To(~least) : ones;
    if (!(x == x)) return To(0);
    return x >= limit ? greatest : x < (is_signed ? -limit : From(0)) ? least : To(x);
}

}  // namespace emulator

// rn: to nearest even, rz: towards zero, ru: up, rd: down.
#define EMULATOR_CONVERSIONS(name, From, To, limit)                                                     \
    inline To name##_rn(From x) { return emulator::saturate<To, From>(std::nearbyint(x), From(limit)); } \
    inline To name##_rz(From x) { return emulator::saturate<To, From>(std::trunc(x), From(limit)); }     \
    inline To name##_ru(From x) { return emulator::saturate<To, From>(std::ceil(x), From(limit)); }      \
    inline To name##_rd(From x) { return emulator::saturate<To, From>(std::floor(x), From(limit)); }

EMULATOR_CONVERSIONS(__float2int, float, int, 0x1p31)
EMULATOR_CONVERSIONS(__float2uint, float, unsigned, 0x1p32)
EMULATOR_CONVERSIONS(__float2ll, float, long long, 0x1p63)
EMULATOR_CONVERSIONS(__float2ull, float, unsigned long long, 0x1p64)
EMULATOR_CONVERSIONS(__double2int, double, int, 0x1p31)
EMULATOR_CONVERSIONS(__double2uint, double, unsigned, 0x1p32)
EMULATOR_CONVERSIONS(__double2ll, double, long long, 0x1p63)
EMULATOR_CONVERSIONS(__double2ull, double, unsigned long long, 0x1p64)

inline float __int2float_rn(int x) { return float(x); }
inline float __uint2float_rn(unsigned x) { return float(x); }
inline float __ll2float_rn(long long x) { return float(x); }
inline float __ull2float_rn(unsigned long long x) { return float(x); }
inline float __double2float_rn(double x) { return float(x); }
inline double __int2double_rn(int x) { return x; }
inline double __uint2double_rn(unsigned x) { return x; }
inline double __ll2double_rn(long long x) { return double(x); }
inline double __ull2double_rn(unsigned long long x) { return double(x); }

// ---- memory -----------------------------------------------------------------------------------------------

#define EMULATOR_LOAD(name) \
    template <class T> T name(const T* address) { return *address; }
#define EMULATOR_STORE(name) \
    template <class T> void name(T* address, T value) { *address = value; }

EMULATOR_LOAD(__ldg)
EMULATOR_LOAD(__ldca)
EMULATOR_LOAD(__ldcg)
EMULATOR_LOAD(__ldcs)
EMULATOR_LOAD(__ldlu)
EMULATOR_LOAD(__ldcv)
EMULATOR_STORE(__stwb)
EMULATOR_STORE(__stcg)
EMULATOR_STORE(__stcs)
EMULATOR_STORE(__stwt)

// ---- ends and messages ------------------------------------------------------------------------------------

[[noreturn]] inline void __trap() { emulator::fail("__trap"); }
inline void __nanosleep(unsigned) {}

// Cycles of the host: enough to wait for.
inline long long clock64() { return (long long)__builtin_ia32_rdtsc(); }

#undef assert
#define assert(condition) \
    ((condition) ? void() : emulator::fail("assert(%s) does not hold (%s:%d)", #condition, __FILE__, __LINE__))
