"""What others have measured or what a target allows, for the rows of the workloads: seconds, with their source.

    jax_of(workload, case) -> Figure or None        JAX's own figure: published, on the hardware that is named, or the
                                                    least that it can take, and then marked as an estimate
    target_of(workload, case) -> Figure or None     the most that a row may take

Nothing here was measured by this project.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from bench.case import Case
from bench.roofline.device import EFFICIENCY, H200, PEAKS

LARGE = 100e6  # bytes from which on a launch no longer counts


class Figure(NamedTuple):
    """Seconds, and whose figure it is."""

    seconds: float
    source: str


_ODE = "GPUODEBenchmarks, V100, 8,388,608 systems"
_JAX: list[tuple[str, str, float, str]] = [
    ("W2", "", 1.25e-3, "pyhpc-benchmarks, V100"),
    ("W4", "200 steps 256", 256**3 * 200 / 827e6, "XLB on JAX, RTX 6000 Ada: 827 MLUPS"),
    ("W5", "a, .* 8388608", 10.038, _ODE),
    ("W5", "b, .* 8388608", 2.611, _ODE),
    ("W6", "logistic map, last value of 10000000 steps float32", 81.6, "a GPU, against 0.06 s on a CPU"),
    ("W9", "add 40960 rows, uniform", 1e-3, "JAX 0.10.2, openxla/xla 46225"),
    ("W9", "add 40960 rows, equal", 0.5, "JAX 0.10.2, openxla/xla 46225"),
    ("W10", "fftn", 0.97e-3, "cupy/cupy 8870"),
    ("W11", "10000 inverses", 1.47e-3, "3x3 inverses, with 0.041 ms hand-written"),
    ("W14", "jitted 2 x [+] 1, scalar", 6e-6, "JAX 0.10.2, on a CPU"),
    ("W14", "jitted x [+] 1, ten leaves", 37e-6, "JAX 0.10.2, on a CPU"),
]

# What a program that does not keep its carries in registers reads and writes: a path's price, variance and key at each
# step, the 19 populations of a cell; and the results of samplers.
_BYTES_OF_ITEMS = {"paths": 32, "cell updates": 152, "values": 4, "keys": 8}
_PRODUCTS = PEAKS | {"float32": 495e12}  # of 19 bits, which XLA may take where no precision is asked for

# One kernel of XLA's that reads and writes once takes no less than a copy; where arithmetic bounds nothing is known.
_AT_COPY_SPEED = {"W1": "(sum )?a[*]x", "W3": "one step"}


def jax_of(workload: str, case: Case) -> Figure | None:
    """See the module's docstring."""
    for name, pattern, seconds, source in _JAX:
        if name == workload and re.match(pattern, case.name):
            return Figure(seconds, source)
    if workload in _AT_COPY_SPEED and re.match(_AT_COPY_SPEED[workload], case.name):
        return Figure(case.bytes_moved / H200.copy + H200.launch, "estimated: one kernel at the speed of a copy")
    for name, pattern, instructions, rate, what in _AT_FULL_RATE:
        if name == workload and re.match(pattern, case.name):
            return Figure(case.items[0] * instructions / rate, f"estimated, at the least: {what} at the full rate")
    return _at_the_least(workload, case)


def _at_the_least(workload: str, case: Case) -> Figure | None:
    """A launch for each step of a loop, as XLA runs one on a GPU, and what any program must move or multiply."""
    number, counted = case.items
    found = re.search(r"\b(\d+) (fixed )?steps", case.name)
    steps = int(found.group(1)) if found else 1
    moved = case.bytes_moved or number * _BYTES_OF_ITEMS.get(counted, 0) * (steps if counted == "paths" else 1)
    products = number / _PRODUCTS[case.name.rpartition(" ")[2]] if counted == "FLOP" else 0
    if steps == 1 and not moved and not products:
        return None
    bound = "products at the peak rate" if products else "memory at a copy's speed"
    source = f"estimated, at the least: {f'{steps} launches, ' if steps > 1 else ''}{bound}"
    return Figure(steps * H200.launch + max(moved / H200.copy, products), source)


# --- targets ----------------------------------------------------------------------------------------------------------

_THREEFRY = 75  # integer operations of a hash
_PAIR = 22  # instructions of a pair of bodies: 3 differences, distance, root and quotient, 3 sums
_RK4 = 48  # instructions of a step: 4 slopes of 9, 12 for the sum
_PATH_STEP = 4 * _THREEFRY  # a step of a path splits its key and draws two numbers

# What bounds any program for it, whoever compiles it.
_AT_FULL_RATE = [("W13", "", _PAIR, H200.issued, f"{_PAIR} instructions a pair")]


def _copies(share: float) -> Callable[[Case], Figure | None]:
    def limit(case: Case) -> Figure | None:
        if case.bytes_moved < LARGE:
            return None
        return Figure(case.bytes_moved / H200.copy / share, f"{share:.0%} of the copy bandwidth")

    return limit


def _hand_written(instructions: float, factor: float, rate: float = H200.issued) -> Callable[[Case], Figure | None]:
    """`factor` times what a kernel written by hand would take for so many instructions for each item."""

    def limit(case: Case) -> Figure:
        seconds = case.items[0] * instructions / rate / EFFICIENCY
        return Figure(factor * seconds, f"{factor} of hand-written, estimated at {instructions:.0f} instructions each")

    return limit


def _hashes(case: Case) -> Figure:
    return Figure(case.items[0] * _THREEFRY / H200.pipes["integer",] / 0.8, "80 % of 75 integer operations a hash")

_TARGETS: list[tuple[str, str, Callable[[Case], Figure | None]]] = [
    ("W1", "", _copies(0.9)),
    ("W3", "one step", lambda case: Figure(case.bytes_moved / H200.copy / 0.9, "90% of the copy bandwidth")),
    ("W5", "a, .* (1048576|8388608)", _hand_written(1000 * _RK4, 1.5)),
    ("W6", ".*10000000", lambda case: Figure(0.5, "10^7 steps under 0.5 s")),
    ("W7", "price", _hand_written(252 * _PATH_STEP, 1.5, H200.pipes["integer",])),
    ("W8", "(bits|uniform 2|split)", _hashes),
    ("W13", ".*65536", _hand_written(_PAIR, 1.3)),

]


def target_of(workload: str, case: Case) -> Figure | None:
    """See the module's docstring."""
    for name, pattern, limit in _TARGETS:
        if name == workload and re.match(pattern, case.name):
            return limit(case)
    return None
