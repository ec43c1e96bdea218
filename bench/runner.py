"""Runs the cases of a workload on all peers: check, cold columns, warm samples, rows.

A peer that is missing, cannot do the case, gives a wrong result or takes too much is a row that says so; it ends
neither the case nor the run.
"""

from __future__ import annotations

import gc
import tempfile
import time
import warnings
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

from bench import fresh, measure
from bench.case import Case, Scale, WrongResult
from bench.measure import Samples, Timed
from bench.peers import Peer, on_leaves
from bench.rows import NOT_RUN, NOT_WRITTEN, Row

_SHORTEST_LIMIT = 2.0  # seconds for a call, however little time is left
_LAUNCHED_STEP = 8e-6  # seconds for a step of a loop that JAX runs from the host (81.6 s for 10^7, H100)
_STARTING = 10.0  # seconds that a fresh process may take beside the call: imports, inputs, the reference


class NotWritten(Exception):
    """The case has no text for this peer's dialect."""


@dataclass(frozen=True)
class Bounds:
    """What a run may take: seconds as the scale says, until a point in (monotonic) time, and bytes of memory.

    is_emulated: there is no device, and rows say how they came about (emulated.py).
    """

    scale: Scale
    deadline: float
    memory: float
    is_emulated: bool = False

    def left(self) -> float:
        return self.deadline - time.monotonic()

    def part(self, fraction: float) -> Bounds:
        """The same for a workload that may take this fraction of the time that is left."""
        return replace(self, deadline=time.monotonic() + self.left() * fraction)

    def share(self, cases: int, peers: int) -> Bounds:
        """For the next case of `cases`: fewer samples, and in the end shorter calls, as time runs out."""
        left = max(self.left(), 0)
        scale = replace(
            self.scale,
            seconds=min(self.scale.seconds, left / (cases * peers)),
            call_seconds=min(self.scale.call_seconds, max(left / 4, _SHORTEST_LIMIT)),
        )
        return replace(self, scale=scale)


def bind(case: Case, peer: Peer, inputs: tuple[Any, ...]) -> Timed:
    """The case as a call without arguments, of resident inputs."""
    if peer.dialect not in case.make:
        raise NotWritten(NOT_WRITTEN)
    function = case.make[peer.dialect](peer)
    compiled = peer.compile(function) if case.jit else function
    resident = peer.put(inputs)
    return Timed(lambda: compiled(*resident), peer.wait, peer.platform == "gpu" and not case.alone)


def checked_first_call(case: Case, peer: Peer, call: Timed, expected: Any) -> Samples:
    """The first call, timed, its result compared with the reference."""
    run, result = measure.first_call(call)
    case.compare(peer, on_leaves(peer.get, result), expected)
    return run


def run_case(workload: str, case: Case, peers: list[Peer], bounds: Bounds) -> list[Row]:
    """One row for each peer; where only first calls are measured, for each peer that compiles."""
    peers = [peer for peer in peers if case.warm or peer.dialect == "jax"]
    rows = {peer.name: Row(workload, case.name, peer.name, headline=case.headline) for peer in peers}
    if bounds.left() < 0:
        for row in rows.values():
            row.status = NOT_RUN
        return list(rows.values())
    if case.new_size is not None:
        for peer in peers:
            if peer.dialect == "jax":
                _fill_cold(rows[peer.name], case, bounds)
    if case.warm:
        _fill_warm(rows, case, peers, bounds)
    return list(rows.values())


def _fill_cold(row: Row, case: Case, bounds: Bounds) -> None:
    """Twice in a fresh process that shares an empty directory as the cache; the second finds it filled.

    Where nothing warm is asked for, the call is one to be made once.
    """
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as cache:
        for column in ("cold", "warm_disk"):
            timeout = min(bounds.scale.call_seconds + _STARTING, max(bounds.left() / 4, 1))
            found = fresh.measure(row.workload, case.name, row.peer, bounds.scale.name, cache, timeout, bounds.memory)
            if found.error:
                row.status = f"{column.replace('_', ' ')}: {found.error}"
                return
            setattr(row, column, found.first)
            row.new_size = row.new_size if row.new_size is not None else found.new_size
            if not case.warm:
                return


def _fill_warm(rows: dict[str, Row], case: Case, peers: list[Peer], bounds: Bounds) -> None:
    inputs = case.inputs()
    expected = case.reference(*inputs)
    runs: dict[str, Samples] = {}
    for peer in peers:
        row = rows[peer.name]
        refusal = _refusal(case, peer, row, bounds)
        if refusal:
            row.status = refusal if row.status == "ok" else row.status
        else:
            runs.update(_prepared(case, peer, row, inputs, expected, bounds))
    del inputs, expected
    with _precision(case, peers):
        measure.take_samples(list(runs.values()), bounds.scale, bounds.memory)
    for name, run in runs.items():
        _write(rows[name], case, run)
    runs.clear()
    gc.collect()


def _refusal(case: Case, peer: Peer, row: Row, bounds: Bounds) -> str:
    """Why this peer is not even started on the case, or nothing.

    A run that would not fit without fusion is started where a fresh process has shown that it does, and on a device,
    where too large an allocation is an error and no more.
    """
    seconds = case.steps * _LAUNCHED_STEP
    if peer.name == "jax" and peer.platform == "gpu" and seconds > bounds.scale.call_seconds / 2:
        return f"not run: {case.steps} steps, launched one by one, take it about {seconds:.0f} s"
    too_large = case.op_by_op_bytes > bounds.memory
    if too_large and (peer.op_by_op or (row.cold is None and peer.platform != "gpu")):
        return f"needs {case.op_by_op_bytes / 1e9:.0f} GB without fusion"
    return ""


def _precision(case: Case, peers: list[Peer]) -> ExitStack:
    stack = ExitStack()
    for peer in peers:
        stack.enter_context(peer.x64(case.x64))
    return stack


def _prepared(
    case: Case, peer: Peer, row: Row, inputs: tuple[Any, ...], expected: Any, bounds: Bounds
) -> dict[str, Samples]:
    """The checked first call; nothing, and the reason in the row, where it does not come about.

    A warning is kept in the row: the figures may be those of a fallback.
    """
    try:
        with (
            measure.limits(bounds.scale.call_seconds, bounds.memory),
            peer.x64(case.x64),
            warnings.catch_warnings(record=True) as warned,
        ):
            warnings.simplefilter("always")
            run = checked_first_call(case, peer, bind(case, peer, inputs), expected)
        if warned:
            row.status = f"warned: {measure.first_line(warned[0].message)}"
        return {peer.name: run}
    except NotWritten as reason:
        row.status = str(reason)
    except WrongResult as reason:
        row.status = f"WRONG: {reason}"
    except Exception as error:  # whatever a library raises where it cannot do the case
        row.status = measure.what_went_wrong(error)
    return {}


def _write(row: Row, case: Case, run: Samples) -> None:
    row.status = run.status if row.status == "ok" else row.status
    if not run.times:
        return
    row.samples, row.median, row.minimum = len(run.times), run.median, run.minimum
    count, unit = case.items
    if case.bytes_moved:
        row.rate, row.rate_unit = case.bytes_moved / run.median, "B/s"
    elif count:
        row.rate, row.rate_unit = count / run.median, f"{unit}/s"
