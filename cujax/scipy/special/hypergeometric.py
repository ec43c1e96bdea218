"""The hypergeometric functions 1F1 and 2F1 of real numbers.

Both are the same series, summed for each element until a term no longer counts, after a transformation to where that
is soon.  The sum's derivatives by the parameters are summed along with it.  What has not settled after `_LONGEST` terms
is NaN.  Start reading at `_of_one`.

Not ideal: where terms of opposite signs cancel (parameters far below 0 beside a large positive argument) digits are
lost.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

from cujax import lax
from cujax import numpy as jnp
from cujax.api.custom_jvp import custom_jvp
from cujax.api.derivatives import jvp
from cujax.api.jit import jit
from cujax.api.vectorize import vmap
from cujax.custom_derivatives import SymbolicZero
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops import special as ops
from cujax.scipy.special.declare import composed_of_reals
from cujax.scipy.special.gamma_functions import gammasgn

_LONGEST = 100_000  # terms


def _nonzero(x: Array) -> Array:
    """x, and 1 where it is 0: where a series has ended before it comes to a pole."""
    return jnp.where(x == 0, 1, x)


def _unsettled(terms: Sequence[Array], sums: Sequence[Array]) -> list[Array]:
    """Which of the sums the last terms still change."""
    return [jnp.abs(t) > 0.1 * float(dtypes.finfo(t.dtype).eps) * jnp.abs(s) for t, s in zip(terms, sums, strict=True)]


def _settled(state: tuple) -> tuple[Array, ...]:
    """The sums of a loop's last state, NaN where more terms than `_LONGEST` would be needed."""
    _, terms, sums = state
    return tuple(jnp.where(u, math.nan, s) for u, s in zip(_unsettled(terms, sums), sums, strict=True))


def _of_one(a: Array, b: Array, c: Array, x: Array) -> tuple[Array, ...]:
    """The sum of (a)_k (b)_k / ((c)_k k!) x**k, and its derivatives with respect to a, b and c; scalars.

    A term and its three derivatives follow from those before by the quotient (a + k)(b + k) x / ((c + k)(k + 1)).
    """

    def goes_on(state: tuple) -> Array:
        k, terms, sums = state
        return (k < 3) | ((k < _LONGEST) & functools.reduce(jnp.logical_or, _unsettled(terms, sums)))

    def step(state: tuple) -> tuple:
        k, (term, of_a, of_b, of_c), sums = state
        top_a, top_b, bottom = a + k, b + k, c + k
        factor = x / (_nonzero(bottom) * (k + 1))
        slopes = (
            (of_a * top_a + term) * top_b * factor, (of_b * top_b + term) * top_a * factor,
            (of_c - term / _nonzero(bottom)) * (top_a * top_b * factor),
        )
        terms = (term * top_a * top_b * factor, *slopes)
        return k + 1, terms, tuple(s + t for s, t in zip(sums, terms, strict=True))

    zero = jnp.zeros_like(x)
    first = (zero + 1, zero, zero, zero)
    return _settled(lax.while_loop(goes_on, step, (zero, first, first)))


def _confluent_of_one(a: Array, c: Array, x: Array) -> tuple[Array, ...]:
    """The sum of (a)_k / ((c)_k k!) x**k, and its derivatives with respect to a and c; scalars."""

    def goes_on(state: tuple) -> Array:
        k, terms, sums = state
        return (k < 3) | ((k < _LONGEST) & functools.reduce(jnp.logical_or, _unsettled(terms, sums)))

    def step(state: tuple) -> tuple:
        k, (term, of_a, of_c), sums = state
        top, bottom = a + k, c + k
        factor = x / (_nonzero(bottom) * (k + 1))
        terms = (term * top * factor, (of_a * top + term) * factor, (of_c - term / _nonzero(bottom)) * (top * factor))
        return k + 1, terms, tuple(s + t for s, t in zip(sums, terms, strict=True))

    zero = jnp.zeros_like(x)
    first = (zero + 1, zero, zero)
    return _settled(lax.while_loop(goes_on, step, (zero, first, first)))


@functools.cache
def _of_all(of_one: Callable) -> Callable:
    """`of_one` of each element: a loop that an element leaves by itself."""

    @jit
    def summed(*xs: Array) -> tuple[Array, ...]:
        shape = xs[0].shape
        return tuple(s.reshape(shape) for s in vmap(of_one)(*[x.reshape(-1) for x in xs]))

    return summed


@custom_jvp
def _confluent(a: Array, c: Array, x: Array) -> Array:
    return _of_all(_confluent_of_one)(a, c, x)[0]


def _confluent_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    a, c, x = primals
    return _confluent(a, c, x), _tangent(
        tangents, lambda: _of_all(_confluent_of_one)(a, c, x)[1:], lambda: a / c * _confluent(a + 1, c + 1, x)
    )


