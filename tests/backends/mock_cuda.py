"""A driver that writes down what would run on a device; `mock_cuda.c` is its library."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

HEADERS = [Path(p, "cuda.h") for p in ("/usr/local/cuda/include", os.environ.get("CUDA_PATH", "") + "/include")]


def build(folder: Path, name: str) -> Path:
    """The compiled library; skips the test where there is no C compiler.

    What has the name of the real driver stands for it in the process that loads it.
    """
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler to build the mock driver with")
    header = next((h for h in HEADERS if h.exists()), None)
    flags = ["-DMOCK_CUDA_H", f"-I{header.parent}"] if header else []
    library = folder / name
    source = Path(__file__).with_name("mock_cuda.c")
    shared = ["-Wall", "-Werror", "-shared", "-fPIC", f"-Wl,-soname,{name}"]
    subprocess.run([compiler, *flags, *shared, "-o", library, source], check=True)
    return library


class MockCuda:
    """The library, with what ran on it as rows: handle, grid, block, shared bytes, stream, parameters."""

    def __init__(self, path: Path) -> None:
        self.library = ctypes.CDLL(str(path))
        self.library.mock_reset()

    def ran(self) -> list[tuple]:
        """All kernels that have run."""
        words = np.zeros(1 << 16, np.uint64)
        count = self.library.mock_ran(ctypes.c_void_p(words.ctypes.data))
        found, rest = [], words[:count].tolist()
        while rest:
            size = 9 + rest[0] % 100
            handle, *head = rest[:9]
            found.append((handle, tuple(head[:3]), tuple(head[3:6]), head[6], head[7], rest[9:size]))
            rest = rest[size:]
        return found

    def reset(self) -> None:
        """Forget what has run and what should fail."""
        self.library.mock_reset()

    def fail(self, function: str, status: int) -> None:
        """Let a function of the driver return `status` from now on."""
        self.library.mock_fail(function.encode(), status)

    def calls(self) -> int:
        """How many functions of the driver have been called."""
        return self.library.mock_calls()

    def launch_kernel(self, function: int, *numbers: int) -> None:
        """As `cupy.cuda.driver.launchKernel`."""
        *sizes, stream, pointers, extra = numbers
        pointer = ctypes.c_void_p
        self.library.cuLaunchKernel(pointer(function), *sizes, pointer(stream), pointer(pointers), pointer(extra))
