// Complex numbers and their elementary functions.
//
// The functions have the branch cuts and the special values of C99, Annex G, which NumPy and JAX share.  Each is
// written so that both parts are accurate to a few ulp, also where the naive formula cancels or overflows, and
// without branches, so that loops vectorise.  Where a function is another one turned by 90 degrees (sin and sinh,
// asin and asinh, ...) only one of the two is written out; `swapped` exchanges the parts.
//
// W. Kahan, Branch cuts for complex elementary functions, 1987.
// T. Hull, T. Fairgrieve, P. Tang, Implementing the complex arcsine and arccosine functions using exception
// handling, ACM TOMS 23, 1997: `arc_parts`.

#pragma once

#include "math.h"

namespace cj {

#if CJ_GPU
#define CJ_ALIGN_COMPLEX alignas(2 * sizeof(T))  // one load; on the host NumPy aligns the parts only
#else
#define CJ_ALIGN_COMPLEX
#endif

template <class T> struct CJ_ALIGN_COMPLEX complex {
    T re, im;

    complex() = default;
    CJ_COPIED_BY_MEMBERS(complex, CJ_LIST(re(x.re), im(x.im)), CJ_LIST(re = x.re, im = x.im))
    CJ_FN complex(T real, T imag = T(0)) : re(real), im(imag) {}
    template <class U> explicit CJ_FN complex(complex<U> z) : re(T(z.re)), im(T(z.im)) {}

    friend CJ_FN complex operator+(complex x, complex y) { return {x.re + y.re, x.im + y.im}; }
    friend CJ_FN complex operator-(complex x, complex y) { return {x.re - y.re, x.im - y.im}; }
    // With one rounding fewer in each part, as NumPy computes it.  Compilers fuse some of these products even when
    // told not to; said here, all of them are, and the bits do not depend on where in a loop an element stands.
    friend CJ_FN complex operator*(complex x, complex y) {
        return {fma(x.re, y.re, -(x.im * y.im)), fma(x.re, y.im, x.im * y.re)};
    }
    // Both parts of y divided by the larger one (R. Smith, Algorithm 116, CACM 1962), as in NumPy.  Written with sums
    // alone: a sum in one part and a difference in the other GCC would fuse with the products.
    friend CJ_FN complex operator/(complex x, complex y) {
        bool real_larger = abs(y.re) >= abs(y.im), zero = y.re == 0 && y.im == 0;
        T large = real_larger ? y.re : y.im, small = real_larger ? y.im : y.re, minus_re = negated(x.re);
        T ratio = small / large, scale = T(1) / (large + small * ratio);
        T re = ((real_larger ? x.re : x.im) + (real_larger ? x.im : x.re) * ratio) * scale;
        T im = ((real_larger ? x.im : minus_re) + (real_larger ? minus_re : x.im) * ratio) * scale;
        return {zero ? x.re / abs(y.re) : re, zero ? x.im / abs(y.re) : im};
    }
    friend CJ_FN complex operator+(complex x) { return x; }
    friend CJ_FN complex operator-(complex x) { return {-x.re, -x.im}; }
    friend CJ_FN bool operator==(complex x, complex y) { return (x.re == y.re) & (x.im == y.im); }
    friend CJ_FN bool operator!=(complex x, complex y) { return (x.re != y.re) | (x.im != y.im); }
};

// ---- parts ------------------------------------------------------------------------------------------------

template <class T> CJ_FN T real(complex<T> z) { return z.re; }
template <class T> CJ_FN T imag(complex<T> z) { return z.im; }
template <class T> CJ_FN complex<T> make_complex(T re, same<T> im) { return {re, im}; }
template <class T> CJ_FN complex<T> conj(complex<T> z) { return {z.re, -z.im}; }
template <class T> CJ_FN complex<T> conj(T x) { return {x, T(0)}; }
template <class T> CJ_FN complex<T> swapped(complex<T> z) { return {z.im, z.re}; }
template <class T> CJ_FN complex<T> select(bool which, complex<T> x, complex<T> y) {
    return {which ? x.re : y.re, which ? x.im : y.im};
}

template <class T> CJ_FN bool is_nan(complex<T> z) { return is_nan(z.re) | is_nan(z.im); }
template <class T> CJ_FN bool is_infinite(T x) { return abs(x) == limits<T>::greatest(); }

CJ_FN float abs(complex<float> z) {
#if CJ_GPU
    return ::hypotf(z.re, z.im);
#else
    double x = z.re, y = z.im, size = sqrt(x * x + y * y);  // squares of floats do not overflow a double
    return is_infinite(z.re) | is_infinite(z.im) ? infinity_f32() : float(size);
#endif
}
CJ_FN double abs(complex<double> z) { return hypot(z.re, z.im); }

template <class T> CJ_FN complex<T> sign(complex<T> z) {
    T size = abs(z);
    return select(size == 0, z, z / complex<T>(size == 0 ? T(1) : size));
}

// ---- order: by real part, then by imaginary part; NaN before all ------------------------------------------

template <class T> CJ_FN bool is_first(complex<T> x, complex<T> y, bool re_wins, bool im_wins) {
    return is_nan(x) | (re_wins & !is_nan(x.im) & !is_nan(y.im)) | ((x.re == y.re) & im_wins);
}

#define CJ_COMPLEX_ORDER(C)                                                                                     \
    CJ_FN C max(C x, C y) { return select(is_first(x, y, x.re > y.re, x.im >= y.im), x, y); }                   \
    CJ_FN C min(C x, C y) { return select(is_first(x, y, x.re < y.re, x.im <= y.im), x, y); }
CJ_COMPLEX_ORDER(c64)
CJ_COMPLEX_ORDER(c128)
#undef CJ_COMPLEX_ORDER

template <class T> struct limits<complex<T>> {
    static CJ_FN complex<T> greatest() { return {limits<T>::greatest(), T(0)}; }
    static CJ_FN complex<T> least() { return {limits<T>::least(), T(0)}; }
    static CJ_FN complex<T> nan() { return {limits<T>::nan(), T(0)}; }
};

// ---- exponentials -----------------------------------------------------------------------------------------

// exp(edge) is finite, and exp(2 * edge) is more than the largest number squared: what is larger is split in two.
template <class T> constexpr T exp_edge = T(sizeof(T) == 4 ? 88 : 709);
template <class T> constexpr T exp_of_edge = T(sizeof(T) == 4 ? 1.6516362549940018555e38 : 8.2184074615549721e307);

// `size * scale * (c + is)`, where `size * scale` is e**x, c and s are cosine and sine of `angle`.
template <class T> CJ_FN complex<T> from_polar(T x, T angle, T size, T scale, T c, T s) {
    bool known = is_finite(angle), to_zero = x == limits<T>::least(), to_infinity = x == limits<T>::greatest();
    T re = to_zero ? copysign(T(0), known ? c : T(0)) : to_infinity & !known ? x : c * scale * size;
    T im = angle == 0 ? angle : to_zero ? copysign(T(0), known ? s : angle) : s * scale * size;
    return {re, im};
}

template <class T> CJ_FN complex<T> exp(complex<T> z) {
    bool large = z.re > exp_edge<T>;
    T excess = large ? exp_edge<T> : T(0), size = exp(z.re - excess), scale = large ? exp_of_edge<T> : T(1);
    return from_polar(z.re, z.im, size, scale, cos(z.im), sin(z.im));
}

template <class T> CJ_FN complex<T> exp2(complex<T> z) {
    constexpr T edge = T(sizeof(T) == 4 ? 127 : 1023), two_to_edge = T(sizeof(T) == 4 ? 0x1p127 : 0x1p1023);
    constexpr T log_2 = T(0.693147180559945309417), rest_of_log_2 = T(0.693147180559945309417232L - log_2);
    bool large = z.re > edge;
    T excess = large ? edge : T(0), size = exp2(z.re - excess), scale = large ? two_to_edge : T(1);
    T angle = z.im * log_2, error = fma(z.im, log_2, -angle) + z.im * rest_of_log_2;
    error = abs(error) < T(sizeof(T) == 4 ? 2e-4 : 1e-8) ? error : T(0);  // its square does not count
    T c = cos(angle), s = sin(angle);
    return from_polar(z.re, angle, size, scale, c - error * s, s + error * c);
}

// e**x cos(y) - 1 as (e**x - 1) cos(y) - 2 sin(y/2)**2; 0 is added so that it is 0 at -0, too.
template <class T> CJ_FN complex<T> expm1(complex<T> z) {
    complex<T> e = exp(z);
    T half = sin(z.im * T(0.5)), re = expm1(z.re) * cos(z.im) - T(2) * half * half + T(0);
    return {is_finite(e.re) & (z.re < exp_edge<T>) & (z.re > -exp_edge<T>) ? re : e.re - T(1), e.im};
}

template <class T> CJ_FN complex<T> logistic(complex<T> z) {
    return complex<T>(T(1)) / (complex<T>(T(1)) + exp(-z));
}

// ---- hyperbolic and trigonometric functions ---------------------------------------------------------------

// sinh(x) and cosh(x) as value * rest, where the value alone does not overflow.
template <class T> struct Hyperbolic {
    T sinh, cosh, rest;
    CJ_FN explicit Hyperbolic(T x) {
        bool large = abs(x) > exp_edge<T>;
        constexpr T half = T(0.5) * exp_of_edge<T>;
        T excess = large ? abs(x) - exp_edge<T> : T(0), tail = exp(excess), s = cj::sinh(x), c = cj::cosh(x);
        rest = large ? tail : T(1);
        sinh = large ? copysign(half, x) : s;
        cosh = large ? half : c;
    }
};

template <class T> CJ_FN complex<T> sinh(complex<T> z) {
    Hyperbolic<T> h(z.re);
    bool keeps = !is_finite(z.im) & ((z.re == 0) | is_infinite(z.re));
    T re = h.sinh * cos(z.im) * h.rest, im = h.cosh * sin(z.im) * h.rest;
    return {keeps ? z.re : re, z.im == 0 ? z.im : im};
}

template <class T> CJ_FN complex<T> cosh(complex<T> z) {
    Hyperbolic<T> h(z.re);
    bool keeps = !is_finite(z.im) & is_infinite(z.re), vanishes = (z.re == 0) | (z.im == 0);
    T re = h.cosh * cos(z.im) * h.rest, im = h.sinh * sin(z.im) * h.rest;
    return {keeps ? abs(z.re) : re, vanishes ? copysign(T(0), z.re) * copysign(T(1), z.im) : im};
}

// (sinh x cosh x + i sin y cos y) / (sinh(x)**2 + cos(y)**2); for large x, 1 + 4i sin y cos y e**-2x.
template <class T> CJ_FN complex<T> tanh(complex<T> z) {
    constexpr T edge = T(sizeof(T) == 4 ? 11 : 22);
    T size = abs(z.re), x = size > edge ? edge : z.re;
    T sh = sinh(x), ch = cosh(x), s = sin(z.im), c = cos(z.im), denominator = sh * sh + c * c;
    bool large = size > edge, unknown = !is_finite(z.im);
    T tail = is_infinite(size) ? copysign(T(0), unknown ? z.im : s * c) : T(4) * s * c * exp(T(-2) * size);
    T re = large ? copysign(T(1), z.re) : (z.re == 0) & unknown ? z.re : sh * ch / denominator;
    T im = z.im == 0 ? z.im : large ? tail : s * c / denominator;
    return {re, im};
}

template <class T> CJ_FN complex<T> sin(complex<T> z) { return swapped(sinh(swapped(z))); }
template <class T> CJ_FN complex<T> cos(complex<T> z) { return conj(cosh(swapped(z))); }
template <class T> CJ_FN complex<T> tan(complex<T> z) { return swapped(tanh(swapped(z))); }

// ---- logarithms -------------------------------------------------------------------------------------------

// a + x**2 + y**2 with the rounding errors of squares and sums added at the end.
template <class T> CJ_FN T plus_squares(T a, T x, T y) {
    T xx = x * x, yy = y * y, errors = fma(x, x, -xx) + fma(y, y, -yy);
    T first = a + xx, back = first - a, second = first + yy, back2 = second - first;
    errors += (a - (first - back)) + (xx - back) + (first - (second - back2)) + (yy - back2);
    return second + errors;
}

// log |z|; `near` is |z|**2 - 1, used where |z| is between 1/2 and 3/2.
template <class T> CJ_FN T log_size(complex<T> z, T near) {
    T x = abs(z.re), y = abs(z.im), large = x > y ? x : y, small = x > y ? y : x;
    T ratio = small / (large > 0 ? large : T(1));
    T far = log(large) + T(0.5) * log1p(ratio * ratio);
    T value = (near > T(-0.75)) & (near < T(1.25)) ? T(0.5) * log1p(near) : far;
    return is_infinite(x) | is_infinite(y) ? limits<T>::greatest() : is_nan(z) ? limits<T>::nan() : value;
}

template <class T> CJ_FN complex<T> log(complex<T> z) {
    T x = abs(z.re), y = abs(z.im), large = x > y ? x : y, small = x > y ? y : x;
    return {log_size(z, plus_squares(T(-1), large, small)), atan2(z.im, z.re)};
}

template <class T> CJ_FN complex<T> log1p(complex<T> z) {
    complex<T> shifted(z.re + T(1), z.im);
    return {log_size(shifted, plus_squares(z.re + z.re, z.re, z.im)), atan2(z.im, shifted.re)};
}

// ---- roots and powers -------------------------------------------------------------------------------------

// sqrt((|z| + |x|) / 2) and y over twice that; scaled by powers of 4 away from the ends of the range.
template <class T> CJ_FN complex<T> sqrt(complex<T> z) {
    constexpr T much = T(sizeof(T) == 4 ? 0x1p100 : 0x1p1000), up = T(sizeof(T) == 4 ? 0x1p60 : 0x1p600);
    T largest = max(abs(z.re), abs(z.im));
    bool large = largest > much, tiny = largest < T(1) / much;
    T scale = large ? T(0.25) : tiny ? up : T(1), back = large ? T(2) : tiny ? T(1) / sqrt(up) : T(1);
    T x = abs(z.re) * scale, y = abs(z.im) * scale;
    T first = sqrt(T(0.5) * (hypot(x, y) + x));
    T second = first == 0 ? T(0) : T(0.5) * y / first * back;
    first = is_infinite(z.im) ? limits<T>::greatest() : first * back;
    bool right = (z.re >= 0) | is_infinite(z.im) | is_nan(z.re);
    return {right ? first : second, is_infinite(z.im) ? z.im : copysign(right ? second : first, z.im)};
}

template <class T> CJ_FN complex<T> rsqrt(complex<T> z) {
    complex<T> root = sqrt(z), inverse = complex<T>(T(1)) / root;
    bool vanishes = is_infinite(root.re) | is_infinite(root.im);
    return {vanishes ? T(0) : inverse.re, vanishes ? T(0) : inverse.im};
}

// x to the power n, |n| < 100, by squaring.
CJ_FN c128 small_power(c128 x, int n) {
    c128 result(1), factor = x;
    bool started = false;
    for (int rest = n < 0 ? -n : n; rest != 0; rest >>= 1) {
        if (rest & 1) result = started ? result * factor : factor, started = true;
        factor = factor * factor;
    }
    return n < 0 ? c128(1) / result : result;
}

CJ_FN c128 pow(c128 x, c128 y) {
    if (y == c128(0)) return c128(1);
    if (x == c128(0)) return y.re > 0 ? c128(0) : c128(nan_f64(), nan_f64());
    bool whole = y.im == 0 && rint(y.re) == y.re && abs(y.re) < 100;
    return whole ? small_power(x, int(y.re)) : exp(y * log(x));
}

// In double: the error of the logarithm counts as often as y is large.
CJ_FN c64 pow(c64 x, c64 y) { return c64(pow(c128(x), c128(y))); }

template <class T, class Y> CJ_FN complex<T> pow(complex<T> x, Y y) { return pow(x, complex<T>(T(y))); }

// ---- inverse functions ------------------------------------------------------------------------------------

// For a point x + iy of the first quadrant and the a with which it lies on the ellipse of foci -1 and 1:
// sqrt(a**2 - x**2), whose angle against x is that of the arcsine, and acosh(a), its imaginary part.
template <class T> struct ArcParts { T root, height; };

template <class T> CJ_FN T ratio(T x, T y) { return y == 0 ? T(0) : x / y; }

template <class T> CJ_FN ArcParts<T> arc_parts(T x, T y) {
    constexpr T much = T(sizeof(T) == 4 ? 0x1p24 : 0x1p53), log_2 = T(0.693147180559945309417);
    bool large = (x > much) | (y > much), outside = x > 1;
    T r = hypot(x + 1, y), s = hypot(x - 1, y), a = T(0.5) * (r + s), reach = a + x;
    T by_r = r + x + 1, by_s = s + abs(x - 1);  // what r and s lack or have more than their projections
    T inner = T(0.5) * reach * (y * (y / by_r) + by_s);
    T outer = T(0.5) * (reach / by_r + ratio(reach, by_s));
    T root = outside ? y * sqrt(outer) : sqrt(inner);
    // a - 1 is y * w inside, with w computed in place of y**2, which may underflow.
    T w = T(0.5) * (y / by_r + ratio(y, by_s)), above = T(0.5) * (y * (y / by_r) + by_s);
    T near_one = outside ? above + sqrt(above * (a + 1)) : y * w + sqrt(y) * sqrt(w * (a + 1));
    T height = a < T(1.5) ? log1p(near_one) : log(a + sqrt(abs(a - 1) * (a + 1)));
    T far = log_2 + log_size(complex<T>(x, y), limits<T>::greatest());
    return {large ? y : root, large ? far : height};
}

template <class T> CJ_FN complex<T> asin(complex<T> z) {
    ArcParts<T> parts = arc_parts(abs(z.re), abs(z.im));
    T angle = atan2(abs(z.re), parts.root);
    return {z.re == 0 ? z.re : copysign(angle, z.re), copysign(parts.height, z.im)};
}

template <class T> CJ_FN complex<T> acos(complex<T> z) {
    ArcParts<T> parts = arc_parts(abs(z.re), abs(z.im));
    T angle = z.re == 0 ? T(1.57079632679489661923) : atan2(parts.root, z.re);
    return {angle, copysign(parts.height, -z.im)};
}

template <class T> CJ_FN complex<T> acosh(complex<T> z) {
    complex<T> w = acos(z);
    return {abs(w.im), copysign(w.re, z.im)};
}

template <class T> CJ_FN complex<T> asinh(complex<T> z) { return swapped(asin(swapped(z))); }

// log1p(4x / ((1-x)**2 + y**2)) / 4 and half the angle of (1-x)(1+x) - y**2 + 2iy; 1/z + i pi/2 far from 0.
template <class T> CJ_FN complex<T> atanh(complex<T> z) {
    constexpr T much = T(sizeof(T) == 4 ? 0x1p24 : 0x1p53), quarter_turn = T(1.57079632679489661923);
    T x = abs(z.re), y = abs(z.im), rest = T(1) - x;
    T near = T(0.25) * log1p(T(4) * x / (rest * rest + y * y));
    T pole_y = x == 1 ? y : T(1);  // elsewhere 1: the logarithm of 0 takes long
    T at_pole = T(0.5) * (log(hypot(T(2), pole_y)) - log(pole_y));
    T angle = T(0.5) * atan2(T(2) * y, rest * (T(1) + x) - y * y);
    T largest = x > y ? x : y, smaller = x > y ? y : x, slope = smaller / largest;
    T far = x / largest / (largest * (T(1) + slope * slope));
    bool large = largest > much, endless = is_infinite(x) | is_infinite(y);
    T re = endless ? T(0) : large ? far : x == 1 ? at_pole : near;
    T im = is_infinite(y) | (large & !is_nan(y)) ? quarter_turn : angle;
    return {z.re == 0 ? z.re : copysign(re, z.re), copysign(im, z.im)};
}

template <class T> CJ_FN complex<T> atan(complex<T> z) { return swapped(atanh(swapped(z))); }

// -i log((y + ix) / sqrt(x**2 + y**2))
template <class T> CJ_FN complex<T> atan2(complex<T> x, same<complex<T>> y) {
    complex<T> i(T(0), T(1));
    return -i * log((y + i * x) / sqrt(x * x + y * y));
}

}  // namespace cj
