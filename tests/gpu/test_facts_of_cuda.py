"""What was read in sources or tried on a mock driver, and decides designs: captures, conditional nodes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

cupy = pytest.importorskip("cupy", reason="CuPy is not installed")


def captured(run):
    """Run, then capture and replay `run` on a stream of its own; the result of the replay."""
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        run()
        stream.synchronize()
        stream.begin_capture()
        try:
            out = run()
        finally:
            graph = stream.end_capture()
        out.fill(0)
        graph.launch(stream)
        stream.synchronize()
    return out.get()


def draw(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


CAPTURED = {
    "elementwise": lambda x: x * 2 + 1,
    "sum by CUB": lambda x: x.sum(),
    "sort by Thrust": lambda x: cupy.sort(x.ravel()),
    "cumsum": lambda x: cupy.cumsum(x.ravel()),
    "fft by cuFFT": lambda x: cupy.fft.fft(x),
    "product by cuBLAS": lambda x: x @ x,
    "cholesky by cuSOLVER": lambda x: cupy.linalg.cholesky(x @ x.T + 100 * cupy.eye(64, dtype=x.dtype)),
}


@pytest.mark.parametrize("name", CAPTURED)
def test_what_can_be_captured(name, figure):
    """A note for the report: CuPy may refuse, and then programs run such steps outside of graphs, as they do."""
    x = cupy.asarray(draw(64, 64))
    expected = CAPTURED[name](x).get()
    try:
        out = captured(lambda: CAPTURED[name](x))
    except Exception as error:
        figure(f"capture of {name}: {type(error).__name__}", 0, "")
        return
    figure(f"capture of {name}: works", 1, "")
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)


def test_a_loop_on_the_device(figure):
    """A WHILE node counts until its condition is cleared: beside a dozen busy processes on a device it once did not.

    The device then reports cudaErrorLaunchFailure, and the process can use it no more; hence one of its own.  Programs
    have no such nodes.
    """
    folder = Path(__file__).parent
    path = os.pathsep.join([str(folder.parent.parent), os.environ.get("PYTHONPATH", "")])
    command, environment = [sys.executable, folder / "loop_on_device.py"], os.environ | {"PYTHONPATH": path}
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    figure("one iteration of a loop on the device", float(run.stdout), "us")
