"""The ceiling of the lane workloads: C++ written by hand for the host, compiled as one would by hand.

`workloads/<name>.cpp` holds `extern "C"` functions over pointers; `HandWritten.library(name)` compiles it and
loads it with ctypes.  The machine's compiler is found here and not by cujax, whose flags and headers have no part in
it.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

COMPILERS = ("g++", "clang++", "c++")
FLAGS = ("-std=c++17", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC", "-shared")
SOURCES = Path(__file__).parent / "workloads"


class Refused(Exception):
    """The compiler did not take the source."""


def compiler() -> str | None:
    """The first compiler on the path."""
    return next(filter(None, map(shutil.which, COMPILERS)), None)


@dataclass(frozen=True)
class HandWritten:
    """The sources, as compiled by the compiler at `path`."""

    path: str

    def version(self) -> str:
        done = subprocess.run([self.path, "--version"], capture_output=True, text=True)
        return done.stdout.strip().partition("\n")[0]

    def library(self, name: str) -> ctypes.CDLL:
        return _library(self.path, name)


@cache
def _library(path: str, name: str) -> ctypes.CDLL:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        output = f"{folder}/{name}.so"
        done = subprocess.run([path, *FLAGS, str(SOURCES / f"{name}.cpp"), "-o", output, "-lm"],
                              capture_output=True, text=True)  # fmt: skip
        if done.returncode:
            raise Refused(done.stderr)
        return ctypes.CDLL(output)  # stays loaded without its file


def pointer(array: np.ndarray) -> ctypes.c_void_p:
    """Where a contiguous array lies."""
    if not array.flags.c_contiguous:
        raise ValueError("the array must be contiguous")
    return ctypes.c_void_p(array.ctypes.data)
