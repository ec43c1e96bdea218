"""The ceiling on a CPU: C++ written by hand, compiled as one would by hand (hand_written_cuda.py is that on a GPU).

`workloads/<name>.cpp` holds `extern "C"` functions over pointers; `libraries()` compiles each file and loads it with
ctypes.  The machine's compiler is found here and not by cujax, whose flags and headers have no part in it.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import numpy as np

COMPILERS = ("g++", "clang++", "c++")
# Faster than -O3, whose code for adaptive steps takes half as long again.
FLAGS = ("-std=c++17", "-O2", "-fvect-cost-model=dynamic", "-march=native", "-ffast-math", "-fopenmp", "-fPIC")
# A step of its own: a library linked with -ffast-math makes the processor flush denormals when it is loaded, for all.
LINK_FLAGS = ("-shared", "-fopenmp")
SOURCES = Path(__file__).parent / "workloads"


class Refused(Exception):
    """The compiler did not take the source."""


def compiler() -> str | None:
    """Where the first compiler on the path lies."""
    return next(filter(None, map(shutil.which, COMPILERS)), None)


def version(path: str) -> str:
    done = subprocess.run([path, "--version"], capture_output=True, text=True)
    return done.stdout.strip().partition("\n")[0]


@cache
def libraries(path: str) -> dict[str, ctypes.CDLL]:
    """By the name of the workload's file; all at once, so that no workload's first call waits for the compiler."""
    return {source.stem: _compiled(path, source) for source in sorted(SOURCES.glob("*.cpp"))}


def _compiled(path: str, source: Path) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        code, output = f"{folder}/{source.stem}.o", f"{folder}/{source.stem}.so"
        for command in ([*FLAGS, "-c", str(source), "-o", code], [*LINK_FLAGS, code, "-o", output, "-lm"]):
            done = subprocess.run([path, *command], capture_output=True, text=True)
            if done.returncode:
                raise Refused(done.stderr)
        return ctypes.CDLL(output)  # stays loaded without its file


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """Where a contiguous array lies."""
    if not array.flags.c_contiguous:
        raise ValueError("the array must be contiguous")
    return ctypes.c_void_p(array.ctypes.data)
