"""Elliptic integrals of the first and second kind, of the parameter m (the square of the modulus).

    ellipk ellipkm1 ellipe    complete, by the arithmetic-geometric mean (DLMF 19.8(i))
    ellipkinc ellipeinc       incomplete, by B. Carlson's duplication (Numer. Algorithms 10, 1995)

All are loops of fixed length, written out.
"""

from __future__ import annotations

import math

from cujax import numpy as jnp
from cujax.engine.core.array import Array
from cujax.scipy.special.declare import of_reals

_MEANS = 13  # enough for 1 - m = 1e-300
_DUPLICATIONS = 8


def _complete(m: Array, rest: Array) -> tuple[Array, Array]:
    """K(m) and D(m) = (K(m) - E(m)) / m, where `rest` is 1 - m; for m < 1.

    With c the differences of the means, E = K (1 - sum 2**(n-1) c[n]**2) and c[0]**2 = m, so D is K times a sum of
    positive terms; c is kept divided by m.
    """
    a, b = jnp.ones_like(m), jnp.sqrt(rest)
    c = 0.5 / (1 + b)
    total, power = 0.5 + m * c * c, 1.0
    for _ in range(_MEANS):
        a, b = 0.5 * (a + b), jnp.sqrt(a * b)
        c = m * c * c / (4 * (0.5 * (a + b)))
        power = 2 * power
        total = total + power * m * c * c
    k = math.pi / (a + b)
    return k, k * total


def _inside(m: Array) -> Array:
    return jnp.where((m < 1) & (m > -math.inf), m, 0)


def _ellipk_slope(t: Array, out: Array, m: Array) -> Array:
    k, d = _complete(_inside(m), 1 - _inside(m))
    return t * jnp.where(m < 1, (k - d) / (2 * (1 - m)), math.nan)


@of_reals(_ellipk_slope)
def ellipk(m: Array) -> Array:
    """The complete elliptic integral of the first kind, of 1 / sqrt(1 - m sin(t)**2) from 0 to pi/2; elementwise.

    inf at m = 1, NaN beyond.  ValueError for complex numbers.
    """
    k, _ = _complete(_inside(m), 1 - _inside(m))
    value = jnp.where(m == 1, math.inf, jnp.where(m == -math.inf, 0.0, k))
    return jnp.where(m <= 1, value, math.nan)


def _ellipkm1_slope(t: Array, out: Array, p: Array) -> Array:
    rest = jnp.where(p > 0, p, 1)
    k, d = _complete(1 - rest, rest)
    return t * jnp.where(p > 0, (d - k) / (2 * rest), math.nan)


@of_reals(_ellipkm1_slope)
def ellipkm1(p: Array) -> Array:
    """ellipk(1 - p), accurate for small p: inf at 0, NaN below; elementwise.  ValueError for complex numbers."""
    rest = jnp.where((p > 0) & (p < math.inf), p, 1)
    k, _ = _complete(1 - rest, rest)
    value = jnp.where(p == 0, math.inf, jnp.where(p == math.inf, 0.0, k))
    return jnp.where(p >= 0, value, math.nan)


def _ellipe_slope(t: Array, out: Array, m: Array) -> Array:
    _, d = _complete(_inside(m), 1 - _inside(m))
    return t * jnp.where(m < 1, -0.5 * d, math.nan)


@of_reals(_ellipe_slope)
def ellipe(m: Array) -> Array:
    """The complete elliptic integral of the second kind, of sqrt(1 - m sin(t)**2) from 0 to pi/2; elementwise.

    1 at m = 1, NaN beyond.  ValueError for complex numbers.
    """
    k, d = _complete(_inside(m), 1 - _inside(m))
    value = jnp.where(m == 1, 1.0, jnp.where(m == -math.inf, math.inf, k - _inside(m) * d))
    return jnp.where(m <= 1, value, math.nan)


# --- incomplete -----------------------------------------------------------------------------------------------


def _duplicate(x: Array, y: Array, z: Array) -> tuple[Array, Array, Array, Array]:
    """One step: each argument plus lambda, divided by 4; and lambda."""
    a, b, c = jnp.sqrt(x), jnp.sqrt(y), jnp.sqrt(z)
    shift = a * b + b * c + c * a
    return (x + shift) / 4, (y + shift) / 4, (z + shift) / 4, shift


