"""One command for a machine with a GPU: the device's own checks, the benchmarks and the suite, and one report.

    make device-check                            with the environment of `make test`
    make device-check EMULATE=1                  without a GPU: the same code, on an emulator (emulated.py)
    python3 -m bench.device_check                from the checkout, with any Python that has what the parts need

The second way installs nothing and needs no network: NumPy, ml_dtypes, opt_einsum, fastrlock and CuPy for cujax, which
itself need not be installed; JAX, SciPy, pytest and hypothesis for the tests, pytest-xdist to run them side by side;
PyTorch as a further peer of the benchmarks.

`--minutes` bounds the whole run (9 by default).  Each part of `PARTS` has its own bound within it, is stopped when that
is over, and leaves its log in build/device-check/.  Checks come first, then the benchmarks, which time nothing whose
result is wrong, then the suite.  The report goes to bench/results/ (`--report`: elsewhere), anew after each part, with
what was measured beside it as JSON: a run that is cut off leaves what it has found.  Without a device the command says
so in one line, and that is no failure.  With one, it fails when a check or a test of the suite has.

With `--emulate` the parts run to their ends without a device, at the smallest sizes; the report begins with what that
is worth, and says of each row what was emulated, what a stand-in did and what was not done.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench import device_report
from bench.device_report import Outcome

ROOT = Path(__file__).parent.parent
LOGS = ROOT / "build" / "device-check"
RESULTS = ROOT / "bench" / "results"
_AT_THE_END = 10  # seconds for the report
_RESTARTS = 200  # of workers that a test has cost their device
_GRACE = 25  # seconds by which a part may outlast the time that it was told
_EMULATED = {"CUJAX_EMULATE_DEVICE": "1"}


class Choice(NamedTuple):
    """What is run: on an emulator or on a device, which checks, tests, workloads (all where none is named)."""

    emulate: bool = False
    checks: Sequence[str] = ("tests/gpu",)
    tests: Sequence[str] = ("tests",)
    workloads: str = ""


ON_DEVICE = Choice()


class Part(NamedTuple):
    """A command, which is told how many seconds it has, and its share of them beside the other parts' shares."""

    name: str
    share: float
    command: Callable[[float, Choice], list[str]]


def _checks(seconds: float, choice: Choice) -> list[str]:
    return [*_pytest("checks"), *(["-p", "bench.emulated_checks"] if choice.emulate else []), *choice.checks]


def _benchmarks(seconds: float, choice: Choice) -> list[str]:
    size = ["--smoke"] if choice.emulate else ["--device", "--peers", "jax,cuda,torch,cupy"]
    only = ["--only", choice.workloads] if choice.workloads else []
    return ["-m", "bench", "--budget", str(round(seconds)), *size, *only, "--json", str(LOGS / "benchmarks.json")]


def _suite(seconds: float, choice: Choice) -> list[str]:
    workers = str(min(12, os.cpu_count() or 1))
    parallel = ["-n", workers, f"--max-worker-restart={_RESTARTS}"] if _has("xdist") and not choice.emulate else []
    platform = ["--platform", "emulator"] if choice.emulate else []
    return [*_pytest("suite"), *parallel, *platform, *choice.tests, "--ignore=tests/gpu", "--ignore=tests/emulator"]


PARTS = (
    Part("checks", 0.2, _checks),
    Part("benchmarks", 0.35, _benchmarks),
    Part("suite", 0.45, _suite),
)


def _pytest(name: str) -> list[str]:
    limit = ["--timeout", "60"] if _has("pytest_timeout") else []
    report = ["-o", "junit_family=xunit1", f"--junit-xml={LOGS / name}.xml"]  # tests record properties in it
    plugins = ["-p", "bench.out_of_time", "-p", "bench.device_guard", "-p", "no:benchmark"]  # the last warns of xdist
    return ["-m", "pytest", "-q", "-rN", *plugins, *limit, *report]


