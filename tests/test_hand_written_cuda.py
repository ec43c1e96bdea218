"""CUDA written by hand, without a device: the emulator runs it against the references, NVRTC compiles it."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from emulator import EmulatorTarget, Kernels, why_not

from bench import hand_written_cuda, peers, runner, workloads
from bench.case import SCALES
from cujax.engine.backends.cuda_compiler import resources

TEXTS = hand_written_cuda.texts()
# The C library has no inverse of the error function.
ERFINV = '#include "erf_inv.h"\nstatic __device__ float erfinvf(float x) { return cj::erf_inv(x); }\n'
PATIENT = replace(SCALES["smoke"], call_seconds=60)


@cache
def launcher(name: str) -> hand_written_cuda.Launch:
    """What CuPy's launcher does, on the emulator."""
    kernels = Kernels(ERFINV + TEXTS[name], EmulatorTarget())

    def launch(kernel: str, items: int, *arguments: Any) -> None:
        words = [_as_integer(a) if np.ndim(a) == 0 and isinstance(a, np.generic) else a for a in arguments]
        kernels.run(kernel, hand_written_cuda.blocks(items), hand_written_cuda.THREADS, *words)

    return launch


def _arrays(tree: Any) -> Any:
    """Numbers too lie on a device."""
    return peers.on_leaves(np.asarray, tree)


def _as_integer(number: np.generic) -> int:
    """The bits of a number that is passed by value."""
    return int.from_bytes(number.tobytes(), "little")


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
@pytest.mark.parametrize("name", TEXTS)
def test_kernels_agree_with_the_reference(name):
    workload = name.split("_")[0].upper()
    peer = peers.Peer("cuda", "cuda", "emulator", np, {name: launcher(name)}, put=_arrays)
    bounds = runner.Bounds(PATIENT, time.monotonic() + 60, 4e9)
    cases = workloads.cases(workload, PATIENT)
    rows = [row for case in cases for row in runner.run_case(workload, case, [peer], bounds)]
    assert rows
    assert {row.case: row.status for row in rows if row.status != "ok"} == {}


@pytest.mark.parametrize("name", TEXTS)
def test_nvrtc_compiles_them_without_spills(name):
    nvrtc = pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed")
    try:
        nvrtc.getVersion()
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    found = resources(TEXTS[name], 90)
    assert found
    assert all(taken.spill_stores == taken.spill_loads == 0 for taken in found.values()), found


def test_they_need_a_gpu(monkeypatch):
    monkeypatch.setattr(peers, "platform", lambda: "cpu")
    assert peers.find(["cuda"])[1] == {"cuda": "cujax runs on the CPU here"}


def test_the_compiler_may_refuse(monkeypatch):
    """Where CuPy has no compiler, or is a stand-in, the peer is missing and the others run."""

    class WithoutCompiler:
        def RawModule(self, **_: Any) -> Any:
            raise RuntimeError("no NVRTC")

    monkeypatch.setattr(peers, "platform", lambda: "gpu")
    monkeypatch.setattr(peers, "_import", lambda name: WithoutCompiler())
    with pytest.raises(peers.Missing, match="the sources are not taken: no NVRTC"):
        peers.PEERS["cuda"]()
