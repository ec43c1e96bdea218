"""How a time is taken, and how a call that takes too much is cut.

Samples of the peers alternate in blocks, so that a disturbance of the machine meets all of them.  One clock serves
every library: the host's, from before the call until its result is ready.  On a device calls are queued one after the
other, as a simulation queues them, and the last one is waited for, unless a case is about the time of an answer.
"""

from __future__ import annotations

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from bench.case import Scale
from bench.rows import ONLY_FIRST

_TICK = 0.05
_SHORTEST_SAMPLE = 200e-6
_SHORTEST_QUEUE = 2e-3  # of calls that are waited for together: the wait is a small part of it
_BLOCKS = 4
_FEWEST = 3  # samples of a call that is slow, but not too slow
_WARM_UP_PAYS = 0.02  # seconds up to which the state of the caches is felt


class OverBudget(Exception):
    """A call took more time or memory than it may."""


def resident_bytes() -> int:
    """Memory of this process in RAM."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def available_bytes() -> int:
    """Memory that the machine can still give."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024


def what_went_wrong(error: Exception) -> str:
    """For the column of notes: why it was cut, or kind and first line of the exception."""
    return str(error) if isinstance(error, OverBudget) else f"failed: {type(error).__name__}: {first_line(error)}"


def first_line(message: object) -> str:
    return (str(message).strip().splitlines() or [""])[0][:160]


@contextmanager
def limits(seconds: float, memory: float) -> Iterator[None]:
    """Raises `OverBudget` inside the block once `seconds` have passed or the process has grown by `memory` bytes.

    The exception comes between two bytecodes of the main thread, so one long call into C runs to its end.
    It comes again at the next tick where a callback has swallowed it.
    """
    deadline, most = time.monotonic() + seconds, resident_bytes() + memory

    def tick(_: int, frame: FrameType | None) -> None:
        if time.monotonic() > deadline:
            raise OverBudget(f"cut after {seconds:.3g} s")
        if resident_bytes() > most:
            raise OverBudget(f"cut at {memory / 1e9:.1f} GB more memory")

    before = signal.signal(signal.SIGALRM, tick)
    signal.siginterrupt(signal.SIGALRM, False)  # system calls of the libraries go on
    signal.setitimer(signal.ITIMER_REAL, _TICK, _TICK)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Timed(NamedTuple):
    """A function without arguments.  wait: returns when its result is ready.  is_queued: calls need not wait."""

    start: Callable[[], object]
    wait: Callable[[Any], object]
    is_queued: bool = False

    def __call__(self) -> Any:
        result = self.start()
        self.wait(result)
        return result

    def several(self, calls: int) -> None:
        """That many calls; all have been computed at the end."""
        if not self.is_queued:
            for _ in range(calls):
                self()
            return
        for _ in range(calls):
            result = self.start()
        self.wait(result)


@dataclass
class Samples:
    """Times of one call, in seconds, as they come in."""

    call: Timed
    first: float  # what the first call took, compilation included
    times: list[float] = field(default_factory=list)
    status: str = "ok"

    @property
    def median(self) -> float:
        return statistics.median(self.times)

    @property
    def minimum(self) -> float:
        return min(self.times)

    def take(self, count: int, calls: int) -> None:
        for _ in range(count):
            start = time.perf_counter()
            self.call.several(calls)
            self.times.append((time.perf_counter() - start) / calls)


def first_call(call: Timed) -> tuple[Samples, Any]:
    """What the first call has taken, and its result."""
    start = time.perf_counter()
    result = call()
    return Samples(call, time.perf_counter() - start), result


class Plan(NamedTuple):
    """How many samples to take, of how many calls each, and whether to fill the caches before a block of them."""

    samples: int
    calls: int = 1
    warm_up: bool = False


def take_samples(runs: list[Samples], scale: Scale, memory: float) -> None:
    """Fills in the samples of all runs, block by block in turns."""
    plans = [_plan(run, scale, memory) for run in runs]
    for block in range(_BLOCKS):
        for run, plan in zip(runs, plans, strict=True):
            share = plan.samples * (block + 1) // _BLOCKS - plan.samples * block // _BLOCKS
            if share and run.status == "ok":
                with _guarded(run, 2 * scale.seconds + scale.call_seconds, memory):
                    if plan.warm_up:
                        run.call()
                    run.take(share, plan.calls)


def _plan(run: Samples, scale: Scale, memory: float) -> Plan:
    """A second call tells how long one takes; none where the first already took half of what it may."""
    if run.first > scale.call_seconds / 2:
        run.times.append(run.first)
        run.status = ONLY_FIRST
        return Plan(0)
    with _guarded(run, scale.call_seconds, memory):
        run.take(1, 1)
    if not run.times:
        return Plan(0)
    once = run.times[0]
    fewest = _FEWEST if once < 1.5 * scale.seconds else 1
    samples = max(fewest, min(scale.samples, int(scale.seconds / once)))
    if samples == 1:
        return Plan(0)
    run.times.clear()  # it may have been a warm-up still
    shortest = _SHORTEST_QUEUE if run.call.is_queued else _SHORTEST_SAMPLE
    calls = max(1, int(min(shortest, scale.seconds) / once))
    return Plan(samples, calls, warm_up=once < _WARM_UP_PAYS)


@contextmanager
def _guarded(run: Samples, seconds: float, memory: float) -> Iterator[None]:
    """Within limits; what goes wrong ends the samples of this run and is noted."""
    try:
        with limits(seconds, memory):
            yield
    except Exception as error:
        run.status = what_went_wrong(error)
