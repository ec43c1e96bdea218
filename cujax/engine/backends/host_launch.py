"""Running the host's kernels: their arguments as packed words, made with as little Python as possible."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from struct import Struct
from time import monotonic_ns
from typing import Any, Protocol

import numpy as np

from cujax.engine.backends.api import KernelCall, NestedPhase, Phase, Places, RunLoop
from cujax.engine.backends.array_address import address_of
from cujax.engine.ground.native import native

GRAIN = 1 << 16  # operations that one thread does faster than others, which are awake, can be told of them

# Threads that wait for work sleep after some 15 microseconds, and it takes 40 to wake them, in which one thread does
# about 16 grains.  So they are woken by a kernel of so much work, or when kernels in a row have had as much.
WORTH_WAKING = 16
_AWAKE = 15_000  # nanoseconds

_PACK = [Struct(f"{count}P").pack for count in range(64)]


class HasThreads(Protocol):
    """Says how many threads a kernel may use, which changes in the child of a fork."""

    threads: int


Launch = Callable[[Sequence[np.ndarray]], None]


def launcher(kernel: Any, call: KernelCall, owner: HasThreads) -> Launch:
    """A function that runs the C function `kernel` on contiguous arrays; several threads may call it at once.

    Short kernels that are launched by compiled code keep the interpreter's lock, but for those that may last.
    """
    wanted = max(1, call.work // GRAIN)
    if native is None:
        return launcher_python(kernel, call.sizes, wanted, owner)
    return native.Launcher(kernel.address, call.sizes, wanted, owner, call.may_last).launch


class _Row:
    """Kernels that could use threads and follow each other: their grains, and when the last of them ended."""

    grains = last_end = 0

    def threads(self, wanted: int, most: int) -> int:
        """How many threads a kernel of `wanted` grains uses, of `most`: those that are awake or worth waking."""
        if min(wanted, most) <= 1:
            return 1
        if monotonic_ns() - self.last_end > _AWAKE:
            self.grains = 0
        self.grains += wanted
        return min(wanted, most) if self.grains >= WORTH_WAKING else 1

    def ended(self, wanted: int) -> None:
        if wanted > 1:
            self.last_end = monotonic_ns()


_row = _Row()


def launcher_python(kernel: Any, sizes: Sequence[int], wanted: int, owner: HasThreads) -> Launch:
    """The same through `ctypes`."""
    packed = (ctypes.c_longlong * len(sizes))(*sizes)
    sizes_address = ctypes.addressof(packed)

    def launch(buffers: Sequence[np.ndarray], _keep: Any = packed) -> None:
        count = len(buffers)
        pack = _PACK[count] if count < len(_PACK) else Struct(f"{count}P").pack
        kernel(pack(*[address_of(b) for b in buffers]), sizes_address, _row.threads(wanted, owner.threads))
        _row.ended(wanted)

    return launch


def copier(nbytes: int) -> Any:
    """What copies so many bytes, in a loop of compiled code; None without the extension."""
    return None if native is None else native.Launcher(native.copy_address(), (nbytes,), 1, None).launch


def strided_copier(itemsize: int, shape: Sequence[int], strides: Sequence[int]) -> Any:
    """What copies an array of any strides, the last axis first; None without the extension."""
    axes = [number for axis in zip(reversed(shape), reversed(strides), strict=True) for number in axis]
    sizes = (itemsize, len(shape), *axes)
    return None if native is None else native.Launcher(native.strided_address(), sizes, 1, None).launch


def python_call(
    function: Callable[..., None], kinds: Sequence[tuple[tuple[int, ...], Any]], inputs: int
) -> Any:
    """What calls a function, in a loop of compiled code; None without the extension."""
    if native is None:
        return None
    made = native.Callback(function, tuple(kinds), inputs)
    return native.Launcher(native.callback_address(), made.sizes, 1, _Owner(None, made)).launch


class _Owner:
    """What a launcher keeps alive."""

    def __init__(self, owner: HasThreads | None, *kept: Any) -> None:
        self._owner, self._kept = owner, kept

    @property
    def threads(self) -> int:
        return 1 if self._owner is None else self._owner.threads


def nest(
    owner: HasThreads, memories: Sequence[tuple[int, int, int]], entries: Sequence[tuple[int, int, int, int]],
    phases: Sequence[NestedPhase], first: int, length: int, interval: int, own: int, work: int, may_last: bool,
    keep: Any,
) -> Launch | None:
    """A launcher of a loop or branch in compiled code, see `api.KernelTarget`; None without the extension."""
    if native is None:
        return None
    made = native.Nest(
        _words(memories), _words(entries),
        tuple([
            (tuple([x.__self__ for x in p.launchers]), p.counts, p.condition, _words(p.places), _words(p.results))
            for p in phases
        ]),
        first, length, interval, own,
    )  # fmt: skip
    wanted = max(1, work // GRAIN)
    return native.Launcher(native.nest_address(), made.sizes, wanted, _Owner(owner, made, keep), may_last).launch


def _words(numbers: Sequence[Sequence[int]]) -> bytes:
    return np.array(numbers, np.int64).tobytes()


def loop(phases: Sequence[Phase], first: int, interval: int) -> RunLoop | None:
    """The steps of a loop run by compiled code, see `api.KernelTarget`; None without the extension."""
    if native is None:
        return None
    kernels = [(tuple([launch.__self__ for launch in p.launchers]), p.counts, p.condition) for p in phases]

    def run(places: Sequence[Places], length: int) -> int:
        packed = [(*k, p.addresses.tobytes(), p.moves.tobytes()) for k, p in zip(kernels, places, strict=True)]
        return native.run_loop(tuple(packed), first, length, interval)

    return run
