"""W14, latency: imports, eager operations, jitted calls of small functions, tracing and first calls of large ones."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.case import Case, Make, Scale, WrongResult, all_close, array_code, elementwise
from bench.peers import PEERS, Peer
from bench.rows import NOT_RUN, Row
from bench.runner import Bounds
from bench.workloads import w13_nbody

OPERATIONS = {"smoke": 40, "quick": 400, "default": 400, "full": 400}
TAPE = {"smoke": 80, "quick": 2000, "default": 10_000, "device": 0, "full": 10_000}  # 0: left out
IMPORTS = {"smoke": 0, "quick": 3, "default": 5, "device": 3, "full": 15}  # processes, beside one that is not counted
SMALL = 1000

_IMPORT = """
import time
import numpy

def resident():  # kB; ru_maxrss would start from the parent's
    return int(next(line for line in open("/proc/self/status") if line.startswith("VmRSS")).split()[1])

before = resident()
start = time.perf_counter()
import {name}
print(time.perf_counter() - start, (resident() - before) / 1024)
"""


def rows(peers: list[Peer], bounds: Bounds) -> list[Row]:
    """What importing costs beyond NumPy: time and memory, in fresh processes."""
    rounds = bounds.scale.of(IMPORTS)
    found = [_imported(peer, rounds, bounds) for peer in peers if peer.dialect == "jax" and rounds]
    return [time for time, _ in found] + [memory for _, memory in found]


def _imported(peer: Peer, rounds: int, bounds: Bounds) -> tuple[Row, Row]:
    """Bytecode is cached, as it is for anyone who imports a package for the second time."""
    time, memory = Row("W14", "import", peer.name), Row("W14", "import, memory", peer.name)
    if bounds.left() < 0:
        time.status = memory.status = NOT_RUN
        return time, memory
    command = [sys.executable, "-c", _IMPORT.format(name=peer.name)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()
        for _ in range(rounds + 1)
    ]
    seconds, megabytes = zip(*((float(a), float(b)) for a, b in outputs[1:]), strict=True)
    time.samples = memory.samples = rounds
    time.median, time.minimum = statistics.median(seconds), min(seconds)
    memory.value, memory.value_unit = statistics.median(megabytes), "MB"
    return time, memory


def operations(np: Any, count: int) -> Callable:
    """A function of `count` elementwise operations on one array."""

    def function(x: Any) -> Any:
        for i in range(count // 4):
            x = np.sin(x) * 1.01 + x / (i + 2.0)
        return x

    return function


def _small(size: int) -> tuple[np.ndarray]:
    return (np.random.default_rng(14).random(size, np.float32),)


def _tree() -> tuple[dict[str, np.ndarray]]:
    return ({f"leaf{i}": np.arange(4, dtype=np.float32) + i for i in range(10)},)


def cases(scale: Scale) -> list[Case]:
    return [*_calls(), *_traces(scale.of(OPERATIONS)), *_first_calls(scale)]


def _calls() -> list[Case]:
    linear = elementwise(lambda peer: lambda x: x * 2 + 1)
    each = array_code(lambda peer: lambda tree: {key: x + 1 for key, x in tree.items()})
    plus = array_code(lambda peer: lambda x: x + 1)

    def case(name: str, make: Make, inputs: Callable[[], tuple], jit: bool = True) -> Case:
        return Case(name, make, inputs, make["numpy"](PEERS["numpy"]()), all_close(1e-6), jit=jit, alone=True)

    return [
        case("eager x + 1, three elements", plus, lambda: _small(3), jit=False),
        case("jitted 2 x + 1, scalar", linear, lambda: (np.array(2, np.float32),)),
        case("jitted x + 1, ten leaves", each, _tree),
        case(f"jitted 2 x + 1, {SMALL} elements", linear, lambda: _small(SMALL)),
    ]


def _traces(count: int) -> list[Case]:
    """Tracing alone, of functions made afresh in each call, so that nothing is remembered."""

    def written(peer: Peer) -> Callable:
        return operations(peer.np, count)

    def gradient(peer: Peer) -> Callable:
        function = operations(peer.np, count)
        return peer.lib.grad(lambda x: function(x).sum())

    def nbody(peer: Peer) -> Callable:
        return peer.lib.grad(w13_nbody.energy(peer.np))

    return [
        _trace(f"{count} operations", written, count, lambda: _small(8)),
        _trace(f"the gradient of {count} operations", gradient, count, lambda: _small(8)),
        _trace("the gradient of the N-body energy", nbody, 10, lambda: w13_nbody.cluster(64)),
    ]


def _trace(name: str, make: Callable[[Peer], Callable], least: int, inputs: Callable[[], tuple]) -> Case:
    """The function gives the length of the tape, which is compared with the operations that were written."""

    def length(peer: Peer) -> Callable:
        return lambda *arrays: len(peer.lib.make_jaxpr(make(peer))(*arrays).eqns)

    return Case(f"tracing {name}", {"jax": length}, inputs, lambda *_: least, _at_least, jit=False)


def _at_least(peer: Peer, found: int, least: int) -> None:
    if found < least:
        raise WrongResult(f"{found} equations, at least {least} were written")


def _first_calls(scale: Scale) -> list[Case]:
    """What compiling costs: see the cold columns."""
    count, tape = scale.of(OPERATIONS), scale.of(TAPE)
    long = [_first_call(tape, 8, scale, warm=False)] if tape else []
    return [_first_call(count, SMALL, scale), *long]


def _first_call(count: int, size: int, scale: Scale, warm: bool = True) -> Case:
    def new_size() -> Case:
        return _first_call(count, size + 24, scale)

    return Case(
        f"jitted {count} operations, {size} elements",
        array_code(lambda peer: operations(peer.np, count)),
        inputs=lambda: _small(size),
        reference=lambda x: operations(np, count)(x.astype(np.float64)),
        compare=all_close(1e-4),
        new_size=new_size if scale.name != "smoke" else None,
        warm=warm or scale.name == "smoke",
    )
