"""What may be asked of the accuracy of elementwise functions; there is one implementation of each."""

from __future__ import annotations

import enum
from dataclasses import dataclass


class AccuracyMode(enum.Enum):
    """HIGHEST: the most accurate implementation; DEFAULT: the usual one.  Both are the one there is."""

    HIGHEST = 1
    DEFAULT = 2


@dataclass(frozen=True)
class Tolerance:
    """How far from the truth results may be, absolutely and relatively: atol and rtol, or atol and ulps.

    ValueError for negative numbers and for no tolerance.
    """

    atol: float = 0.0
    rtol: float = 0.0
    ulps: int = 0

    def __post_init__(self) -> None:
        if min(self.atol, self.rtol, self.ulps) < 0:
            raise ValueError(f"Tolerance: numbers must not be negative, got {self}")
        if not (self.atol or self.rtol or self.ulps):
            raise ValueError("Tolerance: one of atol, rtol and ulps must be positive")
