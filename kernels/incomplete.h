// The regularized incomplete gamma and beta functions, and derivatives of the first.
//
//   igamma igammac         the integral of t**(a-1) exp(-t) / gamma(a) from 0 to x, and from x on
//   igamma_grad_a          the derivative of igamma with respect to a
//   random_gamma_grad      the derivative of a gamma-distributed number x with respect to its parameter a
//   betainc                the integral of t**(a-1) (1-t)**(b-1) / beta(a, b) from 0 to x
//
// Each is a factor, in which the large powers are, times a series or a continued fraction: DLMF 8.11.4 and 8.9.2;
// DiDonato and Morris, "Algorithm 708" (ACM TOMS 18, 1992), equation 9.  Where x is near the mean of the
// distribution, up to 7 sqrt(a) terms are needed.  Derivatives come from running the same loops on dual numbers.
// Real numbers only; halves are computed in float.
//
// Not ideal: igammac for x < 1 and small a, and betainc where it is small above the mean, are differences from 1 with
// the absolute accuracy of 1.

#pragma once

#include "special.h"

namespace cj {

// ---- numbers with a derivative ----------------------------------------------------------------------------

template <class T> struct dual {
    T value, slope;
    CJ_FN dual(T x, T s = T(0)) : value(x), slope(s) {}
    friend CJ_FN dual operator+(dual x, dual y) { return {x.value + y.value, x.slope + y.slope}; }
    friend CJ_FN dual operator-(dual x, dual y) { return {x.value - y.value, x.slope - y.slope}; }
    friend CJ_FN dual operator*(dual x, dual y) {
        return {x.value * y.value, x.value * y.slope + x.slope * y.value};
    }
    friend CJ_FN dual operator/(dual x, dual y) {
        T quotient = x.value / y.value;
        return {quotient, (x.slope - quotient * y.slope) / y.value};
    }
};

constexpr int longest_series = 200000;

CJ_FN float value_of(float x) { return x; }
CJ_FN double value_of(double x) { return x; }
template <class T> CJ_FN T value_of(dual<T> x) { return x.value; }

template <class T> constexpr T eps = T(sizeof(T) == 4 ? 0x1p-23 : 0x1p-52);

// Whether a change of `sum` by `step` no longer counts.  Slopes have larger rounding errors than values.
CJ_FN bool is_settled(float step, float sum) { return abs(step) <= abs(sum) * eps<float>; }
CJ_FN bool is_settled(double step, double sum) { return abs(step) <= abs(sum) * eps<double>; }
template <class T> CJ_FN bool is_settled(dual<T> step, dual<T> sum) {
    return is_settled(step.value, sum.value) && abs(step.slope) <= (abs(sum.slope) + abs(sum.value)) * (64 * eps<T>);
}

// The continued fraction a1 / (b1 + a2 / (b2 + ...)), one more level with each step.  Numerator and denominator are
// kept apart: rounding errors then fade as the levels do, where those of products of ratios would add up.
template <class N, class T> struct continued_fraction {
    N above = N(T(0)), below = N(T(1)), above_before = N(T(1)), below_before = N(T(0));
    CJ_FN N step(N a, N b) {
        N new_above = b * above + a * above_before, new_below = b * below + a * below_before;
        T scale = abs(value_of(new_below)) > T(1e15) ? T(0x1p-50) : T(1);
        above_before = above * N(scale);
        below_before = below * N(scale);
        above = new_above * N(scale);
        below = new_below * N(scale);
        return above / below;
    }
};

// ---- parts of the factors ---------------------------------------------------------------------------------

// log(1 + u) - u, for |u| < 1/2 by the series of the inverse hyperbolic tangent.
template <class T> CJ_FN T log1p_less(T u) {
    T t = u / (T(2) + u), s = t * t;
    T series = fused_polynomial(s, T(1.0 / 33), 1.0 / 31, 1.0 / 29, 1.0 / 27, 1.0 / 25, 1.0 / 23, 1.0 / 21, 1.0 / 19,
                                1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3);
    return abs(u) < T(0.5) ? T(2) * t * s * series - t * u : log1p(u) - u;
}

template <class T> constexpr T large_gamma = T(sizeof(T) == 4 ? 3 : 10);  // from here on Stirling's formula is accurate

// lgamma(a + 1) less (a + 1/2) log(a) - a + log(2 pi) / 2.
template <class T> CJ_FN T stirling_rest(T a) {
    T r = T(1) / a;
    return r * fused_polynomial(r * r, T(1.0 / 156), -691.0 / 360360, 1.0 / 1188, -1.0 / 1680, 1.0 / 1260, -1.0 / 360,
                                1.0 / 12);
}

constexpr double two_pi = 6.28318530717958647693;

// ---- incomplete gamma functions ---------------------------------------------------------------------------

// x**a exp(-x) / gamma(a + 1)
template <class T> CJ_FN T gamma_factor(T a, T x) {
    if (a < large_gamma<T>) {
        T decay = exp(-x);
        return decay == T(0) ? T(0) : pow(x, a) * decay / CJ_LIBRARY(tgamma)(a + T(1));
    }
    return exp(a * log1p_less((x - a) / a) - stirling_rest(a)) / sqrt(T(two_pi) * a);
}

// igamma is `gamma_factor` times this; N is T or dual<T>.
template <class N, class T> CJ_FN N lower_series(N a, T x) {
    N term = T(1), sum = T(1);
    for (int n = 1; n < longest_series; ++n) {
        term = term * N(x) / (a + N(T(n)));
        sum = sum + term;
        if (is_settled(term * N(T(64)), sum)) break;  // terms shrink slowly
    }
    return sum;
}

// igammac is `gamma_factor` times a times this.
template <class N, class T> CJ_FN N upper_fraction(N a, T x) {
    continued_fraction<N, T> fraction;
    N b = N(x + T(1)) - a, result = fraction.step(N(T(1)), b);
    for (int n = 1; n < longest_series; ++n) {
        b = b + N(T(2));
        N next = fraction.step(N(T(n)) * (a - N(T(n))), b), change = next - result;
        result = next;
        if (is_settled(change, result)) break;
    }
    return result;
}

// The series is chosen a little beyond a, where igammac is not yet small and the fraction slow.
template <class T> CJ_FN bool is_lower_gamma(T a, T x) { return x <= T(1) || x <= a + sqrt(a); }

template <class T> CJ_FN T lower_gamma(T a, T x) { return gamma_factor(a, x) * lower_series(a, x); }
template <class T> CJ_FN T upper_gamma(T a, T x) { return gamma_factor(a, x) * (a * upper_fraction(a, x)); }

template <class T> CJ_FN bool outside_gamma(T a, T x) {
    return !(a >= T(0) && x >= T(0)) || (a == T(0) && x == T(0)) || (!is_finite(a) && !is_finite(x));
}

template <class T> CJ_FN T igamma(T a, T x) {
    if constexpr (is_half<T>) {
        return T(igamma(float(a), float(x)));
    } else {
        if (outside_gamma(a, x)) return limits<T>::nan();
        if (x == T(0) || !is_finite(a)) return T(0);
        if (a == T(0) || !is_finite(x)) return T(1);
        return is_lower_gamma(a, x) ? lower_gamma(a, x) : T(1) - upper_gamma(a, x);
    }
}

template <class T> CJ_FN T igammac(T a, T x) {
    if constexpr (is_half<T>) {
        return T(igammac(float(a), float(x)));
    } else {
        if (outside_gamma(a, x)) return limits<T>::nan();
        if (x == T(0) || !is_finite(a)) return T(1);
        if (a == T(0) || !is_finite(x)) return T(0);
        return is_lower_gamma(a, x) ? T(1) - lower_gamma(a, x) : upper_gamma(a, x);
    }
}

// log(x) - digamma(a + 1), without a difference of large logarithms.
template <class T> CJ_FN T log_over_mean(T a, T x) {
    if (a < large_gamma<T>) return log(x) - digamma(a + T(1));
    return log1p((x - a) / a) + (digamma_below_log(a) - T(1) / a);
}

// d igamma / da over d igamma / d log(x); `gamma_factor` times a is the second.
template <class T> CJ_FN T gamma_slope_ratio(T a, T x) {
    T slope_of_factor = log_over_mean(a, x);
    if (is_lower_gamma(a, x)) {
        dual<T> s = lower_series(dual<T>(a, T(1)), x);
        return (s.slope + s.value * slope_of_factor) / a;
    }
    dual<T> f = upper_fraction(dual<T>(a, T(1)), x);
    return -(f.slope + f.value * (slope_of_factor + T(1) / a));
}

template <class T> CJ_FN bool outside_gamma_slope(T a, T x) { return !(a > T(0) && x >= T(0)) || !is_finite(a + x); }

template <class T> CJ_FN T igamma_grad_a(T a, T x) {
    if constexpr (is_half<T>) {
        return T(igamma_grad_a(float(a), float(x)));
    } else {
        if (outside_gamma_slope(a, x)) return limits<T>::nan();
        return x == T(0) ? T(0) : gamma_factor(a, x) * (a * gamma_slope_ratio(a, x));
    }
}

template <class T> CJ_FN T random_gamma_grad(T a, T x) {
    if constexpr (is_half<T>) {
        return T(random_gamma_grad(float(a), float(x)));
    } else {
        if (outside_gamma_slope(a, x)) return limits<T>::nan();
        return x == T(0) ? T(0) : -x * gamma_slope_ratio(a, x);
    }
}

// ---- the incomplete beta function -------------------------------------------------------------------------

// lgamma(large + small) - lgamma(large), by Stirling's formula.
template <class T> CJ_FN T lgamma_difference(T large, T small) {
    T sum = large + small, part = small / large;
    return large * log1p_less(part) - log1p(part) / T(2) + small * log(sum) + stirling_rest(sum) - stirling_rest(large);
}

// x**a y**b / (a beta(a, b)), where y is 1 - x.
template <class T> CJ_FN T beta_factor(T a, T b, T x, T y) {
    if (a >= large_gamma<T> && b >= large_gamma<T>) {
        T n = a + b, beyond_mean = x * b - y * a;
        T powers = a * log1p_less(beyond_mean / a) + b * log1p_less(-beyond_mean / b);
        return exp(powers + stirling_rest(n) - stirling_rest(a) - stirling_rest(b)) * sqrt(b / (T(two_pi) * a * n));
    }
    T log_x = x < y ? log(x) : log1p(-y), log_y = y < x ? log(y) : log1p(-x), powers = a * log_x + b * log_y;
    if (a >= large_gamma<T>) return exp(powers + lgamma_difference(a, b) - lgamma(b)) / a;
    if (b >= large_gamma<T>) return exp(powers + lgamma_difference(b, a) - lgamma(a + T(1)));
    return exp(powers + lgamma(a + b) - lgamma(b) - lgamma(a + T(1)));
}

// betainc is `beta_factor` times a times this; for x below the mean all its parts are positive at first.
template <class T> CJ_FN T beta_fraction(T a, T b, T x, T y) {
    continued_fraction<T, T> fraction;
    T below_mean = a * y - b * x + T(1), result = fraction.step(T(1), a * below_mean / (a + T(1)));
    for (int n = 1; n < longest_series; ++n) {
        T m = T(n), p = a + T(2) * m, r = m * (b - m) * x / (p - T(1));
        T numerator = (a + m - T(1)) * (a + b + m - T(1)) * x / (p - T(1)) * r;
        T next = fraction.step(numerator, m + r + (a + m) * (below_mean + m * (T(2) - x)) / (p + T(1)));
        T change = next - result;
        result = next;
        if (is_settled(change, result)) break;
    }
    return result;
}

template <class T> CJ_FN T betainc(T a, T b, T x) {
    if constexpr (is_half<T>) {
        return T(betainc(float(a), float(b), float(x)));
    } else {
        bool both_ends = (a == T(0) && b == T(0)) || (!is_finite(a) && !is_finite(b));
        if (!(a >= T(0) && b >= T(0) && x >= T(0) && x <= T(1)) || both_ends) return limits<T>::nan();
        if (x == T(0) || x == T(1)) return x;
        if (a == T(0) || !is_finite(b)) return T(1);
        if (b == T(0) || !is_finite(a)) return T(0);
        T y = T(1) - x;
        if (a * y >= b * x) return beta_factor(a, b, x, y) * (a * beta_fraction(a, b, x, y));
        return T(1) - beta_factor(b, a, y, x) * (b * beta_fraction(b, a, y, x));
    }
}

}  // namespace cj
