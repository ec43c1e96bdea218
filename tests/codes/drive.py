"""Runs the cases of a script under JAX or under cujax: `python drive.py jax|cujax scripts/NAME.py results.npz`.

A script has functions named `case_...` without arguments; each prepares a case and returns a function without arguments
that computes a pytree of arrays.  Times of its first call, which holds what is traced and compiled, and of the fastest
of three further ones are printed and kept.  The results are those of the first call.
"""

from __future__ import annotations

import json
import runpy
import sys
import time
from typing import Any

import numpy as np


def drive(script: str) -> dict[str, Any]:
    """Leaves of the results, as "case/number"; "times", in JSON: seconds of calls; "tolerances", in JSON."""
    import jax

    names = runpy.run_path(script)
    found: dict[str, Any] = {}
    times: dict[str, tuple[float, float]] = {}
    for name, prepare in names.items():
        if name.startswith("case_"):
            compute = prepare()
            first, result = _timed(jax, compute)
            again = min(_timed(jax, compute)[0] for _ in range(3))
            times[name[5:]] = (first, again)
            leaves = jax.tree_util.tree_leaves(result)
            found.update({f"{name[5:]}/{i}": _as_numpy(jax, leaf) for i, leaf in enumerate(leaves)})
            print(f"{name[5:]:30s} first {first:8.3f} s   again {again:8.4f} s", flush=True)
    tolerances = names.get("TOLERANCES", {})
    return {**found, "times": np.array(json.dumps(times)), "tolerances": np.array(json.dumps(tolerances))}


def _timed(jax: Any, compute: Any) -> tuple[float, Any]:
    start = time.perf_counter()
    result = jax.block_until_ready(compute())
    return time.perf_counter() - start, result


def _as_numpy(jax: Any, leaf: Any) -> np.ndarray:
    if hasattr(leaf, "dtype") and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    return np.asarray(leaf)


def _nothing_of_jax_is_loaded() -> None:
    files = {name: str(getattr(module, "__file__", "")) for name, module in sys.modules.items()}
    loaded = [name for name, file in files.items() if name.startswith("jax.") and "/jax/" in file]
    assert not loaded, f"modules of JAX itself were imported: {loaded[:5]}"


if __name__ == "__main__":
    library, script, target = sys.argv[1:]
    if library == "cujax":
        import as_jax  # noqa: F401
    results = drive(script)
    if library == "cujax":
        _nothing_of_jax_is_loaded()
    np.savez(target, **results)
