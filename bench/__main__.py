"""Command line of the benchmarks; see the package's docstring, and `--help`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from bench import emulated, machine, measure, peers, report, runner, workloads
from bench.case import SCALES, Case
from bench.rows import Row, add_ratios

_COPIED = (2**28, 2**20)  # bytes: more than a cache holds, and only to see that it runs
_GREED = 1.5  # a workload may take this many equal parts of the time that is left
_SIZES = {
    "smoke": "smallest inputs, few samples: shows that everything runs",
    "quick": "small inputs, under a minute",
    "device": "large inputs, few samples: for a GPU",
    "full": "the inputs and samples that results are published with, hours on a CPU",
}


def main(argv: list[str]) -> None:
    options = _parse(argv)
    is_emulated = emulated.install_if_asked()
    scale = SCALES[options.scale]
    if options.budget:
        scale = replace(scale, total_seconds=options.budget)
    end = time.monotonic() + scale.total_seconds
    found, missing = peers.find(options.peers)
    bandwidth = machine.copy_bandwidth(found, _COPIED[scale.name == "smoke"])
    about = machine.describe(found) | {"scale": scale.name, "copy_bandwidth": bandwidth, "missing": missing}
    print(*([emulated.NOTICE] if is_emulated else []), _heading(about), sep="\n")
    rows: list[Row] = []
    for of_workload in run(options.only, found, runner.Bounds(scale, end, options.memory, is_emulated), bandwidth):
        rows += of_workload
        print(report.table(of_workload), flush=True)
        if options.json:  # as far as it has come: whoever stops the run loses nothing
            _write(options.json, {"machine": about, "rows": [asdict(row) for row in rows]})
    print(report.summary(rows, missing))


def _write(path: str, found: dict) -> None:
    """All of it or what was there before."""
    unfinished = Path(path + ".new")
    unfinished.write_text(json.dumps(found, indent=1))
    unfinished.replace(path)


def run(names: list[str], found: list[peers.Peer], whole: runner.Bounds, bandwidth: float) -> Iterator[list[Row]]:
    """The rows of each workload, within bounds; none may take much more than its part of the time."""
    for done, name in enumerate(names):
        bounds = whole.part(min(1, _GREED / (len(names) - done)))
        cases, rows = workloads.cases(name, whole.scale), list[Row]()
        for i, case in enumerate(cases):
            _progress(f"{name} {case.name}")
            before = emulated.record.launches
            new = runner.run_case(name, case, found, bounds.share(len(cases) - i, len(found)))
            if whole.is_emulated:
                _say_how(new, case, found, emulated.record.launches - before)
            rows += new
        if hasattr(workloads.module(name), "rows"):
            _progress(f"{name}")
            rows += workloads.module(name).rows(found, whole)
        _progress("")
        for row in rows:
            row.share = row.rate / bandwidth if row.rate is not None and row.rate_unit == "B/s" else None
        add_ratios(rows)
        yield rows


def _say_how(rows: list[Row], case: Case, found: list[peers.Peer], launches: int) -> None:
    """Write into rows of a run without a device how they came about."""
    by_name = {peer.name: peer for peer in found}
    for row in rows:
        if row.median is not None:
            row.emulated = emulated.described(case, by_name[row.peer], launches)


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    known = list(workloads.FILES)
    parser.add_argument("--only", type=_names(known), default=known, help=f"of {','.join(known)}")
    others = [name for name in peers.PEERS if name != "cujax"]
    usual = [name for name in others if name not in peers.SLOW_TO_START]
    parser.add_argument("--peers", type=_names(others), default=usual, help=f"of {','.join(others)}")
    parser.add_argument("--json", help="file to write what was measured to")
    parser.add_argument(
        "--memory", type=lambda text: float(text) * 1e9, default=0.6 * measure.available_bytes(),
        help="gigabytes by which a run may grow (default: 60 %% of what is free)",
    )  # fmt: skip
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="for the whole run; what does not fit is cut")
    size = parser.add_mutually_exclusive_group()
    for name, text in _SIZES.items():
        size.add_argument(f"--{name}", action="store_const", const=name, dest="scale", default="default", help=text)
    return parser.parse_args(argv)


def _names(known: list[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"{name!r} is not one of {', '.join(known)}")
        return names

    return parse


def _heading(about: dict) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        f"{about['processor']}, {about['cores']} cores (load {about['load']}), {about['device']}; "
        f"commit {about['commit']}; Python {about['python']}, {versions}; "
        f"memory is copied at {report.si(about['copy_bandwidth'], 'B/s')}"
    )


def _progress(text: str) -> None:
    """The case at hand, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
