"""Rows whose choices of place change at a few places that only the data tell: where they are rolled by loaded numbers.

    turns = Turns(frame, axis, nodes, fixed)
    turns.name_shifts()                      inside a piece
    turns.pieces(lines)                      the loop over pieces of a row, `first` to `next` - 1

Such a choice adds a shift to a place, or none: x[i + k + (i + k >= n ? -n : 0)].  Between two places where one of them
changes, all are numbers, and the piece is a loop over what lies side by side.

    for (cj::i64 first = begin, next = end; first < end; first = next, next = end) {
        next = cj::turn(next, first, n0 - load_1);
        const cj::i64 shift_1 = first + load_1 >= n0 ? -n0 : 0;
        ...
    }
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

from cujax.engine.compiler.body import Axis, Body
from cujax.engine.compiler.expression import Node, index_elements
from cujax.engine.compiler.frame import Frame, indented
from cujax.engine.compiler.index import (
    ChoiceAtom,
    Index,
    axes_in,
    choices_in,
    is_positional,
    is_shift,
    split_off,
    turns_along,
)


def turns_in(body: Body, axis: Axis) -> bool:
    """Whether there are such choices along `axis`."""
    return bool(_turning(body.nodes(), axis))


def _turning(nodes: Iterable[Node], axis: Axis) -> list[ChoiceAtom]:
    def is_turning(choice: ChoiceAtom) -> bool:
        indices, along = choice.condition.indices, {axis.number}
        is_along = any(along & axes_in(i) for i in indices) and all(turns_along(i, along) for i in indices)
        return is_shift(choice) and is_along and not all(map(is_positional, indices))

    return [c for c in choices_in([i for n in nodes for i in n.indices]) if is_turning(c)]


class Turns:
    """The choices that change along `axis`, by numbers that are among `fixed`, which is known before the row."""

    def __init__(self, frame: Frame, axis: Axis, nodes: Iterable[Node], fixed: AbstractSet[Node]) -> None:
        self._frame, self._axis = frame, axis
        self._shifts = [
            c for c in _turning(nodes, axis)
            if all(n in fixed for i in c.condition.indices for n in index_elements(i))
        ]

    def __bool__(self) -> bool:
        return bool(self._shifts)

    def name_shifts(self) -> None:
        """Name the shifts of a piece."""
        with self._frame.renamed(self._axis, "first"):
            for shift in self._shifts:
                self._frame.writer.name_choice(shift, self._frame.index, "shift")

    def pieces(self, lines: Sequence[str]) -> list[str]:
        """A loop over pieces, each of which `lines` compute."""
        index = self._frame.index
        turns = dict.fromkeys(p for s in self._shifts for i in s.condition.indices for p in self._turn(i))
        return [
            f"for ({index} first = begin, next = end; first < end; first = next, next = end) {{",
            *indented([f"next = cj::turn(next, first, {index}({place}));" for place in turns]),
            *indented(lines),
            "}",
        ]

    def _turn(self, index: Index) -> Iterator[str]:
        """The first place at which the sign of an index is another than before."""
        factor, rest = split_off(index, self._axis.number)
        if factor:
            yield self._frame.writer.index(-rest if factor > 0 else rest + 1)
