"""From the text of kernels to a shared object for the host: g++, the machine, and a cache on disk.

Everything lies in one folder for each version of compiler and emulator, under the system's temporary directory:
the machine, compiled once; the header that every text begins with, precompiled; one object for each text and each
version of `kernels/`.  Files are written under another name and moved into place, so that processes share the folder.
What has not been used for a week is removed.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cujax.engine.backends.kernel_errors import compile_error
from cujax.engine.backends.kernel_headers import headers_digest, headers_folder

DEVICE = Path(__file__).parent / "device"
FLAGS = (
    "-std=c++17",
    "-O1",  # half the time of -O2 to compile
    "-fPIC",
    "-ffp-contract=off",  # as the device's compiler is told, and as NumPy computes
    "-fno-math-errno",
    "-fno-strict-aliasing",  # vector loads of what was written element by element
    "-fno-extern-tls-init",  # shared variables have no constructors
    "-fvisibility=hidden",
    "-w",  # warnings are the business of the device's compiler
)
FROM_INPUT = ("-x", "c++", "-", "-x", "none")
DYNAMIC_BYTES = 232448  # what a block of sm_90 can have
WEEK = 7 * 24 * 3600

_BOUNDS = r"(?:__launch_bounds__\s*\(\s*(\d+)[^)]*\)\s*)?"  # before or after `void`
_KERNEL = re.compile(rf"__global__\s+{_BOUNDS}void\s+{_BOUNDS}(\w+)\s*\(")
_DYNAMIC = re.compile(r"extern\s+__shared__\s[^;]*?(\w+)\s*\[\s*\]\s*;")


def why_not() -> str | None:
    """Why this machine cannot run the emulator, or None if it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "the emulator switches stacks as x86-64 Linux does"
    if shutil.which("g++") is None:
        return "the emulator needs g++"
    return None


@dataclass(frozen=True)
class Mode:
    """A way to compile kernels: flags for the compiler and for the linker."""

    name: str
    flags: tuple[str, ...] = ()
    link: tuple[str, ...] = ()


PLAIN = Mode("plain")
# Every access to memory is announced, to the machine instead of the sanitizer's library.
RACES = Mode(
    "races",
    ("-fsanitize=thread", "--param=tsan-distinguish-volatile=1", "-g1"),
    ("-nodefaultlibs", "-lm", "-lc", "-lgcc"),
)
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-g1")


def kernels_in(source: str) -> dict[str, int]:
    """The names of the kernels of a text, with the most threads that a block of each may have.

    A kernel is found where its declaration is spelled out; one that a macro makes is not.
    """
    return {name: int(before or after or 1024) for before, after, name in _KERNEL.findall(source)}


def with_entries(source: str) -> str:
    """The text with what follows it, see device/module.h."""
    dynamic = sorted(set(_DYNAMIC.findall(source)))
    lines = [f"EMULATOR_DYNAMIC_MEMORY({DYNAMIC_BYTES if dynamic else 1024})"]
    lines += [f"EMULATOR_DYNAMIC_NAME({name})" for name in dynamic]
    lines += [f"EMULATOR_KERNEL({name})" for name in kernels_in(source)]
    return "\n".join(['#line 1 "kernels.cu"', source, *lines, ""])


def shared_object(source: str, mode: Mode = PLAIN) -> Path:
    """The kernels of `source` compiled in a mode; KernelCompileError with the compiler's log."""
    machine = _cached("machine.so", lambda target: _compile_own("-O2", "-shared", *_machine_files(), "-o", target))

    def build(target: Path) -> None:
        flags = [*mode.flags, "-shared", "-include", _precompiled(mode)]
        _compile_text(source, *flags, *FROM_INPUT, machine, *mode.link, "-o", target)

    return _cached(f"{mode.name}-{_key(source)}.so", build)


def sanitized_program(source: str) -> Path:
    """A program that launches a kernel of `source` under the sanitizers; KernelCompileError with the log."""
    files = [*_machine_files(), DEVICE / "sanitized" / "main.cpp"]
    own = ("-fsanitize=address", "-shared")  # fibers must announce their stacks to it
    runner = _cached("sanitized.so", lambda target: _compile_own(*own, *files, "-o", target))

    def build(target: Path) -> None:
        flags = [*SANITIZERS, "-rdynamic", "-include", DEVICE / "cuda.h"]
        _compile_text(source, *flags, *FROM_INPUT, runner, "-o", target)

    return _cached(f"sanitized-{_key(source)}", build)


def _key(source: str) -> str:
    return hashlib.sha256(f"{headers_digest()}\0{source}".encode()).hexdigest()[:32]


def _machine_files() -> list[Path]:
    return sorted(DEVICE.glob("*.cpp"))


def _compile_text(source: str, *arguments: str | Path) -> None:
    """g++ on the text with its entries."""
    command = ["g++", *FLAGS, "-iquote", str(headers_folder()), *map(str, arguments)]
    done = subprocess.run(command, input=with_entries(source), capture_output=True, text=True)
    if done.returncode:
        raise compile_error("g++ (for the emulator)", done.stderr, source, ".cu")


def _precompiled(mode: Mode) -> Path:
    """A header beside its precompiled form, which holds only for the same flags."""
    header = _cached(f"{mode.name}.h", lambda target: target.write_text(f'#include "{DEVICE / "cuda.h"}"\n'))
    _cached(f"{mode.name}.h.gch", lambda target: _compile_own(*mode.flags, "-x", "c++-header", header, "-o", target))
    return header


def _compile_own(*arguments: str | Path) -> None:
    subprocess.run(["g++", *FLAGS, *map(str, arguments)], check=True)


def _cached(name: str, build: Callable[[Path], object]) -> Path:
    """The file `name` of the cache, built where it is missing."""
    path = folder() / name
    if not path.exists():
        unfinished = path.with_name(f"{os.getpid()}-{threading.get_ident()}-{name}")
        build(unfinished)
        os.replace(unfinished, path)
    return path


@cache
def folder() -> Path:
    """Where the results of this version of the emulator are kept."""
    root = Path(tempfile.gettempdir()) / f"cujax-emulator-{os.getuid()}"
    root.mkdir(mode=0o700, exist_ok=True)
    if root.stat().st_uid != os.getuid():  # somebody else's: what lies there would be executed
        root = Path(tempfile.mkdtemp(prefix="cujax-emulator-"))
    found = root / _version()
    found.mkdir(exist_ok=True)
    _remove_unused(root)
    return found


def _version() -> str:
    """A hash of all that decides on the results besides the text."""
    digest = hashlib.sha256(repr((str(DEVICE), FLAGS)).encode())
    digest.update(subprocess.run(["g++", "--version"], capture_output=True, check=True).stdout)
    for path in sorted(DEVICE.rglob("*.*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _remove_unused(root: Path) -> None:
    for path in root.glob("*/*"):
        try:
            if max(path.stat().st_atime, path.stat().st_mtime) < time.time() - WEEK:
                path.unlink()
        except OSError:  # another process has removed it
            continue
