"""What a backend promises to the floors above: one Protocol, and the record of a device.

A backend owns arrays of one kind ("buffers": `numpy.ndarray` or `cupy.ndarray`), names the array
library whose functions an op's `impl(xp, ...)` calls, and adds in `library` what the two array
libraries do not share.  The absence of a device is another backend, never an `if` above this floor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, NamedTuple, Protocol

import numpy as np

Buffer = Any


@dataclass(frozen=True)
class Device:
    """One processor that holds arrays: `platform` is "cpu" or "gpu", `id` counts from zero."""

    platform: str
    id: int
    device_kind: str
    process_index: int = 0

    def __repr__(self) -> str:
        name = "CpuDevice" if self.platform == "cpu" else "CudaDevice"
        return f"{name}(id={self.id})"

    def __str__(self) -> str:
        return f"{'cpu' if self.platform == 'cpu' else 'cuda'}:{self.id}"


class KernelCall(NamedTuple):
    """How a kernel is called, but for its buffers.

    name: of the function in its module.  sizes: its integer arguments.  work: operations on elements, by which a
    host decides on its threads.  blocks, threads: the grid of a device, along x and y, and the threads of a block.
    may_last: `work` is a guess, since a loop in it runs until its condition is false.
    """

    name: str
    sizes: tuple[int, ...]
    work: int
    blocks: tuple[int, int] = (1, 1)
    threads: int = 1
    may_last: bool = False


class Module(Protocol):
    """The kernels of one source, compiled."""

    def function(self, name: str) -> Any:
        """The handle of a kernel."""


Stretch = Callable[[Sequence[Sequence[Buffer]]], None]


class Phase(NamedTuple):
    """The kernels of a step of a loop.

    launchers: what a target's `launcher` and `copier` gave.  counts: how many buffers each takes.  condition: the
    number of kernels after which it is known whether the step is taken; -1 without a condition.
    """

    launchers: tuple[Any, ...]
    counts: tuple[int, ...]
    condition: int


class Places(NamedTuple):
    """Where the buffers of a phase are, one after the other, and the condition's value at the end: arrays of int64.

    In step i a buffer is at `addresses + i * moves`.
    """

    addresses: np.ndarray
    moves: np.ndarray


RunLoop = Callable[[Sequence[Places], int], int]


class NestedPhase(NamedTuple):
    """The kernels of a step of a loop, or of a branch, whose buffers are known when it is called.

    The first three as of `Phase`.  places: (number of a memory, bytes after its beginning) of each buffer, and then of
    the condition's value.  results: (number of an argument, memory, bytes after its beginning, bytes) of what is copied
    to an argument when this was the last step, or the branch.
    """

    launchers: tuple[Any, ...]
    counts: tuple[int, ...]
    condition: int
    places: Sequence[tuple[int, int]]
    results: Sequence[tuple[int, int, int, int]]


class KernelTarget(Protocol):
    """Compiles and runs the kernels that the compiler writes in `language`, "host" or "cuda".

    A kernel of the host is `void name(void* const* buffers, const long long* sizes, int threads)`; one of a
    device takes its buffers and then its sizes, an 8-byte slot for each.
    """

    language: str

    def address_of(self, buffer: Buffer) -> int:
        """Where a buffer's first element is."""

    def compile(self, source: str) -> Module:
        """From memory, from the disk, or by the compiler; KernelCompileError when that refuses.  Thread-safe."""

    def launcher(self, module: Module, call: KernelCall) -> Callable[[Sequence[Buffer]], None]:
        """A function that runs the kernel on buffers: contiguous ones, those read and then those written."""

    def stretch(self, module: Module, calls: Sequence[KernelCall]) -> Stretch | None:
        """A function that runs kernels one after the other, given the buffers of each.

        None where that is no better than launching them one by one.
        """

    def copier(self, nbytes: int) -> Any:
        """What copies so many bytes from a first buffer to a second, as a kernel in a loop."""

    def strided_copier(self, itemsize: int, shape: Sequence[int], strides: Sequence[int]) -> Any:
        """What copies an array with `strides` in bytes to one without gaps, as a kernel in a loop."""

    def python_call(
        self, function: Callable[..., None], kinds: Sequence[tuple[tuple[int, ...], Any]], inputs: int
    ) -> Any:
        """What calls `function`, as a kernel in a loop, with arrays (shape, dtype); it fills those after `inputs`."""

    def nest(
        self, memories: Sequence[tuple[int, int, int]], entries: Sequence[tuple[int, int, int, int]],
        phases: Sequence[NestedPhase], first: int, length: int, interval: int, own: int, work: int, may_last: bool,
        keep: Any,
    ) -> Any:
        """A launcher, as a kernel's, that runs a loop of `length` steps (-1: until its condition does not hold).

        memories: (kind, value, stride).  Of kind k >= 0 a memory begins `value` bytes after argument k, of kind -1 at
        the address `value`, of kind -2 as many bytes after the beginning of a block of `own` bytes; in each step it is
        `stride` bytes further on.  entries: as the `results` of phases, but copied from arguments, before the first
        step.  first: as of `loop`; -1 where the first argument, an int32, chooses one of the phases.  work: of the
        kernel that has the most.  may_last: whether other threads are to run meanwhile.  keep: what addresses belong
        to.  None where loops are not run by compiled code.
        """

    def loop(self, phases: Sequence[Phase], first: int, interval: int) -> RunLoop | None:
        """A function that runs the steps of a loop: `run(places, length)`, which gives the number of steps done.

        The phases from `first` on take turns.  There are `length` steps, or with -1 as many as until the condition does
        not hold.  A host looks for interrupts after every `interval` steps.  None where such a loop cannot be run at
        once, for instance since the condition is on a device.
        """


