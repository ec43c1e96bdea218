"""The shortest way to run kernels by hand."""

from __future__ import annotations

from typing import Any

from emulator.launching import slots_of
from emulator.target import EmulatorTarget


class Kernels:
    """The kernels of one source: `kernels.run("name", grid, block, array, 3)`."""

    def __init__(self, source: str, target: EmulatorTarget) -> None:
        self.target = target
        self.module = target.compile(source)

    def run(self, name: str, grid: Any, block: Any, *arguments: Any, shared_bytes: int = 0, blocks: Any = None) -> None:
        grid, block = (n if isinstance(n, tuple) else (n,) for n in (grid, block))
        slots = slots_of(*arguments)
        self.target.launch(self.module.function(name), grid, block, shared_bytes, slots, blocks)
