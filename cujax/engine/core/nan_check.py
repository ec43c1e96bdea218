"""`debug_nans` and `debug_infs`: stop at the first op that makes a NaN or an infinity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cujax.engine.core.context import context
from cujax.engine.ground import dtypes
from cujax.engine.ground.config import config
from cujax.engine.ground.source import SourceLine, user_line


def found_in(arrays: Sequence[Any]) -> str | None:
    """'nan' or 'inf' when one of the concrete `arrays` holds one and the flag asks for it."""
    if not (config.debug_nans or config.debug_infs):
        return None
    for array in arrays:
        if not dtypes.is_inexact(array.aval.dtype):
            continue
        values = array.to_numpy()
        if config.debug_nans and bool(np.any(np.isnan(values))):
            return "nan"
        if config.debug_infs and bool(np.any(np.isinf(values))):
            return "inf"
    return None


def check(op: str, arrays: Sequence[Any], source: SourceLine | None = None) -> None:
    """FloatingPointError that names the op and the user's line, if its results are bad."""
    found = found_in(arrays)
    if found is not None:
        raise FloatingPointError(
            f"invalid value ({found}) encountered in {op} at {source or context.line or user_line()}. "
            f"config.debug_{found}s is on; the operands that led here are on that line."
        )
