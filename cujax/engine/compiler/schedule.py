"""Where the values between the kernels of a program lie: one arena for all of them, laid out from their lifetimes.

    lay_out(steps, outputs, last) -> Arena

A value has a place in the arena if a kernel makes it, or an op that writes where it is told to, and if nobody reads it
who might keep a view; results outlive the run.  A place is free again after the last step that reads its value, so
values that do not live at the same time share memory.  A value that an update changes in place keeps its place.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.core.tape import Eqn, Literal, Var

ALIGNMENT = 256
_LARGE = 1 << 16  # bytes of a result from which on a library is told where to write it; below, it allocates faster


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
    inside = _inside(steps, outputs)
    for step, ended in zip(steps, dead, strict=True):
        in_place = step.in_place if isinstance(step, Kernel) else {}
        for var in written_by(step):
            if var in inside:
                offsets[var] = offsets[in_place[var]] if var in in_place else held.take(_size(var))
        for var in ended:
            if var in offsets and var not in in_place.values():
                held.give_back(offsets[var], _size(var))
    return Arena(held.top, offsets)


def written_by(step: Kernel | Eqn) -> Sequence[Var]:
    """The results of a step that it can write into buffers which it is given."""
    if isinstance(step, Kernel):
        return step.writes
    return step.outputs if step.primitive.takes_out(step.params) else ()


def is_large(eqn: Eqn) -> bool:
    """Whether it is worth telling a library where to write its results."""
    return any(_size(v) >= _LARGE for v in eqn.outputs)


def _size(var: Var) -> int:
    """In whole units of the alignment; something, so that no two values share a place by being empty."""
    nbytes = var.aval.size * physical(var.aval.dtype).itemsize
    return max(-(-nbytes // ALIGNMENT), 1) * ALIGNMENT


def _inside(steps: Sequence[Kernel | Eqn], outputs: Collection[Var | Literal]) -> set[Var]:
    """The values that have a place: with one that is changed in place, all that it becomes have one or none has."""
    written = {v for s in steps if isinstance(s, Kernel) or is_large(s) for v in written_by(s)}
    outside = {a for s in steps if isinstance(s, Eqn) and not s.primitive.is_fresh for a in s.inputs} | set(outputs)
    inside = written - outside
    changes = [(before, after) for s in steps if isinstance(s, Kernel) for after, before in s.in_place.items()]
    for before, after in reversed(changes):
        if after not in inside:
            inside.discard(before)
    for before, after in changes:
        if before not in inside:
            inside.discard(after)
    return inside


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
