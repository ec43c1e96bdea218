"""A plugin of pytest (`-p bench.out_of_time`): a sample of the suite that ends in time.

Tests run in an order that mixes all files, so that what has run says something about everything.  Those that come
after CUJAX_DEADLINE (seconds since 1970) are passed over; each leaves a byte in the file CUJAX_TOO_LATE, to be counted.
What fails is written to the file CUJAX_FAILED at once, with the end of its traceback, for a run that does not live to
write its own report, and for whoever looks into it: the log of a part has no tracebacks while its workers run.
"""

from __future__ import annotations

import hashlib
import json
import os
import time

import pytest

_LINES = 40  # of a traceback


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
    """A record of a test that has failed, in the process that hears of all of them."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        note_failure(report.nodeid, report.longreprtext)


def note_failure(name: str, text: str) -> None:
    """A line with the name of a test, the last line of what was said of it, and all of its last lines."""
    lines = text.strip().splitlines()[-_LINES:] or [""]
    with open(os.environ["CUJAX_FAILED"], "a") as file:
        file.write(json.dumps([name, lines[-1], "\n".join(lines)]) + "\n")
