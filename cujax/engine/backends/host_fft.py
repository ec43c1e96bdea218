"""Fourier transforms by `kernels/fft.h`, compiled for this machine.

    takes(name, lengths)                                    whether the kernels are made for such transforms
    run = planned(target, name, dtype, shape, lengths)      None where they are not, or the compiler refused
    run(x, out, empty)                                      contiguous arrays; `empty` gives scratch memory

`name` is that of the transform in `numpy.fft`, `dtype` and `shape` are those of x, which has elements, and `lengths`
those of the signal along the last axes.  The axes are transformed one after the other, each by a launch: the last one first, but last where
the result is real.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import log2, prod
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.backends.api import KernelCall, KernelTarget
from cujax.engine.backends.kernel_errors import KernelCompileError

_TYPES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
_COMPLEX, _REAL_TO_HALF, _HALF_TO_REAL = range(3)  # `Signal` in the header
_RADICES = (8, 4, 2, 3, 5, 7, 11, 13)  # in the order in which lengths are divided by them
_COMPILED = (_RADICES[:3], _RADICES[:5], _RADICES)  # each set is a source; the small ones are compiled much faster
_MOST_RADICES = 15
_LONGEST = 1 << 14  # complex numbers of a line: longer ones leave the caches, since many lines go side by side
_BYTE = np.dtype(np.uint8)
_VECTOR = 64  # bytes; narrower vectors need less scratch memory
_PER_STEP = 8  # operations that take as long as one operation on an element

Run = Callable[[np.ndarray, np.ndarray, Callable], None]


class _Axis(NamedTuple):
    """The transform along one axis; the members after `inverse` are those of `Lines` in the header."""

    signal: int
    inverse: bool
    length: int
    outer: int
    inner: int
    x_outer: int
    x_line: int
    x_step: int
    y_outer: int
    y_line: int
    y_step: int


@lru_cache(maxsize=1024)
def takes(name: str, lengths: tuple[int, ...]) -> bool:
    """Whether the kernels transform such signals: products of small primes, not too long, real ones of even length."""
    is_real = name in ("rfftn", "irfftn")
    if is_real and lengths[-1] % 2:
        return False
    complex_lengths = (*lengths[:-1], lengths[-1] // 2) if is_real else lengths
    return all(length <= _LONGEST and _radices(length) is not None for length in complex_lengths)


@lru_cache(maxsize=1024)
def planned(
    target: KernelTarget, name: str, dtype: np.dtype, shape: tuple[int, ...], lengths: tuple[int, ...]
) -> Run | None:
    """See the module."""
    real = np.empty(0, dtype).real.dtype
    if real not in _TYPES or not takes(name, lengths):
        return None
    try:
        return _planned(target, name, real, shape, lengths)
    except KernelCompileError:
        return None


def _planned(
    target: KernelTarget, name: str, real: np.dtype, shape: tuple[int, ...], lengths: tuple[int, ...]
) -> Run:
    axes = list(_axes(name, (*shape[: len(shape) - len(lengths)], *lengths), len(lengths)))
    factor = 1 / prod(lengths) if name in ("ifftn", "irfftn") else 1.0
    launches = [_launch(target, real, axis, factor if axis is axes[-1] else 1.0) for axis in axes]
    scratch = (max(_scratch(target, real, axis) for axis in axes),)
    between = shape if name == "irfftn" and len(axes) > 1 else None  # of what is neither operand nor result

    def run(x: np.ndarray, out: np.ndarray, empty: Callable) -> None:
        memory = empty(scratch, _BYTE)
        kept = out if between is None else empty(between, x.dtype)
        for launch in launches[:-1]:
            launch(x, kept, memory)
            x = kept
        launches[-1](x, out, memory)

    return run


def _axes(name: str, signal: tuple[int, ...], rank: int) -> Iterator[_Axis]:
    """The axes of a signal of this shape in the order in which they are transformed."""
    last = len(signal) - 1
    half = (*signal[:-1], signal[-1] // 2 + 1)
    others = range(last - 1, last - rank, -1)
    if name == "irfftn":
        yield from (_along(half, axis, True) for axis in others)
        yield _real_axis(signal, _HALF_TO_REAL)
    elif name == "rfftn":
        yield _real_axis(signal, _REAL_TO_HALF)
        yield from (_along(half, axis, False) for axis in others)
    else:
        yield from (_along(signal, axis, name == "ifftn") for axis in (last, *others))


def _along(shape: tuple[int, ...], axis: int, inverse: bool) -> _Axis:
    """Complex numbers of this shape; lanes are lines of the longer one of what is before and behind the axis."""
    length, before, behind = shape[axis], prod(shape[:axis]), prod(shape[axis + 1 :])
    step, block = 2 * behind, 2 * behind * length
    outer, inner, between, line = before, behind, block, 2
    if behind < before:
        outer, inner, between, line = behind, before, 2, block
    return _Axis(_COMPLEX, inverse, length, outer, inner, between, line, step, between, line, step)


def _real_axis(signal: tuple[int, ...], kind: int) -> _Axis:
    length, lines = signal[-1], prod(signal[:-1])
    real, half = length, 2 * (length // 2 + 1)
    x, y = (real, half) if kind == _REAL_TO_HALF else (half, real)
    return _Axis(kind, kind == _HALF_TO_REAL, length // 2, 1, lines, 0, x, 2, 0, y, 2)


def _launch(target: KernelTarget, dtype: np.dtype, axis: _Axis, factor: float) -> Callable:
    """A function of (x, y, scratch)."""
    signal, inverse, length, *lines = axis
    radices = _radices(length) or ()
    module = target.compile(_source(dtype, radices))
    sizes = (length, signal, int(inverse), *lines, *radices, 0)
    work = axis.outer * axis.inner * length * int(5 * log2(length) + 5)
    launch = target.launcher(module, KernelCall("transform", sizes, work // _PER_STEP))
    tables = np.concatenate([[factor], *_tables(signal, length, radices)]).astype(dtype)

    def run(x: np.ndarray, y: np.ndarray, scratch: np.ndarray) -> None:
        launch([x, y, tables, scratch])

    return run


def _source(dtype: np.dtype, radices: tuple[int, ...]) -> str:
    compiled = next(some for some in _COMPILED if set(radices) <= set(some))
    return f"""#include "fft.h"

