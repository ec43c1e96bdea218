"""NVRTC with our own flags: from the text of a program's kernels to machine code.  Needs no GPU.

    compile_for(source, arch)     the code for one architecture, such as 90 for sm_90
    resources(source, arch)       the registers and spills of each kernel in it
    settings(arch)                all that decides on the code besides the text, for the key of a cache

CuPy's compile functions are not used: they ask the device for its architecture and always flush denormals to
zero.  Its thin wrapper of NVRTC's interface is.  An architecture younger than NVRTC gets PTX for the youngest
that NVRTC knows, which the driver compiles as it loads it.

CuPy is imported when a function is called, so that this module imports without it.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

from cujax.engine.backends.kernel_errors import compile_error
from cujax.engine.backends.kernel_headers import headers_digest, headers_folder

# Products and sums are rounded one by one, as NumPy rounds them; denormals are kept, division and square root
# are exact, which are NVRTC's defaults.
FLAGS = ("--std=c++17", "--fmad=false", "-default-device")


class Resources(NamedTuple):
    """What one kernel takes of a multiprocessor: registers of a thread, bytes for all the rest."""

    registers: int
    spill_stores: int
    spill_loads: int
    stack: int
    shared: int


def compile_for(source: str, arch: int) -> bytes:
    """The code of `source` for the architecture `arch`; KernelCompileError with the compiler's log."""
    return _compile(source, arch)[0]


def resources(source: str, arch: int) -> dict[str, Resources]:
    """What each kernel of `source` takes on the architecture `arch`, by its name."""
    return resources_in(_compile(source, arch, "--ptxas-options=-v")[1])


def settings(arch: int) -> tuple[str, ...]:
    """What decides on the code besides the text: compiler, flags and headers."""
    return (compiler_name(), *_target_flags(arch)[0], *FLAGS, headers_digest())


@cache
def compiler_name() -> str:
    """NVRTC with its version."""
    return "NVRTC {}.{}".format(*_nvrtc().getVersion())


def _nvrtc() -> Any:
    from cupy_backends.cuda.libs import nvrtc

    return nvrtc


@cache
def _target_flags(arch: int) -> tuple[tuple[str, ...], bool]:
    """The flags that name `arch`, and whether they give machine code (else PTX)."""
    known = [a for a in _nvrtc().getSupportedArchs() if a <= arch]
    return ((f"-arch=sm_{arch}",), True) if arch in known else ((f"-arch=compute_{known[-1]}",), False)


def _compile(source: str, arch: int, *extra: str) -> tuple[bytes, str]:
    """Code and log of `source`."""
    nvrtc = _nvrtc()
    target, is_machine_code = _target_flags(arch)
    program = nvrtc.createProgram(source, "kernels.cu", (), ())
    try:
        nvrtc.compileProgram(program, (*target, *FLAGS, f"-I{headers_folder()}", *extra))
        code = nvrtc.getCUBIN(program) if is_machine_code else nvrtc.getPTX(program)
        return code, _log(nvrtc, program)
    except nvrtc.NVRTCError as error:
        log = _log(nvrtc, program) or str(error)
        raise compile_error(compiler_name(), log, source, ".cu") from None
    finally:
        nvrtc.destroyProgram(program)


def _log(nvrtc: Any, program: int) -> str:
    return nvrtc.getProgramLog(program).rstrip("\0")


_SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
_USED = re.compile(r"Used (\d+) registers(?:.*?(\d+) bytes smem)?")


def resources_in(log: str) -> dict[str, Resources]:
    """What the assembler says in its verbose log: three lines for each kernel, in this order."""
    found = {}
    for part in log.split("Compiling entry function ")[1:]:
        name = part.split("'")[1]
        stack, stores, loads = map(int, _SPILLS.search(part).groups())  # type: ignore[union-attr]
        registers, shared = _USED.search(part).groups(default="0")  # type: ignore[union-attr]
        found[name] = Resources(int(registers), stores, loads, stack, int(shared))
    return found
