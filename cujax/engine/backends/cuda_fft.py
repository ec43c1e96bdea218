"""Fourier transforms on the GPU: the twin of `numpy_fft.py`.

CuPy keeps the plans of cuFFT.  Its functions allocate their results.
"""

from __future__ import annotations

from typing import Any


def fft_writes_out(name: str) -> bool:
    """Whether `fft` takes `out`."""
    return False


def fft(x: Any, name: str, lengths: tuple[int, ...], out: Any = None) -> Any:
    """The transform `name`, as `numpy.fft` calls it, over the last axes, whose lengths in the signal are `lengths`."""
    import cupy

    return getattr(cupy.fft, name)(x, s=lengths, axes=tuple(range(-len(lengths), 0)))
