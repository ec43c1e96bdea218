"""Discrete Fourier transforms: `import cujax.numpy.fft`.

    fft fft2 fftn   ifft ifft2 ifftn      of complex arrays
    rfft rfft2 rfftn   irfft irfft2 irfftn   of real signals, half of whose spectrum is enough
    hfft ihfft                            of signals whose spectrum is real
    fftfreq rfftfreq fftshift ifftshift   frequencies, and the order in which they stand

n and s are lengths in the signal: along each axis it is cropped, or filled with zeros at the end, to that
length; the spectrum of a real signal has n // 2 + 1 elements along its last axis.  norm says where the factor
1/n stands: "backward" (the default) in the inverse transform, "forward" in the other, "ortho" a root of it in
both.  Integers become floats; float16 and bfloat16 are transformed in single precision, but not by rfft.

All transforms go through `_transform`.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from math import prod, sqrt
from typing import Any

from cujax import lax
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axes, inverse_permutation, other_axes
from cujax.lax import FftType
from cujax.numpy.arithmetic import divide, multiply
from cujax.numpy.creation import asarray, astype
from cujax.numpy.grids import arange
from cujax.numpy.parts import conj
from cujax.numpy.promotion import ArrayLike, as_array, as_numbers
from cujax.numpy.reshaping import roll

_INVERSE = (FftType.IFFT, FftType.IRFFT)
_SWAPPED = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


# --- one function for all of them -------------------------------------------------------------------------


def _transform(
    name: str, kind: FftType, a: ArrayLike, s: Sequence[int] | None, axes: Sequence[int] | None,
    norm: str | None,
) -> Array:
    """The transform of `a` over `axes`, of lengths `s` in the signal: axes to the end, there, and back."""
    a = as_numbers(f"fft.{name}", a)
    _check_norm(norm)
    lengths = None if s is None else tuple([operator.index(n) for n in s])
    found = _axes(name, a.ndim, lengths, axes)
    if lengths is None:
        lengths = _lengths(kind, [a.shape[i] for i in found])
    elif min(lengths, default=1) < 1:
        raise ValueError(f"jnp.fft.{name}: lengths must be positive, got {lengths}")
    order = (*other_axes(a.ndim, found), *found)
    out = lax.fft(_resized(lax.transpose(a, order), kind, lengths), kind, lengths)
    factor = _factor(kind, prod(lengths), norm)
    return lax.transpose(out if factor == 1 else lax.mul(out, factor), inverse_permutation(order))


def _check_norm(norm: str | None) -> None:
    if norm not in _SWAPPED:
        raise ValueError(f'Invalid norm value {norm}; should be "backward", "ortho" or "forward".')


def _axes(name: str, ndim: int, lengths: tuple | None, axes: Sequence[int] | None) -> tuple[int, ...]:
    if axes is None:
        count = ndim if lengths is None else len(lengths)
        if count > ndim:
            raise ValueError(f"jnp.fft.{name}: s={lengths} needs {count} axes, but the operand has {ndim}")
        return tuple(range(ndim - count, ndim))
    if not isinstance(axes, Iterable):
        raise TypeError(f"jnp.fft.{name}: axes must be a sequence, got {axes!r}; write axes=({axes},)")
    axes = tuple(axes)
    if lengths is not None and len(lengths) != len(axes):
        raise ValueError(f"jnp.fft.{name}: s and axes must have the same length, got {lengths} and {axes}")
    return canonical_axes(axes, ndim)


def _lengths(kind: FftType, shape: Sequence[int]) -> tuple[int, ...]:
    """Lengths in the signal of an operand with lengths `shape`."""
    if kind is FftType.IRFFT and shape:
        return (*shape[:-1], 2 * (shape[-1] - 1))
    return tuple(shape)


def _resized(a: Array, kind: FftType, lengths: tuple[int, ...]) -> Array:
    """`a` cropped or filled with zeros to what a transform with these lengths reads."""
    wanted = (*lengths[:-1], lengths[-1] // 2 + 1) if kind is FftType.IRFFT and lengths else lengths
    leading = a.ndim - len(wanted)
    if a.shape[leading:] == wanted:
        return a
    changes = [(0, n - d, 0) for d, n in zip(a.shape[leading:], wanted, strict=True)]
    return lax.pad(a, a.dtype.type(0), [(0, 0, 0)] * leading + changes)


def _factor(kind: FftType, size: int, norm: str | None) -> float:
    """What the result of `lax.fft`, which is normed "backward", is multiplied with."""
    size = max(size, 1)
    if norm == "ortho":
        return sqrt(size) if kind in _INVERSE else 1 / sqrt(size)
    if norm == "forward":
        return size if kind in _INVERSE else 1 / size
    return 1


def _along_axis(
    name: str, kind: FftType, a: ArrayLike, n: int | None, axis: int | None, norm: str | None
) -> Array:
    if isinstance(axis, (tuple, list)):
        raise ValueError(f"jnp.fft.{name} works along one axis, got {axis=}; use jnp.fft.{name}n for several")
    return _transform(name, kind, a, None if n is None else (n,), None if axis is None else (axis,), norm)


def _over_two(
    name: str, kind: FftType, a: ArrayLike, s: Sequence[int] | None, axes: Sequence[int], norm: str | None
) -> Array:
    if len(axes) != 2:
        raise ValueError(f"jnp.fft.{name} only supports 2 axes. Got {axes=}; use jnp.fft.{name[:-1]}n")
    return _transform(name, kind, a, s, axes, norm)


# --- complex arrays -------------------------------------------------------------------------------------


def fft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """The spectrum sum over t of a[t] exp(-2 pi i k t / n), along `axis`, for k = 0 ... n - 1.

    Returns complex numbers, n along `axis`.  ValueError for an axis that does not exist, n < 1, another norm.
    """
    return _along_axis("fft", FftType.FFT, a, n, axis, norm)


def ifft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """The inverse of `fft`; arguments, result and errors as there."""
    return _along_axis("ifft", FftType.IFFT, a, n, axis, norm)


def fftn(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Array:
    """`fft` along several axes: all by default, the last len(s) if only s is given.

    ValueError for axes that repeat or do not exist, for s of another length than axes, and as `fft`.
    """
    return _transform("fftn", FftType.FFT, a, s, axes, norm)


def ifftn(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Array:
    """The inverse of `fftn`; arguments, result and errors as there."""
    return _transform("ifftn", FftType.IFFT, a, s, axes, norm)


def fft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    """`fftn` over two axes.  ValueError for another number of axes, and as `fftn`."""
    return _over_two("fft2", FftType.FFT, a, s, axes, norm)


def ifft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    """The inverse of `fft2`; arguments, result and errors as there."""
    return _over_two("ifft2", FftType.IFFT, a, s, axes, norm)


# --- real signals ---------------------------------------------------------------------------------------


def rfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """The elements 0 ... n // 2 of `fft` of a real array; the others are their conjugates.

    ValueError for complex numbers, float16 and bfloat16, and as `fft`.
    """
    return _along_axis("rfft", FftType.RFFT, a, n, axis, norm)


def irfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """The inverse of `rfft`: n real numbers along `axis`, an even number by default.  Errors as `fft`."""
    return _along_axis("irfft", FftType.IRFFT, a, n, axis, norm)


def rfftn(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Array:
    """`fftn` of a real array; along the last of `axes` only elements 0 ... n // 2.  Errors as `rfft`."""
    return _transform("rfftn", FftType.RFFT, a, s, axes, norm)


