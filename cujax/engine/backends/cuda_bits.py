"""Reductions of bits for CuPy arrays, whose ufuncs reduce only by sum and product.

CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

from math import prod
from typing import Any


def reduce_bits(ufunc: str, x: Any, axes: tuple[int, ...]) -> Any:
    """`bitwise_and`, `bitwise_or` or `bitwise_xor` of the elements over `axes`, in their dtype.

    Halves the array until one element is left.
    """
    import cupy

    combine = getattr(cupy, ufunc)
    kept = [i for i in range(x.ndim) if i not in axes]
    count = prod(x.shape[i] for i in axes)
    rest = cupy.transpose(x, (*axes, *kept)).reshape(count, *(x.shape[i] for i in kept))
    if rest.shape[0] == 0:
        identity = cupy.zeros(rest.shape[1:], x.dtype)
        return cupy.invert(identity) if ufunc == "bitwise_and" else identity
    while rest.shape[0] > 1:
        half = rest.shape[0] // 2
        pairs = combine(rest[:half], rest[half : 2 * half])
        rest = cupy.concatenate([pairs, rest[2 * half :]]) if rest.shape[0] % 2 else pairs
    return rest[0]
