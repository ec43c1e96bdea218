"""Discrete Fourier transforms over trailing axes.

    FFT    y[k] = sum over n of x[n] exp(-2 pi i k n / N), complex to complex
    IFFT   the inverse, with the factor 1/N
    RFFT   FFT of real x: only k = 0 ... N/2, the others are their conjugates
    IRFFT  the inverse of RFFT, to N real numbers; imaginary parts of y[0] and y[N/2] are not read

Over several axes RFFT halves the last of them.  All are linear.  FFT and IFFT are symmetric matrices, so they
are their own transposes.  RFFT and IRFFT are each other's, up to conjugation and the weight 2 of every k that
stands for itself and its conjugate (`_weights`).

Values come from `backends/host_fft.py` where there is a compiler for the host, else from a library.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from math import prod
from typing import Any

from cujax.engine.backends import host_fft
from cujax.engine.backends.select import library, selected
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, Refused, not_fusable
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops.complex_parts import conj
from cujax.engine.ops.constants import broadcasted_iota, full_of
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.ops.elementwise import div, mul
from cujax.engine.ops.families import INEXACT
from cujax.engine.ops.logic import eq, select_n
from cujax.engine.ops.rounding import rem
from cujax.engine.ops.structural import dtype_of, linear_jvp, move_dim, placed


class FftType(enum.IntEnum):
    """The kinds of transform; see the module's docstring."""

    FFT = 0
    IFFT = 1
    RFFT = 2
    IRFFT = 3


_FUNCTIONS = {FftType.FFT: "fftn", FftType.IFFT: "ifftn", FftType.RFFT: "rfftn", FftType.IRFFT: "irfftn"}


# --- shapes -------------------------------------------------------------------------------------------


def _shape(x: ShapedArray, *, fft_type: FftType, fft_lengths: tuple) -> ShapedArray:
    rank = len(fft_lengths)
    if x.ndim < rank:
        raise ValueError(
            f"FFT input shape {x.shape} must have at least as many input dimensions as {fft_lengths=}."
        )
    leading = x.shape[: x.ndim - rank]
    real, half = (*leading, *fft_lengths), (*leading, *fft_lengths[:-1], fft_lengths[-1] // 2 + 1)
    if fft_type is FftType.RFFT:
        _check_rfft_dtype(x)
    elif not dtypes.is_complex(x.dtype):
        raise ValueError(f"{fft_type.name} input must be complex, got {x.dtype}")
    expected = half if fft_type is FftType.IRFFT else real
    if x.shape != expected and 0 not in (*x.shape, *expected):
        raise ValueError(
            f"{fft_type.name} input shape {x.shape} minor dimensions must be {expected[len(leading):]} for "
            f"{fft_lengths=}"
        )
    if fft_type is FftType.RFFT:
        return ShapedArray(half, dtypes.to_complex(x.dtype))
    return ShapedArray(real, dtypes.to_real(x.dtype) if fft_type is FftType.IRFFT else x.dtype)


def _check_rfft_dtype(x: ShapedArray) -> None:
    if x.dtype not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"RFFT input must be float32 or float64, got {x.dtype}")


# --- rules --------------------------------------------------------------------------------------------


def _impl(
    xp: Any, x: Any, *, fft_type: FftType, fft_lengths: tuple, out: Any = None, spoils: bool = False
) -> Any:
    name = _FUNCTIONS[fft_type]
    if x.size and 0 not in fft_lengths and _by_kernels(name, fft_lengths):
        aval = _shape(ShapedArray(x.shape, x.dtype), fft_type=fft_type, fft_lengths=fft_lengths)
        found = selected().empty(aval.shape, aval.dtype) if out is None else out
        if _transformed(x, name, fft_lengths, found):
            return found
    return _by_library(xp, x, fft_type, fft_lengths, out, spoils, scaled=True)


def _by_library(
    xp: Any, x: Any, fft_type: FftType, lengths: tuple, out: Any, spoils: bool, scaled: bool
) -> Any:
    """As `impl`; without the factor of the inverse unless `scaled`."""
    if not x.size or 0 in lengths:
        aval = _shape(ShapedArray(x.shape, x.dtype), fft_type=fft_type, fft_lengths=lengths)
        return placed(xp, xp.zeros(aval.shape, aval.dtype), out)
    name = _FUNCTIONS[fft_type]
    if not library(xp).fft_writes_out(name):
        return placed(xp, library(xp).fft(x, name, lengths, scaled=scaled), out)
    return library(xp).fft(x, name, lengths, out, scaled, spoils)


def transform(xp: Any, x: Any, fft_type: FftType, lengths: tuple[int, ...]) -> Any:
    """The transform of an array of xp, for the values of other ops."""
    return _impl(xp, x, fft_type=fft_type, fft_lengths=lengths)


def _unscaled_impl(
    xp: Any, x: Any, *, fft_type: FftType, fft_lengths: tuple, out: Any = None, spoils: bool = False
) -> Any:
    return _by_library(xp, x, fft_type, fft_lengths, out, spoils, scaled=False)


def _by_kernels(name: str, lengths: tuple) -> bool:
    """Whether the host has kernels for such transforms."""
    target = selected().kernels
    return target is not None and target.language == "host" and host_fft.takes(name, lengths)


