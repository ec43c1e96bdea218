"""The compiled parts of the path of a call: `native` is the extension module, or None.

A second call of a jitted function does little but take its arguments apart, find what was recorded for such
arguments, and hand buffers to kernels.  Each of these steps is a Python function; the C functions here do the same
in a tenth of the time:

    pytree.c    flatten                                    ground/pytree_spec.py
    arrays.c    call_key, read_buffers, wrap_buffers       core/leaves.py
    steps.c     kernel_runner, kernel_preparer,            compiler/steps.py
                program_runner                             compiler/program.py
    launch.c    Launcher                                   backends/host_launch.py
                empty, contiguous                          backends/host_backend.py
    device_launch.c  DeviceLaunch, write_addresses         backends/cuda_launch.py
    loop.c      run_loop                                   compiler/loop_plan.py, which says what it stands for
    nest.c      Nest                                       compiler/nest.py, likewise
    callback.c  Callback                                   steps of it that are Python functions

The Python functions say what is meant, and serve where the extension was not built (it is optional at install) or
is switched off (`CUJAX_NATIVE=0`, read at import).  `tests/test_native.py` compares the two.
"""

from __future__ import annotations

import importlib
from typing import Any

from cujax.engine.ground.config import config

VERSION = 9  # as in native.h


def _load() -> Any:
    if not config.native:
        return None
    try:
        found = importlib.import_module("cujax.engine.ground.native._native")
    except ImportError:  # not built, or built for another version of NumPy
        return None
    return found if getattr(found, "version", None) == VERSION else None


native: Any = _load()
