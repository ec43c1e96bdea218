// Discrete Fourier transforms of 2 to 13 numbers, of as many lines at a time as a vector has lanes.
//
//     butterfly<R>(z, roots)      z[k] = sum over j of z[j] exp(-2 pi i j k / R), in place
//
// Start reading at `butterfly`.

#pragma once

#include "vectors.h"

#if !CJ_DEVICE

namespace cj {

// A complex number of each lane.
template <class T> struct Numbers { Vector<T> re, im; };

template <class T> CJ_FUSED CJ_FN Numbers<T> sum(Numbers<T> x, Numbers<T> y) { return {x.re + y.re, x.im + y.im}; }
template <class T> CJ_FUSED CJ_FN Numbers<T> difference(Numbers<T> x, Numbers<T> y) {
    return {x.re - y.re, x.im - y.im};
}
template <class T> CJ_FUSED CJ_FN Numbers<T> times_minus_i(Numbers<T> x) { return {x.im, -x.re}; }
template <class T> CJ_FUSED CJ_FN Numbers<T> conjugate(Numbers<T> x) { return {x.re, -x.im}; }
template <class T, class U> CJ_FUSED CJ_FN Numbers<T> product(Numbers<T> x, U re, U im) {
    CJ_FUSES
    return {x.re * re - x.im * im, x.re * im + x.im * re};
}

template <class T> CJ_FUSED CJ_FN void butterfly2(Numbers<T>& x, Numbers<T>& y) {
    const Numbers<T> plus = sum(x, y);
    y = difference(x, y);
    x = plus;
}

template <class T> CJ_FUSED CJ_FN void butterfly4(Numbers<T>& z0, Numbers<T>& z1, Numbers<T>& z2, Numbers<T>& z3) {
    butterfly2(z0, z2);
    butterfly2(z1, z3);
    const Numbers<T> even = z2, odd = times_minus_i(z3), last = z1;
    z1 = sum(even, odd);
    z3 = difference(even, odd);
    z2 = difference(z0, last);
    z0 = sum(z0, last);
}

template <class T> CJ_FUSED CJ_FN void butterfly8(Numbers<T>* z) {
    CJ_FUSES
    constexpr T half = T(0.70710678118654752440);  // sqrt(1/2)
    Numbers<T> e0 = z[0], e1 = z[2], e2 = z[4], e3 = z[6], o0 = z[1], o1 = z[3], o2 = z[5], o3 = z[7];
    butterfly4(e0, e1, e2, e3);
    butterfly4(o0, o1, o2, o3);
    o1 = {(o1.re + o1.im) * half, (o1.im - o1.re) * half};
    o2 = times_minus_i(o2);
    o3 = {(o3.im - o3.re) * half, (o3.re + o3.im) * -half};
    z[0] = sum(e0, o0), z[4] = difference(e0, o0);
    z[1] = sum(e1, o1), z[5] = difference(e1, o1);
    z[2] = sum(e2, o2), z[6] = difference(e2, o2);
    z[3] = sum(e3, o3), z[7] = difference(e3, o3);
}

// Of an odd number R.  Numbers that stand for opposite angles are added and subtracted first, so that all that is left
// are sums of real multiples.
template <int R, class T> CJ_FUSED CJ_FN void butterfly_odd(Numbers<T>* z, const T* roots) {
    CJ_FUSES
    constexpr int half = R / 2;
    const Numbers<T> first = z[0];
    Numbers<T> plus[half], minus[half];
    CJ_UNROLL for (int j = 1; j <= half; ++j) {
        plus[j - 1] = sum(z[j], z[R - j]);
        minus[j - 1] = difference(z[j], z[R - j]);
        z[0] = sum(z[0], plus[j - 1]);
    }
    CJ_UNROLL for (int k = 1; k <= half; ++k) {
        Numbers<T> even = first, odd = {};
        CJ_UNROLL for (int j = 1; j <= half; ++j) {
            const T cosine = roots[2 * (j * k % R)], sine = roots[2 * (j * k % R) + 1];
            even.re += plus[j - 1].re * cosine;
            even.im += plus[j - 1].im * cosine;
            odd.re += minus[j - 1].im * sine;
            odd.im -= minus[j - 1].re * sine;
        }
        z[k] = sum(even, odd);
        z[R - k] = difference(even, odd);
    }
}

// roots: for odd R, cosine and sine of 2 pi j / R for j = 0 ... R - 1, one pair after the other.
template <int R, class T> CJ_FUSED CJ_FN void butterfly(Numbers<T>* z, const T* roots) {
    if constexpr (R == 2) butterfly2(z[0], z[1]);
    else if constexpr (R == 4) butterfly4(z[0], z[1], z[2], z[3]);
    else if constexpr (R == 8) butterfly8(z);
    else butterfly_odd<R>(z, roots);
}

}  // namespace cj

#endif  // !CJ_DEVICE
