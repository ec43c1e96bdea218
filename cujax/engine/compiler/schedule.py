"""Where the values between the kernels of a program lie: one arena for all of them, laid out from their lifetimes.

    lay_out(steps, outputs, last) -> Arena

A value has a place in the arena if kernels alone make and read it: what a library call has seen it might have kept
a view of, and results outlive the run.  A place is free again after the last step that reads its value, so values
that do not live at the same time share memory.  A value that an update changes in place keeps its place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.core.tape import Eqn, Literal, Var

ALIGNMENT = 256


class Arena(NamedTuple):
    """Bytes of the arena, and where in it each value begins."""

    nbytes: int
    offsets: dict[Var, int]

    def __str__(self) -> str:
        """One line for each value, for `config.dump`."""
        lines = [f"{offset:>12}  {var.aval.str_short()}" for var, offset in self.offsets.items()]
        return "\n".join([f"arena of {self.nbytes} bytes", *lines])


def lay_out(
    steps: Sequence[Kernel | Eqn], outputs: Collection[Var | Literal], dead: Sequence[Collection[Var]]
) -> Arena:
    """The arena of a program whose values in `dead[k]` nobody reads after step k."""
    offsets: dict[Var, int] = {}
    held = _Memory()
    placed = _placed(steps, outputs)
    for step, ended in zip(steps, dead, strict=True):
        if isinstance(step, Kernel):
            for var in step.writes:
                if var in placed:
                    before = step.in_place.get(var)
                    offsets[var] = held.take(_size(var)) if before is None else offsets[before]
        kept = step.in_place.values() if isinstance(step, Kernel) else ()
        for var in ended:
            if var in offsets and var not in kept:
                held.give_back(offsets[var], _size(var))
    return Arena(held.top, offsets)


def _size(var: Var) -> int:
    """In whole units of the alignment; something, so that no two values share a place by being empty."""
    nbytes = var.aval.size * physical(var.aval.dtype).itemsize
    return max(-(-nbytes // ALIGNMENT), 1) * ALIGNMENT


def _placed(steps: Sequence[Kernel | Eqn], outputs: Collection[Var | Literal]) -> set[Var]:
    """The values that have a place: with one that is changed in place, all that it becomes have one or none has."""
    made = {v for s in steps if isinstance(s, Kernel) for v in s.writes}
    outside = {a for s in steps if isinstance(s, Eqn) for a in s.inputs} | set(outputs)
    placed = made - outside
    changes = [(before, after) for s in steps if isinstance(s, Kernel) for after, before in s.in_place.items()]
    for before, after in reversed(changes):
        if after not in placed:
            placed.discard(before)
    for before, after in changes:
        if before not in placed:
            placed.discard(after)
    return placed


class _Memory:
    """Free pieces below `top`, the first that is large enough is taken."""

    def __init__(self) -> None:
        self.top = 0
        self._free: list[tuple[int, int]] = []  # offset and size, in order

    def take(self, size: int) -> int:
        for k, (offset, length) in enumerate(self._free):
            if length >= size:
                self._free[k : k + 1] = [(offset + size, length - size)] if length > size else []
                return offset
        offset = self.top
        if self._free and sum(self._free[-1]) == self.top:
            offset, _ = self._free.pop()
        self.top = offset + size
        return offset

    def give_back(self, offset: int, size: int) -> None:
        pieces = sorted([*self._free, (offset, size)])
        joined: list[tuple[int, int]] = []
        for begin, length in pieces:
            if joined and sum(joined[-1]) == begin:
                joined[-1] = (joined[-1][0], joined[-1][1] + length)
            else:
                joined.append((begin, length))
        self._free = joined