_confluent.defjvp(_confluent_jvp, symbolic_zeros=True)


def _tangent(tangents: tuple, of_parameters: Callable, of_x: Callable) -> Array:
    """The sum over the arguments that vary; slopes of parameters are summed only where one of these does.

    For they come out of a loop of their own.
    """
    *parameters, t_x = tangents
    parts = [] if type(t_x) is SymbolicZero else [t_x * of_x()]
    if any(type(t) is not SymbolicZero for t in parameters):
        slopes = of_parameters()
        parts += [t * s for t, s in zip(parameters, slopes, strict=True) if type(t) is not SymbolicZero]
    return functools.reduce(jnp.add, parts)


@custom_jvp
def _gauss(a: Array, b: Array, c: Array, x: Array) -> Array:
    return _of_all(_of_one)(a, b, c, x)[0]


def _gauss_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    a, b, c, x = primals
    return _gauss(*primals), _tangent(
        tangents, lambda: _of_all(_of_one)(*primals)[1:], lambda: a * b / c * _gauss(a + 1, b + 1, c + 1, x)
    )


_gauss.defjvp(_gauss_jvp, symbolic_zeros=True)


def _is_pole(c: Array) -> Array:
    return (c <= 0) & (c == jnp.round(c))


def _ends_before(a: Array, c: Array) -> Array:
    """Whether the series ends, at a natural number -a, before a pole at -c."""
    return _is_pole(a) & (a > c)


# --- 1F1 --------------------------------------------------------------------------------------------------------


@composed_of_reals(takes_lists=True)
def hyp1f1(a: Array, b: Array, x: Array) -> Array:
    """The confluent hypergeometric function 1F1(a; b; x), Kummer's M; elementwise, with broadcasting.

    The sum of (a)_k / ((b)_k k!) x**k; for negative x after Kummer's transformation (DLMF 13.2.39), far below 0
    by the asymptotic series.  1 where a or x is
    0, infinite where b is 0, -1, -2, ... and the series does not end before.  NaN where the sum needs more than 100000
    terms.  ValueError for complex numbers.
    """
    trivial, pole = (a == 0) | (x == 0), _is_pole(b) & ~_ends_before(a, b)
    usual = ~trivial & ~pole & (jnp.abs(x) < math.inf)
    a, b, z = jnp.where(usual, a, 1), jnp.where(usual, b, 1), jnp.where(usual, x, 0)
    reflected = (z < 0) & ~_is_pole(a)
    beyond = -600.0 if z.dtype.itemsize > 4 else -75.0  # where the series is not infinite yet
    far = reflected & (z < beyond) & ~_is_pole(b - a)
    p, q, y = (jnp.where(far, v, w) for v, w in ((a, 1), (b, 2), (z, -1000)))
    z = jnp.where(far, -1, z)
    series = _confluent(jnp.where(reflected, b - a, a), b, jnp.where(reflected, -z, z))
    value = jnp.where(reflected, jnp.exp(z) * series, series)
    value = jnp.where(far, _confluent_far(p, q, -y), value)
    ends = jnp.where(trivial, 1.0, jnp.where(pole, math.inf, jnp.where(x == math.inf, math.inf, math.nan)))
    return jnp.where(usual, value, ends)


def _confluent_far(a: Array, b: Array, x: Array) -> Array:
    """1F1(a; b; -x) for large x, by the asymptotic series (DLMF 13.7.2), up to its smallest term."""
    term = total = jnp.ones_like(x)
    ended = jnp.zeros_like(x, bool)
    for k in range(_FAR_TERMS):
        following = term * (a + k) * (a - b + 1 + k) / ((k + 1) * x)
        ended = ended | (jnp.abs(following) > jnp.abs(term))
        term = jnp.where(ended, 0, following)
        total = total + term
    return _gamma_quotient(b, jnp.ones_like(x), b - a, jnp.ones_like(x)) * x**-a * total


_FAR_TERMS = 30


# --- 2F1 --------------------------------------------------------------------------------------------------------

_NEAR_ONE = 0.9  # from here on the functions of 1 - x are used
_NEARER_ONE = 0.999  # from here on the series itself is too long
_WHOLE = 1e-3  # how near c - a - b may come to a whole number for that


