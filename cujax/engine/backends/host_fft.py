"""Fourier transforms by `kernels/fft.h`, compiled for this machine.

    run = planned(target, name, x, lengths)      None where x does not lie well, or the compiler refused
    run(x, out, empty)                           out is contiguous; `empty` gives scratch memory

`name` is that of the transform in `numpy.fft`, and `lengths` are those of the signal along the last axes; x has
elements, and `takes(name, lengths)`.  `fft_plan.py` says what is to be launched; here it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import log2
from typing import Any

import numpy as np

from cujax.engine.backends.api import KernelCall
from cujax.engine.backends.fft_plan import (
    COMPLEX,
    KEPT,
    RADICES,
    Halves,
    Layout,
    Lines,
    Scattered,
    Step,
    plan,
    radices,
    roots,
    takes,
)
from cujax.engine.backends.kernel_errors import KernelCompileError

__all__ = ["planned", "takes"]

_TYPES = {np.dtype(np.float32): "float", np.dtype(np.float64): "double"}
_COMPILED = (RADICES[:3], RADICES[:5], RADICES)  # each set is a source; the small ones are compiled much faster
_BYTE = np.dtype(np.uint8)
_VECTOR = 64  # bytes; narrower vectors need less scratch memory
_MOST_LANES = 16
_PER_STEP = 8  # operations that take as long as one operation on an element

Run = Callable[[np.ndarray, np.ndarray, Callable], None]


def planned(target: Any, name: str, x: np.ndarray, lengths: tuple[int, ...]) -> Run | None:
    """A function that transforms arrays of this layout; see the module."""
    return _planned(target, name, x.dtype, x.shape, x.strides, lengths)


@lru_cache(maxsize=1024)
def _planned(
    target: Any, name: str, dtype: np.dtype, shape: tuple[int, ...], strides: tuple[int, ...], lengths: tuple[int, ...]
) -> Run | None:
    real = np.empty(0, dtype).real.dtype
    if real not in _TYPES or any(stride % real.itemsize for stride in strides):
        return None
    x = Layout(shape, tuple(stride // real.itemsize for stride in strides))
    try:
        steps = plan(name, x, lengths)
        launches = [_launch(target, real, step) for step in steps]
    except (Scattered, KernelCompileError):
        return None
    first = (slice(0, 1),) * len(shape)
    scratch = (max(_scratch(target, step) for step in steps),)
    has_between = any(step.write == KEPT for step in steps)  # numbers as many as those of x

    def run(x: np.ndarray, out: np.ndarray, empty: Callable) -> None:
        memory = empty(scratch, _BYTE)
        between = empty(shape, dtype) if has_between else out
        buffers = x[first], between, out  # the first is a view of one element, which is contiguous
        for launch, step in zip(launches, steps, strict=True):
            launch(buffers[step.read], buffers[step.write], memory)

    return run


def _launch(target: Any, dtype: np.dtype, step: Step) -> Callable:
    """A function of what is read, what is written, and scratch memory."""
    real = _TYPES[dtype]
    kernel, sizes, work, wide = _halves(step, real) if isinstance(step, Halves) else _lines(step, real)
    tables = [table.astype(dtype) for table in wide]
    launch = target.launcher(target.compile(_source(kernel)), KernelCall("transform", sizes, work))

    def run(x: np.ndarray, y: np.ndarray, scratch: np.ndarray) -> None:
        launch([x, y, *tables, scratch])

    return run


def _source(kernel: str) -> str:
    return f"""#include "fft.h"

extern "C" void transform(void* const* buffers, const long long* sizes, int threads) {{
    cj::{kernel}(buffers, sizes, threads);
}}
"""


_Kernel = tuple[str, tuple[int, ...], int, list[np.ndarray]]  # its name, sizes, work and tables


def _halves(step: Halves, real: str) -> _Kernel:
    kernel = f"halves<{real}, {str(step.to_real).lower()}>"
    factors = roots(np.arange(step.h // 2 + 1), 2 * step.h)
    return kernel, (step.h, step.lines, step.x_line, step.y_line), step.lines * step.h, [_pairs(factors)]


def _lines(step: Lines, real: str) -> _Kernel:
    found = radices(step.length) or ()
    compiled = next(some for some in _COMPILED if set(found) <= set(some))
    pitch, turns = (0, np.zeros(1)) if step.turns is None else _padded(step.turns)
    sizes = (
        step.length, step.signal, int(step.inverse), step.outer, step.inner, step.x_outer, step.x_line, step.x_step,
        step.y_outer, step.y_line, step.y_step, pitch, *found, 0,
    )  # fmt: skip
    work = step.outer * step.inner * step.length * int(5 * log2(step.length) + 5)
    tables = np.concatenate([[step.factor], *_tables(step.signal, step.length, found)])
    return f"transform<{', '.join([real, *map(str, compiled)])}>", sizes, work // _PER_STEP, [tables, turns]


def _scratch(target: Any, step: Step) -> int:
    """Bytes."""
    if isinstance(step, Halves):
        return 1
    return int(target.threads * 2 * 2 * (step.length + 1) * _VECTOR + _VECTOR)


def _tables(signal: int, length: int, radices: tuple[int, ...]) -> Iterator[np.ndarray]:
    """What the header reads after the factor, in order."""
    if signal != COMPLEX:
        yield _pairs(roots(np.arange(length // 2 + 1), 2 * length))
    rest = length
    for radix in radices:
        whole, rest = rest, rest // radix
        if radix % 2:
            yield _pairs(roots(-np.arange(radix), radix))
        yield _pairs(roots(np.outer(np.arange(rest), np.arange(1, radix)).ravel(), whole))


def _padded(turns: np.ndarray) -> tuple[int, np.ndarray]:
    """Real and imaginary parts, (2, length, pitch), with a pitch of whole vectors."""
    length, inner = turns.shape
    pitch = -(-inner // _MOST_LANES) * _MOST_LANES
    found = np.zeros((2, length, pitch))
    found[0, :, :inner], found[1, :, :inner] = turns.real, turns.imag
    return pitch, found


def _pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([z.real, z.imag], axis=-1).ravel()
