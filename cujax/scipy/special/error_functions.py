"""Error functions and the normal distribution: erf and its relatives, ndtr, Dawson's, Owen's and Faddeeva's functions.

    erf erfc erfinv     ops
    erfcx dawsn         Chebyshev series in one variable that maps all positive numbers to (-1, 1)
    wofz                J. Weideman's rational series (SIAM J. Numer. Anal. 31, 1994) and Laplace's continued fraction
    ndtr log_ndtr ndtri the normal distribution function, its logarithm and its inverse
    owens_t             a quadrature

The first series is that of M. Shepherd and J. Laframboise (Math. Comp. 36, 1981).  All coefficients were computed
with 40 digits.
"""

from __future__ import annotations

import math

import numpy as np

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact
from cujax.scipy.special.declare import chebyshev, horner, of_op, of_reals

_REAL = "TypeError for complex numbers."

erf = of_op("erf", lax.erf, f"The error function, the probability of |t| < x sqrt(2) for normal t.  {_REAL}")
erfc = of_op("erfc", lax.erfc, f"1 - erf(x), accurate where erf(x) is near 1.  {_REAL}")
erfinv = of_op("erfinv", lax.erf_inv, f"The inverse of erf: infinite at -1 and 1, NaN beyond.  {_REAL}")

# --- scaled functions --------------------------------------------------------------------------------------

# (1 + 2x) exp(x**2) erfc(x) for positive x, in (x - 3.75) / (x + 3.75).
_ERFCX = (
    1.1775789345674017, -0.004590054580646478, -0.08424913336651792, 0.05920993999819189, -0.026658668435305753,
    0.009074997670705265, -0.002413163540417608, 0.0004907758365258086, -6.916973302501207e-05,
    4.13902798607301e-06, 7.74038306619849e-07, -2.1886401049234397e-07, 1.076499946567091e-08,
    4.521959811218287e-09, -7.754400208831351e-10, -6.318088340886684e-11, 2.86879501093067e-11,
    1.9455868545777347e-13, -9.65469674843344e-13, 3.25254814814874e-14, 3.3478119482868056e-14,
    -1.864562880419313e-15, -1.2507950530688648e-15, 7.418235256624044e-17, 5.068148904796111e-17,
    -2.2370566594359995e-18, -2.187342944303018e-18,
)
# (1 + 2x**2) dawsn(x) / x in (x**2 - 25) / (x**2 + 25).
_DAWSN = (
    1.1387178062596317, -0.20581626634969624, 0.07726438407521004, 0.01684909787984379, -0.07146992419278134,
    0.09074409576133532, -0.08494724077231296, 0.0661277221653063, -0.04438052156264074, 0.025932525822496912,
    -0.013136066915274549, 0.005665801323754735, -0.0019978438420058657, 0.0005202174950256234,
    -6.446518501049461e-05, -2.0414244766469735e-05, 1.4360944900562115e-05, -3.2341748133033923e-06,
    -4.1050470712043544e-07, 4.859214908379555e-07, -9.559213983340669e-08, -3.157028048873559e-08,
    1.949163011026189e-08, -4.512776718701677e-10, -2.4304003634845634e-09, 5.14595401204321e-10,
    2.453804046350356e-10, -1.0885391076336392e-10, -2.0751963887848706e-11, 1.8354463010075765e-11,
    1.290122033371344e-12, -2.913682424080684e-12, -3.953525699131824e-15, 4.632875176936274e-13,
    -1.70321765687271e-14, -7.590090962086856e-14, 3.62913768339822e-15, 1.2934616416792976e-14,
    -4.177650470648178e-16, -2.2833915839985276e-15, -1.9976431103212558e-17, 4.1162350845315596e-16,
    3.0522039864153934e-17, -7.409038565998568e-17, -1.2265292772966367e-17, 1.2896997030474737e-17,
    3.7812855185031395e-18, -2.0609676994550745e-18,
)
# dawsn(x) / x in x**2, for small x (DLMF 7.6.4), the highest power first: (-2)**n / (1 * 3 * 5 * ... (2n + 1)).
_DAWSN_SERIES = [(-2.0) ** n / math.prod(range(1, 2 * n + 2, 2)) for n in range(21, -1, -1)]


def _exp_of_square(x: Array, sign: float = 1.0) -> Array:
    """exp(sign * x**2), with x in two parts so that the square's rounding error does not grow."""
    high = jnp.round(x * 16) / 16
    return jnp.exp(sign * high * high) * jnp.exp(sign * (x - high) * (x + high))


