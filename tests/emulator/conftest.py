"""The tests of the emulator: skipped where it cannot run."""

from __future__ import annotations

import pytest

from emulator import EmulatorTarget, Kernels, why_not


@pytest.fixture(scope="session", autouse=True)
def available():
    reason = why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="module")
def kernels(request) -> Kernels:
    """The kernels of the test module's SOURCE."""
    return Kernels(request.module.SOURCE, EmulatorTarget())


@pytest.fixture(scope="module")
def kernels_with_races_found(request) -> Kernels:
    """The same, with every access to memory followed."""
    return Kernels(request.module.SOURCE, EmulatorTarget(find_races=True))
