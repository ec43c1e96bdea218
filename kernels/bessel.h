// Bessel functions.
//
//   bessel_i0e bessel_i1e      modified, of the first kind, times exp(-|x|)
//   bessel_k0e bessel_k1e      modified, of the second kind, times exp(x): infinite at 0, NaN below
//   bessel_j0 bessel_j1        of the first kind, of doubles the C library's, on a device up to 8
//   bessel_y0 bessel_y1        of the second kind, the same, and of floats: minus infinity at 0, NaN below
//
// The first four are Chebyshev series, the first two of exp(-x) I0(x) and exp(-x) I1(x) / x on [0, 8], and of
// sqrt(x) exp(-x) I(x) in 1/x on [8, infinity), without branches; the coefficients were computed with 40 digits or
// more.  Real numbers only; halves are computed in float.

#pragma once

#include "math.h"

#if !CJ_GPU
extern "C" {
double j0(double) noexcept;
double j1(double) noexcept;
double y0(double) noexcept;
double y1(double) noexcept;
float j0f(float) noexcept;
float j1f(float) noexcept;
float y0f(float) noexcept;
float y1f(float) noexcept;
}
#endif

namespace cj {

// The sum of coefficients times Chebyshev polynomials of t, the highest first and half of the last: Clenshaw's
// recurrence.
template <class T> CJ_FN T chebyshev(T t, T sum, T before, double last) {
    return t * sum - before + T(0.5) * T(last);
}
template <class T, class... Rest> CJ_FN T chebyshev(T t, T sum, T before, double next, Rest... rest) {
    return chebyshev(t, T(2) * t * sum - before + T(next), sum, rest...);
}

CJ_FN float bessel_i0_near(float t) {
    return chebyshev(
        t, float(0), float(0),
        -1.300025009986248e-08, 6.046995022541919e-08, -2.670793853940612e-07, 1.1173875391201037e-06,
        -4.4167383584587505e-06, 1.6448448070728896e-05, -5.754195010082104e-05, 0.00018850288509584165,
        -0.0005763755745385824, 0.0016394756169413357, -0.004324309995050576, 0.010546460394594998,
        -0.02373741480589947, 0.04930528423967071, -0.09490109704804764, 0.17162090152220877, -0.3046826723431984,
        0.6767952744094761);
}

CJ_FN float bessel_i0_far(float t) {
    return chebyshev(
        t, float(0), float(0),
        2.266668990498178e-08, 2.0489185894690638e-07, 2.8913705208347567e-06, 6.889758346916825e-05,
        0.0033691164782556943, 0.8044904110141088);
}

CJ_FN double bessel_i0_near(double t) {
    return chebyshev(
        t, double(0), double(0),
        -4.4153416464793395e-18, 3.3307945188222384e-17, -2.431279846547955e-16, 1.715391285555133e-15,
        -1.1685332877993451e-14, 7.676185498604936e-14, -4.856446783111929e-13, 2.95505266312964e-12,
        -1.726826291441556e-11, 9.675809035373237e-11, -5.189795601635263e-10, 2.6598237246823866e-09,
        -1.300025009986248e-08, 6.046995022541919e-08, -2.670793853940612e-07, 1.1173875391201037e-06,
        -4.4167383584587505e-06, 1.6448448070728896e-05, -5.754195010082104e-05, 0.00018850288509584165,
        -0.0005763755745385824, 0.0016394756169413357, -0.004324309995050576, 0.010546460394594998,
        -0.02373741480589947, 0.04930528423967071, -0.09490109704804764, 0.17162090152220877, -0.3046826723431984,
        0.6767952744094761);
}

CJ_FN double bessel_i0_far(double t) {
    return chebyshev(
        t, double(0), double(0),
        1.193650890845982e-18, 9.921475412173699e-19, -7.233180487874754e-18, -4.830504485944182e-18,
        4.46562142029676e-17, 3.461222867697461e-17, -2.8276239805165836e-16, -3.425485619677219e-16,
        1.7725601330565263e-15, 3.8116806693526224e-15, -9.554846698828307e-15, -4.150569347287222e-14,
        1.54008621752141e-14, 3.8527783827421426e-13, 7.180124451383666e-13, -1.7941785315068062e-12,
        -1.3215811840447713e-11, -3.1499165279632416e-11, 1.1889147107846439e-11, 4.94060238822497e-10,
        3.3962320257083865e-09, 2.266668990498178e-08, 2.0489185894690638e-07, 2.8913705208347567e-06,
        6.889758346916825e-05, 0.0033691164782556943, 0.8044904110141088);
}

CJ_FN float bessel_i1_near(float t) {
    return chebyshev(
        t, float(0), float(0),
        9.381537386495773e-09, -4.445059128796328e-08, 2.0032947535521353e-07, -8.568720264695455e-07,
        3.4702513081376785e-06, -1.3273163656039436e-05, 4.781565107550054e-05, -0.00016176081582589674,
        0.0005122859561685758, -0.0015135724506312532, 0.004156422944312888, -0.010564084894626197,
        0.024726449030626516, -0.05294598120809499, 0.1026436586898471, -0.17641651835783406, 0.25258718644363365);
}

CJ_FN float bessel_i1_far(float t) {
    return chebyshev(
        t, float(0), float(0),
        -3.835380385964237e-09, -2.6314688468895196e-08, -2.512236237870209e-07, -3.882564808877691e-06,
        -0.00011058893876262371, -0.009761097491361469, 0.7785762350182801);
}

CJ_FN double bessel_i1_near(double t) {
    return chebyshev(
        t, double(0), double(0),
        2.7779141127610464e-18, -2.111421214358166e-17, 1.5536319577362005e-16, -1.1055969477353862e-15,
        7.600684294735408e-15, -5.042185504727912e-14, 3.223793365945575e-13, -1.9839743977649436e-12,
        1.1736186298890901e-11, -6.663489723502027e-11, 3.625590281552117e-10, -1.8872497517228294e-09,
        9.381537386495773e-09, -4.445059128796328e-08, 2.0032947535521353e-07, -8.568720264695455e-07,
        3.4702513081376785e-06, -1.3273163656039436e-05, 4.781565107550054e-05, -0.00016176081582589674,
        0.0005122859561685758, -0.0015135724506312532, 0.004156422944312888, -0.010564084894626197,
        0.024726449030626516, -0.05294598120809499, 0.1026436586898471, -0.17641651835783406, 0.25258718644363365);
}

CJ_FN double bessel_i1_far(double t) {
    return chebyshev(
        t, double(0), double(0),
        -1.242193275194891e-18, -9.314178867326884e-19, 7.517296310842105e-18, 4.414348323071708e-18,
        -4.6503053684893586e-17, -3.209525921993424e-17, 2.96262899764595e-16, 3.3082023109209285e-16,
        -1.8803547755107825e-15, -3.8144030724370075e-15, 1.0420276984128802e-14, 4.272440016711951e-14,
        -2.1015418427726643e-14, -4.0835511110921974e-13, -7.198551776245908e-13, 2.0356285441470896e-12,
        1.4125807436613782e-11, 3.2526035830154884e-11, -1.8974958123505413e-11, -5.589743462196584e-10,
        -3.835380385964237e-09, -2.6314688468895196e-08, -2.512236237870209e-07, -3.882564808877691e-06,
        -0.00011058893876262371, -0.009761097491361469, 0.7785762350182801);
}

template <class T> CJ_FN T bessel_i0e(T x) {
    if constexpr (is_half<T>) {
        return T(bessel_i0e(float(x)));
    } else {
        T size = abs(x), near = bessel_i0_near(size * T(0.25) - T(1));
        T far = bessel_i0_far(T(16) / max(size, T(8)) - T(1)) / sqrt(size);
        return size <= T(8) ? near : far;
    }
}

template <class T> CJ_FN T bessel_i1e(T x) {
    if constexpr (is_half<T>) {
        return T(bessel_i1e(float(x)));
    } else {
        T size = abs(x), near = bessel_i1_near(size * T(0.25) - T(1)) * x;
        T far = bessel_i1_far(T(16) / max(size, T(8)) - T(1)) / sqrt(size);
        return size <= T(8) ? near : copysign(far, x);
    }
}

// On (0, 2] the series in x**2 / 2 - 1 of K0(x) + log(x/2) I0(x) and of x (K1(x) - log(x/2) I1(x)), on [2, infinity)
// those in 4/x - 1 of sqrt(x) exp(x) K(x).

CJ_FN float bessel_k0_near(float t) {
    return chebyshev(
        t, float(0), float(0),
        1.904516377220209e-09, 2.5347910790261494e-07, 2.286212103119452e-05, 0.001264615411446926,
        0.0359799365153615, 0.3442898999246285, -0.5353273932339028);
}

CJ_FN double bessel_k0_near(double t) {
    return chebyshev(
        t, double(0), double(0),
        1.3744654358807508e-16, 4.2598161427910826e-14, 1.0349695257633625e-11, 1.904516377220209e-09,
        2.5347910790261494e-07, 2.286212103119452e-05, 0.001264615411446926, 0.0359799365153615, 0.3442898999246285,
        -0.5353273932339028);
}

CJ_FN float bessel_k0_far(float t) {
    return chebyshev(
        t, float(0), float(0),
        8.574034017414225e-09, -4.660489897687948e-08, 2.766813639445015e-07, -1.8317555227191195e-06,
        1.39498137188765e-05, -0.00012849549581627802, 0.0015698838857300533, -0.0314481013119645,
        2.4403030820659555);
}

CJ_FN double bessel_k0_far(double t) {
    return chebyshev(
        t, double(0), double(0),
        5.3004337711773354e-18, -1.6475805939842632e-17, 5.2103917776435543e-17, -1.6782311257549006e-16,
        5.5120559994043335e-16, -1.848593377920907e-15, 6.340076476276646e-15, -2.2275133267462965e-14,
        8.032890775068375e-14, -2.9800969231481784e-13, 1.1403405882073441e-12, -4.514597883374519e-12,
        1.8559491149549264e-11, -7.957489244477396e-11, 3.5773972814003283e-10, -1.6975345093890614e-09,
        8.574034017414225e-09, -4.660489897687948e-08, 2.766813639445015e-07, -1.8317555227191195e-06,
        1.39498137188765e-05, -0.00012849549581627802, 0.0015698838857300533, -0.0314481013119645,
        2.4403030820659555);
}

CJ_FN float bessel_k1_near(float t) {
    return chebyshev(
        t, float(0), float(0),
        -2.213387630734726e-08, -2.4334061415659684e-06, -0.0001730288957513052, -0.006975723859639864,
        -0.12261118082265715, -0.3531559607765449, 1.5253002273389478);
}

CJ_FN double bessel_k1_near(double t) {
    return chebyshev(
        t, double(0), double(0),
        -7.023863479386288e-18, -2.427449850519366e-15, -6.666901694199329e-13, -1.4114883926335278e-10,
        -2.213387630734726e-08, -2.4334061415659684e-06, -0.0001730288957513052, -0.006975723859639864,
        -0.12261118082265715, -0.3531559607765449, 1.5253002273389478);
}

CJ_FN float bessel_k1_far(float t) {
    return chebyshev(
        t, float(0), float(0),
        -1.0345762465678097e-08, 5.7410841254500495e-08, -3.5019606030878126e-07, 2.406484947837217e-06,
        -1.936197974166083e-05, 0.00019521551847135162, -0.002857816859622779, 0.10392373657681724,
        2.7206261904844427);
}

CJ_FN double bessel_k1_far(double t) {
    return chebyshev(
        t, double(0), double(0),
        -5.7567444820733025e-18, 1.7940510478863572e-17, -5.689462849193648e-17, 1.8380935752430455e-16,
        -6.057047270643018e-16, 2.038703166239861e-15, -7.0198370892147685e-15, 2.4771544242195988e-14,
        -8.976705182010146e-14, 3.348419666052243e-13, -1.2891739609498229e-12, 5.139639673482343e-12,
        -2.129967838427791e-11, 9.218315187605315e-11, -4.1903547593419254e-10, 2.0150497551970347e-09,
        -1.0345762465678097e-08, 5.7410841254500495e-08, -3.5019606030878126e-07, 2.406484947837217e-06,
        -1.936197974166083e-05, 0.00019521551847135162, -0.002857816859622779, 0.10392373657681724,
        2.7206261904844427);
}

template <class T> CJ_FN T bessel_k0e(T x) {
    if constexpr (is_half<T>) {
        return T(bessel_k0e(float(x)));
    } else {
        T inside = min(x, T(2)), growth = exp(inside);
        T rest = bessel_k0_near(inside * inside * T(0.5) - T(1));
        T near = growth * (rest - log(inside * T(0.5)) * growth * bessel_i0e(inside));
        T far = bessel_k0_far(T(4) / max(x, T(2)) - T(1)) / sqrt(x);
        return x < T(0) ? limits<T>::nan() : x <= T(2) ? near : far;
    }
}

template <class T> CJ_FN T bessel_k1e(T x) {
    if constexpr (is_half<T>) {
        return T(bessel_k1e(float(x)));
    } else {
        T inside = min(x, T(2)), growth = exp(inside);
        T rest = bessel_k1_near(inside * inside * T(0.5) - T(1)) / inside;
        T near = growth * (rest + log(inside * T(0.5)) * growth * bessel_i1e(inside));
        T far = bessel_k1_far(T(4) / max(x, T(2)) - T(1)) / sqrt(x);
        return x < T(0) ? limits<T>::nan() : x == T(0) ? limits<T>::greatest() : x <= T(2) ? near : far;
    }
}

#if !CJ_DEVICE

// J0 and J1 of floats, for which the C library has no vectors: on [0, 8] series in x**2 / 32 - 1 of J0(x) and J1(x) / x,
// on [8, infinity) the form of DLMF 10.17.3 with series in (8/x)**2, computed as those above.  In double, so that floats
// near the roots have all digits.
CJ_FN double bessel_j0_in_double(double x) {
    double size = abs(x), inside = min(size, 8.0), z = 8.0 / max(size, 8.0);
    double near = chebyshev(
        inside * inside * 0.03125 - 1.0, 0.0, 0.0,
        4.07907041477529e-14, -1.94350036064606e-12, 7.84865794578593e-11, -2.67925329755503e-09, 7.60816357203709e-08,
        -1.76194690756915e-06, 3.2460328820767e-05, -0.000460626166206117, 0.00481918006946744, -0.0348937694114088,
        0.158067102332097, -0.37009499387265, 0.265178613203337, -0.00872344235285205, 0.31545594294978);
    double p = chebyshev(
        2.0 * z * z - 1.0, 0.0, 0.0,
        5.16799936178813e-12, -7.86406317843102e-11, 1.63064620029019e-09, -5.17059453386537e-08, 3.07518478752211e-06,
        -0.000536522046813275, 1.99892069869504);
    double q = z * chebyshev(
        2.0 * z * z - 1.0, 0.0, 0.0,
        -3.00355573745748e-12, 4.1999254074554e-11, -7.26990731780841e-10, 1.79722571308494e-08, -7.41449641105813e-07,
        6.8385199226102e-05, -0.031111709210474);
    double sine = sin(size), cosine = cos(size);
    double far = (p * (cosine + sine) - q * (sine - cosine)) * sqrt(0.318309886183790672 / size);
    return size <= 8.0 ? near : size == limits<double>::greatest() ? 0.0 : far;
}

CJ_FN double bessel_j1_in_double(double x) {
    double size = abs(x), inside = min(size, 8.0), z = 8.0 / max(size, 8.0);
    double near = inside * chebyshev(
        inside * inside * 0.03125 - 1.0, 0.0, 0.0,
        -7.20545845211973e-14, 3.15999781896892e-12, -1.17802543830869e-10, 3.68713367449036e-09, -9.52198474918342e-08,
        1.98587740491446e-06, -3.25555486685003e-05, 0.000405033772835395, -0.0036469406007692, 0.022213639654966,
        -0.0826804917668178, 0.16099926235721, -0.148975145067652, 0.162089692651316);
    double p = chebyshev(
        2.0 * z * z - 1.0, 0.0, 0.0,
        -5.70512970199388e-12, 8.81693296150843e-11, -1.87189100220309e-09, 6.17763396704163e-08, -3.9872843005373e-06,
        0.000898989833086006, 2.00180608172003);
    double q = z * chebyshev(
        2.0 * z * z - 1.0, 0.0, 0.0,
        3.5979608181691e-12, -4.69472394293291e-11, 8.23003348526807e-10, -2.09598653477805e-08, 9.13861609372901e-07,
        -9.62772355746422e-05, 0.0935555741391534);
    double sine = sin(size), cosine = cos(size);
    double far = (p * (sine - cosine) + q * (sine + cosine)) * sqrt(0.318309886183790672 / size);
    double value = size <= 8.0 ? near : size == limits<double>::greatest() ? 0.0 : far;
    return value * copysign(1.0, x);
}

CJ_FN float bessel_j0(float x) { return float(bessel_j0_in_double(x)); }
CJ_FN float bessel_j1(float x) { return float(bessel_j1_in_double(x)); }

CJ_FN double bessel_j0(double x) { return ::j0(x); }
CJ_FN double bessel_j1(double x) { return ::j1(x); }
CJ_FN double bessel_y0(double x) { return ::y0(x); }
CJ_FN double bessel_y1(double x) { return ::y1(x); }

#else

CJ_FN float bessel_j0(float x) { return ::j0f(x); }
CJ_FN float bessel_j1(float x) { return ::j1f(x); }

// J and Y of doubles beyond 8 in the same form, with as many terms as doubles need: CUDA's have an absolute error of
// 5e-12 there.  p and q are functions of 8/x.
CJ_FN double bessel_p0(double z) {
    return chebyshev(
        2.0 * z * z - 1.0, 0.0, 0.0,
        -2.8808661694828712e-18, 1.6305919233744185e-17, -1.0011513723467786e-16, 6.7480722157338737e-16,
        -5.0690340959352361e-15, 4.3265957431549406e-14, -4.3045788699253912e-13, 5.1682623873491925e-12,
        -7.86409137723707e-11, 1.6306464635151383e-9, -5.1705945376060977e-8, 3.0751847875194746e-6,
        -0.00053652204681321174, 1.9989206986950373);
}

CJ_FN double bessel_q0(double z) {
    return z * chebyshev(
        2.0 * z * z - 1.0, 0.0, 0.0,
        3.1082440486738144e-18, -1.6686065214378146e-17, 9.6621289703032567e-17, -6.09993013164005e-16,
        4.2552250402454611e-15, -3.336328185322427e-14, 3.0061451253517063e-13, -3.2067474209966347e-12,
        4.2201219046687384e-11, -7.27191593686632e-10, 1.7972457247968992e-8, -7.4144984110606473e-7,
        6.8385199426116496e-5, -0.031111709210674018);
}

CJ_FN double bessel_p1(double z) {
    return chebyshev(
        2.0 * z * z - 1.0, 0.0, 0.0,
        3.0492991197665872e-18, -1.7312313216116335e-17, 1.0667689114335412e-16, -7.2211808422740179e-16,
        5.4526748960447172e-15, -4.6842237839904892e-14, 4.6991955152305424e-13, -5.7048636403956447e-12,
        8.8168986595823389e-11, -1.8718907491063066e-9, 6.1776339606442985e-8, -3.9872843004889085e-6,
        0.00089898983308594086, 2.0018060817200274);
}

CJ_FN double bessel_q1(double z) {
    return z * chebyshev(
        2.0 * z * z - 1.0, 0.0, 0.0,
        -3.2834519872981615e-18, 1.7676355487764792e-17, -1.0269147531823243e-16, 6.508282957783384e-16,
        -4.5612523950772972e-15, 3.5967765829165292e-14, -3.2643156743278999e-13, 3.5152187949686081e-12,
        -4.6863636881769452e-11, 8.2291933276505541e-10, -2.0959781384083422e-8, 9.1386152579554541e-7,
        -9.6277235491570793e-5, 0.09355557413907065);
}

CJ_FN double bessel_far(double x, double along_sum, double along_difference) {
    double sine = sin(x), cosine = cos(x);
    double value = (along_sum * (sine + cosine) + along_difference * (sine - cosine)) * sqrt(0.318309886183790672 / x);
    return x == limits<double>::greatest() ? 0.0 : value;
}

CJ_FN double bessel_j0(double x) {
    double size = abs(x), z = 8.0 / size;
    return size < 8.0 ? ::j0(x) : bessel_far(size, bessel_p0(z), -bessel_q0(z));
}
CJ_FN double bessel_j1(double x) {
    double size = abs(x), z = 8.0 / size;
    return size < 8.0 ? ::j1(x) : bessel_far(size, bessel_q1(z), bessel_p1(z)) * copysign(1.0, x);
}
CJ_FN double bessel_y0(double x) {
    double z = 8.0 / x;
    return x < 8.0 ? ::y0(x) : bessel_far(x, bessel_q0(z), bessel_p0(z));
}
CJ_FN double bessel_y1(double x) {
    double z = 8.0 / x;
    return x < 8.0 ? ::y1(x) : bessel_far(x, -bessel_p1(z), bessel_q1(z));
}

#endif

template <class T, class = enable<is_half<T>>> CJ_FN T bessel_j0(T x) { return T(bessel_j0(float(x))); }

template <class T, class = enable<is_half<T>>> CJ_FN T bessel_j1(T x) { return T(bessel_j1(float(x))); }

CJ_FN float bessel_y0(float x) { return ::y0f(x); }
template <class T, class = enable<is_half<T>>> CJ_FN T bessel_y0(T x) { return T(bessel_y0(float(x))); }

CJ_FN float bessel_y1(float x) { return ::y1f(x); }
template <class T, class = enable<is_half<T>>> CJ_FN T bessel_y1(T x) { return T(bessel_y1(float(x))); }

}  // namespace cj
