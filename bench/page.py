"""The page of all benchmarks, docs/benchmarks.md, and its picture, from what is kept in bench/results/.

    python -m bench.page        writes both anew; a test holds that they have been

Files of `python -m bench --json` are measured; the one of `python -m bench.roofline --json` is estimated, and the page
says so wherever it shows a figure of it.  Every row of every file is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench.report import si
from bench.rows import ONLY_FIRST

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results"
PAGE, PICTURE = ROOT / "docs" / "benchmarks.md", ROOT / "docs" / "benchmarks.svg"
ESTIMATE = "roofline"  # in the name of a file of estimates


class Measured(NamedTuple):
    """One case of one file: what each library took, in text, and how many times as fast as JAX cujax is."""

    letter: str
    workload: str
    case: str
    cujax: str
    jax: str
    others: str
    times: float | None
    note: str = ""
    rate: str = ""  # what cujax moves or does in a second, and its share of the copy bandwidth


def main() -> None:
    PAGE.write_text(page())
    draw()
    print(f"wrote {PAGE.relative_to(ROOT)} and {PICTURE.relative_to(ROOT)}")


def files() -> tuple[dict[str, Any], dict[str, Any] | None]:
    """What was measured, by letter, and the newest estimates."""
    paths = sorted(RESULTS.glob("*.json"))
    measured = [json.loads(p.read_text()) for p in paths if ESTIMATE not in p.name]
    estimates = [json.loads(p.read_text()) for p in paths if ESTIMATE in p.name]
    return dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", measured, strict=False)), (estimates or [None])[-1]


def page() -> str:
    """The text."""
    measured, estimates = files()
    gpus, cpus = _by_device(measured)
    parts = [_INTRODUCTION]
    for title, of_kind in (("GPUs", gpus), ("CPUs", cpus)):
        if of_kind:
            rows = [row for letter, file in of_kind.items() for row in _rows(letter, file)]
            parts += ["", f"## Measured, on {title}", "", *_machines(of_kind), "", *_table(rows)]
    return "\n".join([*parts, *_estimated(estimates), ""])


def _by_device(measured: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The files of GPUs, and those of CPUs."""
    gpus = {letter: file for letter, file in measured.items() if "cuda:" in str(file["machine"])}
    return gpus, {letter: file for letter, file in measured.items() if letter not in gpus}


_INTRODUCTION = """# Benchmarks

Written by `python -m bench.page` from `bench/results/`; the workloads are defined in `bench/workloads/`.  Every result
was compared with NumPy in float64 before it was timed.  Times are medians.  On a GPU calls are queued one after the
other and waited for together, but for those of W14, each of which is waited for.  Estimates are marked as such.

![how many times as fast as JAX](benchmarks.svg)"""


# --- what was measured ------------------------------------------------------------------------------------------------


def _machines(measured: dict[str, Any]) -> list[str]:
    return [f"- {letter}: {_circumstances(file['machine'])}" for letter, file in measured.items()]


def _copied(machine: dict[str, Any]) -> str:
    return f"; memory is copied at {si(machine['copy_bandwidth'], 'B/s')}" if "cuda:" in machine["device"] else ""


def _circumstances(machine: Any) -> str:
    if isinstance(machine, str):
        return machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores (load {machine['load']}), {machine['device']}, Python "
        f"{machine['python']}, {versions}; commit {machine['commit']}, {machine['time']}{_copied(machine)}"
    )


def _rows(letter: str, file: dict[str, Any]) -> Iterator[Measured]:
    if isinstance(file["machine"], str):
        yield from (_first_kind(letter, row) for row in file["rows"])
        return
    cases: dict[tuple[str, str], dict[str, dict]] = {}
    for row in file["rows"]:
        cases.setdefault((row["workload"], row["case"]), {})[row["peer"]] = row
    for (workload, case), peers in cases.items():
        yield _case(letter, workload, case, peers)


