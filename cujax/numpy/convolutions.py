"""Convolution and correlation of signals, by `lax.conv_general_dilated`.

A mode says which part of the full convolution, of length n1 + n2 - 1 along each axis, is wanted: `Extent` is
where that part starts and how long it is.  Every mode is then the same call, with padding that begins the
windows there.  `scipy.signal` uses `convolve_part` in any number of dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.numpy.products import conjugate_of, element_type
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact


class Extent(NamedTuple):
    """Elements `start` to `start + length` of the full convolution, along one axis."""

    start: int
    length: int


MODES = ("full", "same", "valid")


def extent(mode: str, n1: int, n2: int) -> Extent:
    """The part that `mode` wants: "full" all, "same" n1 elements in the middle, "valid" what needs no pads.

    ValueError for another mode.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {list(MODES)}, got {mode!r}")
    if mode == "full":
        return Extent(0, n1 + n2 - 1)
    if mode == "same":
        return Extent((n2 - 1) // 2, n1)
    return Extent(min(n1, n2) - 1, abs(n1 - n2) + 1)


def convolve_part(
    x: Array, y: Array, extents: Sequence[Extent], precision: Any = None, preferred: Any = None
) -> Array:
    """The part `extents` of the full convolution of arrays of one rank and dtype."""
    if y.size > x.size:
        x, y = y, x  # the kernel is the smaller one
    pads = []
    for n, k, (start, length) in zip(x.shape, y.shape, extents, strict=True):
        low = k - 1 - start
        pads.append((low, length + k - 1 - n - low))
    out = lax.conv_general_dilated(
        lax.expand_dims(x, (0, 1)),
        lax.expand_dims(lax.rev(y, tuple(range(y.ndim))), (0, 1)),
        (1,) * x.ndim, pads, precision=precision, preferred_element_type=preferred,
    )
    return lax.squeeze(out, (0, 1))


def _signals(name: str, a: ArrayLike, v: ArrayLike) -> list[Array]:
    x, y = arrays_of(promote_inexact(name, a, v))
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(
            f"{name} takes arrays with one axis, got shapes {x.shape} and {y.shape}; "
            "scipy.signal.convolve takes more"
        )
    if x.size == 0 or y.size == 0:
        raise ValueError(f"{name}: inputs cannot be empty, got shapes {x.shape} and {y.shape}.")
    return [x, y]


@traced_once("a", "v")
def convolve(
    a: ArrayLike,
    v: ArrayLike,
    mode: str = "full",
    *,
    precision: lax.PrecisionLike = None,
    preferred_element_type: Any = None,
) -> Array:
    """The convolution of two signals with one axis: sum over k of a[k] * v[n - k].

    mode: "full" (length n + m - 1), "same" (the longer length, centred) or "valid" (no padding).  The dtype
    is inexact.  ValueError for other ranks, empty signals and other modes.
    """
    x, y = _signals("convolve", a, v)
    if y.size > x.size:
        x, y = y, x
    preferred = element_type("convolve", preferred_element_type)
    return convolve_part(x, y, [extent(mode, x.size, y.size)], precision, preferred)


@traced_once("a", "v")
def correlate(
    a: ArrayLike,
    v: ArrayLike,
    mode: str = "valid",
    *,
    precision: lax.PrecisionLike = None,
    preferred_element_type: Any = None,
) -> Array:
    """The correlation of two signals with one axis: sum over k of a[n + k] * conj(v[k]).

    Arguments, dtype and errors as `convolve`.
    """
    x, y = _signals("correlate", a, v)
    preferred = element_type("correlate", preferred_element_type)
    reverse = y.size > x.size  # as NumPy: the middle is that of the longer signal, read backwards
    kernel = lax.rev(conjugate_of(y), (0,))
    longer, shorter = (kernel, x) if reverse else (x, kernel)
    start, length = extent(mode, longer.size, shorter.size)
    if reverse:
        start = x.size + y.size - 1 - start - length
    return convolve_part(x, kernel, [Extent(start, length)], precision, preferred)


__all__ = ["convolve", "correlate"]
