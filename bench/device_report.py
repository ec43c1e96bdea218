"""The report of `device_check.py`, from what its parts have left behind: Markdown, to be kept."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import time
import xml.etree.ElementTree as ElementTree
from collections import Counter
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

from bench import machine
from bench.emulated import NOTICE
from bench.emulated_checks import OUTCOMES

_LISTED = 60  # failed tests that are named
_LINES = 30  # of the log of a part that broke off
_LEFT_OUT = "Sizes are the smallest. First calls in fresh processes were left out."
_PACKAGES = (
    "numpy", "cupy-cuda12x", "cupy-cuda13x", "jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin", "torch",
)  # fmt: skip


class Outcome(NamedTuple):
    """How a part went; `status` is its exit status, None when it was stopped."""

    part: str
    status: int | None
    seconds: float

    @property
    def failed(self) -> bool:
        """True for a part that found failures or broke off; not for one that ran out of time."""
        return self.status not in (0, None)


class Tests(NamedTuple):
    """What pytest reports: how many passed, failed, were skipped, came too late; and the failed ones."""

    passed: int
    skipped: int
    too_late: int
    failed: list[tuple[str, str]]


def write(outcomes: list[Outcome], logs: Path, is_emulated: bool = False) -> str:
    """The whole report; is_emulated: it is one of a run without a device, and says so first."""
    sections = [_heading_without_device() if is_emulated else _heading(), _overview(outcomes, logs)]
    sections += [_SECTIONS[outcome.part](outcome, logs) for outcome in outcomes]
    return "\n\n".join(section for section in sections if section) + "\n"


def device_name() -> str:
    """The device's name as part of a file name: `nvidia-h100-80gb-hbm3`."""
    return re.sub(r"[^a-z0-9]+", "-", _smi("name").lower()).strip("-") or "gpu"


def _smi(fields: str) -> str:
    """What nvidia-smi says of the first device; "" where it cannot be asked."""
    command = ["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader", "--id=0"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return ""


def _heading() -> str:
    title = f"# Device check, {time.strftime('%Y-%m-%d %H:%M')}"
    return "\n".join([title, "", *_circumstances(_smi("name,driver_version,memory.total") or "unknown")])


def _heading_without_device() -> str:
    title = f"# Device check without a device, {time.strftime('%Y-%m-%d %H:%M')}"
    return "\n".join([title, "", f"**{NOTICE}**", "", *_circumstances("none")])


def _circumstances(device: str) -> list[str]:
    packages = ", ".join(f"{name} {found}" for name in _PACKAGES if (found := _version(name)))
    return [
        f"- device: {device}",
        f"- host: {machine.processor()}, Python {platform.python_version()}",
        f"- packages: {packages}",
        f"- commit: {machine.commit() or 'unknown'}",
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _overview(outcomes: list[Outcome], logs: Path) -> str:
    rows = [f"| {o.part} | {_words(o, logs)} | {o.seconds:.0f} |" for o in outcomes]
    return "\n".join(["| part | outcome | seconds |", "| --- | --- | --- |", *rows])


def _words(outcome: Outcome, logs: Path) -> str:
    tests = read_tests(logs, outcome.part)
    stopped = "" if outcome.status is not None else "stopped at its bound; "
    if tests is None:
        return stopped + {0: "done", None: "see below"}.get(outcome.status, f"exit status {outcome.status}")
    counts = f"{tests.passed} passed, {len(tests.failed)} failed, {tests.skipped} skipped"
    return stopped + counts + (f", {tests.too_late} not reached in time" if tests.too_late else "")


def read_tests(logs: Path, part: str) -> Tests | None:
    """What the JUnit file of a part and `out_of_time` say; None where there is no such file."""
    try:
        cases = list(ElementTree.parse(logs / f"{part}.xml").getroot().iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return None
    late = logs / f"{part}.late"
    problems = [(case, child) for case in cases for child in case if child.tag in ("failure", "error")]
    failed = {f"{case.get('classname')}::{case.get('name')}": child.get("message") or "" for case, child in problems}
    skipped = sum(case.find("skipped") is not None for case in cases)
    too_late = late.stat().st_size if late.exists() else 0
    return Tests(len(cases) - len(failed) - skipped, skipped, too_late, list(failed.items()))


def _checks(outcome: Outcome, logs: Path) -> str:
    emulated = _lines(logs / "emulated-checks.jsonl")
    rows = [f"| {what} | {value:.3g} {unit} |" for what, value, unit in _lines(logs / "figures.jsonl")]
    title = "## Figures of the emulated run, which mean nothing for a GPU" if emulated else "## Figures of the device"
    figures = "\n".join([title, "", "| what | |", "| --- | --- |", *rows]) if rows else ""
    checks = _emulated(emulated) if emulated else ""
    return "\n\n".join(filter(None, [checks, figures, _failures("Checks that failed", outcome, logs)]))


def _lines(path: Path) -> list[list]:
    """The records of a file with one on each line; none where it was not written."""
    return list(map(json.loads, path.read_text().splitlines())) if path.exists() else []


def _emulated(checks: list[list]) -> str:
    """Each check, and what became of it without a device."""
    counts = Counter(kind for _, kind, _ in checks)
    meanings = [f"- {counts[kind]} {kind}{f': {text}' if text else ''}" for kind, text in OUTCOMES.items()]
    rows = [f"| `{name}` | {kind} | {text} |" for name, kind, text in checks]
    return "\n".join(["## Checks", "", *meanings, "", "| check | | |", "| --- | --- | --- |", *rows])


def _benchmarks(outcome: Outcome, logs: Path) -> str:
    text = (logs / "benchmarks.log").read_text().strip()
    left_out = f"{_LEFT_OUT}\n\n" if NOTICE in text else ""
    return f"## Benchmarks\n\n{left_out}```\n{text}\n```"


def _suite(outcome: Outcome, logs: Path) -> str:
    return _failures("Failures of the suite", outcome, logs)


def _failures(title: str, outcome: Outcome, logs: Path) -> str:
    """The failed tests, by file and the first of them by name; the end of the log where there is no result."""
    tests = read_tests(logs, outcome.part)
    if tests is None:
        tail = (logs / f"{outcome.part}.log").read_text().splitlines()[-_LINES:]
        noted = {name: text for name, text, _ in reversed(_lines(logs / f"{outcome.part}.failed"))}  # the first of each
        failed = [f"- `{name}`: {_first_line(text)}" for name, text in reversed(noted.items())]
        found = [f"## {title}", "", *failed[:_LISTED], ""] if failed else []
        return "\n".join([*found, f"## The end of the log of: {outcome.part}", "", "```", *tail, "```"])
    if not tests.failed:
        return ""
    files = Counter(name.split("::")[0] for name, _ in tests.failed)
    counts = ", ".join(f"{file} {count}" for file, count in files.most_common())
    named = [f"- `{name}`: {_first_line(text)}" for name, text in sorted(tests.failed)[:_LISTED]]
    more = len(tests.failed) - len(named)
    return "\n".join([f"## {title}", "", counts, "", *named, *([f"- and {more} more"] if more else [])])


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:200]


_SECTIONS = {"checks": _checks, "benchmarks": _benchmarks, "suite": _suite}