def _r_f(x: Array, y: Array, z: Array) -> Array:
    """Carlson's R_F: DLMF 19.36.1."""
    for _ in range(_DUPLICATIONS):
        x, y, z, _ = _duplicate(x, y, z)
    mean = (x + y + z) / 3
    u, v = 1 - x / mean, 1 - y / mean
    w = -u - v
    e2, e3 = u * v - w * w, u * v * w
    return (1 - e2 / 10 + e3 / 14 + e2 * e2 / 24 - 3 * e2 * e3 / 44) / jnp.sqrt(mean)


def _r_d(x: Array, y: Array, z: Array) -> Array:
    """Carlson's R_D: DLMF 19.36.2."""
    total, scale = jnp.zeros_like(x), 1.0
    for _ in range(_DUPLICATIONS):
        root = jnp.sqrt(z)
        next_x, next_y, next_z, shift = _duplicate(x, y, z)
        total = total + scale / (root * (z + shift))
        x, y, z, scale = next_x, next_y, next_z, scale / 4
    mean = (x + y + 3 * z) / 5
    u, v = 1 - x / mean, 1 - y / mean
    w = -(u + v) / 3
    e2, e3 = u * v - 6 * w * w, (3 * u * v - 8 * w * w) * w
    e4, e5 = 3 * (u * v - w * w) * w * w, u * v * w * w * w
    series = 1 - 3 * e2 / 14 + e3 / 6 + 9 * e2 * e2 / 88 - 3 * e4 / 22 - 9 * e2 * e3 / 52 + 3 * e5 / 26
    return 3 * total + scale * series / (mean * jnp.sqrt(mean))


def _reduced(phi: Array, m: Array) -> tuple[Array, Array, Array, Array]:
    """How many times pi to take from phi, the sine and squared cosine of the rest, and 1 - m sin**2."""
    turns = jnp.round(phi / math.pi)
    rest = phi - turns * math.pi
    sine = jnp.sin(rest)
    return turns, sine, jnp.square(jnp.cos(rest)), 1 - m * sine * sine


def _turned(turns: Array, complete: Array, rest: Array) -> Array:
    return jnp.where(turns == 0, rest, 2 * turns * complete + rest)


def _ellipkinc_slope_m(t: Array, out: Array, phi: Array, m: Array) -> Array:
    """Half the integral of sin**2 / (1 - m sin**2)**(3/2), in R_D: DLMF 19.25.10 and 19.18.1."""
    turns, s, c2, delta = _reduced(phi, m)
    k, d = _complete(_inside(m), 1 - _inside(m))
    rest = s * s * s * _r_d(c2, jnp.ones_like(m), delta) / 6
    return t * _turned(turns, (k - d) / (2 * (1 - m)), rest)


@of_reals(lambda t, out, phi, m: t / jnp.sqrt(1 - m * jnp.square(jnp.sin(phi))), _ellipkinc_slope_m)
def ellipkinc(phi: Array, m: Array) -> Array:
    """The integral of 1 / sqrt(1 - m sin(t)**2) from 0 to phi; elementwise, with broadcasting.

    NaN for m > 1.  ValueError for complex numbers.
    """
    turns, s, c2, delta = _reduced(phi, m)
    value = _turned(turns, ellipk(m), s * _r_f(c2, delta, jnp.ones_like(m)))
    return jnp.where(m <= 1, value, math.nan)


def _ellipeinc_slope_m(t: Array, out: Array, phi: Array, m: Array) -> Array:
    """Minus half the integral of sin**2 / sqrt(1 - m sin**2)."""
    turns, s, c2, delta = _reduced(phi, m)
    _, d = _complete(_inside(m), 1 - _inside(m))
    return -0.5 * t * _turned(turns, d, s * s * s * _r_d(c2, delta, jnp.ones_like(m)) / 3)


@of_reals(lambda t, out, phi, m: t * jnp.sqrt(1 - m * jnp.square(jnp.sin(phi))), _ellipeinc_slope_m)
def ellipeinc(phi: Array, m: Array) -> Array:
    """The integral of sqrt(1 - m sin(t)**2) from 0 to phi; elementwise, with broadcasting.

    NaN for m > 1.  ValueError for complex numbers.
    """
    turns, s, c2, delta = _reduced(phi, m)
    one = jnp.ones_like(m)
    rest = s * _r_f(c2, delta, one) - m * s * s * s * _r_d(c2, delta, one) / 3
    return jnp.where(m <= 1, _turned(turns, ellipe(m), rest), math.nan)
