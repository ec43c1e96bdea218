"""Arithmetic that decides: what a sampler accepts, rounds to an integer or takes for the greatest.

There a difference in the last place gives another draw, so these functions round alike on every target, and as XLA
does on the CPU: a product is fused with a sum where it is written so, and logarithms of float32 have fixed bits.
Halves are not promised: XLA keeps more digits between its operations than they have.
"""

from __future__ import annotations

from math import log as natural_log
from math import pi
from typing import Any

from cujax.engine.core.array import Array
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops.elementwise import fma
from cujax.engine.ops.special import portable_log as log
from cujax.engine.ops.special import portable_log1p as log1p

__all__ = ["fused", "log", "log1p", "log_gamma"]


def fused(x: Any, y: Any, z: Any) -> Array:
    """x * y + z rounded once, twice in halves; arrays of one shape and dtype, or scalars beside them."""
    dtype = aval_of(next(a for a in (x, y, z) if isinstance(a, Array))).dtype
    return x * y + z if dtypes.finfo(dtype).bits < 32 else fma(x, y, z)


# C. Lanczos, "A precision approximation of the gamma function", SIAM J. Numer. Anal. B 1, 1964; P. Godfrey's
# coefficients for g = 7.
_FIRST = 0.99999999999980993
_POLES = (
    676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905,
    -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
)


def log_gamma(x: Array) -> Array:
    """The logarithm of the gamma function for x >= 1/2, float32."""
    z = x - 1
    total: Any = _FIRST
    for n, pole in enumerate(_POLES, 1):
        total = total + pole / (z + n)
    log_end = log1p(z * (1 / 7.5)) + natural_log(7.5)
    powers = fused((z + 0.5) - (z + 7.5) / log_end, log_end, natural_log(2 * pi) / 2)
    return powers + log(total)
