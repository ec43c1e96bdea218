"""The kernel target of the emulator: text, shared object, handle, launch.  See the package's docstring."""

from __future__ import annotations

import ctypes
import re
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cujax.engine.backends.api import KernelCall
from emulator.compiling import PLAIN, RACES, kernels_in, shared_object
from emulator.errors import EmulatorError
from emulator.launching import check_launch, launch_record, slots_of, three
from emulator.orders import Order

_machine = threading.Lock()  # there is one


@dataclass(frozen=True)
class Kernel:
    """The handle of a kernel: its entry in the shared object at `path`, and what a launch must keep to."""

    name: str
    entry: Any
    parameters: int
    most_threads: int
    path: Path


class EmulatedModule:
    """The kernels of one source."""

    def __init__(self, source: str, path: Path) -> None:
        self._most_threads = kernels_in(source)
        self._path = path
        self._library = ctypes.CDLL(str(path))

    def function(self, name: str) -> Kernel:
        """The handle of a kernel; KeyError where the source has none of this name."""
        most_threads = self._most_threads[name]
        entry = self._library[f"{name}__launch"]
        entry.restype = ctypes.c_char_p
        parameters = ctypes.c_uint32.in_dll(self._library, f"{name}__parameters").value
        return Kernel(name, entry, parameters, most_threads, self._path)


class EmulatorTarget:
    """See `api.KernelTarget`.

    order: in which threads and blocks get their turns, see orders.py.  find_races: whether every access to memory
    is compared with those before it, see device/races.h; a hundred times slower.  time_limit: seconds that a launch
    may take.
    """

    language = "cuda"

    def __init__(self, order: Order = "forward", find_races: bool = False) -> None:
        self.order = order
        self.time_limit = 100.0
        self._mode = RACES if find_races else PLAIN
        self._modules: dict[str, EmulatedModule] = {}

    @property
    def compilations(self) -> int:
        """Of how many sources this target has made modules."""
        return len(self._modules)

    def compile(self, source: str) -> EmulatedModule:
        """The kernels of `source`; KernelCompileError when the compiler refuses it."""
        module = self._modules.get(source)
        if module is None:
            path = shared_object(source, self._mode)
            module = self._modules.setdefault(source, EmulatedModule(source, path))
        return module

    def launcher(self, module: EmulatedModule, call: KernelCall) -> Callable[[Sequence[np.ndarray]], None]:
        """A function that runs the kernel on contiguous arrays, those read and then those written."""
        kernel = module.function(call.name)

        def launch(buffers: Sequence[np.ndarray]) -> None:
            self.launch(kernel, call.blocks, (call.threads,), 0, slots_of(*buffers, *call.sizes))

        return launch

    def copier(self, nbytes: int) -> None:
        """There are no loops of which it would be a part."""

    def loop(self, *arguments: Any) -> None:
        """None: steps of loops are launched one by one."""

    def stretch(
        self, module: EmulatedModule, calls: Sequence[KernelCall]
    ) -> Callable[[Sequence[Sequence[np.ndarray]]], None]:
        """A function that runs kernels one after the other, given the buffers of each."""
        launches = [self.launcher(module, call) for call in calls]

        def run(buffers: Sequence[Sequence[np.ndarray]]) -> None:
            for launch, of_kernel in zip(launches, buffers, strict=True):
                launch(of_kernel)

        return run

    def launch(
        self,
        function: Kernel,
        grid: Sequence[int],
        block: Sequence[int],
        shared_bytes: int,
        slots: np.ndarray,
        blocks: Sequence[int] | None = None,
    ) -> None:
        """Run a kernel to its end; EmulatorError says what a thread did wrong.

        grid, block: sizes along x, y, z.  slots: uint64, one for each parameter.  blocks: the numbers of those to
        run, with x running fastest, in a grid too large to be run whole.
        """
        grid, block = three(grid), three(block)
        if 0 in grid:
            return
        check_launch(function.name, function.most_threads, grid, block, shared_bytes)
        _check_slots(function, slots)
        record = launch_record(grid, block, shared_bytes, self.order, blocks)
        record.find_races = self._mode is RACES
        record.time_limit = int(self.time_limit * 1e9)
        with _machine:
            report = function.entry(ctypes.c_void_p(slots.ctypes.data), ctypes.byref(record))
        if report is not None:
            raise EmulatorError(f"{function.name}: {_with_lines(report.decode(), function.path)}")


def _check_slots(function: Kernel, slots: np.ndarray) -> None:
    if slots.dtype != np.uint64 or slots.ndim != 1 or not slots.flags.c_contiguous:
        raise EmulatorError(f"launch of {function.name}: slots must be a contiguous vector of uint64")
    if len(slots) != function.parameters:
        raise EmulatorError(f"launch of {function.name}: {len(slots)} slots for {function.parameters} parameters")


def _with_lines(report: str, path: Path) -> str:
    """The report with the line of the source for each `{+offset}` in the shared object."""

    def line(match: re.Match) -> str:
        command = ["addr2line", "-e", str(path), match[1]]
        found = subprocess.run(command, capture_output=True, text=True).stdout.split()
        return f"({found[0].rpartition('/')[2]})" if found else ""

    return re.sub(r"\{\+([0-9a-f]+)\}", line, report)
