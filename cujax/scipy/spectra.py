"""Spectra of signals over time: short-time Fourier transforms, power spectra by P. Welch's method, and trends.

A signal is cut into segments that overlap; each loses its trend, is multiplied by a window and transformed
(`_segments`, `_transformed`).  `stft` returns that, `csd` and `welch` average products of it, and
`istft` adds segments up again.
P. D. Welch, "The use of the fast Fourier transform for the estimation of power spectra", 1967.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from cujax import numpy as jnp
from cujax.api.traced_once import traced_once
from cujax.engine.core.array import Array
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import canonical_axis
from cujax.numpy.promotion import ArrayLike, arrays_of, promote_inexact

# --- trends -----------------------------------------------------------------------------------------------------------


@traced_once("data")
def detrend(
    data: ArrayLike, axis: int = -1, type: str = "linear", bp: int | Sequence[int] | np.ndarray = 0,
    overwrite_data: None = None,
) -> Array:
    """`data` without its trend along `axis`.

    type: "linear", the line of least squares; "constant", the mean.  bp: where one line ends and the next begins.
    overwrite_data: must be None.  Returns an array like data, in floating point.
    ValueError for another type and for `bp` out of range; NotImplementedError for overwrite_data.
    """
    if overwrite_data is not None:
        raise NotImplementedError("detrend: arrays cannot be overwritten; overwrite_data must be None")
    if type not in ("linear", "constant"):
        raise ValueError(f"detrend: type must be 'linear' or 'constant', got {type!r}")
    (data,) = arrays_of(promote_inexact("detrend", jnp.asarray(data)))
    if not -data.ndim <= operator.index(axis) < data.ndim:
        raise IndexError(f"detrend: axis {axis} is out of bounds for an array of rank {data.ndim}")
    if type == "constant":
        return data - data.mean(axis, keepdims=True)
    moved = jnp.moveaxis(data, axis, -1)
    ends = np.unique([0, *np.atleast_1d(np.asarray(bp)).tolist(), moved.shape[-1]]).astype(int)
    if ends[0] < 0 or ends[-1] > moved.shape[-1]:
        raise ValueError(f"detrend: bp must lie between 0 and the length {moved.shape[-1]}, got {bp}")
    parts = [_without_line(moved[..., a:b]) for a, b in pairwise(ends)]
    return jnp.moveaxis(jnp.concatenate(parts, axis=-1), -1, axis)


def _without_line(x: Array) -> Array:
    """x minus its line of least squares along the last axis, in coordinates in which mean and slope are orthogonal."""
    n = x.shape[-1]
    t = np.arange(n) - (n - 1) / 2
    unit = jnp.asarray(t / (np.sqrt((t * t).sum()) or 1), dtypes.to_real(x.dtype))
    centred = x - x.mean(-1, keepdims=True)
    return centred - unit * jnp.sum(centred * unit, -1, keepdims=True)


# --- segments ---------------------------------------------------------------------------------------------------------


class _Plan(NamedTuple):
    """How a signal is cut: the window, its length, samples from one segment to the next, length of the transform."""

    window: np.ndarray
    nperseg: int
    step: int
    nfft: int

    @property
    def noverlap(self) -> int:
        return self.nperseg - self.step


def _window(name: str, window: Any, nperseg: int) -> np.ndarray:
    """The values of a window given by name, by name and parameters, or by its values."""
    if isinstance(window, str | tuple):
        from scipy.signal import get_window

        return np.asarray(get_window(window, nperseg))
    values = np.asarray(window)
    if values.ndim != 1:
        raise ValueError(f"{name}: window must be a name or have rank 1, got shape {values.shape}")
    if len(values) != nperseg:
        raise ValueError(f"{name}: the window has length {len(values)} and nperseg is {nperseg}; both must be equal")
    return values


def _plan(name: str, window: Any, nperseg: int | None, noverlap: int | None, nfft: int | None, length: int) -> _Plan:
    is_named = isinstance(window, str | tuple)
    if nperseg is None:
        nperseg = min(256, length) if is_named else len(window)
    nperseg = int(nperseg)
    if nperseg < 1:
        raise ValueError(f"{name}: nperseg must be positive, got {nperseg}")
    if nperseg > length and is_named:
        nperseg = length
    elif nperseg > length:
        raise ValueError(f"{name}: the window of length {nperseg} is longer than the signal, {length}")
    values = _window(name, window, nperseg)
    return _Plan(values, nperseg, *_step_and_transform(name, nperseg, noverlap, nfft))


def _step_and_transform(name: str, nperseg: int, noverlap: int | None, nfft: int | None) -> tuple[int, int]:
    noverlap = nperseg // 2 if noverlap is None else int(noverlap)
    nfft = nperseg if nfft is None else int(nfft)
    if noverlap >= nperseg:
        raise ValueError(f"{name}: noverlap must be less than nperseg, got {noverlap} and {nperseg}")
    if nfft < nperseg:
        raise ValueError(f"{name}: nfft must not be less than nperseg, got {nfft} and {nperseg}")
    return nperseg - noverlap, nfft


def _segments(x: Array, plan: _Plan) -> Array:
    """(..., number of segments, nperseg)."""
    count = (x.shape[-1] - plan.noverlap) // plan.step
    return x[..., plan.step * np.arange(count)[:, None] + np.arange(plan.nperseg)]


def _transformed(x: Array, plan: _Plan, trend: Any, onesided: bool) -> Array:
    """The spectra of all segments, (..., number of segments, frequencies)."""
    pieces = _detrended(_segments(x, plan), trend) * jnp.asarray(plan.window, x.dtype)
    return jnp.fft.rfft(pieces, plan.nfft) if onesided else jnp.fft.fft(pieces, plan.nfft)


def _detrended(pieces: Array, trend: str | bool | Callable) -> Array:
    if not trend:
        return pieces
    return trend(pieces) if callable(trend) else detrend(pieces, type=trend)  # type: ignore[arg-type]


def _frequencies(plan: _Plan, fs: Any, onesided: bool) -> Array:
    of = jnp.fft.rfftfreq if onesided else jnp.fft.fftfreq
    return of(plan.nfft, 1 / fs)


def _times(plan: _Plan, length: int, fs: Any, extended: bool) -> Array:
    """Of the centres of segments; at the beginning of an extended signal it is 0."""
    start = 0 if extended else plan.nperseg // 2 if plan.nperseg % 2 == 0 else plan.nperseg / 2
    count = (length - plan.noverlap) // plan.step
    return (start + plan.step * jnp.arange(count)) / jnp.asarray(fs, float)


def _reversed(x: Array) -> Array:
    return jnp.flip(x, -1)


# What stands before and behind a signal, `n` samples each.
_EXTENSIONS: dict[str | None, Callable[[Array, int], list[Array]]] = {
    "even": lambda x, n: [_reversed(x[..., 1 : n + 1]), x, _reversed(x[..., -n - 1 : -1])],
    "odd": lambda x, n: [
        2 * x[..., :1] - _reversed(x[..., 1 : n + 1]), x, 2 * x[..., -1:] - _reversed(x[..., -n - 1 : -1])
    ],
    "constant": lambda x, n: [
        jnp.repeat(x[..., :1], n, -1), x, jnp.repeat(x[..., -1:], n, -1)
    ],
    "zeros": lambda x, n: [jnp.zeros((*x.shape[:-1], n), x.dtype), x, jnp.zeros((*x.shape[:-1], n), x.dtype)],
    None: lambda x, n: [x],
}


def _extended(name: str, x: Array, boundary: str | None, n: int) -> Array:
    if boundary not in _EXTENSIONS:
        known = ", ".join(map(repr, _EXTENSIONS))
        raise ValueError(f"{name}: boundary must be one of {known}, got {boundary!r}")
    if boundary in ("even", "odd") and n >= x.shape[-1]:
        raise ValueError(f"{name}: a signal of {x.shape[-1]} samples cannot be extended by {n} mirrored ones")
    return jnp.concatenate(_EXTENSIONS[boundary](x, n), axis=-1)


def _signal(name: str, x: Any, axis: int) -> tuple[Array, int]:
    (x,) = arrays_of(promote_inexact(name, x))
    axis = canonical_axis(axis, x.ndim)
    return jnp.moveaxis(x, axis, -1), axis


# --- short-time transforms --------------------------------------------------------------------------------------------


@traced_once("x", "fs")
def stft(
    x: ArrayLike, fs: ArrayLike = 1.0, window: Any = "hann", nperseg: int = 256, noverlap: int | None = None,
    nfft: int | None = None, detrend: Any = False, return_onesided: bool = True, boundary: str | None = "zeros",
    padded: bool = True, axis: int = -1,
) -> tuple[Array, Array, Array]:
    """Spectra of overlapping segments of a signal: (frequencies, times, transform).

    x: array with a signal along `axis`.  fs: samples per unit of time.  window: a name, a tuple of a name and
    parameters (as SciPy's `get_window`), or values.  nperseg: length of a segment, at most that of the signal.
    noverlap: samples that two have in common, nperseg // 2 by default.  nfft: length of the transform, with zeros.
    detrend: False, "constant", "linear", or a function of segments along the last axis.  return_onesided: only
    frequencies from 0 on, for real signals.  boundary: what stands before and behind the signal, whose ends then lie at
    centres of segments: "zeros", "even", "odd", "constant" or None.  padded: zeros complete the last segment.
    The transform has frequencies at `axis` and times last.  ValueError for arguments that do not fit.
    """
    moved, axis = _signal("stft", x, axis)
    if moved.size == 0:
        empty = jnp.zeros(jnp.shape(x))
        return empty, empty, empty.astype(dtypes.to_complex(empty.dtype))
    plan = _plan("stft", window, nperseg, noverlap, nfft, moved.shape[-1])
    onesided = return_onesided and not dtypes.is_complex(moved.dtype)
    moved = _extended("stft", moved, boundary, plan.nperseg // 2)
    if padded:
        missing = (-(moved.shape[-1] - plan.nperseg) % plan.step) % plan.nperseg
        moved = jnp.concatenate([moved, jnp.zeros((*moved.shape[:-1], missing), moved.dtype)], axis=-1)
    spectra = _transformed(moved, plan, detrend, onesided) / plan.window.sum()
    times = _times(plan, moved.shape[-1], fs, boundary is not None)
    return _frequencies(plan, fs, onesided), times, jnp.moveaxis(jnp.swapaxes(spectra, -1, -2), -2, axis)


@traced_once("Zxx", "fs")
def istft(
    Zxx: ArrayLike, fs: ArrayLike = 1.0, window: Any = "hann", nperseg: int | None = None, noverlap: int | None = None,
    nfft: int | None = None, input_onesided: bool = True, boundary: bool = True, time_axis: int = -1,
    freq_axis: int = -2,
) -> tuple[Array, Array]:
    """The inverse of `stft`: (times, signal), by adding the segments up (D. Griffin, J. Lim, 1984).

    Zxx: complex array with frequencies along freq_axis and segments along time_axis.  input_onesided, boundary: whether
    `stft` was onesided, and extended the signal.  Other arguments as there.
    ValueError for arguments that do not fit.
    """
    Z = jnp.asarray(Zxx)
    if Z.ndim < 2:
        raise ValueError(f"istft: Zxx must have rank 2 or more, got shape {Z.shape}")
    freq_axis, time_axis = canonical_axis(freq_axis, Z.ndim), canonical_axis(time_axis, Z.ndim)
    if freq_axis == time_axis:
        raise ValueError("istft: time_axis and freq_axis must differ")
    Z = jnp.moveaxis(Z, (freq_axis, time_axis), (-1, -2))
    plan = _inverse_plan(Z.shape[-1], window, nperseg, noverlap, nfft, input_onesided)
    back = jnp.fft.irfft if input_onesided else jnp.fft.ifft
    pieces = back(Z, plan.nfft)[..., : plan.nperseg]
    values = jnp.asarray(plan.window, dtypes.to_real(pieces.dtype))
    x = _overlapped(pieces * values * plan.window.sum(), plan)
    norm = _overlapped(jnp.broadcast_to(values * values, (Z.shape[-2], plan.nperseg)), plan)
    if boundary:
        ends = slice(plan.nperseg // 2, x.shape[-1] - plan.nperseg // 2)
        x, norm = x[..., ends], norm[ends]
    x = x / jnp.where(norm > 1e-10, norm, 1)
    times = jnp.arange(x.shape[-1]) / jnp.asarray(fs, float)
    return times, jnp.moveaxis(x, -1, time_axis - (freq_axis < time_axis))


def _inverse_plan(
    count: int, window: Any, nperseg: int | None, noverlap: int | None, nfft: int | None, onesided: bool
) -> _Plan:
    full = 2 * (count - 1) if onesided else count
    nperseg = full if nperseg is None else int(nperseg)
    if nperseg < 1:
        raise ValueError(f"istft: nperseg must be positive, got {nperseg}")
    if nfft is None:  # an odd length is not seen in the number of frequencies
        nfft = nperseg if onesided and nperseg == full + 1 else full
    step, nfft = _step_and_transform("istft", nperseg, noverlap, nfft)
    return _Plan(_window("istft", window, nperseg), nperseg, step, nfft)


def _overlapped(pieces: Array, plan: _Plan) -> Array:
    """Segments (..., count, nperseg) added up where they lie in the signal."""
    count = pieces.shape[-2]
    places = plan.step * np.arange(count)[:, None] + np.arange(plan.nperseg)
    length = plan.nperseg + (count - 1) * plan.step
    return jnp.zeros((*pieces.shape[:-2], length), pieces.dtype).at[..., places].add(pieces)


# --- power spectra ----------------------------------------------------------------------------------------------------


@traced_once("x", "y", "fs")
def csd(
    x: ArrayLike, y: ArrayLike | None, fs: ArrayLike = 1.0, window: Any = "hann", nperseg: int | None = None,
    noverlap: int | None = None, nfft: int | None = None, detrend: Any = "constant", return_onesided: bool = True,
    scaling: str = "density", axis: int = -1, average: str = "mean",
) -> tuple[Array, Array]:
    """The cross power spectrum of two signals: (frequencies, spectrum), averaged over segments.

    y: None for x, which gives a real spectrum; otherwise both may differ in length along `axis`: zeros follow the
    shorter.  scaling: "density", power per frequency; "spectrum", power.  average: "mean" or "median".
    Other arguments as `stft`; nperseg is 256 by default.
    ValueError for arguments that do not fit.
    """
    if scaling not in ("density", "spectrum"):
        raise ValueError(f"csd: scaling must be 'density' or 'spectrum', got {scaling!r}")
    if average not in ("mean", "median"):
        raise ValueError(f"csd: average must be 'mean' or 'median', got {average!r}")
    a, b, axis = _both_signals(x, y, axis)
    if a.size == 0 or (b is not None and b.size == 0):
        empty = jnp.zeros(jnp.shape(x))
        return empty, empty
    plan = _plan("csd", window, nperseg, noverlap, nfft, a.shape[-1])
    onesided = return_onesided and not any(z is not None and dtypes.is_complex(z.dtype) for z in (a, b))
    first = _transformed(a, plan, detrend, onesided)
    second = first if b is None else _transformed(b, plan, detrend, onesided)
    power = jnp.conj(first) * second * _power_scale(plan, fs, scaling)
    if onesided:
        power = power * _doubling(plan.nfft, power.shape[-1])
    spectrum = _averaged(power, average)
    return _frequencies(plan, fs, onesided), jnp.moveaxis(spectrum.real if b is None else spectrum, -1, axis)


def _both_signals(x: ArrayLike, y: ArrayLike | None, axis: int) -> tuple[Array, Array | None, int]:
    if y is None:
        moved, axis = _signal("csd", x, axis)
        return moved, None, axis
    x, y = arrays_of(promote_inexact("csd", x, y))
    if x.ndim != y.ndim:
        raise ValueError(f"csd: x and y must have the same rank, got shapes {x.shape} and {y.shape}")
    (a, axis), (b, _) = _signal("csd", x, axis), _signal("csd", y, axis)
    if any(n != m and 1 not in (n, m) for n, m in zip(a.shape[:-1], b.shape[:-1], strict=True)):
        raise ValueError(f"csd: x and y do not broadcast against one another: shapes {x.shape} and {y.shape}")
    length = max(a.shape[-1], b.shape[-1])
    return _followed_by_zeros(a, length), _followed_by_zeros(b, length), axis


def _followed_by_zeros(x: Array, length: int) -> Array:
    missing = length - x.shape[-1]
    return jnp.concatenate([x, jnp.zeros((*x.shape[:-1], missing), x.dtype)], axis=-1) if missing and x.size else x


def _power_scale(plan: _Plan, fs: Any, scaling: str) -> Any:
    if scaling == "density":
        return 1 / (fs * (plan.window**2).sum())
    return 1 / plan.window.sum() ** 2


def _doubling(nfft: int, count: int) -> np.ndarray:
    """Frequencies stand for their negatives too, but for 0 and, with an even length, the last one."""
    factors = np.full(count, 2.0, np.float32)
    factors[0] = 1
    if nfft % 2 == 0:
        factors[-1] = 1
    return factors


def _averaged(power: Array, average: str) -> Array:
    count = power.shape[-2]
    if count == 1:
        return power[..., 0, :]
    if average == "mean":
        return power.mean(-2)
    parts = [jnp.median(part, -2) / _median_bias(count) for part in (power.real, power.imag)]
    return parts[0] + 1j * parts[1]


def _median_bias(n: int) -> float:
    """Of the median of n exponentially distributed numbers, against their mean (B. Allen et al., "FINDCHIRP", 2012)."""
    even = 2 * np.arange(1.0, (n - 1) // 2 + 1)
    return float(1 + np.sum(1 / (even + 1) - 1 / even))


@traced_once("x", "fs")
def welch(
    x: ArrayLike, fs: ArrayLike = 1.0, window: Any = "hann", nperseg: int | None = None, noverlap: int | None = None,
    nfft: int | None = None, detrend: Any = "constant", return_onesided: bool = True, scaling: str = "density",
    axis: int = -1, average: str = "mean",
) -> tuple[Array, Array]:
    """The power spectrum of a signal: (frequencies, spectrum), averaged over segments.  Arguments as `csd`."""
    return csd(
        x, None, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis, average
    )