@of_reals(lambda t, out, x: t * (2 * x * out - 2 / math.sqrt(math.pi)))
def _erfcx(x: Array) -> Array:
    size = jnp.abs(x)
    t = jnp.where(size > 1e30, 1.0, (size - 3.75) / (size + 3.75))
    positive = chebyshev(t, _ERFCX) / (1 + 2 * size)
    inside = jnp.clip(x, -30, 0)  # beyond, exp(x**2) is infinite
    return jnp.where(x < 0, 2 * _exp_of_square(inside) - positive, positive)


def erfcx(x: ArrayLike) -> Array:
    """exp(x**2) * erfc(x), which does not underflow for large x; elementwise, for real and complex numbers."""
    (number,) = promote_inexact("erfcx", x)
    return _faddeeva(arrays_of([number])[0] * 1j) if dtypes.is_complex(number.dtype) else _erfcx(x)


@of_reals(lambda t, out, x: t * (1 - 2 * x * out))
def dawsn(x: Array) -> Array:
    """Dawson's integral, exp(-x**2) times the integral of exp(t**2) from 0 to x; elementwise.

    ValueError for complex numbers.
    """
    square = jnp.square(jnp.clip(x, -1e15, 1e15))
    away = chebyshev((square - 25) / (square + 25), _DAWSN) / (1 + 2 * square)
    near = horner(jnp.minimum(square, 1.5), _DAWSN_SERIES)
    return jnp.where(jnp.abs(x) > 1e8, 0.5 / x, x * jnp.where(square < 1.5, near, away))


# --- Faddeeva's function -----------------------------------------------------------------------------------


def _weideman(n: int) -> tuple[float, list[float]]:
    """L and the coefficients, highest first, of the series of n terms: equations (38) and (49) there."""
    m = 2 * n
    size = math.sqrt(n / math.sqrt(2))
    theta = np.arange(1 - m, m) * np.pi / m
    t = size * np.tan(theta / 2)
    samples = np.concatenate([[0], np.exp(-(t**2)) * (size**2 + t**2)])
    return size, list(np.real(np.fft.fft(np.fft.fftshift(samples)))[1 : n + 1][::-1] / (2 * m))


_L, _WEIDEMAN = _weideman(44)
_FRACTION_LEVELS = 12  # of Laplace's continued fraction, for |z| > 7
_FAR = 7.0


def _upper_half(z: Array) -> Array:
    """Faddeeva's function of z with a positive imaginary part."""
    far = jnp.abs(jnp.real(z)) + jnp.imag(z) > _FAR
    near = jnp.where(far, 1j, z)
    below = _L - 1j * near
    ratio, total = (_L + 1j * near) / below, jnp.zeros_like(z)
    for c in _WEIDEMAN:
        total = total * ratio + c
    series = 2 * total / (below * below) + (1 / math.sqrt(math.pi)) / below
    away = jnp.where(far, z, _FAR)
    tail = away
    for n in range(_FRACTION_LEVELS, 0, -1):
        tail = away - (n / 2) / tail
    return jnp.where(far, 1j / math.sqrt(math.pi) / tail, series)


@custom_jvp
def _faddeeva(z: Array) -> Array:
    x, y = jnp.real(z), jnp.imag(z)
    upper = _upper_half(lax.complex(jnp.where(y < 0, -x, x), jnp.abs(y)))
    of_real_part = jnp.where(y == 0, _exp_of_square(jnp.clip(x, -30, 30), -1.0), jnp.real(upper))
    upper = lax.complex(of_real_part, jnp.imag(upper))
    inside = jnp.where(y < 0, z, 0)
    a, b = jnp.real(inside), jnp.imag(inside)
    growth = 2 * jnp.exp((b - a) * (b + a))
    reflected = lax.complex(growth * jnp.cos(2 * a * b), -growth * jnp.sin(2 * a * b))
    return jnp.where(y < 0, reflected - upper, upper)


_faddeeva.defjvps(lambda t, out, z: t * (2j / math.sqrt(math.pi) - 2 * z * out))


