"""x * y + z with one rounding for CuPy arrays: the twin of `numpy_fma.py`.

CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any


@cache
def _kernel() -> Any:
    import cupy

    return cupy.ElementwiseKernel("T x, T y, T z", "T out", "out = fma(x, y, z)", "cujax_fma")


def fma(x: Any, y: Any, z: Any) -> Any:
    """x * y + z, rounded once, elementwise; all float32 or all float64."""
    return _kernel()(x, y, z)


def horner(x: Any, coefficients: Sequence[float]) -> Any:
    """The polynomial with these coefficients, that of the highest power first, one rounding a step."""
    import cupy

    first, *rest = (x.dtype.type(c) for c in coefficients)
    p = cupy.full_like(x, first)
    for c in rest:
        p = fma(p, x, c)
    return p
