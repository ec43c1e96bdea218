"""Copies between arrays of a GPU whose axes lie in memory in different orders, by a kernel of our own.

    run = permuter(target, itemsize, shape, source, destination)
    run([x, y])                     copies from x to y

`source` and `destination` say where the elements of such a `shape` are in either array: the byte of the first one, and
the strides in bytes.  CuPy's copy does the same and costs the host several launches of ours; both read or write memory
in strides, so that this is for arrays that are small beside what is done with them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from cujax.engine.backends.api import KernelCall, KernelTarget

_AXES = 5
_THREADS = 256
_MOST_BLOCKS = 1024
_MOST = 2**32 - 1  # elements, which a kernel counts in 32 bits
_TYPES = {1: "unsigned char", 2: "unsigned short", 4: "unsigned int", 8: "unsigned long long", 16: "ulonglong2"}


class Lying(NamedTuple):
    """Where the elements are in an array: the byte of the first one, and bytes from each to the next along axes."""

    start: int
    strides: tuple[int, ...]


def permuter(
    target: KernelTarget, itemsize: int, shape: tuple[int, ...], source: Lying, destination: Lying
) -> Callable[[Any], None] | None:
    """See above; None for what the kernel does not count or address."""
    size, numbers = prod(shape), (*source.strides, *destination.strides)
    is_known = itemsize in _TYPES and len(shape) <= _AXES and 0 < size <= _MOST
    if not is_known or any(n % itemsize for n in numbers):
        return None
    missing = (0,) * (_AXES - len(shape))
    lengths = (*[1 for _ in missing], *shape)
    of_x, of_y = [(*missing, *[n // itemsize for n in lying.strides]) for lying in (source, destination)]
    blocks = min(-(-size // _THREADS), _MOST_BLOCKS)
    sizes = (source.start, destination.start, size, *lengths[1:], *of_x, *of_y)
    call = KernelCall(f"permute_{itemsize}", sizes, size, (blocks, 1), _THREADS)
    return target.launcher(target.compile(text()), call)


def text() -> str:
    """The kernels, one for each size of elements."""
    return "\n".join(_kernel(itemsize) for itemsize in _TYPES)


def _kernel(itemsize: int) -> str:
    axes = range(_AXES)
    lengths = [f"i64 n{axis}" for axis in axes[1:]]
    strides = [f"i64 {name}{axis}" for name in "xy" for axis in axes]
    steps = [
        f"        c = rest % unsigned(n{axis}), rest /= unsigned(n{axis}), from += c * x{axis}, to += c * y{axis};"
        for axis in reversed(axes[1:])
    ]
    return f"""typedef long long i64;
extern "C" __global__ void permute_{itemsize}(const char* x, char* y, i64 first, i64 start, i64 size, {
        ", ".join([*lengths, *strides])}) {{
    const unsigned threads = gridDim.x * blockDim.x;
    for (i64 i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += threads) {{
        unsigned rest = unsigned(i), c;
        i64 from = 0, to = 0;
{chr(10).join(steps)}
        from += rest * x0, to += rest * y0;
        reinterpret_cast<{_TYPES[itemsize]}*>(y + start)[to] =
            reinterpret_cast<const {_TYPES[itemsize]}*>(x + first)[from];
    }}
}}
"""
