"""How the host's kernels make a Fourier transform: which lines are transformed, in which order, with which factors.

    steps = plan(name, x, lengths)      x: the `Layout` of the operand; Scattered where the kernels cannot say it

The axes are transformed one after the other, each by a step: the last one first, but last where the result is real.
Where there is one axis and its lines are few, or too long to go side by side, a line of n1 * n2 numbers is taken for a
matrix (W. M. Gentleman, G. Sande, Fast Fourier transforms - for fun and profit, 1966):

    columns of length n1        are transformed, n2 of them side by side
    rows of length n2           are multiplied by exp(-2 pi i k1 i2 / n), transformed, and become columns

Everything is about complex numbers: a real line is taken for half as many of them (see `kernels/fft.h`).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from math import isqrt, prod
from typing import NamedTuple

import numpy as np

COMPLEX, REAL_TO_HALF, HALF_TO_REAL = range(3)  # `Signal` in the header
X, KEPT, OUT = range(3)  # the operand, memory in between, and the result
RADICES = (8, 4, 2, 3, 5, 7, 11, 13)  # in the order in which lengths are divided by them
_MOST_RADICES = 15
_LONGEST = 1 << 14  # numbers of a line, or they leave the caches, since many lines go side by side
_LONGEST_MATRIX = 1 << 22  # with a table as long as the line
_SHORTEST_MATRIX = 64
_LANES = 8  # of most vectors


class Scattered(Exception):
    """The lines of an array do not lie as the kernels can say: along two axes, real numbers side by side."""


class Layout(NamedTuple):
    """Of an array; strides count real numbers."""

    shape: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def contiguous(cls, shape: tuple[int, ...], each: int) -> Layout:
        return cls(shape, tuple(each * prod(shape[axis + 1 :]) for axis in range(len(shape))))


class Lines(NamedTuple):
    """What the header's `Lines` says; read, write: from and to which memory.

    factor: of the results.  turns: what is multiplied first, (length, inner), None for nothing.
    """

    read: int
    write: int
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
    factor: float = 1.0
    turns: np.ndarray | None = None


class Halves(NamedTuple):
    """What the header's `Halves` says: half spectra of whole lines to pairs of real numbers, or back."""

    read: int
    write: int
    to_real: bool
    h: int
    lines: int
    x_line: int
    y_line: int


Step = Lines | Halves


@lru_cache(maxsize=1024)
def takes(name: str, lengths: tuple[int, ...]) -> bool:
    """Whether there is a plan: lengths are products of small primes, not too long, those of real signals even."""
    if _is_real(name) and lengths[-1] % 2:
        return False
    counts = _complex_lengths(name, lengths)
    if len(counts) == 1 and counts[0] > _LONGEST:
        return _matrix(counts[0]) is not None
    return all(count <= _LONGEST and radices(count) is not None for count in counts)


def plan(name: str, x: Layout, lengths: tuple[int, ...]) -> list[Step]:
    """For a transform that is called so in `numpy.fft`, over the last axes; `lengths` are those of the signal."""
    (*_, count), lines = _complex_lengths(name, lengths), prod(x.shape[:-1])
    shape = _matrix(count) if len(lengths) == 1 and (lines < _LANES or count > _LONGEST) else None
    factor = 1 / prod(lengths) if name in ("ifftn", "irfftn") else 1.0
    steps = list(_axes(name, x, lengths) if shape is None else _matrices(name, x, *shape))
    step = steps[-1]
    if isinstance(step, Lines):  # of which the last is, but where a spectrum is told apart, which has no factor
        steps[-1] = step._replace(factor=factor)
    return steps


def radices(length: int) -> tuple[int, ...] | None:
    """Of which the length is the product; None where there is a larger prime in it, or they are too many."""
    found = []
    for radix in RADICES:
        while length % radix == 0 and (radix, length) != (8, 16):  # 4 * 4 takes less than 8 * 2
            found.append(radix)
            length //= radix
    return tuple(found) if length == 1 and len(found) <= _MOST_RADICES else None


def roots(k: np.ndarray, n: int) -> np.ndarray:
    """exp(-2 pi i k / n), from angles that are reduced as integers."""
    angle = -2 * np.pi * (k % n) / n
    return np.cos(angle) + 1j * np.sin(angle)


def _is_real(name: str) -> bool:
    return name in ("rfftn", "irfftn")


