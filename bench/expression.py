"""numexpr as an array namespace: functions of `Text`s write the expression that numexpr compiles.

    compiled(lambda x: 2.0 * sin(x), numexpr.NumExpr)(x)     # numexpr sees "(c0*sin(x0))" with c0 = 2.0

Only what numexpr has is here; a function that asks for more is not one for numexpr (`AttributeError`).  Constants are
written out for float64; for float32 they become operands, because a literal would make numexpr compute in double.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class Text:
    """An expression as it is written so far."""

    def __init__(self, text: str, constants: list[float] | None) -> None:
        self.text = text
        self.constants = constants

    def operand(self, other: Any) -> str:
        if isinstance(other, Text):
            return other.text
        if self.constants is None:
            return repr(float(other))
        self.constants.append(float(other))
        return f"c{len(self.constants) - 1}"

    def binary(self, symbol: str, other: Any, swapped: bool = False) -> Text:
        left, right = (self.operand(other), self.text) if swapped else (self.text, self.operand(other))
        return Text(f"({left}{symbol}{right})", self.constants)

    def __add__(self, other: Any) -> Text:
        return self.binary("+", other)

    def __radd__(self, other: Any) -> Text:
        return self.binary("+", other, swapped=True)

    def __sub__(self, other: Any) -> Text:
        return self.binary("-", other)

    def __rsub__(self, other: Any) -> Text:
        return self.binary("-", other, swapped=True)

    def __mul__(self, other: Any) -> Text:
        return self.binary("*", other)

    def __rmul__(self, other: Any) -> Text:
        return self.binary("*", other, swapped=True)

    def __truediv__(self, other: Any) -> Text:
        return self.binary("/", other)

    def __rtruediv__(self, other: Any) -> Text:
        return self.binary("/", other, swapped=True)

    def __neg__(self) -> Text:
        return Text(f"(-{self.text})", self.constants)


def _function(name: str) -> Callable[[Text], Text]:
    return lambda x: Text(f"{name}({x.text})", x.constants)


sin, exp, sqrt, log, sum = map(_function, ("sin", "exp", "sqrt", "log", "sum"))


def compiled(function: Callable[..., Text], build: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of arrays: its expression is written and built (`numexpr.NumExpr`) at the first call."""
    ready: list[Any] = []

    def call(*arrays: np.ndarray) -> Any:
        if not ready:
            ready.extend(_build(function, build, arrays))
        evaluate, constants = ready
        return evaluate(*arrays, *constants)

    return call


def _build(function: Callable[..., Text], build: Callable[..., Any], arrays: tuple[Any, ...]) -> tuple[Any, list[Any]]:
    dtype = arrays[0].dtype.type
    constants: list[float] | None = None if dtype is np.float64 else []
    written = function(*(Text(f"x{i}", constants) for i in range(len(arrays))))
    names = [f"x{i}" for i in range(len(arrays))] + [f"c{i}" for i in range(len(constants or []))]
    kind = np.double if dtype is np.float64 else float  # numexpr's names of float64 and float32
    return build(written.text, signature=[(name, kind) for name in names]), [dtype(c) for c in constants or []]