def _first_kind(letter: str, row: dict[str, Any]) -> Measured:
    """A row of a file from before the benchmarks had one form."""
    unit, ours, theirs = row["unit"], row["cujax"], row["peer"]
    text = [si(x, unit) if unit == "s" else f"{x:.3g} {unit}" for x in (ours, theirs)]
    return Measured(letter, row["workload"], row["what"], *text, "", theirs / ours if ours else None)


def _case(letter: str, workload: str, case: str, peers: dict[str, dict]) -> Measured:
    ours, jax = (_figure(peers.get(name)) for name in ("cujax", "jax"))
    others = [f"{name} {_text(row)}" for name, row in peers.items() if name not in ("cujax", "jax") and _text(row)]
    statuses = [f"{name}: {row['status']}" for name, row in peers.items() if name in ("cujax", "jax") and _odd(row)]
    is_once = any(row["status"] == ONLY_FIRST for row in peers.values() if row["peer"] in ("cujax", "jax"))
    times = jax / ours if ours and jax and not is_once else None
    return Measured(
        letter, workload, case, _text(peers.get("cujax")), _text(peers.get("jax")), ", ".join(others), times,
        "; ".join(statuses), _rate(peers.get("cujax")),
    )  # fmt: skip


def _rate(row: dict[str, Any] | None) -> str:
    if row is None or row.get("rate") is None:
        return ""
    share = "" if row.get("share") is None else f" ({row['share']:.0%} of the copy)"
    return si(row["rate"], row["rate_unit"]) + share


def _odd(row: dict[str, Any]) -> bool:
    return row["status"] not in ("ok", "not written for this library")


def _figure(row: dict[str, Any] | None) -> float | None:
    """What is compared: the warm time, else the first call, else the value."""
    return None if row is None else next((row[k] for k in ("median", "cold", "value") if row[k] is not None), None)


def _text(row: dict[str, Any] | None) -> str:
    found = _figure(row)
    if row is None or found is None:
        return ""
    if row["value"] is not None:
        return f"{found:.3g} {row['value_unit']}"
    return si(found, "s") + ("" if row["median"] is not None else " (first call)")


def _table(rows: list[Measured]) -> list[str]:
    head = ["| | workload | case | cujax | JAX | times as fast | rate | others | |", "| --- " * 9 + "|"]
    return head + [
        f"| {r.letter} | {r.workload} | {r.case} | {r.cujax} | {r.jax} | "
        f"{'' if r.times is None else f'{r.times:.3g}'} | {r.rate} | {r.others} | {r.note} |"
        for r in rows
    ]


# --- what was estimated -----------------------------------------------------------------------------------------------


def _estimated(file: dict[str, Any] | None) -> list[str]:
    if file is None:
        return []
    about, rows = file["about"], file["rows"]
    return [
        "", f"## Estimated for an {about['device']}", "",
        f"**Estimates: {about['what']}.**  By `python -m bench.roofline`, which says how; commit {about['commit']}, "
        f"{about['time']}.  Every kernel was compiled to {about['architecture']} by {about['compiler']}.  Memory at "
        f"{si(about['copy'], 'B/s')}, {si(about['launch'], 's')} a launch, {about['efficiency']:.0%} of the rate of "
        "instructions.  The figures of JAX are those of the hardware that is named with them, or estimated where it "
        "says so.  What a host does between launches is not in them.", "",
        "Rows that the estimate says miss their target:", "", *_missing(rows), "",
        "| workload | case | estimate | bound by | launches | bytes moved | operations | registers | spills | "
        "local, shared bytes | of the copy | target | JAX | |", "| --- " * 14 + "|", *map(_estimate_line, rows),
    ]  # fmt: skip


# What was found where a target cannot be met without giving up a promise about rounding: by workload and case.
_FOUND = {
    ("W1", "chain float32"): "of these log takes 16, sin 13, exp 9, the root, to the last bit, 7, each within 4 ulp; "
    "the target leaves room for 49",
    ("W13", "forces"): "the root and the quotient, to the last bit, take 16, where kernels written by hand take an "
    "approximate reciprocal root and two products, and five products are rounded apart from the sums they enter",
}


