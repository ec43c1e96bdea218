"""A plugin of pytest (`-p bench.emulated_checks`): the checks of tests/gpu without a GPU, and what became of each.

Each check leaves a line in the file CUJAX_EMULATED_CHECKS: its name, one of `OUTCOMES`, and the particulars.  A check
that asked for what only a device has is skipped, whatever it made of that; one that launched nothing, or replayed what
would be a graph, proves nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from bench import emulated, emulated_gpu

OUTCOMES = {
    "emulated": "its kernels ran on the emulator",
    "stubbed": "what it is about was a stand-in: it shows that the check can run, and is not done",
    "needs a device": "it was not done",
    "failed": "",
}


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests() -> None:
    """Before any file of the tests looks for a device."""
    emulated_gpu.install()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """A record of its own for each check."""
    emulated.record.__init__()  # type: ignore[misc]
    yield


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    outcome: Any = yield
    report = outcome.get_result()
    if report.when == "teardown" or (report.when == "setup" and report.passed):
        return
    kind, text = _verdict(report, call)
    if kind in ("needs a device", "stubbed"):
        report.outcome, report.longrepr = "skipped", (str(item.path), 0, f"{kind}: {text}")
    _write(item.nodeid, kind, text)


def _verdict(report: Any, call: pytest.CallInfo) -> tuple[str, str]:
    record, error = emulated.record, call.excinfo.value if call.excinfo else None
    if record.missing:
        return "needs a device", ", ".join(record.missing)
    if report.skipped:
        return "needs a device", str(error)
    if error is not None and not isinstance(error, AssertionError):
        return "needs a device", f"{type(error).__name__}: {error}".splitlines()[0][:120]
    if report.failed:
        return "failed", str(error).splitlines()[0][:120]
    stand_ins = ", ".join(record.stand_ins) or "none"
    is_proof = record.launches and not any(s.startswith(emulated.GRAPHS) for s in record.stand_ins)
    return ("emulated" if is_proof else "stubbed"), f"{record.launches} launches; stand-ins: {stand_ins}"


def _write(name: str, kind: str, text: str) -> None:
    with open(os.environ["CUJAX_EMULATED_CHECKS"], "a") as file:
        file.write(json.dumps([name.replace("tests/gpu/", ""), kind, text]) + "\n")
