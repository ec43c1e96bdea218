"""A plugin of pytest (`-p bench.out_of_time`): a sample of the suite that ends in time.

Tests run in an order that mixes all files, so that what has run says something about everything.  Those that come
after CUJAX_DEADLINE (seconds since 1970) are passed over; each leaves a byte in the file CUJAX_TOO_LATE, to be counted.
What fails is written to the file CUJAX_FAILED at once, for a run that does not live to write its own report.
"""

from __future__ import annotations

import hashlib
import json
import os
import time

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The same order in every process, which pytest-xdist asks for."""
    items.sort(key=lambda item: hashlib.sha256(item.nodeid.encode()).digest())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> bool | None:
    """True, which tells pytest that all is done, for what comes too late."""
    if time.time() < float(os.environ["CUJAX_DEADLINE"]):
        return None
    with open(os.environ["CUJAX_TOO_LATE"], "ab") as file:
        file.write(b".")
    return True


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A line with the name of a test that has failed, and why."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        with open(os.environ["CUJAX_FAILED"], "a") as file:
            file.write(json.dumps([report.nodeid, report.longreprtext.strip().splitlines()[-1]]) + "\n")
