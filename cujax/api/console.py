"""`breakpoint`: a console in the middle of a running program, with the values of that moment."""

from __future__ import annotations

import code
import sys
from collections.abc import Mapping
from typing import Any

from cujax.api.callbacks import debug_callback
from cujax.api.flatten import is_array_like
from cujax.engine.ground import pytree


def breakpoint(
    *, backend: str | None = None, filter_frames: bool = True, num_frames: int | None = None, ordered: bool = False,
    token: Any = None, **kwargs: Any,
) -> Any:
    """Open a Python console when the program gets there; it goes on at the end of the input (Ctrl-D).

    The console has the local variables of the function that calls `breakpoint`, traced ones with their values.  Under
    `vmap` it opens for each element, under `grad` in the forward pass.  All arguments are accepted for compatibility;
    `token`, a pytree, is returned.
    """
    frame = sys._getframe(1)
    arrays: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for name, value in frame.f_locals.items():
        leaves = pytree.leaves(value)
        (arrays if leaves and all(map(is_array_like, leaves)) else others)[name] = value
    where = f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
    names = {**frame.f_globals, **others}
    debug_callback(lambda arrays: _open(where, {**names, **arrays}), arrays, ordered=ordered)
    return token


def _open(where: str, names: Mapping[str, Any]) -> None:
    code.interact(banner=f"{where} (continue with Ctrl-D)", local=dict(names), exitmsg="")
