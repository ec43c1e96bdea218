"""Reductions of bits for NumPy arrays."""

from __future__ import annotations

import numpy as np


def reduce_bits(ufunc: str, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """`bitwise_and`, `bitwise_or` or `bitwise_xor` of the elements over `axes`, in their dtype."""
    return getattr(np, ufunc).reduce(x, axis=axes)
