"""Signal processing, as `scipy.signal`: convolution and correlation in any number of dimensions; spectra.

The spectra of signals over time stand in `cujax.scipy.spectra`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes, other_axes
from cujax.engine.ops.convolution_by_fft import fast_length, is_cheaper
from cujax.numpy import fft
from cujax.numpy.arithmetic import multiply
from cujax.numpy.convolutions import Extent, convolve_part, extent
from cujax.numpy.products import conjugate_of
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact
from cujax.scipy.spectra import csd, detrend, istft, stft, welch


def _inputs(name: str, in1: ArrayLike, in2: ArrayLike, rank: int | None = None) -> list[Array]:
    x, y = arrays_of(promote_inexact(name, in1, in2))
    if x.ndim != y.ndim or rank not in (None, x.ndim):
        axes = "the same number of" if rank is None else rank
        raise ValueError(f"{name}: in1 and in2 must have {axes} axes, got shapes {x.shape} and {y.shape}")
    if x.size == 0 or y.size == 0:
        raise ValueError(f"{name}: in1 and in2 must have elements, got shapes {x.shape} and {y.shape}")
    return [x, y]


def _extents(name: str, x: Array, y: Array, mode: str, axes: Sequence[int]) -> list[Extent]:
    """The part of the full convolution that `mode` wants, along each of `axes`."""
    lengths = [(x.shape[a], y.shape[a]) for a in axes]
    if mode == "valid" and len({n1 > n2 for n1, n2 in lengths if n1 != n2}) > 1:
        raise ValueError(
            f"{name}: with mode='valid' one input must be as long as the other, or longer, along every axis; "
            f"got shapes {x.shape} and {y.shape}"
        )
    return [extent(mode, n1, n2) for n1, n2 in lengths]


def _convolved(name: str, x: Array, y: Array, mode: str, method: str, precision: Any) -> Array:
    parts = _extents(name, x, y, mode, range(x.ndim))
    if method == "fft" or (method == "auto" and _fft_is_cheaper(x, y, parts)):
        return _convolved_by_fft(x, y, parts, tuple(range(x.ndim)))
    return convolve_part(x, y, parts, precision)


def _fft_is_cheaper(x: Array, y: Array, parts: Sequence[Extent]) -> bool:
    """By the products; those of complex numbers take four times as long, and their transforms twice."""
    products = prod(part.length for part in parts) * min(x.size, y.size) * (1 + dtypes.is_complex(x.dtype))
    return is_cheaper(products, tuple(map(fast_length, _full_lengths(x.shape, y.shape))))


def _full_lengths(a: Sequence[int], b: Sequence[int]) -> list[int]:
    """Those of the full convolution."""
    return [n1 + n2 - 1 for n1, n2 in zip(a, b, strict=True)]


def _convolved_by_fft(x: Array, y: Array, parts: Sequence[Extent], axes: tuple[int, ...]) -> Array:
    """The product of the spectra, at no less than the lengths of the full convolution; the parts are cut out."""
    dtype, real = x.dtype, not dtypes.is_complex(x.dtype)
    forward, back = (fft.rfftn, fft.irfftn) if real else (fft.fftn, fft.ifftn)
    lengths = list(map(fast_length, _full_lengths([x.shape[a] for a in axes], [y.shape[a] for a in axes])))
    if not axes:
        return multiply(x, y)
    wide = dtypes.float32 if dtype.itemsize < 4 else dtype
    x, y = lax.convert_element_type(x, wide), lax.convert_element_type(y, wide)
    out = back(multiply(forward(x, lengths, axes), forward(y, lengths, axes)), lengths, axes)
    for axis, (start, length) in zip(axes, parts, strict=True):
        out = lax.slice_in_dim(out, start, start + length, axis=axis)
    return lax.convert_element_type(out, dtype)


def _check_method(name: str, method: str) -> None:
    if method not in ("auto", "direct", "fft"):
        raise ValueError(f"{name}: method must be 'auto', 'direct' or 'fft', got {method!r}")


def _check_boundary(name: str, boundary: str, fillvalue: Any) -> None:
    if boundary != "fill" or fillvalue != 0:
        raise NotImplementedError(
            f"{name} supports boundary='fill' with fillvalue=0 only, got {boundary!r} and {fillvalue!r}. "
            f"For other boundaries pad first, with jnp.pad(in1, ..., mode='wrap'), and use mode='valid'."
        )


@traced_once("in1", "in2")
def convolve(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    method: str = "auto",
    precision: lax.PrecisionLike = None,
) -> Array:
    """The convolution of two arrays of the same rank: sum over k of in1[k] * in2[n - k].

    mode: "full", with lengths n1 + n2 - 1; "same", the shape of in1, centred in the full convolution;
    "valid", the part without padding.  method: "direct" multiplies and adds; "fft" multiplies spectra, which takes
    n log n steps; "auto" does what is cheaper, which for kernels of some thousand elements is "fft".  By that an
    element is off by some units in the last place of the largest, not of itself, and a NaN or an infinity anywhere is
    everywhere.  The dtype is inexact.  ValueError for ranks that differ, arrays
    without elements, other modes and methods, and "valid" where neither array is the longer along every axis.
    """
    _check_method("convolve", method)
    x, y = _inputs("convolve", in1, in2)
    return _convolved("convolve", x, y, mode, method, precision)


@traced_once("in1", "in2")
def correlate(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    method: str = "auto",
    precision: lax.PrecisionLike = None,
) -> Array:
    """The correlation of two arrays of the same rank: sum over k of in1[n + k] * conj(in2[k]).

    Arguments, dtype and errors as `convolve`.
    """
    _check_method("correlate", method)
    x, y = _inputs("correlate", in1, in2)
    return _convolved("correlate", x, _reversed(y), mode, method, precision)


@traced_once("in1", "in2", "fillvalue")
def convolve2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    boundary: str = "fill",
    fillvalue: float = 0,
    precision: lax.PrecisionLike = None,
) -> Array:
    """The convolution of two matrices, as `convolve`.  NotImplementedError for another boundary than 0."""
    _check_boundary("convolve2d", boundary, fillvalue)
    x, y = _inputs("convolve2d", in1, in2, 2)
    return _convolved("convolve2d", x, y, mode, "direct", precision)


@traced_once("in1", "in2", "fillvalue")
def correlate2d(
    in1: ArrayLike,
    in2: ArrayLike,
    mode: str = "full",
    boundary: str = "fill",
    fillvalue: float = 0,
    precision: lax.PrecisionLike = None,
) -> Array:
    """The correlation of two matrices, as `correlate`.  NotImplementedError for another boundary than 0."""
    _check_boundary("correlate2d", boundary, fillvalue)
    x, y = _inputs("correlate2d", in1, in2, 2)
    if mode == "same":  # SciPy rounds this middle to the other side than in `correlate`
        parts = [Extent(n2 // 2, n1) for n1, n2 in zip(x.shape, y.shape, strict=True)]
        return convolve_part(x, _reversed(y), parts, precision)
    return _convolved("correlate2d", x, _reversed(y), mode, "direct", precision)


@traced_once("in1", "in2")
def fftconvolve(
    in1: ArrayLike, in2: ArrayLike, mode: str = "full", axes: int | Sequence[int] | None = None
) -> Array:
    """The convolution of two arrays along `axes` (all), by the product of their spectra.

    Along other axes the arrays go together, index by index.  Modes and dtype as `convolve`.  ValueError for
    ranks that differ, and for lengths that differ along the other axes.
    """
    x, y = arrays_of(promote_inexact("fftconvolve", in1, in2))
    if x.ndim != y.ndim:
        raise ValueError(
            f"fftconvolve: in1 and in2 must have the same number of axes, got shapes {x.shape} and {y.shape}"
        )
    along = canonical_axes(axes, x.ndim)
    if any(x.shape[a] != y.shape[a] for a in other_axes(x.ndim, along)):
        raise ValueError(
            f"fftconvolve: in1 and in2 must have the same lengths except along axes {along}, got shapes "
            f"{x.shape} and {y.shape}"
        )
    return _convolved_by_fft(x, y, _extents("fftconvolve", x, y, mode, along), along)


def _reversed(y: Array) -> Array:
    """The kernel with which a convolution is the correlation with `y`."""
    return lax.rev(conjugate_of(y), tuple(range(y.ndim)))


__all__ = [
    "convolve", "convolve2d", "correlate", "correlate2d", "csd", "detrend", "fftconvolve", "istft", "stft", "welch",
]
