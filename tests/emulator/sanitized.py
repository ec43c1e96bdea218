"""Launches under g++'s address and undefined-behaviour sanitizers, each in a process of its own.

They find accesses outside of buffers and of shared memory, vector loads of misaligned addresses, overflow of signed
integers, shifts past the width, and whatever else C++ leaves undefined.  See device/sanitized/main.cpp.
"""

from __future__ import annotations

import os
import re
import struct
import subprocess
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from cujax.engine.backends.api import KernelCall
from emulator.compiling import kernels_in, sanitized_program
from emulator.errors import EmulatorError
from emulator.launching import check_launch, launch_record, three

IS_NUMBER = 2**64 - 1
REPORTED = 3  # the exit status after a report of the machine
OPTIONS = {"ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1", "UBSAN_OPTIONS": "abort_on_error=1"}


class SanitizedModule:
    """The kernels of one source, as a program that launches one of them."""

    def __init__(self, source: str) -> None:
        self.most_threads = kernels_in(source)
        self.program = sanitized_program(source)


class SanitizedTarget:
    """See `api.KernelTarget`.  A launch takes some 30 ms, a compile half a second."""

    language = "cuda"

    def __init__(self) -> None:
        self._modules: dict[str, SanitizedModule] = {}

    def compile(self, source: str) -> SanitizedModule:
        """The kernels of `source`; KernelCompileError when the compiler refuses it."""
        module = self._modules.get(source)
        if module is None:
            module = self._modules[source] = SanitizedModule(source)
        return module

    def launcher(self, module: SanitizedModule, call: KernelCall) -> Callable[[Sequence[np.ndarray]], None]:
        """A function that runs the kernel on contiguous arrays, those read and then those written."""
        return lambda buffers: self.launch(
            module, call.name, call.blocks, (call.threads,), 0, [*buffers, *call.sizes]
        )

    def copier(self, nbytes: int) -> None:
        """There are no loops of which it would be a part."""

    def loop(self, *arguments: Any) -> None:
        """None: steps of loops are launched one by one."""

    def stretch(self, module: SanitizedModule, calls: Sequence[KernelCall]) -> None:
        """None: every launch is a process of its own."""

    def launch(
        self,
        module: SanitizedModule,
        name: str,
        grid: Sequence[int],
        block: Sequence[int],
        shared_bytes: int,
        arguments: Sequence[Any],
    ) -> None:
        """Run a kernel on copies of arrays, and integers; the arrays then hold what it has left.

        EmulatorError says what went wrong and where; its `log` is all that the sanitizer said.
        """
        grid, block = three(grid), three(block)
        if 0 in grid:
            return
        check_launch(name, module.most_threads[name], grid, block, shared_bytes)
        request = bytes(launch_record(grid, block, shared_bytes, "forward")) + _packed(arguments)
        command, environment = [str(module.program), name], {**os.environ, **OPTIONS}
        done = subprocess.run(command, input=request, capture_output=True, env=environment)
        if done.returncode:
            log = done.stderr.decode(errors="replace")
            raise EmulatorError(f"{name}: {log.strip() if done.returncode == REPORTED else summary(log)}", log)
        _unpack(done.stdout, arguments)


def _packed(arguments: Sequence[Any]) -> bytes:
    parts = [struct.pack("<Q", len(arguments))]
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            parts += [struct.pack("<Q", argument.nbytes), argument.tobytes()]
        else:
            parts.append(struct.pack("<QQ", IS_NUMBER, int(argument) % 2**64))
    return b"".join(parts)


def _unpack(answer: bytes, arguments: Sequence[Any]) -> None:
    for array in arguments:
        if not isinstance(array, np.ndarray):
            continue
        if array.flags.writeable:
            array[...] = np.frombuffer(answer[: array.nbytes], array.dtype).reshape(array.shape)
        answer = answer[array.nbytes :]


_ADDRESS = re.compile(r"AddressSanitizer: (?P<what>[\w-]+)(?:.*\n(?P<access>(?:READ|WRITE) of size \d+))?")
_PLACE = re.compile(r"#\d+ 0x[0-9a-f]+ in .*?(?P<line>[\w.]+:\d+)(?::\d+)?$", re.MULTILINE)
_REGION = re.compile(r"is located (?P<region>.*? region)")
_UNDEFINED = re.compile(r"(?P<line>[\w.]+:\d+):\d+: runtime error: (?P<what>.*)")
_THREAD = re.compile(r"^in block .*", re.MULTILINE)


def summary(log: str) -> str:
    """One line of what a sanitizer said: what, where in the text, in which thread."""
    thread = found[0] if (found := _THREAD.search(log)) else "in an unknown thread"
    if match := _UNDEFINED.search(log):
        return f"{match['what']} ({match['line']}), {thread}"
    if match := _ADDRESS.search(log):
        parts = [match["what"], match["access"]]
        if found := _REGION.search(log):
            parts.append(found["region"])
        place = f" ({found['line']})" if (found := _PLACE.search(log)) else ""
        return f"{', '.join(filter(None, parts))}{place}, {thread}"
    return log.strip()