extern "C" void transform(void* const* buffers, const long long* sizes, int threads) {{
    cj::transform<{_TYPES[dtype]}, {", ".join(map(str, compiled))}>(buffers, sizes, threads);
}}
"""


def _scratch(target: Any, dtype: np.dtype, axis: _Axis) -> int:
    """Bytes."""
    return int(target.threads * 2 * 2 * (axis.length + 1) * _VECTOR + _VECTOR)


def _radices(length: int) -> tuple[int, ...] | None:
    """Of which the length is the product; None where there is a larger prime in it, or they are too many."""
    found = []
    for radix in _RADICES:
        while length % radix == 0 and (radix, length) != (8, 16):  # 4 * 4 takes less than 8 * 2
            found.append(radix)
            length //= radix
    return tuple(found) if length == 1 and len(found) <= _MOST_RADICES else None


def _tables(signal: int, length: int, radices: tuple[int, ...]) -> Iterator[np.ndarray]:
    """What the header reads, in order; made in float64 from angles that are reduced as integers."""
    if signal != _COMPLEX:
        yield _pairs(_roots(np.arange(length // 2 + 1), 2 * length))
    rest = length
    for radix in radices:
        whole, rest = rest, rest // radix
        if radix % 2:
            yield _pairs(_roots(-np.arange(radix), radix))
        yield _pairs(_roots(np.outer(np.arange(rest), np.arange(1, radix)).ravel(), whole))


def _roots(k: np.ndarray, n: int) -> np.ndarray:
    """exp(-2 pi i k / n)"""
    angle = -2 * np.pi * (k % n) / n
    return np.cos(angle) + 1j * np.sin(angle)


def _pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], axis=-1).ravel()
