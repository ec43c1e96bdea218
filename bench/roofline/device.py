"""The device, and how long it would take for a kernel at best: the *estimate*.

A kernel takes as long as the slowest of: memory at the speed of a copy, or at what the bytes that are under way allow
(Little's law); each unit of the multiprocessors at its rate; and one thread after another where there are too few to
hide how long an instruction takes.  Every launch adds its time.  What is left out makes a kernel slower (caches that
miss, bank conflicts, a last wave of blocks) or faster (values that stay in the second-level cache between kernels).
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from bench.roofline.machine_code import Code, Counts
from bench.roofline.operations import Costs
from bench.roofline.programs import Step
from cujax.engine.backends.api import KernelCall


class Device(NamedTuple):
    """Rates are per second, of instructions of one thread; `pipes`: which kinds of instructions share a unit."""

    name: str
    multiprocessors: int
    clock: float
    copy: float  # bytes
    issued: float
    pipes: dict[tuple[str, ...], float]
    latency: dict[str, int]  # cycles of an instruction that the next one waits for
    memory_latency: float
    launch: float


H200 = Device(
    "H200", 132, 1.785e9, copy=4.3e12, issued=30e12,
    pipes={
        ("float", "multiply"): 30e12, ("multiply",): 16e12, ("integer",): 16e12, ("f64",): 15e12, ("special",): 3.8e12,
        ("memory",): 7.5e12,
    },
    latency={"float": 4, "multiply": 4, "integer": 5, "f64": 8, "special": 20, "memory": 30, "control": 4},
    memory_latency=0.7e-6, launch=2.5e-6,
)  # fmt: skip
EFFICIENCY = 0.85  # of the rate of instructions, which no real kernel reaches
_REGISTERS, _THREADS, _BLOCKS, _SHARED = 65536, 2048, 32, 227 * 1024  # of a multiprocessor of sm_90


class Estimate(NamedTuple):
    """Seconds, by what would take them, of all runs of a step; `total` is what it takes with its launches."""

    memory: float
    arithmetic: float
    latency: float
    launches: float

    @property
    def total(self) -> float:
        return max(self.memory, self.arithmetic, self.latency) + self.launches

    @property
    def bound(self) -> str:
        """What takes the most time."""
        return max(self._fields, key=lambda name: getattr(self, name))


def resident_threads(code: Code, call: KernelCall) -> int:
    """That run at the same time on a multiprocessor."""
    warps = -(-call.threads // 32)
    registers = -(-code.taken.registers // 8) * 8 * 32 * warps
    blocks = min(_BLOCKS, _THREADS // call.threads, _REGISTERS // registers, _SHARED // (code.taken.shared + 1024))
    return blocks * call.threads


def estimate(step: Step, costs: Costs, device: Device = H200) -> Estimate:
    """Of a step's runs in one call."""
    if step.kernel is None or step.work is None:
        seconds = max(step.bytes_moved / device.copy, step.flops / _library_rate(step))
        return Estimate(step.times * seconds, 0, 0, step.times * device.launch)
    number = len(step.codes) - 1 if step.is_ordered else 0  # the kernel that does the work
    code, call = step.codes[number], step.kernel.calls[number]
    launched = call.blocks[0] * call.blocks[1] * call.threads
    resident = min(resident_threads(code, call) * device.multiprocessors, launched)
    lanes = step.work.lanes or launched
    rounds = -(-lanes // max(resident, 1))
    # A multiprocessor issues at its full rate when it has a warp for each of its four schedulers.
    busy = min(1.0, -(-min(lanes, resident) // 32) / (4 * device.multiprocessors))
    return Estimate(
        step.times * _memory(step, code, resident, device),
        step.times * _arithmetic(instructions_of(step, costs), device) / busy,
        step.times * (_chain(step, costs, device) * rounds + _entering(step, device)),
        step.times * len(step.kernel.calls) * device.launch,
    )


def _memory(step: Step, code: Code, resident: int, device: Device) -> float:
    """Seconds for the bytes; loads no faster than with all that the threads have asked for at a time."""
    assert step.kernel is not None
    written = sum(v.aval.size * v.aval.dtype.itemsize for v in step.kernel.writes)
    loaded, ahead = max(step.bytes_moved - written, 0), code.bytes_ahead(loads_of(step) | {16})
    waiting = loaded * device.memory_latency / (resident * ahead) if ahead and loaded else 0
    return max(step.bytes_moved / device.copy, waiting, device.memory_latency if step.bytes_moved else 0)


def _entering(step: Step, device: Device) -> float:
    """Seconds of updates that enter in their order: those of the place that has the most, one after the other."""
    if not step.is_ordered or step.kernel is None or step.work is None:
        return 0
    owners = 1 if step.contended else step.kernel.calls[-1].blocks[0]
    entries = step.updates / owners
    return entries / _READ_AHEAD * device.memory_latency + entries * device.latency["f64"] / device.clock


def _library_rate(step: Step) -> float:
    """Operations in a second that a library reaches, by the type of its result."""
    return LIBRARY_RATE * PEAKS.get(step.dtype, PEAKS["float32"])


LIBRARY_RATE = 0.6  # of the peak: a guess
PEAKS = {"bfloat16": 990e12, "float16": 990e12, "float32": 60e12, "float64": 60e12}
_READ_AHEAD = 224  # entries of a round, as in kernels/in_order.h


def instructions_of(step: Step, costs: Costs) -> Counts:
    """All instructions of one run: of the kernel's main loop where that can be found, else of its operations."""
    assert step.work is not None and step.kernel is not None
    if step.work.lanes is None and (counts := _of_main_loop(step)):
        return counts
    counts = costs.total(step.work.operations)
    counts["memory"] += step.work.loads + step.work.stores
    counts["integer"] += 2 * (step.work.loads + step.work.stores)  # addresses
    return counts


def _of_main_loop(step: Step) -> Counts | None:
    """The turns of the loop that moves the most bytes, as many as move all elements.

    A reduction is told by what it loads, element by element, as are updates that are gathered; anything else by what it
    stores.
    """
    assert step.work is not None and step.kernel is not None
    if len(step.codes) > 2:
        return None
    turns = step.codes[0].turns()
    stored = sum(v.aval.size * v.aval.dtype.itemsize for v in step.kernel.writes)
    widths = loads_of(step)
    is_map = not step.work.reduces and not step.gathers
    if not is_map and any(t.loads and not t.stored for t in turns):
        turns = [t for t in turns if not t.stored]  # those that store go from result to result
    moves = {
        k: t.stored if is_map else sum(n for w, n in t.loads.items() if w in widths) for k, t in enumerate(turns)
    }
    main = max(moves, key=lambda k: (moves[k], -turns[k].instructions.total()), default=None)
    if main is None or not moves[main]:
        return None
    count = (stored if is_map else step.work.loads) / moves[main]
    return Counter({pipe: round(n * count) for pipe, n in turns[main].instructions.items()})


def loads_of(step: Step) -> set[int]:
    """Bytes of the loads by which a kernel may read its elements."""
    assert step.kernel is not None
    return {v.aval.dtype.itemsize for v in step.kernel.reads if v.aval.ndim}


def _arithmetic(instructions: Counts, device: Device) -> float:
    """Seconds that the busiest unit takes, or issuing all of them."""
    of_units = [sum(instructions[p] for p in pipes) / rate for pipes, rate in device.pipes.items()]
    return max([*of_units, sum(instructions.values()) / device.issued]) / EFFICIENCY


def _chain(step: Step, costs: Costs, device: Device) -> float:
    """Seconds that one thread takes if nothing runs beside it."""
    assert step.work is not None
    instructions = costs.total(step.work.chain)
    return sum(n * device.latency[p] for p, n in instructions.items()) / device.clock
