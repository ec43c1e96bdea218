"""Sorting along an axis on the GPU: the twin of `numpy_sorting.py`.

CuPy's sorts are stable and take contiguous arrays.  Those of vectors of floats go by the bits (Thrust's radix sort),
which puts NaNs of negative sign first and orders NaNs among each other.  So all NaNs are made one before places are
sorted, and values are taken from there.

CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

from typing import Any


def sort_in_place(x: Any, axis: int) -> None:
    """Put the elements of `x`, contiguous, in ascending order along `axis`, NaN last, stably."""
    if x.ndim == 1 and x.dtype.kind == "f":
        x[...] = x[argsort(x, axis)]
    elif x.size:
        x.sort(axis=axis)


def argsort(x: Any, axis: int) -> Any:
    """The permutation along `axis` that sorts `x` stably, NaN last; int64."""
    import cupy

    if not x.size:
        return cupy.zeros(x.shape, cupy.int64)
    if x.dtype.kind == "f":
        x = cupy.where(cupy.isnan(x), x.dtype.type(cupy.nan), x)
    return cupy.argsort(x, axis=axis, kind="stable")
