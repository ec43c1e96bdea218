// What differs between the compilers that read generated kernels, and the names that all of them share.
//
// One text is read by the host's C++ compiler, by NVRTC and nvcc, and by the host compiler under an emulator of
// the device, which defines __CUDA_ARCH__ and the device's built-in names itself.  No header of the system or of
// CUDA is included: they would cost more time than all of a program's kernels.
//
//   CJ_DEVICE    the text runs as threads of blocks: on a GPU, or emulated
//   CJ_GPU       a compiler for GPUs reads it: CUDA's functions and inline PTX exist
//   CJ_LIBMVEC   given on the command line of the host's compiler: which functions glibc's vector math library
//                has. 0 none, 1 those of glibc 2.22 (sin cos exp log pow), 2 those of glibc 2.35 (all of them)
//   CJ_FN        before a function that is part of the kernel that calls it
//   CJ_APART     before a function that stays one, since it is long and seldom called
//   CJ_TABLE     before an array of constants that all threads read at the same places; for CUDA it is not const, or the
//                compiler would put the numbers themselves into instructions, two of them for a double
//   CJ_RESTRICT  after the * of a pointer whose elements nothing else writes
//
// The types of elements are bool (b8 in memory), i8 ... u64, float, double, f16 and bf16 (half.h), c64 and c128
// (complex.h).

#pragma once

#if defined(__CUDACC__)
#define CJ_GPU 1
#else
#define CJ_GPU 0
#endif

#if CJ_GPU || defined(__CUDA_ARCH__)
#define CJ_DEVICE 1
#else
#define CJ_DEVICE 0
#endif

#ifndef CJ_LIBMVEC
#define CJ_LIBMVEC 0
#endif

#if CJ_GPU
#define CJ_FN __device__ __forceinline__
#define CJ_APART static __device__ __noinline__
#define CJ_TABLE static __constant__
#else
#define CJ_FN inline __attribute__((always_inline))
#define CJ_APART static __attribute__((noinline, unused))
#define CJ_TABLE static constexpr
#endif

#define CJ_RESTRICT __restrict__

// What is computed for a choice must stay in front of it, and once: these passes of GCC move a call into a branch (of
// `sin` for `x == 0 ? x : sin(x)`), copy it into both (of `exp` for `exp(w ? x : y)`) or join branches with others, and
// the loop around is then none of vectors, or calls twice.
#if !CJ_GPU && defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-tree-sink", "no-tree-pre", "no-ssa-phiopt", "no-thread-jumps")
#endif

// Among the members of a struct that elements of arrays or partial results are of.  Copied member by member instead of
// as a whole, its objects become registers in GCC, and loops over them vectorise, `#pragma omp simd` included.
#if CJ_GPU
#define CJ_COPIED_BY_MEMBERS(T, initializers, assignments)
#else
#define CJ_COPIED_BY_MEMBERS(T, initializers, assignments) \
    CJ_FN T(const T& x) : initializers {}                  \
    CJ_FN T& operator=(const T& x) {                       \
        assignments;                                       \
        return *this;                                      \
    }
#endif
#define CJ_LIST(...) __VA_ARGS__

namespace cj {

using i8 = signed char;
using i16 = short;
using i32 = int;
using i64 = long long;
using u8 = unsigned char;
using u16 = unsigned short;
using u32 = unsigned int;
using u64 = unsigned long long;

// A bool in memory: buffers of booleans are `b8*`, values are bool.  GCC does not vectorise loops that read a bool and
// choose among wider values by it, but does so for a byte that is compared with 0.
struct b8 {
    u8 byte;

