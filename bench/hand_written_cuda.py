"""The ceiling on a GPU: CUDA written by hand, compiled and launched by CuPy.

`workloads/<name>.cu` holds `extern "C"` kernels; `launchers(cupy)` compiles each file.

    launch = launchers(cupy)["w13_nbody"]
    launch("forces", n, position, mass, out, np.int32(n))       a thread for each of n items
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

THREADS = 128  # of a block; the texts that need it say it too
OPTIONS = ("--std=c++17", "--use_fast_math")  # as one would by hand
SOURCES = Path(__file__).parent / "workloads"

Launch = Callable[..., None]  # the kernel's name, how many threads there must be, its arguments


def texts() -> dict[str, str]:
    """By the name of the workload's file."""
    return {source.stem: source.read_text() for source in sorted(SOURCES.glob("*.cu"))}


def launchers(cupy: Any) -> dict[str, Launch]:
    """All at once, so that no workload's first call waits for the compiler."""
    return {name: _launcher(cupy.RawModule(code=text, options=OPTIONS)) for name, text in texts().items()}


def _launcher(module: Any) -> Launch:
    module.compile()

    def launch(name: str, items: int, *arguments: Any) -> None:
        module.get_function(name)((blocks(items),), (THREADS,), arguments)

    return launch


def blocks(items: int) -> int:
    """Of a launch with a thread for each item."""
    return -(-items // THREADS)
