"""Specific volume and sound speed of seawater after TEOS-10, as a polynomial of 75 terms.

F. Roquet, G. Madec, T. J. McDougall, P. M. Barker: Accurate polynomial expressions for the density and specific
volume of seawater using the TEOS-10 standard. Ocean Modelling 90 (2015), 29-43, doi:10.1016/j.ocemod.2015.04.002.

    v(S, T, p) = sum over i, j, k of V[k][j][i] s^i t^j z^k      in m^3/kg
    s = sqrt((S + 24) / (40 * 35.16504 / 35)),  t = T / 40,  z = p / 10^4

S is Absolute Salinity in g/kg, T Conservative Temperature in degrees C, p sea pressure in dbar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

SALINITY_UNIT = 40 * 35.16504 / 35
SALINITY_OFFSET = 24.0
TEMPERATURE_UNIT = 40.0
PRESSURE_UNIT = 1e4
PASCALS = 1e4  # in a dbar

VOLUME = (
    (
        (
            1.0769995862e-3, -3.1038981976e-4, 6.6928067038e-4, -8.5047933937e-4,
            5.8086069943e-4, -2.1092370507e-4, 3.1932457305e-5,
        ),
        (-1.5649734675e-5, 3.5009599764e-5, -4.3592678561e-5, 3.4532461828e-5, -1.1959409788e-5, 1.3864594581e-6),
        (2.7762106484e-5, -3.7435842344e-5, 3.5907822760e-5, -1.8698584187e-5, 3.8595339244e-6),
        (-1.6521159259e-5, 2.4141479483e-5, -1.4353633048e-5, 2.2863324556e-6),
        (6.9111322702e-6, -8.7595873154e-6, 4.3703680598e-6),
        (-8.0539615540e-7, -3.3052758900e-7),
        (2.0543094268e-7,),
    ),
    (
        (-6.0799143809e-5, 2.4262468747e-5, -3.4792460974e-5, 3.7470777305e-5, -1.7322218612e-5, 3.0927427253e-6),
        (1.8505765429e-5, -9.5677088156e-6, 1.1100834765e-5, -9.8447117844e-6, 2.5909225260e-6),
        (-1.1716606853e-5, -2.3678308361e-7, 2.9283346295e-6, -4.8826139200e-7),
        (7.9279656173e-6, -3.4558773655e-6, 3.1655306078e-7),
        (-3.4102187482e-6, 1.2956717783e-6),
        (5.0736766814e-7,),
    ),
    (
        (9.9856169219e-6, -5.8484432984e-7, -4.8122251597e-6, 4.9263106998e-6, -1.7811974727e-6),
        (-1.1736386731e-6, -5.5699154557e-6, 5.4620748834e-6, -1.3544185627e-6),
        (2.1305028740e-6, 3.9137387080e-7, -6.5731104067e-7),
        (-4.6132540037e-7, 7.7618888092e-9),
        (-6.3352916514e-8,),
    ),
    (
        (-1.1309361437e-6, 3.6310188515e-7, 1.6746303780e-8),
        (-3.6527006553e-7, -2.7295696237e-7),
        (2.8695905159e-7,),
    ),
    (
        (1.0531153080e-7, -1.1147125423e-7),
        (3.1454099902e-7,),
    ),
    ((-1.2647261286e-8,),),
    ((1.9613503930e-9,),),
)
# d v / d z has 47 terms.
VOLUME_BY_Z = tuple(tuple(tuple(k * c for c in row) for row in VOLUME[k]) for k in range(1, len(VOLUME)))


def polynomial(coefficients: Any, variables: Sequence[Any]) -> Any:
    """Horner's scheme, nested: the last variable belongs to the outermost index of `coefficients`."""
    if not variables:
        return coefficients
    *inner, x = variables
    result = polynomial(coefficients[-1], inner)
    for coefficient in coefficients[-2::-1]:
        result = polynomial(coefficient, inner) + x * result
    return result


def sound_speed(np: Any) -> Callable:
    """Speed of sound in m/s: c^2 = -v^2 / (dv/dp), with 122 terms in all."""

    def function(salinity: Any, temperature: Any, pressure: Any) -> Any:
        s = np.sqrt((salinity + SALINITY_OFFSET) * (1 / SALINITY_UNIT))
        t = temperature * (1 / TEMPERATURE_UNIT)
        z = pressure * (1 / PRESSURE_UNIT)
        v = polynomial(VOLUME, (s, t, z))
        v_by_p = polynomial(VOLUME_BY_Z, (s, t, z)) * (1 / (PRESSURE_UNIT * PASCALS))
        return np.sqrt(v * v / -v_by_p)

    return function
