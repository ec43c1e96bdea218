"""The cold columns: a case's first call in a process of its own, and its first call at a new size.

`python -m bench.fresh WORKLOAD CASE PEER SCALE` prints seconds as JSON.  The caller names the cache directory, for
cujax and JAX alike, so that a second process with the same one shows what the cache on disk is worth.  Imports,
inputs and the start of the device come before the clock: what is timed is tracing, compiling and one run.  The result
is compared with the reference here too.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from typing import NamedTuple

import numpy as np

from bench import emulated, peers, runner, workloads
from bench.case import SCALES, Case
from bench.measure import resident_bytes


class Fresh(NamedTuple):
    """Seconds, or what went wrong."""

    first: float | None = None
    new_size: float | None = None
    error: str = ""


def measure(
    workload: str, case: str, peer: str, scale: str, cache: str, timeout: float, memory: float
) -> Fresh:
    """Runs this module in a new process, which may grow by `memory` bytes where arrays live in them."""
    environment = os.environ | {
        "CUJAX_CACHE_DIR": os.path.join(cache, "cujax"),
        "JAX_COMPILATION_CACHE_DIR": os.path.join(cache, "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "BENCH_MEMORY": str(int(memory)),
    }
    command = [sys.executable, "-m", "bench.fresh", workload, case, peer, scale]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=timeout)
    except subprocess.TimeoutExpired:
        return Fresh(error=f"cut after {timeout:.3g} s")
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [""])[-1]
        return Fresh(error=f"failed with {done.returncode}: {last[:160]}")
    return Fresh(*json.loads(done.stdout.splitlines()[-1]))


def main(workload: str, name: str, peer_name: str, scale: str) -> None:
    emulated.install_if_asked()
    (case,) = (c for c in workloads.cases(workload, SCALES[scale]) if c.name == name)
    peer = peers.PEERS[peer_name]()
    with peer.x64(case.x64):
        _start(peer)
        _limit_memory(peer)
        times = [_first(case, peer)]
        if case.warm and case.new_size is not None:
            times.append(_first(case.new_size(), peer))
    print(json.dumps(times))


def _start(peer: peers.Peer) -> None:
    """The device and the libraries' threads are up before the clock starts."""
    peer.wait(peer.put(np.arange(4.0, dtype=np.float32)) + np.float32(1))


def _limit_memory(peer: peers.Peer) -> None:
    """On the CPU allocations fail beyond the limit, before the machine runs out."""
    if peer.platform == "cpu" and "BENCH_MEMORY" in os.environ:
        most = resident_bytes() + int(os.environ["BENCH_MEMORY"])
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def _first(case: Case, peer: peers.Peer) -> float:
    inputs = case.inputs()
    expected = case.reference(*inputs)
    call = runner.bind(case, peer, inputs)
    return runner.checked_first_call(case, peer, call, expected).first


if __name__ == "__main__":
    main(*sys.argv[1:])
