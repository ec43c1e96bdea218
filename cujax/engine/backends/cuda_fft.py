"""Fourier transforms on the GPU: the twin of `numpy_fft.py`.

A transform is one call of cuFFT, from the operand as it lies into the buffer of the result.  Plans come from CuPy and
are kept, one for each kind of transform and stream: a plan has scratch memory, which two streams would use at the same
time, and says itself on which stream it runs, so one thread at a time calls it.

cuFFT leaves out the factor 1/N of inverse transforms and spoils the operands of those with real results.  The factor
costs a kernel here and nothing where the compiler has made it part of another one (compiler/unscaled_transforms.py).
An operand that somebody still needs is copied.
"""

from __future__ import annotations

import threading
from math import prod
from typing import Any, NamedTuple

_MOST_PLANS = 64
_MOST_AXES = 3
_ALIGNMENT = 16  # bytes of a complex128


class _Plan(NamedTuple):
    """Of cuFFT.  shape, dtype: of results.  factor: 1/N for inverses, else 1."""

    plan: Any
    lock: Any
    shape: tuple[int, ...]
    dtype: str
    direction: int
    spoils: bool
    factor: float


_plans: dict[tuple, _Plan] = {}  # by kind, device and stream; the oldest first
_planning = threading.Lock()


def fft_writes_out(name: str) -> bool:
    """Whether `fft` takes `out`."""
    return True


def fft(
    x: Any, name: str, lengths: tuple[int, ...], out: Any = None, scaled: bool = True, spoils: bool = False
) -> Any:
    """The transform `name`, as `numpy.fft` calls it, over the last axes, whose lengths in the signal are `lengths`.

    out: where the result goes.  scaled: whether an inverse has the factor 1/N.  spoils: whether x may be left with
    anything in it.
    """
    import cupy

    if len(lengths) > _MOST_AXES:
        return _by_cupy(cupy, x, name, lengths, out, scaled)
    kind = name, x.shape, x.dtype.char, lengths
    stream = cupy.cuda.get_current_stream().ptr
    found = _plans.get((kind, cupy.cuda.runtime.getDevice(), stream)) or _planned(cupy, kind, stream)
    if not _is_plain(x) or (found.spoils and not spoils):
        x = x.copy(order="C")
    result = out if out is not None and _is_plain(out) else cupy.empty(found.shape, found.dtype)
    with found.lock:
        found.plan.fft(x, result, found.direction)
    if scaled and found.factor != 1:
        cupy.multiply(result, found.factor, out=result)
    if out is None or result is out:
        return result
    cupy.copyto(out, result)
    return out


def forget_plans() -> None:
    """Give their memory back."""
    with _planning:
        _plans.clear()


def _is_plain(x: Any) -> bool:
    """Whether cuFFT takes x as it lies."""
    return x._c_contiguous and x.data.ptr % _ALIGNMENT == 0


def _planned(cupy: Any, kind: tuple, stream: int) -> _Plan:
    """A plan that was missing.

    While the user captures a stream none can be made, so that one of another stream is taken, as CuPy does always.
    """
    key = kind, cupy.cuda.runtime.getDevice(), stream
    with _planning:
        others = [plan for (*same, _), plan in _plans.items() if tuple(same) == key[:-1]]
        if others and stream and cupy.cuda.runtime.streamIsCapturing(stream):
            return others[0]
        while len(_plans) >= _MOST_PLANS:
            del _plans[next(iter(_plans))]
        return _plans.setdefault(key, _made(cupy, *kind))


def _made(cupy: Any, name: str, shape: tuple[int, ...], dtype: str, lengths: tuple[int, ...]) -> _Plan:
    """A plan whose scratch memory belongs to the current stream."""
    from cupy.cuda import cufft

    leading, inside = shape[: -len(lengths)], shape[-len(lengths) :]
    half = (*lengths[:-1], lengths[-1] // 2 + 1)
    outside = half if name == "rfftn" else lengths
    single = dtype in "fF"
    kinds = {"rfftn": (cufft.CUFFT_D2Z, cufft.CUFFT_R2C), "irfftn": (cufft.CUFFT_Z2D, cufft.CUFFT_C2R)}
    kind = kinds.get(name, (cufft.CUFFT_Z2Z, cufft.CUFFT_C2C))[single]
    plan = cufft.PlanNd(
        lengths, inside, 1, prod(inside), outside, 1, prod(outside), kind, prod(leading), "C", -1, None
    )  # fmt: skip
    result = ("f" if single else "d") if name == "irfftn" else "F" if single else "D"
    is_inverse = name.startswith("i")
    return _Plan(
        plan, threading.Lock(), (*leading, *outside), result,
        cufft.CUFFT_INVERSE if is_inverse else cufft.CUFFT_FORWARD, name == "irfftn",
        1 / prod(lengths) if is_inverse else 1,
    )  # fmt: skip


def _by_cupy(cupy: Any, x: Any, name: str, lengths: tuple[int, ...], out: Any, scaled: bool) -> Any:
    """Over more axes than cuFFT takes at once."""
    norm = "backward" if scaled or not name.startswith("i") else "forward"
    found = getattr(cupy.fft, name)(x, s=lengths, axes=tuple(range(-len(lengths), 0)), norm=norm)
    if out is None:
        return found
    cupy.copyto(out, found)
    return out