def wofz(z: ArrayLike) -> Array:
    """Faddeeva's function, exp(-z**2) * erfc(-1j * z); elementwise.

    z: numbers; real ones are made complex.  Returns complex64, or complex128 for 64-bit numbers.  The relative error of
    the complex value is about 1e-15 (1e-6 in complex64); of a part much smaller than the other it may be larger.
    """
    (z,) = arrays_of(promote_inexact("wofz", z))
    if not dtypes.is_complex(z.dtype):
        z = z.astype(np.complex128 if z.dtype.itemsize > 4 else np.complex64)
    return _faddeeva(lax.convert_element_type(z, z.dtype) if z.aval.weak_type else z)


# --- the normal distribution ---------------------------------------------------------------------------------

_DENSITY_AT_0 = 1 / math.sqrt(2 * math.pi)
# ndtri(p) / (p - 1/2) for exp(-2) < p < 1 - exp(-2), in (p - 1/2)**2.
_NDTRI_CENTRE = (
    2.7375941110405506, 0.25371828459510615, 0.025578018924084907, 0.0032173720979539787, 0.00044973297377232026,
    6.686412408851204e-05, 1.0351019857789652e-05, 1.6487456852431861e-06, 2.6823801277591126e-07,
    4.435927136810804e-08, 7.431738034712115e-09, 1.2583105378393047e-09, 2.149284929356537e-10,
    3.6983680388130485e-11, 6.404247095684175e-12, 1.1150515147852606e-12, 1.9506926197595904e-13,
    3.426905114795358e-14, 6.042669570067998e-15, 1.0690458202686417e-15, 1.8969591466916613e-16,
    3.3751146154986835e-17, 6.019771244071328e-18,
)
_CENTRE_END = (0.5 - math.exp(-2)) ** 2
# -ndtri(p) / r for p < exp(-2), where r is sqrt(-2 log(p)), in a fraction of r that is -1 at 2, 0 at 7, 1 at 39.
_NDTRI_TAIL = (
    0.8655965633235257, 0.1933671315132922, -0.08263912645802439, 0.02708184216816842, -0.008317581823304778,
    0.0024453264776337423, -0.0007063626365860061, 0.0002006848431063888, -5.6688460038409314e-05,
    1.5866653844393172e-05, -4.434792800338472e-06, 1.2307915466823987e-06, -3.420251038146995e-07,
    9.437045891407491e-08, -2.6144662041816013e-08, 7.178772887343582e-09, -1.9870645712726805e-09,
    5.428161329948222e-10, -1.5048818804806315e-10, 4.0828022954910674e-11, -1.1379927870223767e-11,
    3.0533789287706247e-12, -8.614866319760161e-13, 2.2655928861182133e-13, -6.556186975887284e-14,
    1.658682685704138e-14, -5.054227349465024e-15, 1.1825956911466867e-15, -4.00271515919687e-16,
    7.945473544067056e-17, -3.33641643695335e-17, 4.550307741299729e-18, -3.032728346096465e-18,
)


@of_reals(lambda t, out, x: t * (_DENSITY_AT_0 * jnp.exp(-0.5 * x * x)), error=TypeError, floats_only=True)
def ndtr(x: Array) -> Array:
    """The normal distribution function, the integral of exp(-t**2/2) / sqrt(2 pi) from -infinity to x; elementwise.

    TypeError for other than real floating-point numbers.
    """
    return 0.5 * lax.erfc(x * -math.sqrt(0.5))


def _log_ndtr_slope(t: Array, out: Array, x: Array) -> Array:
    """density / ndtr: both are 0 far below, and by themselves above, where `_erfcx` would be infinite."""
    is_below = x < 0
    below, above = jnp.where(is_below, x, -1), jnp.where(is_below, 0, x)
    of_below = math.sqrt(2 / math.pi) / _erfcx(below * -math.sqrt(0.5))
    return t * jnp.where(is_below, of_below, _DENSITY_AT_0 * jnp.exp(-0.5 * above * above) / ndtr(above))


@of_reals(_log_ndtr_slope, error=TypeError, floats_only=True)
def _log_ndtr(x: Array) -> Array:
    scaled = x * math.sqrt(0.5)
    below = jnp.log(0.5 * _erfcx(-jnp.minimum(scaled, 0))) - 0.5 * x * x
    return jnp.where(x < -1, below, jnp.log1p(-0.5 * lax.erfc(jnp.maximum(scaled, -1))))


