"""Types for annotations.

    Array      what cujax functions return; also the type of tracers
    ArrayLike  what they accept: arrays, NumPy arrays and scalars, Python scalars
    DTypeLike  what they accept as a dtype
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, Union

import numpy as np

from cujax.engine.core.array import Array
from cujax.engine.ground.dtypes import KeyDtype

__all__ = ["Array", "ArrayLike", "DTypeLike", "SupportsDType"]


class SupportsDType(Protocol):
    """Anything with a dtype."""

    @property
    def dtype(self) -> Any: ...


ArrayLike: TypeAlias = Union[Array, np.ndarray, np.generic, bool, int, float, complex]  # noqa: UP007
DTypeLike: TypeAlias = Union[str, type[Any], np.dtype, KeyDtype, SupportsDType]  # noqa: UP007
