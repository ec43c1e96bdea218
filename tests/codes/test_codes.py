"""Published codes under cujax and under JAX: the same numbers (`make test-codes`).

Each script runs twice, in a process for each library.  Where CUJAX_TEST_CODES is not set nothing here runs, since the
codes are not there.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from published_codes import CODES, TOLERANCE

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

pytestmark = pytest.mark.skipif("CUJAX_TEST_CODES" not in os.environ, reason="make test-codes runs these")


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.script)
def test_code_gives_the_numbers_of_jax(code, tmp_path):
    theirs, ours = (_run(library, code.script, tmp_path) for library in ("jax", "cujax"))
    _print_times(code, theirs.pop("times"), ours.pop("times"))
    assert list(ours) == list(theirs)
    tolerances = json.loads(str(theirs.pop("tolerances")))
    ours.pop("tolerances")
    wrong = {name: text for name in theirs if (text := _difference(name, ours[name], theirs[name], tolerances))}
    assert not wrong


def _run(library: str, script: str, folder: Path) -> dict:
    target = folder / f"{library}.npz"
    env = {**os.environ, "PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "CUJAX_PLATFORM": "cpu"}
    env["CUJAX_DEBUG_KEY_REUSE"] = "0"  # diffrax's Brownian motion draws from one key for several purposes
    command = [sys.executable, "-W", "ignore", HERE / "drive.py", library, HERE / "scripts" / f"{script}.py", target]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{script} under {library}:\n{done.stdout[-2000:]}\n{done.stderr[-6000:]}"
    with np.load(target) as results:
        return dict(results)


def _difference(name: str, ours: np.ndarray, theirs: np.ndarray, tolerances: dict) -> str | None:
    if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
        return f"{ours.dtype}{ours.shape}, JAX has {theirs.dtype}{theirs.shape}"
    allowed = tolerances.get(name.split("/")[0], TOLERANCE) if theirs.dtype.kind in "fc" else 0
    wide = np.complex128 if theirs.dtype.kind == "c" else np.float64
    a, b = ours.astype(wide), theirs.astype(wide)
    if not np.array_equal(np.isfinite(a), np.isfinite(b)):
        return "not finite in other places than JAX"
    finite = np.isfinite(b)
    error = np.abs(a - b)[finite].max(initial=0)
    scale = np.abs(b)[finite].max(initial=0)
    return None if error <= allowed * scale else f"differs by {error:.3g} of {scale:.3g}, allowed {allowed:g}"


def _print_times(code, theirs: np.ndarray, ours: np.ndarray) -> None:
    ours_by_case = json.loads(str(ours))
    for case, (first, again) in json.loads(str(theirs)).items():
        our_first, our_again = ours_by_case[case]
        print(
            f"\n{code.script + ' ' + case:40s} first call {our_first:8.3f} s, JAX {first:8.3f} s;"
            f"   again {our_again:9.5f} s, JAX {again:9.5f} s ({our_again / again:5.2f}x)",
            end="",
        )
