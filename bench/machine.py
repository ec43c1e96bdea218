"""What a figure must be read with: processor, versions, commit, load, and how fast memory can be copied."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from bench.peers import PEERS, Peer


def describe(peers: list[Peer]) -> dict[str, Any]:
    """Of this machine and this checkout."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(os.getloadavg()[0], 2),
        "device": device(peers[0]),
        "python": platform.python_version(),
        "versions": {peer.name: peer.version for peer in peers} | {"numpy": np.__version__},
        "commit": commit(),
        "time": time.strftime("%Y-%m-%d %H:%M"),
    }


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), platform.machine())


def device(cujax: Peer) -> str:
    return ", ".join(f"{d} ({d.device_kind})" for d in cujax.lib.devices())


def commit() -> str:
    """Of the checkout that the benchmarks stand in; marked where files have been changed since."""
    here = Path(__file__).parent
    found = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, cwd=here)
    return found.stdout.strip()


def copy_bandwidth(peers: list[Peer], size: int) -> float:
    """Bytes read and written in a second when `size` bytes are copied on the device: the best of 20 copies."""
    return _copy_on_device(PEERS["cupy"](), size) if peers[0].platform == "gpu" else _copy_on_host(size)


def _copy_on_host(size: int) -> float:
    """By as many threads as there are cores, or by one if that is faster."""
    source, target = np.random.default_rng(0).random(size // 8), np.ones(size // 8)
    cores = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(cores) as pool:

        def copy(parts: int) -> None:
            pieces = zip(np.array_split(target, parts), np.array_split(source, parts), strict=True)
            list(pool.map(lambda pair: np.copyto(*pair), pieces))

        return 2 * size / min(_best(copy, parts) for parts in {1, cores})


def _best(copy: Any, parts: int) -> float:
    times = []
    for _ in range(20):
        start = time.perf_counter()
        copy(parts)
        times.append(time.perf_counter() - start)
    return min(times)


def _copy_on_device(peer: Peer, size: int) -> float:
    cupy = peer.np
    source, target = cupy.random.random(size // 8), cupy.empty(size // 8)
    times = []
    for _ in range(20):
        start, end = cupy.cuda.Event(), cupy.cuda.Event()
        start.record()
        cupy.copyto(target, source)
        end.record()
        end.synchronize()
        times.append(cupy.cuda.get_elapsed_time(start, end) / 1e3)
    return 2 * size / statistics.median(times)