def _transformed(x: Any, name: str, lengths: tuple, out: Any) -> bool:
    """Transform x into `out` by the host's kernels; False where the compiler refused them.

    That is told to the user by the programs that are compiled, of which this is none.
    """
    backend = selected()
    target: Any = backend.kernels
    run = host_fft.planned(target, name, x, lengths)
    if run is None:
        x = backend.contiguous(x)
        run = host_fft.planned(target, name, x, lengths)
    if run is not None:
        run(x, out, backend.empty)
    return run is not None


def _writes_out(*, fft_type: FftType, fft_lengths: tuple) -> bool:
    name = _FUNCTIONS[fft_type]
    return _by_kernels(name, fft_lengths) or library(selected().xp).fft_writes_out(name)


def _unscaled_writes_out(*, fft_type: FftType, fft_lengths: tuple) -> bool:
    return library(selected().xp).fft_writes_out(_FUNCTIONS[fft_type])


def _weights(x: ShapedArray, length: int) -> Any:
    """For the spectrum of a real signal of `length`: 1 at k = 0 and k = N/2, 2 at all others."""
    k = broadcasted_iota(dtypes.int32, x.shape, x.ndim - 1)
    real = x.update(dtype=dtypes.to_real(x.dtype))
    alone = eq(rem(mul(k, 2), length), 0)
    return convert_element_type(select_n(alone, full_of(real, 2), full_of(real, 1)), x.dtype)


def _transpose(ct: Any, x: Any, *, fft_type: FftType, fft_lengths: tuple) -> tuple:
    if fft_type in (FftType.FFT, FftType.IFFT):
        return (fft_p.bind(ct, fft_type=fft_type, fft_lengths=fft_lengths),)
    size = prod(fft_lengths)
    if fft_type is FftType.RFFT:
        spectrum = div(conj(ct), _weights(aval_of(ct), fft_lengths[-1]))
        return (mul(fft_p.bind(spectrum, fft_type=FftType.IRFFT, fft_lengths=fft_lengths), size),)
    spectrum = fft_p.bind(ct, fft_type=FftType.RFFT, fft_lengths=fft_lengths)
    return (div(mul(conj(spectrum), _weights(x.aval, fft_lengths[-1])), size),)


def _batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int], *, fft_type: FftType, fft_lengths: tuple
) -> tuple[Any, int]:
    (x,), (dim,) = operands, dims
    if dim > aval_of(x).ndim - 1 - len(fft_lengths):
        x, dim = move_dim(axis, x, dim, 0), 0
    return fft_p.bind(x, fft_type=fft_type, fft_lengths=fft_lengths), dim


fft_p: Primitive = Primitive(
    "fft", shape=_shape, impl=_impl, jvp=linear_jvp(lambda: fft_p), transpose=_transpose, batch=_batch,
    cuda=not_fusable("it is a call of an FFT library"), domain=INEXACT, family="fft",
    doc="The discrete Fourier transform over trailing axes.", writes_out=_writes_out, may_spoil=True,
)

_AFTER_ALL = Refused("the compiler makes it, when there is nothing left to transform")

unscaled_fft_p: Primitive = Primitive(
    "unscaled_fft", shape=_shape, impl=_unscaled_impl, jvp=_AFTER_ALL, transpose=_AFTER_ALL, batch=_AFTER_ALL,
    cuda=not_fusable("it is a call of an FFT library"), domain=INEXACT, family="fft",
    doc="An inverse transform without the factor 1/N.", writes_out=_unscaled_writes_out, may_spoil=True,
)


# --- the function -------------------------------------------------------------------------------------


def fft(x: Any, fft_type: FftType | str, fft_lengths: Sequence[int]) -> Any:
    """The transform `fft_type` of x over its last axes, whose lengths in the signal are `fft_lengths`.

    fft_type: an `FftType` or its name.  The signal (operand of FFT, IFFT, RFFT, result of IRFFT) has
    `fft_lengths` as its last axes, the spectrum of RFFT and IRFFT fft_lengths[-1] // 2 + 1 in the last place.
    RFFT takes float32 or float64, the others complex numbers; integers, and floats where complex numbers are
    needed, are converted.

    ValueError for an unknown name, for shapes that do not fit and for operands of RFFT that are complex or
    small floats; TypeError for an fft_type of another kind.
    """
    kind = _kind(fft_type)
    lengths = tuple([n.__index__() for n in fft_lengths])
    dtype = dtype_of(x)
    if kind is not FftType.RFFT:
        x = convert_element_type(x, dtypes.to_complex(dtype))
    elif dtypes.is_complex(dtype):
        raise ValueError("only real valued inputs supported for rfft")
    else:
        x = convert_element_type(x, dtypes.to_inexact(dtype))
    return fft_p.bind(x, fft_type=kind, fft_lengths=lengths) if lengths else x


def _kind(fft_type: Any) -> FftType:
    if isinstance(fft_type, FftType):
        return fft_type
    if not isinstance(fft_type, str):
        raise TypeError(f"Unknown FFT type value {fft_type!r}: give a lax.FftType or its name")
    if fft_type.upper() not in FftType.__members__:
        raise ValueError(f"Unknown FFT type {fft_type!r}; the types are {', '.join(FftType.__members__)}")
    return FftType[fft_type.upper()]
