"""log(x) in float64, with the bits that the GNU C library gives where there is a fused multiply-add.

XLA's logarithm on the CPU is that of the C library, and normal random numbers in float64 are promised to the
bit.  No other table would give these bits: glibc's is wrong by up to 0.519 units of the last place, so one
value in ten thousand differs from the correctly rounded one.  The method is that of S. Nagy's "Optimized
Routines" (Arm, 2018), part of glibc since 2.28.  With x = 2**k z, z in [0.6875, 1.375), and c near the middle
of that one of 128 parts of this interval in which z lies,

    log(x) = k log(2) + log(c) + log(1 + r),    r = z/c - 1,

where the last is a polynomial.  c is chosen such that log(c) is, but for less than 2**-66, a whole number of
times 2**-43: the first two terms are then summed without rounding.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import cache
from typing import Any

import numpy as np

from cujax.engine.backends.select import library

_UNIT = 2.0**-43
_LOGARITHMS = (  # log(c) / _UNIT
    -3270884932818, -3221189312928, -3171772688956, -3122632525071, -3073765412879, -3025167893248, -2976837063186,
    -2928772038762, -2880966258024, -2833420104970, -2786129817909, -2739090699799, -2692303327726, -2645762963380,
    -2599468001488, -2553415140892, -2507601451857, -2462025327858, -2416684919071, -2371576092479, -2326699089395,
    -2282047609698, -2237624110199, -2193422047343, -2149440770427, -2105679270147, -2062135086747, -2018804668287,
    -1975686023513, -1932778629265, -1890078742545, -1847584410941, -1805295739177, -1763209282015, -1721322869891,
    -1679634883676, -1638143836483, -1596847277607, -1555745583990, -1514833005434, -1474110644803, -1433574898723,
    -1393226489120, -1353060173872, -1313078686864, -1273278040644, -1233655924634, -1194210775754, -1154942861170,
    -1115848744938, -1076928307804, -1038178628098, -999599241162, -961187313349, -922944602491, -884865972548,
    -846950931350, -809199574368, -771609995712, -734178536508, -696907134223, -659794062165, -622834206251,
    -586031612689, -549381581640, -512882977245, -476535034388, -440337236043, -404286917643, -368385302362,
    -332627781014, -297016332373, -261548475863, -226222056613, -191038332675, -155993971028, -121089237241,
    -86322273706, -51690725750, -17196801609, 34292424996, 102479508797, 170142435717, 237288696082, 303925770308,
    370062344199, 435705152354, 500861484382, 565539450054, 629744277609, 693484935616, 756766489278, 819595422544,
    881979977955, 943923779691, 1005435066169, 1066519990003, 1127182678292, 1187430017323, 1247267314851,
    1306701491285, 1365735883569, 1424375592872, 1482628959519, 1540497752463, 1597988849257, 1655106916783,
    1711856242536, 1768240983940, 1824267551424, 1879938809885, 1935260044236, 1990236918918, 2044871263340,
    2099167071486, 2153131016569, 2206766089207, 2260075663994, 2313065582798, 2365736774010, 2418094695529,
    2470142810512, 2521883667565, 2573323018901, 2624464226412, 2675308346755, 2725861357030, 2776123598332,
)
_LOG_2_HIGH, _LOG_2_LOW = float.fromhex("0x1.62e42fefa38p-1"), float.fromhex("0x1.ef35793c7673p-45")
_SECOND, *_HIGHER = (  # of the powers of r
    float.fromhex(c) for c in (
        "-0x1.0000000000001p-1", "0x1.555555551305bp-2", "-0x1.fffffffeb459p-3", "0x1.999b324f10111p-3",
        "-0x1.55575e506c89fp-3",
    )
)
_START = np.int64(0x3FE6000000000000)  # the bits of 0.6875
_EXPONENT = np.int64(-1 << 52)


@cache
def table() -> np.ndarray:
    """1/c and log(c) for each part: float64 of shape (2, 128).  1/c is rounded correctly."""
    with localcontext() as context:
        context.prec = 40
        inverses = [float((Decimal(-n) * Decimal(_UNIT)).exp()) for n in _LOGARITHMS]
    return np.array([inverses, np.multiply(_LOGARITHMS, _UNIT)])


def log_double(xp: Any, x: Any) -> Any:
    """The logarithm of positive, normal x that are not within 1/16 of 1, where glibc has another method."""
    fma, horner = library(xp).fma, library(xp).horner
    bits = x.view(np.int64)
    offset = bits - _START
    inverse, log_c = xp.take(xp.asarray(table()), (offset >> 45) & 127, axis=1)
    k = (offset >> 52).astype(np.float64)
    z = (bits - (offset & _EXPONENT)).view(np.float64)
    r = fma(z, inverse, np.float64(-1))
    squared = r * r
    head = k * _LOG_2_HIGH + log_c
    high = head + r
    low = fma(k, np.float64(_LOG_2_LOW), head - high + r)
    low = fma(squared, np.float64(_SECOND), low)
    third, fourth, fifth, sixth = _HIGHER
    tail = fma(horner(r, (sixth, fifth)), squared, horner(r, (fourth, third)))
    return fma(r * squared, tail, low) + high