def irfftn(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] | None = None, norm: str | None = None
) -> Array:
    """The inverse of `rfftn`: a real array, of even length along the last of `axes` by default."""
    return _transform("irfftn", FftType.IRFFT, a, s, axes, norm)


def rfft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    """`rfftn` over two axes.  ValueError for another number of axes, and as `rfftn`."""
    return _over_two("rfft2", FftType.RFFT, a, s, axes, norm)


def irfft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Sequence[int] = (-2, -1), norm: str | None = None
) -> Array:
    """The inverse of `rfft2`; arguments and errors as there."""
    return _over_two("irfft2", FftType.IRFFT, a, s, axes, norm)


def hfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """The real spectrum, of length n, of a signal whose second half is the conjugate of its first.

    n is an even number by default.  Errors as `fft`.
    """
    _check_norm(norm)
    return _along_axis("hfft", FftType.IRFFT, conj(as_array("fft.hfft", a)), n, axis, _SWAPPED[norm])


def ihfft(a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None) -> Array:
    """The inverse of `hfft`: elements 0 ... n // 2 of the signal.  Errors as `rfft`."""
    _check_norm(norm)
    return conj(_along_axis("ihfft", FftType.RFFT, asarray(a), n, axis, _SWAPPED[norm]))


# --- frequencies ----------------------------------------------------------------------------------------


def _frequencies(name: str, k: Array, n: int, d: Any, dtype: Any) -> Array:
    if isinstance(d, (list, tuple)):
        raise ValueError(f"The d argument of jnp.fft.{name} only takes a single value. Got {d=}.")
    dtype = dtypes.canonicalize_user(float if dtype is None else dtype, name)
    return astype(divide(astype(k, dtype), asarray(multiply(d, n), dtype)), dtype)


def _count(name: str, n: Any) -> int:
    if isinstance(n, (list, tuple)) or getattr(n, "ndim", None):
        raise ValueError(f"The n argument of jnp.fft.{name} only takes an int. Got {n=}.")
    return max(operator.index(n), 0)


def fftfreq(n: int, d: ArrayLike = 1.0, *, dtype: Any = None, device: Any = None) -> Array:
    """Frequencies k / (n d) of the elements of `fft`, k = 0, 1, ..., -2, -1; d is the time between samples.

    dtype: float by default.  ValueError for lists in place of n and d.
    """
    n = _count("fftfreq", n)
    return _frequencies("fftfreq", roll(arange(-(n // 2), n - n // 2), -(n // 2)), n, d, dtype)


def rfftfreq(n: int, d: ArrayLike = 1.0, *, dtype: Any = None, device: Any = None) -> Array:
    """Frequencies k / (n d) of the elements 0 ... n // 2 of `rfft`; d is the time between samples.

    dtype: float by default.  ValueError for lists in place of n and d.
    """
    n = _count("rfftfreq", n)
    return _frequencies("rfftfreq", arange(n // 2 + 1), n, d, dtype)


@traced_once("x")
def fftshift(x: ArrayLike, axes: int | Sequence[int] | None = None) -> Array:
    """`x` with frequency 0 moved to the middle of `axes` (all by default).  IndexError for other axes."""
    return _shifted("fftshift", x, axes, lambda length: length // 2)


@traced_once("x")
def ifftshift(x: ArrayLike, axes: int | Sequence[int] | None = None) -> Array:
    """The inverse of `fftshift`; they differ for odd lengths."""
    return _shifted("ifftshift", x, axes, lambda length: -(length // 2))


def _shifted(name: str, x: ArrayLike, axes: Any, distance: Any) -> Array:
    x = as_array(f"fft.{name}", x)
    along = tuple(range(x.ndim)) if axes is None else (axes,) if isinstance(axes, int) else tuple(axes)
    for axis in along:
        if not -x.ndim <= axis < x.ndim:
            raise IndexError(f"jnp.fft.{name}: axis {axis} is out of bounds for array of dimension {x.ndim}")
    return roll(x, tuple([distance(x.shape[axis]) for axis in along]), along)
