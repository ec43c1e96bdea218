"""A plugin of pytest (`-p bench.device_guard`): errors of a device that come late belong to the test that caused them.

Kernels run on while Python goes on, and an access out of bounds is told by whichever call comes next.  So each test
ends by waiting for the device, and fails by what that raises.  After such an error the process has lost its device:
every later call of CUDA fails.  A worker of pytest-xdist then writes down the test, as `out_of_time` does for others,
and ends, so that a new one takes its place; a process that is alone ends its run.

Where the process uses no device (CUJAX_PLATFORM is not `cuda`) nothing is waited for.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from bench.out_of_time import note_failure

LOST = 17  # the exit status of a worker whose device is lost
_CAPTURING = range(900, 910)  # CUDA's numbers for what a stream may not do while it is captured


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Wait for the device; the test fails if that does."""
    outcome: Any = yield
    error = _late_error()
    if error is None:
        return
    if outcome.excinfo is None:
        outcome.force_exception(error)
    if _is_lost(error):
        _give_up(item, outcome.excinfo[1])


def _late_error() -> Exception | None:
    """What the device has to say about all that it was given until now."""
    if os.environ.get("CUJAX_PLATFORM") != "cuda":
        return None
    import cupy

    try:
        cupy.cuda.runtime.deviceSynchronize()
    except Exception as error:
        return error
    return None


def _is_lost(error: Exception) -> bool:
    """Whether the error stays; a capture that a test has not ended hinders nobody but itself."""
    again = _late_error()
    return again is not None and getattr(error, "status", 0) not in _CAPTURING


def _give_up(item: pytest.Item, error: BaseException) -> None:
    if "PYTEST_XDIST_WORKER" not in os.environ:
        item.session.shouldstop = "the device is lost to this process"
        return
    note_failure(item.nodeid, "".join(traceback.format_exception(error)))
    os._exit(LOST)