def _has(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def main(argv: list[str]) -> int:
    """The exit status: 0 when nothing has failed."""
    options = _parse(argv)
    found, reason = (True, "") if options.emulate else _device()
    if not found:
        print(f"device-check: {reason}; nothing was checked")
        return 0
    end = time.monotonic() + options.minutes * 60 - _AT_THE_END
    LOGS.mkdir(parents=True, exist_ok=True)
    for left_over in LOGS.iterdir():
        left_over.unlink()
    choice = Choice(options.emulate, options.checks, options.tests, options.workloads)
    name = "emulated" if options.emulate else device_report.device_name()
    path = Path(options.report) if options.report else RESULTS / f"{time.strftime('%Y-%m-%d')}-device-check-{name}.md"
    outcomes: list[Outcome] = []
    parts = [part for part in PARTS if part.name in options.only]
    for part, fraction in zip(parts, fractions(parts), strict=True):
        outcomes.append(run(part, fraction * (end - time.monotonic()), choice))
        text = device_report.write(outcomes, LOGS, options.emulate)
        path.write_text(text)  # what a later part breaks off with, or the machine, takes nothing from it
        if part.name == "benchmarks" and not options.emulate and (LOGS / "benchmarks.json").exists():
            shutil.copy(LOGS / "benchmarks.json", path.with_suffix(".json"))  # for `python -m bench.page`
    print(text)
    print(f"device-check: the report is {path.name}")
    return int(any(outcome.failed for outcome in outcomes))


def fractions(parts: Sequence[Part]) -> list[float]:
    """Of the time that is left when a part begins, how much it has; the last one has all."""
    return [part.share / sum(other.share for other in parts[number:]) for number, part in enumerate(parts)]


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.device_check", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=9, help="for the whole run (default: 9)")
    names = [part.name for part in PARTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="parts to run")
    parser.add_argument("--emulate", action="store_true", help="without a GPU: see above")
    parser.add_argument("--checks", nargs="+", default=["tests/gpu"], help="files of the checks (default: all)")
    parser.add_argument("--tests", nargs="+", default=["tests"], help="files or folders of the suite (default: all)")
    parser.add_argument("--workloads", default="", help="of the benchmarks, such as W1,W3 (default: all)")
    parser.add_argument("--report", help="file to write (default: in bench/results/)")
    return parser.parse_args(argv)


def _device() -> tuple[bool, str]:
    """Whether a device answers, or why not."""
    try:
        from cujax.engine.backends.cuda import available
    except ImportError as error:
        return False, f"cujax cannot be imported: {error}"
    return available()


def run(part: Part, seconds: float, choice: Choice = ON_DEVICE) -> Outcome:
    """Run a part for at most `seconds`, then stop it with all its processes."""
    told = max(1.0, seconds - _GRACE)
    print(f"device-check: {part.name}, at most {seconds:.0f} s", flush=True)
    start = time.monotonic()
    with open(LOGS / f"{part.name}.log", "w") as log:
        process = subprocess.Popen(
            [sys.executable, *part.command(told, choice)], cwd=ROOT, env=_environment(part, told, choice),
            stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            status: int | None = process.wait(max(1.0, seconds))
        except subprocess.TimeoutExpired:
            status = None
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return Outcome(part.name, status, time.monotonic() - start)


def _environment(part: Part, seconds: float, choice: Choice) -> dict[str, str]:
    return {
        **os.environ,
        **(_EMULATED if choice.emulate else {"CUJAX_PLATFORM": "cuda"}),
        "CUJAX_EMULATED_CHECKS": str(LOGS / "emulated-checks.jsonl"),
        "CUJAX_DEADLINE": str(time.time() + seconds),
        "CUJAX_TOO_LATE": str(LOGS / f"{part.name}.late"),
        "CUJAX_FAILED": str(LOGS / f"{part.name}.failed"),
        "CUJAX_FIGURES": str(LOGS / "figures.jsonl"),
        "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
        "PYTHONUNBUFFERED": "1",
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
