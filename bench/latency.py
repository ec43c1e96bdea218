"""W14, latency: import, eager ops, jitted calls and tracing, beside JAX on the same machine.

Imports are timed in fresh processes.  Everything else runs in this one, inputs resident, results ready.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jax_numpy

import cujax
import cujax.numpy as cujax_numpy
from bench.measure import Row, microseconds, milliseconds

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


def import_cost(name: str, rounds: int = 5) -> tuple[float, float]:
    """Seconds and megabytes that `import name` costs beyond NumPy's, the median of fresh processes.

    Bytecode is cached, as it is for anyone who imports a package for the second time.
    """
    command = [sys.executable, "-c", _IMPORT.format(name=name)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    found = []
    for _ in range(rounds + 1):
        out = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.split()
        found.append((float(out[0]), float(out[1])))
    found = sorted(found[1:])
    return found[rounds // 2]


def operations(np: ModuleType, count: int = 400) -> Callable:
    """A function of `count` elementwise operations on one array."""

    def function(x: Any) -> Any:
        for i in range(count // 4):
            x = np.sin(x) * 1.01 + x / (i + 2.0)
        return x

    return function


def side_by_side(what: str, unit: str, measure: Callable[[ModuleType, ModuleType], float]) -> Row:
    return Row("W14", what, unit, measure(cujax, cujax_numpy), measure(jax, jax_numpy))


def eager_add(_: ModuleType, np: ModuleType) -> float:
    x = np.arange(3.0)
    return microseconds(lambda: (x + 1).block_until_ready())


def jitted_scalar(lib: ModuleType, np: ModuleType) -> float:
    x = np.float32(2.0)
    call = lib.jit(lambda x: x * 2 + 1)
    return microseconds(lambda: call(x).block_until_ready())


def jitted_tree(lib: ModuleType, np: ModuleType) -> float:
    tree = {f"leaf{i}": np.arange(4.0) + i for i in range(10)}
    call = lib.jit(lambda t: {k: v + 1 for k, v in t.items()})
    return microseconds(lambda: lib.block_until_ready(call(tree)))


def trace_400(lib: ModuleType, np: ModuleType) -> float:
    x = np.arange(8.0)
    return milliseconds(lambda: lambda: lib.make_jaxpr(operations(np))(x))


def trace_gradient(lib: ModuleType, np: ModuleType) -> float:
    x = np.arange(8.0)

    def make() -> Callable:
        function = operations(np)
        return lambda: lib.make_jaxpr(lib.grad(lambda x: function(x).sum()))(x)

    return milliseconds(make)


def first_call_400(lib: ModuleType, np: ModuleType) -> float:
    x = np.arange(8.0)

    def make() -> Callable:
        call = lib.jit(operations(np))
        return lambda: lib.block_until_ready(call(x))

    return milliseconds(make)


def measure() -> list[Row]:
    """All rows of the workload."""
    ours, theirs = import_cost("cujax"), import_cost("jax")
    return [
        Row("W14", "import", "s", ours[0], theirs[0]),
        Row("W14", "import, memory beyond NumPy's", "MB", ours[1], theirs[1]),
        side_by_side("eager x + 1, three elements", "us", eager_add),
        side_by_side("jitted scalar function, second call", "us", jitted_scalar),
        side_by_side("jitted function of a 10-leaf dictionary, second call", "us", jitted_tree),
        side_by_side("tracing 400 operations", "ms", trace_400),
        side_by_side("tracing the gradient of 400 operations", "ms", trace_gradient),
        side_by_side("first call of 400 operations", "ms", first_call_400),
    ]
