// The inverse of the error function, with the bits of `engine/ops/special.py`, which are those of XLA on the CPU:
// normal random numbers are made by it.
//
// The host computes all methods and chooses, so that loops vectorise; threads on a device branch, since nearly all
// numbers lie in the central range.

#pragma once

#include "portable.h"

namespace cj {

// ---- the inverse of erf -----------------------------------------------------------------------------------
// M. Giles, "Approximating the erfinv function", GPU Computing Gems, Jade edition, 2012: x times a polynomial in
// w = -log(1 - x*x), or in its root in the tails.

CJ_FN float erf_inv_centre(float w) {
    return fused_polynomial(
        w - 2.5f, 2.81022636e-08f,
        3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503, -0.00417768164, 0.246640727,
        1.50140941);
}

CJ_FN float erf_inv_tails(float w) {
    return fused_polynomial(
        sqrt(w) - 3.0f, -0.000200214257f,
        0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613, 0.00943887047, 1.00167406,
        2.83297682);
}

CJ_FN double erf_inv_centre(double w) {
    return fused_polynomial(
        w - 3.125, -3.64441206401782e-21,
        -1.6850591381820166e-19, 1.28584807152564e-18, 1.1157877678025181e-17, -1.333171662854621e-16,
        2.0972767875968562e-17, 6.637638134358324e-15, -4.054566272975207e-14, -8.151934197605472e-14,
        2.6335093153082323e-12, -1.2975133253453532e-11, -5.415412054294628e-11, 1.0512122733215323e-09,
        -4.112633980346984e-09, -2.9070369957882005e-08, 4.2347877827932404e-07, -1.3654692000834679e-06,
        -1.3882523362786469e-05, 0.00018673420803405714, -0.000740702534166267, -0.006033670871430149,
        0.24015818242558962, 1.6536545626831027);
}

CJ_FN double erf_inv_tails(double w) {
    double root = sqrt(w);
    double near = fused_polynomial(
        root - 3.25, 2.2137376921775787e-09,
        9.075656193888539e-08, -2.7517406297064545e-07, 1.8239629214389228e-08, 1.5027403968909828e-06,
        -4.013867526981546e-06, 2.9234449089955446e-06, 1.2475304481671779e-05, -4.7318229009055734e-05,
        6.828485145957318e-05, 2.4031110387097894e-05, -0.0003550375203628475, 0.0009532893797373805,
        -0.0016882755560235047, 0.002491442096107851, -0.003751208507569241, 0.005370914553590064,
        1.0052589676941592, 3.0838856104922208);
    double far = fused_polynomial(
        root - 5.0, -2.7109920616438573e-11,
        -2.555641816996525e-10, 1.5076572693500548e-09, -3.789465440126737e-09, 7.61570120807834e-09,
        -1.496002662714924e-08, 2.914795345090108e-08, -6.771199775845234e-08, 2.2900482228026655e-07,
        -9.9298272942317e-07, 4.526062597223154e-06, -1.968177810553167e-05, 7.599527703001776e-05,
        -0.00021503011930044477, -0.00013871931833623122, 1.0103004648645344, 4.849906401408584);
    return w < 16.0 ? near : far;
}

#if CJ_DEVICE
// Both logarithms are computed: a third of all numbers takes the second, so that threads side by side would wait for both.
// What is not in the centre has one branch, and most threads stay together.
CJ_FN float erf_inv_of_float(float x) {
    float square = x * x, near = log1p_near_zero(-square), far = fused_log(1.0f - square);
    float w = -(square < 0.41421356237309503f ? near : far), p = erf_inv_centre(w);
    if (!(w < 5.0f && square < 1.0f)) {
        float beyond = square == 1.0f ? limits<float>::greatest() : limits<float>::nan();
        p = square < 1.0f ? erf_inv_tails(w) : beyond;
    }
    return p * x;
}
#endif

// Infinite at -1 and 1, NaN beyond.
template <class T> CJ_FN T erf_inv(T x) {
    if constexpr (is_half<T>) {
        return T(erf_inv(float(x)));
#if CJ_DEVICE
    } else if constexpr (is_same<T, float>) {
        return erf_inv_of_float(x);
#endif
    } else {
        T w = -fused_log1p(-x * x), end = T(sizeof(T) == 4 ? 5.0 : 6.25);
#if CJ_DEVICE
        T p = w < end ? erf_inv_centre(w) : erf_inv_tails(w);
#else
        T centre = erf_inv_centre(w), tails = erf_inv_tails(w);
        T p = w < end ? centre : tails;
#endif
        T beyond = abs(x) == T(1) ? x * limits<T>::greatest() : limits<T>::nan();
        return abs(x) < T(1) ? p * x : beyond;
    }
}

}  // namespace cj
