"""x * y + z with one rounding for CuPy arrays: the twin of `numpy_fma.py`.

CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def _kernel() -> Any:
    import cupy

    return cupy.ElementwiseKernel("T x, T y, T z", "T out", "out = fma(x, y, z)", "cujax_fma")


def fma(x: Any, y: Any, z: Any) -> Any:
    """x * y + z, rounded once, elementwise; all float32 or all float64."""
    return _kernel()(x, y, z)
