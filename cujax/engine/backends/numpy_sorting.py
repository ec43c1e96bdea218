"""Sorting along an axis, for the sorting ops: NumPy's own functions.

`cuda_sorting.py` is the same for CuPy.
"""

from __future__ import annotations

import numpy as np


def sort_in_place(x: np.ndarray, axis: int) -> None:
    """Put the elements of `x`, real numbers or booleans, in ascending order along `axis`, NaN last, stably."""
    # Equal integers are the same integer; equal floats may differ in the sign of zero.
    x.sort(axis=axis, kind="stable" if x.dtype.kind == "f" else None)


def argsort(x: np.ndarray, axis: int) -> np.ndarray:
    """The permutation along `axis` that sorts `x` stably, NaN last; int64."""
    return np.argsort(x, axis=axis, kind="stable")
