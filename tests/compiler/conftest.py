"""`pytest tests/compiler --update-golden` writes the kernels' texts anew; read the difference before it is kept.

Fixtures for loops in compiled code (compiled_loops.py).
"""

from __future__ import annotations

import pytest

import cujax
from cujax.engine.compiler import loop_plan, nest, plan


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write the golden files of tests/compiler")


@pytest.fixture
def made(monkeypatch):
    """The calls that have been made of loops and branches."""
    calls = []
    called = nest._Nest.call

    def call(self, *args):
        found = called(self, *args)
        calls.append(found)
        return found

    monkeypatch.setattr(nest._Nest, "call", call)
    cujax.clear_caches()  # of what equal loops have made
    return calls


@pytest.fixture
def always_lanes(monkeypatch):
    """Loops that may be lanes are, also where kernels would take less time."""
    monkeypatch.setattr(plan, "why_kernels", lambda *_: "")


@pytest.fixture
def through_python(monkeypatch):
    """A function that calls one in whose loops Python makes every step."""

    def call(run):
        with monkeypatch.context() as patch:
            patch.setattr(loop_plan, "MOST_COPIED", -1)
            patch.setattr(loop_plan, "FEWEST", 10**9)
            cujax.clear_caches()
            try:
                return run()
            finally:
                cujax.clear_caches()

    return call
