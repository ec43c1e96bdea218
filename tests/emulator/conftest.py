"""The tests of the emulator: skipped where it cannot run."""

from __future__ import annotations

from typing import Any

import pytest

from emulator import EmulatorTarget, slots_of, why_not


@pytest.fixture(scope="session", autouse=True)
def available():
    reason = why_not()
    if reason:
        pytest.skip(reason)


class Kernels:
    """The kernels of one source: `kernels.run("name", grid, block, array, 3)`."""

    def __init__(self, source: str, target: EmulatorTarget) -> None:
        self.target = target
        self.module = target.compile(source)

    def run(self, name: str, grid: Any, block: Any, *arguments: Any, shared_bytes: int = 0, blocks: Any = None) -> None:
        grid, block = (n if isinstance(n, tuple) else (n,) for n in (grid, block))
        slots = slots_of(*arguments)
        self.target.launch(self.module.function(name), grid, block, shared_bytes, slots, blocks)


@pytest.fixture(scope="module")
def kernels(request) -> Kernels:
    """The kernels of the test module's SOURCE."""
    return Kernels(request.module.SOURCE, EmulatorTarget())


@pytest.fixture(scope="module")
def kernels_with_races_found(request) -> Kernels:
    """The same, with every access to memory followed."""
    return Kernels(request.module.SOURCE, EmulatorTarget(find_races=True))
