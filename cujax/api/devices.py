"""Devices, and moving arrays between them and the host."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from cujax.engine.backends.api import Device
from cujax.engine.backends.select import selected
from cujax.engine.core.array import Array, ConcreteArray
from cujax.engine.core.context import context, using_trace
from cujax.engine.core.trace import EVAL_TRACE, KnownTrace
from cujax.engine.ground import pytree

_PLATFORM_NAMES = {"cpu": "cpu", "gpu": "gpu", "cuda": "gpu"}


def devices(backend: str | None = None) -> list[Device]:
    """The devices of this process; RuntimeError for a `backend` ("cpu", "gpu", "cuda") that is not in use."""
    chosen = selected()
    if backend is not None and _PLATFORM_NAMES.get(backend) != chosen.platform:
        raise RuntimeError(
            f"Unknown backend: {backend!r} requested, but this process runs on {chosen.platform!r}. "
            "The environment variable CUJAX_PLATFORM (cuda or cpu) chooses before the first array is made."
        )
    return list(chosen.devices())


def local_devices(process_index: int | None = None, backend: str | None = None) -> list[Device]:
    """As `devices`: there is one process."""
    return devices(backend)


def default_backend() -> str:
    """The platform in use: "cpu" or "gpu"."""
    return selected().platform


def device_count(backend: str | None = None) -> int:
    """How many devices there are."""
    return len(devices(backend))


def local_device_count(backend: str | None = None) -> int:
    """As `device_count`: there is one process."""
    return len(devices(backend))


def process_index(backend: str | None = None) -> int:
    """0: there is one process."""
    return 0


def process_count(backend: str | None = None) -> int:
    """1: there is one process."""
    return 1


def process_indices(backend: str | None = None) -> list[int]:
    """[0]: there is one process."""
    return [0]


host_id, host_count, host_ids = process_index, process_count, process_indices


def device_get(x: Any) -> Any:
    """The arrays among the leaves of the pytree `x` as NumPy arrays; other leaves as they are."""
    return pytree.map(lambda leaf: np.asarray(leaf) if isinstance(leaf, Array) else leaf, x)


def block_until_ready(x: Any) -> Any:
    """`x`, a pytree, once all arrays in it have been computed."""
    if isinstance(x, ConcreteArray):  # without the microsecond that a tree takes
        return x.block_until_ready()
    selected().synchronize([leaf.buffer for leaf in pytree.leaves(x) if isinstance(leaf, ConcreteArray)])
    return x


def copy_to_host_async(x: Any) -> Any:
    """`x`, a pytree: a hint that its values will be asked for."""
    for leaf in pytree.leaves(x):
        if isinstance(leaf, ConcreteArray):
            leaf.copy_to_host_async()
    return x


def effects_barrier() -> None:
    """Returns at once: callbacks have run when the function that contains them returns."""


@contextmanager
def ensure_compile_time_eval() -> Iterator[None]:
    """Inside the `with` block ops on known values run at once, even while a function is being traced.

    Their results are known values: `if` and `range` may use them.  Ops on traced values are traced as outside.
    """
    outer = context.trace
    with using_trace(outer if outer is EVAL_TRACE else KnownTrace(outer)):
        yield


def print_environment_info(return_string: bool = False) -> str | None:
    """Print what a bug report needs: versions, platform, devices; or return it as text."""
    text = "\n".join([
        f"numpy:    {np.__version__}",
        f"python:   {sys.version}",
        f"platform: {platform.platform()}",
        f"backend:  {selected().name}",
        f"devices:  {devices()}",
    ])
    if return_string:
        return text
    print(text)
    return None