def _complex_lengths(name: str, lengths: tuple[int, ...]) -> tuple[int, ...]:
    return (*lengths[:-1], lengths[-1] // 2) if _is_real(name) else lengths


# --- axis by axis -------------------------------------------------------------------------------------


def _axes(name: str, x: Layout, lengths: tuple[int, ...]) -> Iterator[Step]:
    """Only the first step reads x itself."""
    rank = len(x.shape)
    signal = (*x.shape[: rank - len(lengths)], *lengths)
    half = Layout.contiguous((*signal[:-1], signal[-1] // 2 + 1), 2)
    others = range(rank - 2, rank - 1 - len(lengths), -1)
    if name == "irfftn":
        read = X
        for axis in others:
            yield _along(axis, COMPLEX, True, (x, read), (half, KEPT))
            x, read = half, KEPT
        yield _along(rank - 1, HALF_TO_REAL, True, (x, read), (Layout.contiguous(signal, 1), OUT))
        return
    if name == "rfftn":
        y, kind = half, REAL_TO_HALF
    else:
        y, kind = Layout.contiguous(signal, 2), COMPLEX
    yield _along(rank - 1, kind, name == "ifftn", (x, X), (y, OUT))
    for axis in others:
        yield _along(axis, COMPLEX, name == "ifftn", (y, OUT), (y, OUT))


def _along(axis: int, signal: int, inverse: bool, source: tuple[Layout, int], result: tuple[Layout, int]) -> Lines:
    (x, read), (y, write) = source, result
    x_step, y_step, length = x.strides[axis], y.strides[axis], x.shape[axis]
    if signal == REAL_TO_HALF:
        x_step, length = _step_of_pairs(x_step), length // 2
    if signal == HALF_TO_REAL:
        y_step, length = 2, length - 1
    lines = _joined([line for a, line in enumerate(zip(x.shape, x.strides, y.strides, strict=True)) if a != axis])
    if len(lines) > 2:
        raise Scattered
    lines = [(1, 0, 0)] * (2 - len(lines)) + sorted(lines, key=lambda line: _as_lanes(line, x_step, y_step))
    (outer, x_outer, y_outer), (inner, x_line, y_line) = lines
    return Lines(
        read, write, signal, length, inverse, outer, inner, x_outer, x_line, x_step, y_outer, y_line, y_step
    )


def _step_of_pairs(stride: int) -> int:
    """Of real numbers that are read two at a time."""
    if stride != 1:
        raise Scattered
    return 2


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


# --- lines as matrices --------------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def _matrix(n: int) -> tuple[int, int] | None:
    """The sides of the matrix that a line of n numbers is taken for; None where it is not worth it."""
    if not _SHORTEST_MATRIX <= n <= _LONGEST_MATRIX or radices(n) is None:
        return None
    side = next(side for side in range(isqrt(n), 0, -1) if n % side == 0)
    return (side, n // side) if side >= _LANES and n // side <= _LONGEST else None


def _matrices(name: str, x: Layout, n1: int, n2: int) -> Iterator[Step]:
    n, inverse = n1 * n2, name in ("ifftn", "irfftn")
    outer = _joined([(count, stride, stride) for count, stride in zip(x.shape[:-1], x.strides[:-1], strict=True)])
    if len(outer) > 1:
        raise Scattered
    lines, x_outer = outer[0][:2] if outer else (1, 0)
    read, x_step, kept, y_outer = X, x.strides[-1], 2 * n, 2 * n
    if name == "rfftn":
        x_step, y_outer = _step_of_pairs(x_step), 2 * (n + 1)
    if name == "irfftn":
        kept = 2 * (n + 1)
        if x_step != 2:
            raise Scattered
        yield Halves(X, KEPT, True, n, lines, x_outer, kept)
        read, x_outer, x_step = KEPT, kept, 2
    yield Lines(read, KEPT, COMPLEX, n1, inverse, lines, n2, x_outer, x_step, n2 * x_step, kept, 2, 2 * n2)
    turns = roots(np.outer(np.arange(n2), np.arange(n1)), n)
    if inverse:
        turns = turns.conj()
    yield Lines(
        KEPT, OUT, COMPLEX, n2, inverse, lines, n1, kept, 2 * n2, 2, y_outer, 2, 2 * n1, turns=turns
    )
    if name == "rfftn":
        yield Halves(OUT, OUT, False, n, lines, y_outer, y_outer)
