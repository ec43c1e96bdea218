"""What only a device can show.  Without one these tests are skipped, with the reason.

Figures that are measured on the way go to the report of `bench/device_check.py`, through CUJAX_FIGURES.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest

from cujax.engine.backends.cuda import CudaBackend, available


@pytest.fixture(scope="session", autouse=True)
def device():
    """Skips all tests of this folder on a machine without a device."""
    found, reason = available()
    if not found:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def backend(device):
    """A cuda backend, whatever this process uses."""
    return CudaBackend()


@pytest.fixture
def several_devices(backend):
    """Skips a test on a machine with one device."""
    if len(backend.devices()) < 2:
        pytest.skip("there is one device")


@pytest.fixture
def figure() -> Callable[[str, float, str], None]:
    """`figure("a launch", 2.1, "us")` notes what was measured."""
    path = os.environ.get("CUJAX_FIGURES")

    def note(what: str, value: float, unit: str) -> None:
        if path:
            with open(path, "a") as file:
                file.write(json.dumps([what, value, unit]) + "\n")

    return note