@composed_of_reals(takes_lists=True, error=TypeError)
def hyp2f1(a: Array, b: Array, c: Array, x: Array) -> Array:
    """Gauss's hypergeometric function 2F1(a, b; c; x); elementwise, with broadcasting.

    The sum of (a)_k (b)_k / ((c)_k k!) x**k; for x < -1/2 after Pfaff's transformation (DLMF 15.8.1), for x > 0.9 by
    functions of 1 - x (15.8.4, 15.8.10 where c - a - b is whole, and by interpolation near that).  NaN for x > 1 unless
    the series ends, infinite where c is 0, -1, -2, ... and the series does not end before.  NaN where the sum needs
    more than 100000 terms.
    TypeError for complex numbers.
    """
    ends = _is_pole(a) | _is_pole(b)
    trivial = (a == 0) | (b == 0) | (x == 0)
    pole = _is_pole(c) & ~_ends_before(a, c) & ~_ends_before(b, c)
    usual = ~trivial & ~pole & (ends | (x < 1)) & (jnp.abs(x) < math.inf)
    p, q, r, z = (jnp.where(usual, v, w) for v, w in ((a, 0.5), (b, 0.5), (c, 1.5), (x, 0.25)))
    pfaff = (z < -0.5) & ~ends
    argument = jnp.where(pfaff, z / (z - 1), z)
    value = _below_one(p, jnp.where(pfaff, r - q, q), r, argument)
    value = jnp.where(pfaff, jnp.exp(-p * jnp.log1p(jnp.where(pfaff, -z, 0))) * value, value)
    beyond = jnp.where(trivial, 1.0, jnp.where(pole, math.inf, jnp.where(x == 1, _at_one(a, b, c), math.nan)))
    return jnp.where(usual, value, beyond)


def _below_one(a: Array, b: Array, c: Array, x: Array) -> Array:
    """For x from -1/2 to 1; and beyond where the series ends."""
    rest = c - a - b
    ends = _is_pole(a) | _is_pole(b)
    near = (x > _NEAR_ONE) & (jnp.abs(rest - jnp.round(rest)) > _WHOLE) & ~ends
    whole = (x > _NEAR_ONE) & _is_whole(rest, a, b, c) & ~ends
    nearly = (x > _NEARER_ONE) & ~near & ~whole & ~ends
    p, q, r = (jnp.where(whole | nearly, v, w) for v, w in ((0.5, a), (0.5, b), (1.5, c)))
    by_series = _gauss(p, q, r, jnp.where(near | whole | nearly, 0.25, x))
    by_logarithms = _gauss_whole(*(jnp.where(whole, a, v) for v, a in ((0.5, a), (0.5, b), (2.0, c), (0.95, x))))
    p, q, r, z = (jnp.where(near, v, w) for v, w in ((a, 0.5), (b, 0.5), (c, 1.25), (x, 0.75)))
    value = jnp.where(whole, by_logarithms, jnp.where(near, _two_terms(p, q, r, z), by_series))
    p, q, r, z = (jnp.where(nearly, v, w) for v, w in ((a, 0.5), (b, 0.5), (c, 1.0), (x, 0.9995)))
    between = lax.cond(jnp.any(nearly), _interpolated, _nothing, p, q, r, z)
    return jnp.where(nearly, between, value)


def _nothing(*xs: Array) -> Array:
    return jnp.zeros_like(xs[0])


def _two_terms(a: Array, b: Array, c: Array, x: Array) -> Array:
    """2F1 by functions of 1 - x (DLMF 15.8.4); both terms grow without bound as c - a - b comes to a whole number."""
    d = c - a - b
    first = _gamma_quotient(c, d, c - a, c - b) * _gauss(a, b, 1 - d, 1 - x)
    second = _gamma_quotient(c, -d, a, b) * jnp.exp(d * jnp.log1p(-x)) * _gauss(c - a, c - b, 1 + d, 1 - x)
    return first + second


_NODES = (-4, -3, -2, -1, 1, 2, 3, 4)


def _interpolated(a: Array, b: Array, c: Array, x: Array) -> Array:
    """2F1 where c - a - b is near a whole number m: the polynomial in c through its values on both sides of that.

    The nodes lie so far apart that `_two_terms` loses no more by cancellation than the polynomial by its degree.
    """
    apart = 0.004 if x.dtype.itemsize > 4 else 0.03
    m = lax.stop_gradient(jnp.round(c - a - b))
    nodes = jnp.asarray(_NODES, x.dtype).reshape(-1, *(1,) * x.ndim)
    values = _two_terms(*jnp.broadcast_arrays(a, b, a + b + m + apart * nodes, x))
    t = (c - a - b - m) / apart
    weights = [math.prod([(t - j) / (k - j) for j in _NODES if j != k]) for k in _NODES]
    return functools.reduce(jnp.add, [w * v for w, v in zip(weights, values, strict=True)])


def _is_whole(rest: Array, *parameters: Array) -> Array:
    """Whether c - a - b is a whole number but for the rounding of its terms."""
    size = functools.reduce(jnp.maximum, map(jnp.abs, parameters), jnp.ones_like(rest))
    return jnp.abs(rest - jnp.round(rest)) <= 4 * float(dtypes.finfo(rest.dtype).eps) * size


