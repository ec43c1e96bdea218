"""CuPy as ops see it: the array library `xp` of the cuda backend.

It is CuPy but for `where`, which CuPy has not for bfloat16: it gives float32 (as of 14.2), and nearly every op that
chooses would.  There the bits are chosen instead, as integers.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from cujax.engine.ground.dtypes import bfloat16


def array_library(cupy: ModuleType) -> ModuleType:
    """A module with all that `cupy` has, and with our `where`."""
    library = ModuleType(cupy.__name__, __doc__)
    vars(library).update({name: value for name, value in vars(cupy).items() if name[:2] != "__"})
    library.where = _where(cupy.where)  # type: ignore[attr-defined]
    return library


def _where(of_cupy: Callable) -> Callable:
    def where(condition: Any, x: Any, y: Any) -> Any:
        """`x` where `condition` is true, else `y`; of two operands of bfloat16, or one and a number, bfloat16."""
        if not _are_bfloat16(x, y):
            return of_cupy(condition, x, y)
        return of_cupy(condition, _bits(x), _bits(y)).view(bfloat16)

    return where


def _are_bfloat16(*xs: Any) -> bool:
    found = [x.dtype for x in xs if hasattr(x, "dtype")]
    return bfloat16 in found and all(dtype == bfloat16 for dtype in found)


def _bits(x: Any) -> Any:
    """The bits of an array or a number as uint16."""
    if not hasattr(x, "dtype"):
        x = np.asarray(x, bfloat16)[()]
    return x.view(np.uint16)
