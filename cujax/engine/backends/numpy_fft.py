"""Fourier transforms on the CPU that `host_fft.py` does not take, by SciPy where it is installed.

SciPy takes several lines of an array at a time into the vector units and shares them among threads: 256 x 256 complex
numbers take it 0.4 ms and NumPy 2.0 ms on one thread.  It transforms complex numbers in place, but allocates what comes
out of real transforms or goes into them; NumPy writes where it is told to.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from cujax.engine.backends.host_threads import thread_count

_SHARED = 1 << 16  # elements from which on waking threads is worth it


@functools.cache
def _scipy() -> Any:
    """`scipy.fft`, or None where SciPy is not installed."""
    try:
        import scipy.fft
    except ImportError:
        return None
    return scipy.fft


_threads = functools.cache(thread_count)


def fft_writes_out(name: str) -> bool:
    """Whether `fft` takes `out`."""
    return _scipy() is None or name in ("fftn", "ifftn")


def fft(
    x: np.ndarray, name: str, lengths: tuple[int, ...], out: np.ndarray | None = None, scaled: bool = True,
    spoils: bool = False,
) -> np.ndarray:
    """The transform `name`, as `numpy.fft` calls it, over the last axes, whose lengths in the signal are `lengths`.

    out: where the result goes; see `fft_writes_out`.  scaled: whether an inverse has the factor 1/N.  spoils: whether x
    may be left with anything in it.
    """
    axes, norm = tuple(range(-len(lengths), 0)), "backward" if scaled or not name.startswith("i") else "forward"
    if _scipy() is None:
        return getattr(np.fft, name)(x, s=lengths, axes=axes, norm=norm, out=out)
    transform = functools.partial(getattr(_scipy(), name), axes=axes, norm=norm)
    if prod(lengths) >= _SHARED or x.size >= _SHARED:
        transform = functools.partial(transform, workers=_threads())
    if out is None:
        return transform(x, s=lengths)
    np.copyto(out, x)
    found = transform(out, overwrite_x=True)
    if found is not out:
        np.copyto(out, found)
    return out
