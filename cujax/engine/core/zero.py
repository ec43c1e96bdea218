"""Two placeholders of the derivative rules.

`Zero(aval)` is a tangent or cotangent that is known to be zero and takes no memory.
`Linear(aval)` stands in a transpose rule for the operand to which the op is linear: its value is not
known, and the rule returns a cotangent for it.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.core.aval import ShapedArray


class Zero:
    """A symbolic zero of tangent type `aval`; what rules with `symbolic_zeros` see as `SymbolicZero`."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    @staticmethod
    def from_primal_value(value: Any) -> Zero:
        """The zero tangent of an array or a tracer."""
        return Zero(value.aval.to_tangent_aval())

    def __repr__(self) -> str:
        return f"Zero({self.aval.str_short()})"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def ndim(self) -> int:
        return self.aval.ndim

    @property
    def dtype(self) -> Any:
        return self.aval.dtype


class Linear:
    """An operand whose value a transpose rule does not need."""

    __slots__ = ("aval",)

    def __init__(self, aval: ShapedArray) -> None:
        self.aval = aval

    def __repr__(self) -> str:
        return f"Linear({self.aval.str_short()})"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.aval.shape

    @property
    def ndim(self) -> int:
        return self.aval.ndim

    @property
    def dtype(self) -> Any:
        return self.aval.dtype


def is_linear(x: Any) -> bool:
    return type(x) is Linear


def is_zero(x: Any) -> bool:
    return type(x) is Zero


zero_tangent = Zero.from_primal_value
