"""A plugin of pytest (`-p bench.out_of_time`): a sample of the suite that ends in time.

Tests run in an order that mixes all files, and those that come after CUJAX_DEADLINE (seconds since 1970) are skipped,
so that what has run says something about everything.
"""

from __future__ import annotations

import hashlib
import os
import time

import pytest

REASON = "out of time"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The same order in every process, which pytest-xdist asks for."""
    items.sort(key=lambda item: hashlib.sha256(item.nodeid.encode()).digest())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip before any fixture is made."""
    if time.time() > float(os.environ["CUJAX_DEADLINE"]):
        pytest.skip(REASON)