    b8() = default;
    CJ_FN b8(bool x) : byte(x) {}
    CJ_COPIED_BY_MEMBERS(b8, byte(x.byte), byte = x.byte)
    CJ_FN operator bool() const { return byte != 0; }
};

struct f16;
struct bf16;
template <class T> struct complex;
using c64 = complex<float>;
using c128 = complex<double>;

// ---- questions about types --------------------------------------------------------------------------------

template <bool condition, class Yes, class No> struct choose_type { using type = Yes; };
template <class Yes, class No> struct choose_type<false, Yes, No> { using type = No; };
template <bool condition, class Yes, class No> using choose = typename choose_type<condition, Yes, No>::type;

template <bool condition, class T = void> struct enable_type {};
template <class T> struct enable_type<true, T> { using type = T; };
template <bool condition, class T = void> using enable = typename enable_type<condition, T>::type;

template <class A, class B> constexpr bool is_same = false;
template <class A> constexpr bool is_same<A, A> = true;

template <class T> constexpr bool is_bool = is_same<T, bool> || is_same<T, b8>;
template <class T> constexpr bool is_half = is_same<T, f16> || is_same<T, bf16>;
template <class T> constexpr bool is_float = is_half<T> || is_same<T, float> || is_same<T, double>;
template <class T> constexpr bool is_complex = is_same<T, c64> || is_same<T, c128>;
template <class T> constexpr bool is_signed_integer =
    is_same<T, i8> || is_same<T, i16> || is_same<T, i32> || is_same<T, i64> || is_same<T, long>;
template <class T> constexpr bool is_unsigned_integer =
    is_same<T, u8> || is_same<T, u16> || is_same<T, u32> || is_same<T, u64> || is_same<T, unsigned long>;
template <class T> constexpr bool is_integer = is_signed_integer<T> || is_unsigned_integer<T>;

template <int bytes> struct word_of_bytes;
template <> struct word_of_bytes<1> { using type = u8; };
template <> struct word_of_bytes<2> { using type = u16; };
template <> struct word_of_bytes<4> { using type = u32; };
template <> struct word_of_bytes<8> { using type = u64; };
// The unsigned integer as wide as T.
template <class T> using word = typename word_of_bytes<sizeof(T)>::type;

template <int bytes> struct signed_of_bytes;
template <> struct signed_of_bytes<1> { using type = i8; };
template <> struct signed_of_bytes<2> { using type = i16; };
template <> struct signed_of_bytes<4> { using type = i32; };
template <> struct signed_of_bytes<8> { using type = i64; };
template <class T> using signed_word = typename signed_of_bytes<sizeof(T)>::type;

// ---- bits and limits --------------------------------------------------------------------------------------

template <int bytes> CJ_FN void copy_bytes(void* to, const void* from) {
#if CJ_GPU
    memcpy(to, from, bytes);
#else
    __builtin_memcpy(to, from, bytes);
#endif
}

// The bits of `x` as a type of the same size.
template <class To, class From> CJ_FN To bits_as(From x) {
    static_assert(sizeof(To) == sizeof(From), "bits_as keeps the size");
    To y;
    copy_bytes<sizeof(To)>(&y, &x);
    return y;
}

CJ_FN float infinity_f32() { return bits_as<float>(u32(0x7f800000)); }
CJ_FN float nan_f32() { return bits_as<float>(u32(0x7fc00000)); }
CJ_FN double infinity_f64() { return bits_as<double>(u64(0x7ff0000000000000)); }
CJ_FN double nan_f64() { return bits_as<double>(u64(0x7ff8000000000000)); }

// `least` and `greatest` bound all values of T that are not NaN, so for floats they are the infinities.
template <class T> struct limits {
    static_assert(is_integer<T>, "limits of integers; bool and the floats have their own");
    static constexpr word<T> ones = word<T>(~word<T>(0));
    static constexpr CJ_FN T greatest() { return T(is_signed_integer<T> ? ones >> 1 : ones); }
    static constexpr CJ_FN T least() { return T(is_signed_integer<T> ? -greatest() - 1 : 0); }
};

template <> struct limits<bool> {
    static constexpr CJ_FN bool greatest() { return true; }
    static constexpr CJ_FN bool least() { return false; }
};

template <> struct limits<b8> : limits<bool> {};

template <> struct limits<float> {
    static constexpr int mantissa_bits = 23, exponent_bits = 8;
    static CJ_FN float greatest() { return infinity_f32(); }
    static CJ_FN float least() { return -infinity_f32(); }
    static CJ_FN float nan() { return nan_f32(); }
};

template <> struct limits<double> {
    static constexpr int mantissa_bits = 52, exponent_bits = 11;
    static CJ_FN double greatest() { return infinity_f64(); }
    static CJ_FN double least() { return -infinity_f64(); }
    static CJ_FN double nan() { return nan_f64(); }
};

}  // namespace cj
