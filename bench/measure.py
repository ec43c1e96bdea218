"""How a time is taken, and how a row is printed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """One figure: ours, the peer's (None where there is none) and the unit."""

    workload: str
    what: str
    unit: str
    cujax: float
    peer: float | None = None
    peer_name: str = "JAX"

    def text(self) -> str:
        ours = f"{self.workload:4} {self.what:52} {self.cujax:10.2f} {self.unit:3}"
        if self.peer is None:
            return ours
        return (
            f"{ours}  {self.peer_name} {self.peer:10.2f} {self.unit:3}  ratio {self.cujax / self.peer:6.2f}"
        )


def microseconds(call: Callable[[], object], rounds: int = 25, calls: int = 200) -> float:
    """Median over `rounds` of the mean time of `calls` calls, after a warm-up."""
    for _ in range(calls):
        call()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(calls):
            call()
        times.append((time.perf_counter() - start) / calls)
    return statistics.median(times) * 1e6


def milliseconds(make_call: Callable[[], Callable[[], object]], rounds: int = 7) -> float:
    """Median over `rounds` of one call of a function made afresh each time."""
    times = []
    for _ in range(rounds):
        call = make_call()
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e3