def _missing(rows: list[dict[str, Any]]) -> list[str]:
    return [
        f"- {row['workload']} {row['case']}: {si(row['seconds'], 's')}, allowed are {si(row['target'][0], 's')} "
        f"({row['target'][1]}); {_why(row)}"
        for row in rows
        if _misses(row)
    ]


def _misses(row: dict[str, Any]) -> bool:
    return row["target"] is not None and row["seconds"] > row["target"][0]


def _why(row: dict[str, Any]) -> str:
    """What bounds the kernel that takes the most time."""
    kernel = max(row["kernels"], key=lambda k: k["seconds"])
    of_launches = sum(k["launches"] for k in row["kernels"])
    if row["seconds"] - of_launches <= row["target"][0]:
        return f"without its launches, {si(of_launches, 's')}, it would not"
    if kernel["bound"] != "arithmetic":
        return f"bound by {kernel['bound']}"
    counts = sorted(kernel["instructions"].items(), key=lambda pair: -pair[1])
    each = ", ".join(f"{n / max(_results(row), 1):.1f} {pipe}" for pipe, n in counts if n)
    found = [f"; {text}" for (name, case), text in _FOUND.items() if row["workload"] == name and case in row["case"]]
    return f"bound by arithmetic, in instructions for each element: {each}{''.join(found)}"


def _results(row: dict[str, Any]) -> float:
    """Elements of the kernel that takes the most time."""
    kernel = max(row["kernels"], key=lambda k: k["seconds"])
    return kernel["elements"]


def _estimate_line(row: dict[str, Any]) -> str:
    calls = [call for kernel in row["kernels"] for call in kernel.get("calls", ())]
    most = {k: max((c[k] for c in calls), default="") for k in ("registers", "spill_stores", "stack", "shared")}
    share = "" if row["share_of_copy"] is None else f"{row['share_of_copy']:.0%}"
    target = "" if row["target"] is None else f"{'misses' if _misses(row) else 'meets'} {si(row['target'][0], 's')}"
    jax = "" if row["jax"] is None else f"{si(row['jax'][0], 's')}, {row['jax'][1]}"
    cells = [
        row["workload"], row["case"], si(row["seconds"], "s"), row["bound"], row["launches"],
        si(row["bytes_moved"], "B"), si(row["operations"], ""), most["registers"], most["spill_stores"],
        f"{most['stack']}, {most['shared']}", share, target, jax, "; ".join(row["notes"]),
    ]  # fmt: skip
    return f"| {' | '.join(map(str, cells))} |"


# --- the picture ------------------------------------------------------------------------------------------------------


def draw() -> None:
    """How many times as fast as JAX, each case a dot: as measured, and as estimated beside published figures."""
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "benchmarks"  # the same file from the same figures
    from matplotlib import pyplot

    measured, estimates = files()
    gpus, cpus = ([(r.workload, r.times) for k, f in kind.items() for r in _rows(k, f) if r.times]
                  for kind in _by_device(measured))  # fmt: skip
    figures = [(r, *r["jax"]) for r in (estimates or {"rows": []})["rows"] if r["jax"]]
    # Of what JAX takes "at the least" a ratio would say nothing.
    guesses = [(r["workload"], jax / r["seconds"]) for r, jax, source in figures if "at the least" not in source]
    names = sorted({name for name, _ in (*gpus, *cpus, *guesses)}, key=lambda name: int(name[1:]))
    estimated = "estimated for an H200,\nbeside published or estimated figures of JAX"
    shown = [("measured on GPUs", gpus), ("measured on CPUs", cpus), (estimated, guesses)]
    shown = [(title, points) for title, points in shown if points]
    figure, panels = pyplot.subplots(1, len(shown), sharey=True, figsize=(4 * len(shown), 0.28 * len(names) + 1.2))
    for panel, (title, points) in zip(panels, shown, strict=True):
        panel.axvline(1, color="0.6", linewidth=1)
        panel.plot([x for _, x in points], [names.index(n) for n, _ in points], "o", alpha=0.5, markersize=4)
        panel.set(xscale="log", xlabel="times as fast as JAX")
        panel.set_title(title, fontsize=9)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    figure.tight_layout()
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    main()