class Backend(Protocol):
    """Everything that the engine asks of a kind of processor.

    kernels: how programs are compiled, or None where every op runs through its `impl`.
    alignment: bytes; kernels take buffers that begin at a multiple of it, and any that are smaller.
    """

    name: str
    platform: str
    alignment: int

    @property
    def kernels(self) -> KernelTarget | None: ...

    @property
    def xp(self) -> ModuleType:
        """The array library: `numpy` or `cupy`."""

    @property
    def library(self) -> ModuleType:
        """The functions that the array library lacks: `numpy_library` or `cuda_library`."""

    def to_device(self, host: np.ndarray, device: Device | None = None) -> Buffer:
        """A buffer with the values of `host`; shares memory where that is safe."""

    def to_host(self, buffer: Buffer) -> np.ndarray:
        """The values of `buffer` as a NumPy array; shares memory where that is possible."""

    def constant(self, value: Any) -> Buffer:
        """A buffer, to be read only, for a NumPy scalar that stands in a program."""

    def empty(self, shape: tuple[int, ...], dtype: Any) -> Buffer:
        """A buffer, contiguous and aligned, whose values are not set yet."""

    def part(self, arena: Buffer, offset: int, shape: tuple[int, ...], dtype: Any) -> Buffer:
        """The contiguous buffer that begins at byte `offset` of `arena`, a buffer of bytes."""

    def contiguous(self, buffer: Buffer) -> Buffer:
        """`buffer`, or a copy of it that is contiguous and aligned."""

    def copy(self, buffer: Buffer) -> Buffer:
        """A contiguous copy."""

    def is_exclusive(self, buffer: Buffer) -> bool:
        """Whether its memory is of this backend's making and reached through this buffer alone."""

    def owns(self, value: Any) -> bool:
        """True when `value` is a buffer of this backend."""

    def synchronize(self, buffers: Sequence[Buffer]) -> None:
        """Wait until `buffers` have been computed."""

    def devices(self) -> tuple[Device, ...]:
        """The devices that this process can use."""

    def device_of(self, buffer: Buffer) -> Device:
        """Where `buffer` lives."""

    def quiet(self, operands: Sequence[Any] = ()) -> AbstractContextManager:
        """A context in which ops run: floating-point exceptions raise no warnings, and where there are several
        devices that of the `operands` (buffers, or what holds one as `.buffer`) is the current one.

        IncompatibleDevicesError when they live on several devices.
        """

    def named_range(self, name: str) -> AbstractContextManager:
        """A context that a profiler of the device shows as `name`."""

    def place(self, buffers: Sequence[Buffer], program: str) -> Sequence[Buffer]:
        """`buffers` on one device: those of rank 0 are brought to where the others live.

        IncompatibleDevicesError when the others live on several devices.
        """

    def adopt(self, value: Any) -> Buffer | None:
        """A buffer of this backend's device with the memory of another library's array; None where there is none."""

    def export(self, buffer: Buffer) -> AbstractContextManager:
        """A context in which `buffer` is handed to another library: its device and stream are the current ones."""

    def release_memory(self) -> None:
        """Give back all memory that is kept for later and not in use."""

    def describe_memory(self) -> str:
        """How much there is and how much of it is free, in words; "" where that is not known."""