def log_ndtr(x: ArrayLike, series_order: int = 3) -> Array:
    """The logarithm of `ndtr`, accurate where that is near 0 or 1; elementwise.

    series_order: what JAX has for large negative x; checked, and of no influence here.
    TypeError for other than real floating-point numbers and for an order that is no int, ValueError if it is not in
    0 ... 30.
    """
    if not isinstance(series_order, int):
        raise TypeError(f"log_ndtr: series_order must be an int, got {series_order!r}")
    if not 0 <= series_order <= 30:
        raise ValueError(f"log_ndtr: series_order must be in 0 ... 30, got {series_order}")
    return _log_ndtr(x)


@of_reals(lambda t, out, p: t * (math.sqrt(2 * math.pi) * jnp.exp(0.5 * out * out)), error=TypeError, floats_only=True)
def ndtri(p: Array) -> Array:
    """The inverse of `ndtr`: -inf at 0, inf at 1, NaN beyond; elementwise.

    TypeError for other than real floating-point numbers.
    """
    centred, rest = p - 0.5, jnp.minimum(p, 1 - p)
    square = centred * centred
    centre = centred * chebyshev(square * (2 / _CENTRE_END) - 1, _NDTRI_CENTRE)
    r = jnp.sqrt(-2 * jnp.log(jnp.where(rest > 0, rest, 1.0)))
    r = jnp.clip(r, 2, 39)
    tail = -r * chebyshev(_tail_variable(r), _NDTRI_TAIL)
    value = jnp.where(square <= _CENTRE_END, centre, jnp.where(centred > 0, -tail, tail))
    return jnp.where(rest > 0, value, jnp.where(rest == 0, centred * math.inf, math.nan))


def _tail_variable(r: Array) -> Array:
    """The quotient of linear functions of r that is -1 at 2, 0 at 7 and 1 at 39."""
    c = (2 + 39 - 2 * 7) / (2 - 39)
    a = 39 * (c + 1) - 7
    return (r - 7) / (a - c * r)


# --- Owen's function -----------------------------------------------------------------------------------------

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)
_GAUSSIAN_END = 9.5  # where exp(-t**2 / 2) is less than the rounding error of its integral


def _owens_t_h(t: Array, out: Array, h: Array, a: Array) -> Array:
    return t * (-0.5 * _DENSITY_AT_0) * jnp.exp(-0.5 * h * h) * lax.erf(a * h * math.sqrt(0.5))


def _owens_t_a(t: Array, out: Array, h: Array, a: Array) -> Array:
    square = 1 + a * a
    return t * jnp.exp(-0.5 * h * h * square) / (2 * math.pi * square)


@of_reals(_owens_t_h, _owens_t_a)
def owens_t(h: Array, a: Array) -> Array:
    """Owen's T function, the integral of exp(-h**2 (1 + x**2) / 2) / (2 pi (1 + x**2)) over x from 0 to a.

    Elementwise, with broadcasting.  By Gauss's quadrature with 32 nodes, for a > 1 after D. Owen's reflection (Ann.
    Math. Stat. 27, 1956, equation 2.3).  ValueError for complex numbers.
    """
    h, size = jnp.abs(h), jnp.abs(a)
    large = size > 1
    below, across = jnp.where(large, 1 / size, size), jnp.where(large, size * h, h)
    across = jnp.where(jnp.isnan(across), 0.0, across)
    value = _owens_t_inside(across, below)
    upper = 0.5 * lax.erfc(h * math.sqrt(0.5)), 0.5 * lax.erfc(across * math.sqrt(0.5))
    reflected = 0.5 * (upper[0] + upper[1]) - upper[0] * upper[1] - value
    result = jnp.where(large, reflected, value)
    result = jnp.where(size == math.inf, 0.5 * upper[0], result)
    return jnp.where(jnp.isnan(h) | jnp.isnan(a), math.nan, jnp.where(a < 0, -result, result))


def _owens_t_inside(h: Array, a: Array) -> Array:
    """For a from 0 to 1 and h from 0 on."""
    end = jnp.minimum(a, _GAUSSIAN_END / jnp.maximum(h, 1.0))
    h_square = jnp.square(jnp.minimum(h, 60.0))
    total = jnp.zeros_like(h)
    for node, weight in zip(_NODES.tolist(), _WEIGHTS.tolist(), strict=True):
        square = jnp.square(end * (0.5 + 0.5 * node))
        total = total + weight * jnp.exp(-0.5 * h_square * square) / (1 + square)
    return jnp.exp(-0.5 * h_square) * end * total * (0.25 / math.pi)
