"""How many threads a kernel on the CPU uses, `thread_count`, and how they wait for each other, `brief_spinning`."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager

from cujax.engine.ground.config import config


def thread_count() -> int:
    """The option `num_threads`, else OMP_NUM_THREADS, else the processors that this process may use."""
    return max(1, config.num_threads or _openmp_threads() or _available_cpus())


def _openmp_threads() -> int:
    """The number of the outermost level in OMP_NUM_THREADS, which may be a list; 0 where it says nothing."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def _available_cpus() -> int:
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, _quota() or allowed)


def _quota(path: str = "/sys/fs/cgroup/cpu.max") -> int | None:
    """The processors that a container's share of time amounts to, rounded up; None without a bound.

    More threads than that would be stopped in the middle of their work while the others wait for them.
    """
    try:
        with open(path) as file:
            quota, period = file.read().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no such file, or the word "max"
        return None


_SPINS = "1000"  # a few microseconds
_WAITING = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")


@contextmanager
def brief_spinning() -> Iterator[None]:
    """Inside, a library of OpenMP that is loaded learns to wait in a loop for a few microseconds only.

    GCC's own rule is about a millisecond, in which, on a processor that others use too, the waiting thread keeps the
    working one from running: a kernel of 0.4 ms then takes 12 to 34 ms (two threads, load 8).  The environment is
    as before afterwards, and what the user has set there stands.
    """
    if any(name in os.environ for name in _WAITING):
        yield
        return
    os.environ[_WAITING[0]] = _SPINS
    try:
        yield
    finally:
        os.environ.pop(_WAITING[0], None)
