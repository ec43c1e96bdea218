"""Command line of the estimates; see the package's docstring."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from bench import machine, peers, workloads
from bench.case import SCALES, Case
from bench.report import si
from bench.roofline import device, programs, published
from bench.roofline.machine_code import ARCHITECTURE
from bench.roofline.operations import Costs
from bench.roofline.programs import Step
from cujax.engine.backends.cuda_compiler import compiler_name

_TRACING = "tracing"  # cases that run nothing on the device
_UNKNOWN = ("eigh", "svd", "qr", "schur")  # library calls of which bytes say nothing


@dataclass
class Row:
    """One case: what it is estimated to take, by what, and what it is held against."""

    workload: str
    case: str
    seconds: float
    bound: str
    launches: int
    bytes_moved: int
    operations: int  # of the kernels, counted as the program writes them
    share_of_copy: float | None = None  # of the bytes that the case must move
    target: tuple[float, str] | None = None
    jax: tuple[float, str] | None = None
    notes: list[str] = field(default_factory=list)
    kernels: list[dict[str, Any]] = field(default_factory=list)

    @property
    def misses(self) -> bool:
        return self.target is not None and self.seconds > self.target[0]


def main(argv: list[str] | None = None) -> None:
    options = _parse(argv)
    costs = Costs()
    rows = []
    for row in _rows(options.only, options.scale, costs):
        rows.append(row)
        print(line(row), flush=True)
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"about": about(options.scale), "rows": [asdict(row) for row in rows]}, file, indent=1)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.roofline", description=__doc__)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(workloads.FILES))
    parser.add_argument("--scale", choices=list(SCALES), default="full", help="sizes (default: those published with)")
    parser.add_argument("--json", help="file to write")
    return parser.parse_args(argv)


def about(scale: str) -> dict[str, Any]:
    """What the estimates must be read with."""
    h200 = device.H200
    return {
        "what": "nothing was measured and no device was at hand",
        "device": h200.name, "architecture": f"sm_{ARCHITECTURE}", "compiler": compiler_name(),
        "copy": h200.copy, "launch": h200.launch, "efficiency": device.EFFICIENCY, "scale": scale,
        "commit": machine.commit(), "time": time.strftime("%Y-%m-%d"),
    }  # fmt: skip


def _rows(names: list[str], scale: str, costs: Costs) -> Iterator[Row]:
    peer = peers.PEERS["cujax"]()
    for name in names:
        for case in workloads.cases(name, SCALES[scale]):
            if "jax" in case.make and case.jit and case.warm and not case.name.startswith(_TRACING):
                yield row_of(name, case, peer, costs)


def row_of(workload: str, case: Case, peer: peers.Peer, costs: Costs) -> Row:
    """The estimate of one case."""
    steps = [_with_particulars(s, case) for s in programs.steps_of(programs.tape_of(case, peer))]
    costs.learn(k for s in steps if s.work for k in [*s.work.operations, *s.work.chain])
    estimates = [device.estimate(s, costs) for s in steps]
    seconds = sum(e.total for e in estimates) or device.H200.launch
    most = max(estimates, key=lambda e: e.total, default=None)
    return Row(
        workload, case.name, seconds, most.bound if most else "launches",
        sum(s.times * max(len(s.codes), 1) for s in steps), sum(s.times * s.bytes_moved for s in steps),
        sum(s.times * s.work.operations.total() for s in steps if s.work),
        case.bytes_moved / seconds / device.H200.copy if case.bytes_moved else None,
        published.target_of(workload, case), published.jax_of(workload, case), _notes(steps),
        [_described(s, e, costs) for s, e in zip(steps, estimates, strict=True)],
    )  # fmt: skip


def _with_particulars(step: Step, case: Case) -> Step:
    """What the program does not say: where updates go, and what a convolution computes."""
    is_convolution = step.name == "conv_general_dilated"
    flops = int(case.items[0]) if is_convolution and case.items[1] == "FLOP" else 0
    return step._replace(contended="equal indices" in case.name, flops=flops)


def _notes(steps: list[Step]) -> list[str]:
    libraries = sorted({s.name for s in steps if s.kernel is None})
    unknown = [name for name in libraries if name in _UNKNOWN]
    notes = [f"{', '.join(libraries)}: by a library, of which this is the bound"] if libraries else []
    notes += [f"{', '.join(unknown)}: the estimate says nothing"] if unknown else []
    guessed = any(s.guessed or (s.work and s.work.guessed) for s in steps)
    return notes + ([f"{programs.STEPS} steps of a loop are a guess"] if guessed else [])


def _described(step: Step, estimate: device.Estimate, costs: Costs) -> dict[str, Any]:
    """Everything that is known of a step."""
    found: dict[str, Any] = {
        "name": step.name, "times": step.times, "bytes_moved": step.bytes_moved,
        "elements": 0, "seconds": estimate.total, "bound": estimate.bound, **estimate._asdict(),
    }  # fmt: skip
    if step.kernel is None or step.work is None:
        return found | {"library": True}
    results = max(sum(v.aval.size for v in step.kernel.writes), 1)
    operations = step.work.operations.total()
    return found | {
        "elements": step.work.elements, "operations": operations,
        "operations_for_each_result": round(operations / results, 2),
        "instructions": dict(device.instructions_of(step, costs)),
        "calls": [_call(code, call) for code, call in zip(step.codes, step.kernel.calls, strict=True)],
    }


def _call(code: Any, call: Any) -> dict[str, Any]:
    return {
        "name": call.name, "blocks": call.blocks, "threads": call.threads, **code.taken._asdict(),
        "local_instructions": code.local, "static_instructions": dict(code.counts),
        "resident_threads": device.resident_threads(code, call),
    }  # fmt: skip


def line(row: Row) -> str:
    """One row, with its target and JAX's figure."""
    parts = [f"{row.workload} {row.case}: {si(row.seconds, 's')}, {row.bound}, {row.launches} launches"]
    if row.share_of_copy is not None:
        parts.append(f"{row.share_of_copy:.0%} of the copy")
    if row.target:
        parts.append(f"{'MISSES' if row.misses else 'meets'} {si(row.target[0], 's')} ({row.target[1]})")
    if row.jax:
        parts.append(f"JAX {si(row.jax[0], 's')} ({row.jax[1]})")
    return "; ".join([*parts, *row.notes])


if __name__ == "__main__":
    main()
