"""The batch axis that a `vmap` introduces."""

from __future__ import annotations

from typing import Any, NamedTuple


class AxisData(NamedTuple):
    """Name (None when the user gave none) and length of a batch axis."""

    name: Any
    size: int
