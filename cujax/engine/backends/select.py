"""Which backend this process uses.

`CUJAX_PLATFORM=cuda|cpu` decides, or else the first of `CUJAX_PLATFORMS`; unset, the GPU is taken when
CuPy imports and a device answers.  A CPU compiles kernels unless `CUJAX_HOST_COMPILER=off`, and falls back to
NumPy by itself where there is no compiler.  The choice is made at the first array, not at import, and then holds.
Start at `selected`.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

from cujax.engine.backends import cuda, numpy_library
from cujax.engine.backends.api import Backend
from cujax.engine.backends.host_backend import HostBackend
from cujax.engine.backends.numpy_backend import NumpyBackend
from cujax.engine.ground.config import config

_selected: Backend | None = None


def selected() -> Backend:
    """The backend of this process; RuntimeError when CUJAX_PLATFORM asks for one that is not there."""
    global _selected
    if _selected is None:
        first = (config.platforms or "").split(",")[0]
        _selected = _choose((config.platform_name or first).strip().lower())
    return _selected


def _choose(wanted: str) -> Backend:
    if wanted in ("cuda", "gpu"):
        return cuda.CudaBackend()
    if wanted == "cpu" or not cuda.available()[0]:
        return NumpyBackend() if config.host_compiler == "off" else HostBackend()
    if wanted:
        raise RuntimeError(f"CUJAX_PLATFORM={wanted!r} is not a platform of cujax; use 'cuda' or 'cpu'")
    return cuda.CudaBackend()


def library(xp: ModuleType) -> Any:
    """The functions beside `xp` that an op's impl may call: SciPy-like routines, scatter, callbacks.

    Those of NumPy also where a GPU is selected: an impl may compute on the host there, as constants are folded.
    """
    return numpy_library if xp is np else selected().library
