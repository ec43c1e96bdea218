"""The table, and the geometric mean that stands for all of it."""

from __future__ import annotations

import math
from collections.abc import Callable

from bench.rows import NOT_RUN, NOT_WRITTEN, Row

MEAN_OF = "W1 (n >= 2^20), W2, W3, W7, W8, W13"  # the cases marked as headline
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"))


def si(value: float | None, unit: str) -> str:
    """Three digits and a prefix: `12.3 ms`."""
    if value is None:
        return ""
    value = float(f"{value:.3g}")  # first, so that 999.9 becomes a thousand
    scale, prefix = next((p for p in _PREFIXES if abs(value) >= p[0]), _PREFIXES[-1])
    digits = f"{value / scale:#.3g}".rstrip(".")
    return f"{digits} {prefix}{unit}"


def _median(row: Row) -> str:
    return si(row.median, "s") if row.value is None else f"{row.value:#.3g} {row.value_unit}"


COLUMNS: dict[str, Callable[[Row], str]] = {
    "peer": lambda row: row.peer,
    "median": _median,
    "minimum": lambda row: si(row.minimum, "s"),
    "n": lambda row: str(row.samples or ""),
    "rate": lambda row: si(row.rate, row.rate_unit),
    "copy": lambda row: "" if row.share is None else f"{row.share:.0%}",
    "cold": lambda row: si(row.cold, "s"),
    "warm disk": lambda row: si(row.warm_disk, "s"),
    "new size": lambda row: si(row.new_size, "s"),
    "cujax/peer": lambda row: "" if row.ratio is None else f"{row.ratio:.3g}",
    "of minima": lambda row: "" if row.ratio_of_minima is None else f"{row.ratio_of_minima:.3g}",
}


def table(rows: list[Row]) -> str:
    """One line for each row, under a line for each case."""
    shown = [row for row in rows if row.status not in (NOT_WRITTEN, NOT_RUN)]
    cells = [[text(row) for text in COLUMNS.values()] for row in shown]
    widths = [max(map(len, column)) for column in zip(COLUMNS, *cells, strict=True)]
    lines = [_line(list(COLUMNS), widths)]
    case: tuple[str, str] | None = None
    for row, texts in zip(shown, cells, strict=True):
        if (row.workload, row.case) != case:
            case = (row.workload, row.case)
            lines.append(_title(case, rows))
        notes = [note for note in ("" if row.status == "ok" else row.status, row.emulated) if note]
        note = f"  {'; '.join(notes)}" if notes else ""
        lines.append((_line(texts, widths) + note).rstrip())
    return "\n".join(lines)


def _title(case: tuple[str, str], rows: list[Row]) -> str:
    """The case, and who has no text for it."""
    absent = [row.peer for row in rows if (row.workload, row.case) == case and row.status == NOT_WRITTEN]
    return " ".join(case) + (f"    (not written for {', '.join(absent)})" if absent else "")


def _line(texts: list[str], widths: list[int]) -> str:
    first, *others = (
        f"{text:<{width}}" if i == 0 else f"{text:>{width}}"
        for i, (text, width) in enumerate(zip(texts, widths, strict=True))
    )
    return "  ".join(["  " + first, *others])


def geometric_mean(rows: list[Row], peer: str = "jax") -> tuple[float, int, int] | None:
    """Mean of the peer's time over cujax's in the headline cases, how many were measured, and of how many."""
    wanted = [row for row in rows if row.headline and row.peer == peer]
    ratios = [row.ratio for row in wanted if row.ratio]
    if not ratios:
        return None
    return math.exp(-math.fsum(map(math.log, ratios)) / len(ratios)), len(ratios), len(wanted)


def summary(rows: list[Row], missing: dict[str, str]) -> str:
    """What to look at first."""
    lines = []
    mean = geometric_mean(rows)
    if mean:
        factor, measured, wanted = mean
        lines.append(
            f"cujax is {factor:.3g} times as fast as JAX: geometric mean over {MEAN_OF}; {measured} of {wanted} cases"
        )
    slower = sorted((row.ratio, _case(row)) for row in rows if row.peer == "jax" and row.ratio and row.ratio > 1)
    if slower:
        worst_first = "; ".join(f"{case} {ratio:.2f}" for ratio, case in reversed(slower))
        lines.append(f"slower than JAX (cujax/jax) in {len(slower)} cases: {worst_first}")
    wrong = [row for row in rows if row.status.startswith(("WRONG", "failed"))]
    if wrong:
        lines.append("wrong or failed: " + "; ".join(f"{_case(row)}, {row.peer}" for row in wrong))
    cut = dict.fromkeys(_case(row) for row in rows if row.status == NOT_RUN)
    if cut:
        lines.append(f"{NOT_RUN}: {'; '.join(cut)}")
    lines += [f"without {name}: {reason}" for name, reason in missing.items()]
    return "\n".join(lines)


def _case(row: Row) -> str:
    return f"{row.workload} {row.case}"
