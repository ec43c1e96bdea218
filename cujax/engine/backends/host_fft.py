"""Fourier transforms by `kernels/fft.h`, compiled for this machine.

    takes(name, lengths)                                    whether the kernels are made for such transforms
    run = planned(target, name, x, lengths)                 None where x does not lie well, or the compiler refused
    run(x, out, empty)                                      out is contiguous; `empty` gives scratch memory

`name` is that of the transform in `numpy.fft`, and `lengths` are those of the signal along the last axes; x has
elements.  The axes are transformed one after the other, each by a launch: the last one first, but last where the result
is real.
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
_LANES = 8  # of most vectors
_PER_STEP = 8  # operations that take as long as one operation on an element

Run = Callable[[np.ndarray, np.ndarray, Callable], None]


class _Scattered(Exception):
    """The lines of an array do not lie as the kernels can say: along two axes, real numbers side by side."""


class _Axis(NamedTuple):
    """The transform along one axis; the members after `inverse` are those of `Lines` in the header."""

    signal: int
    length: int
    inverse: bool
    outer: int
    inner: int
    x_outer: int
    x_line: int
    x_step: int
    y_outer: int
    y_line: int
    y_step: int


class _Layout(NamedTuple):
    """Of an array; strides count real numbers."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def contiguous(cls, shape: tuple[int, ...], each: int) -> _Layout:
        return cls(shape, tuple(each * prod(shape[axis + 1 :]) for axis in range(len(shape))))


@lru_cache(maxsize=1024)
def takes(name: str, lengths: tuple[int, ...]) -> bool:
    """Whether the kernels transform such signals: products of small primes, not too long, real ones of even length."""
    is_real = name in ("rfftn", "irfftn")
    if is_real and lengths[-1] % 2:
        return False
    complex_lengths = (*lengths[:-1], lengths[-1] // 2) if is_real else lengths
    return all(length <= _LONGEST and _radices(length) is not None for length in complex_lengths)


def planned(target: Any, name: str, x: np.ndarray, lengths: tuple[int, ...]) -> Run | None:
    """A function that transforms arrays of this layout; see the module."""
    return _planned_for(target, name, x.dtype, x.shape, x.strides, lengths)


@lru_cache(maxsize=1024)
def _planned_for(
    target: KernelTarget, name: str, dtype: np.dtype, shape: tuple[int, ...], strides: tuple[int, ...],
    lengths: tuple[int, ...],
) -> Run | None:  # fmt: skip
    real = np.empty(0, dtype).real.dtype
    if real not in _TYPES or not takes(name, lengths):
        return None
    if any(stride % real.itemsize for stride in strides):
        return None
    x = _Layout(shape, tuple(stride // real.itemsize for stride in strides))
    try:
        axes = list(_axes(name, x, lengths))
        return _run(target, name, real, shape, lengths, axes)
    except (_Scattered, KernelCompileError):
        return None


def _run(
    target: KernelTarget, name: str, real: np.dtype, shape: tuple[int, ...], lengths: tuple[int, ...],
    axes: list[_Axis],
) -> Run:  # fmt: skip
    factor = 1 / prod(lengths) if name in ("ifftn", "irfftn") else 1.0
    launches = [_launch(target, real, axis, factor if axis is axes[-1] else 1.0) for axis in axes]
    scratch = (max(_scratch(target, real, axis) for axis in axes),)
    has_between = name == "irfftn" and len(axes) > 1  # what is neither operand nor result

    first = (slice(0, 1),) * len(shape)

    def run(x: np.ndarray, out: np.ndarray, empty: Callable) -> None:
        memory = empty(scratch, _BYTE)
        x = x[first]  # which is where it begins, and contiguous
        kept = empty(shape, x.dtype) if has_between else out
        for launch in launches[:-1]:
            launch(x, kept, memory)
            x = kept
        launches[-1](x, out, memory)

    return run


def _axes(name: str, x: _Layout, lengths: tuple[int, ...]) -> Iterator[_Axis]:
    """The axes in the order in which they are transformed; only the first transform reads x itself."""
    rank = len(x.shape)
    signal = (*x.shape[: rank - len(lengths)], *lengths)
    half = _Layout.contiguous((*signal[:-1], signal[-1] // 2 + 1), 2)
    others = range(rank - 2, rank - 1 - len(lengths), -1)
    if name == "irfftn":
        for axis in others:
            yield _along(axis, _COMPLEX, True, x, half)
            x = half
        yield _along(rank - 1, _HALF_TO_REAL, True, x, _Layout.contiguous(signal, 1))
        return
    if name == "rfftn":
        y, kind = half, _REAL_TO_HALF
    else:
        y, kind = _Layout.contiguous(signal, 2), _COMPLEX
    yield _along(rank - 1, kind, name == "ifftn", x, y)
    for axis in others:
        yield _along(axis, _COMPLEX, name == "ifftn", y, y)


def _along(axis: int, signal: int, inverse: bool, x: _Layout, y: _Layout) -> _Axis:
    """The transform along one axis."""
    x_step, y_step = x.strides[axis], y.strides[axis]
    length = x.shape[axis]
    if signal == _REAL_TO_HALF:
        if x_step != 1:
            raise _Scattered
        x_step, length = 2, length // 2
    if signal == _HALF_TO_REAL:
        y_step, length = 2, length - 1
    lines = _joined([line for a, line in enumerate(zip(x.shape, x.strides, y.strides, strict=True)) if a != axis])
    if len(lines) > 2:
        raise _Scattered
    lines = [(1, 0, 0)] * (2 - len(lines)) + sorted(lines, key=lambda line: _as_lanes(line, x_step, y_step))
    (outer, x_outer, y_outer), (inner, x_line, y_line) = lines
    return _Axis(signal, length, inverse, outer, inner, x_outer, x_line, x_step, y_outer, y_line, y_step)


_Line = tuple[int, int, int]  # an axis along which there are so many lines, and its strides in x and y


def _as_lanes(line: _Line, x_step: int, y_step: int) -> tuple[bool, int, int]:
    """How well neighbours along the axis go into the lanes of a vector: not one by one, and none left over."""
    count, x_line, y_line = line
    return count >= _LANES, (x_step == 2 or x_line == 2) + (y_step == 2 or y_line == 2), count


def _joined(lines: list[_Line]) -> list[_Line]:
    """The same axes, those that go on where another ends being one with it."""
    found: list[_Line] = []
    for count, x, y in lines:
        if count == 1:
            continue
        if found and found[-1][1:] == (count * x, count * y):
            count *= found.pop()[0]
        found.append((count, x, y))
    return found


def _launch(target: KernelTarget, dtype: np.dtype, axis: _Axis, factor: float) -> Callable:
    """A function of (x, y, scratch)."""
    signal, length, inverse, *lines = axis
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