@custom_jvp
def _gauss_whole(a: Array, b: Array, c: Array, x: Array) -> Array:
    """2F1 near 1 where m = c - a - b is whole, with a logarithm (DLMF 15.8.10); for m < 0 after 15.8.1."""
    m = jnp.round(c - a - b)
    swapped = m < 0
    p, q = jnp.where(swapped, c - a, a), jnp.where(swapped, c - b, b)
    n, y = jnp.abs(m), 1 - x
    poles, logs = _of_all(_whole_of_one)(p, q, n, y)
    one = jnp.ones_like(x)
    found = _gamma_quotient(c, one, p + n, q + n) * poles - _gamma_quotient(c, one, p, q) * (-y) ** n * logs
    return jnp.where(swapped, y**m, 1) * found


def _gauss_whole_jvp(primals: tuple, tangents: tuple) -> tuple[Array, Array]:
    """Along x; slopes by the parameters, between which m would not stay whole, come from elsewhere."""
    a, b, c, x = primals
    return _gauss_whole(*primals), _tangent(
        tangents, lambda: _slopes_at_whole(*primals), lambda: a * b / c * _gauss_whole(a + 1, b + 1, c + 1, x)
    )


def _slopes_at_whole(*primals: Array) -> list[Array]:
    """With respect to a, b and c: of the plain series, and nearer to 1, where that is long, of `_interpolated`."""
    *parameters, x = primals
    nearer = x > _NEARER_ONE
    by_series = _of_all(_of_one)(*parameters, jnp.where(nearer, 0.25, x))[1:]
    z = jnp.where(nearer, x, 0.9995)
    found = []
    for i, by_terms in enumerate(by_series):
        along = [jnp.ones_like(x) if j == i else jnp.zeros_like(x) for j in range(3)]
        slope = jvp(lambda a, b, c: _interpolated(a, b, c, z), tuple(parameters), tuple(along))[1]
        found.append(jnp.where(nearer, slope, by_terms))
    return found


_gauss_whole.defjvp(_gauss_whole_jvp, symbolic_zeros=True)


def _whole_of_one(a: Array, b: Array, m: Array, y: Array) -> tuple[Array, ...]:
    """The sums of DLMF 15.8.10: that of m terms, and that with logarithms; scalars."""
    zero, one = jnp.zeros_like(y), jnp.ones_like(y)

    def add_pole(state: tuple) -> tuple:
        k, term, total = state
        return k + 1, term * -(a + k) * (b + k) * y / ((k + 1) * _nonzero(m - k - 1)), total + term

    factorial = jnp.exp(lax.lgamma(jnp.maximum(m, 1)))  # of m - 1
    poles = lax.while_loop(lambda s: s[0] < m, add_pole, (zero, factorial, zero))[2]

    def goes_on(state: tuple) -> Array:
        k, _, change, total = state
        return (k < 3) | ((k < _LONGEST) & (jnp.abs(change) > 0.1 * float(dtypes.finfo(y.dtype).eps) * jnp.abs(total)))

    def step(state: tuple) -> tuple:
        k, term, _, total = state
        psi = lax.digamma(k + 1) + lax.digamma(k + m + 1) - lax.digamma(a + k + m) - lax.digamma(b + k + m)
        change = term * (jnp.log(y) - psi)
        return k + 1, term * (a + m + k) * (b + m + k) * y / ((k + 1) * (k + m + 1)), change, total + change

    first = 1 / (factorial * jnp.maximum(m, 1))  # 1 / m!
    return poles, lax.while_loop(goes_on, step, (zero, first, one, zero))[3]


def _at_one(a: Array, b: Array, c: Array) -> Array:
    """Gauss's sum (DLMF 15.4.20)."""
    rest = c - a - b
    inside = rest > 0
    return jnp.where(inside, _gamma_quotient(c, jnp.where(inside, rest, 1), c - a, c - b), math.inf)


def _gamma_quotient(x: Array, y: Array, u: Array, v: Array) -> Array:
    """gamma(x) gamma(y) / (gamma(u) gamma(v)); 0 where u or v is a pole."""
    pole = _is_pole(u) | _is_pole(v)
    u, v = jnp.where(pole, 1, u), jnp.where(pole, 1, v)
    largest = functools.reduce(jnp.maximum, map(jnp.abs, (x, y, u, v)))
    direct = largest < (80.0 if x.dtype.itemsize > 4 else 16.0)
    s, t, p, q = (jnp.where(direct, w, 1) for w in (x, y, u, v))
    quotient = ops.gamma(s) * ops.gamma(t) / (ops.gamma(p) * ops.gamma(q))
    sign = gammasgn(x) * gammasgn(y) * gammasgn(u) * gammasgn(v)
    size = jnp.exp(lax.lgamma(x) + lax.lgamma(y) - lax.lgamma(u) - lax.lgamma(v))
    return jnp.where(pole, 0.0, jnp.where(direct, quotient, sign * size))
