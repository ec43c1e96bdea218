"""Which loops a kernel runs in tiles: those over arrays that lie across one another in memory, as x and y in x + y.T.

    across_axis(body)     the axis along which neighbours in memory are read where those along the last one are not

Rows of the last axis then touch one element of each cache line, and come back to the line only when it is gone.  In a
tile, a few rows of it by a few columns, each line is used up while it is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from cujax.engine.compiler.body import Axis, Body
from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.expression import Load
from cujax.engine.compiler.index import AxisAtom, Index
from cujax.engine.core.tape import Literal, Var


def across_axis(body: Body) -> Axis | None:
    """The axis along which most bytes of what lies across the last one are neighbours; None where nothing does."""
    found: Counter[Axis] = Counter()
    for place, var in _accesses(body):
        axis = fastest_axis(place, body.axes)
        if axis is not None and axis is not body.axes[-1] and _stride(place, body.axes[-1]):
            found[axis] += physical(var.aval.dtype).itemsize
    return found.most_common(1)[0][0] if found else None


def fastest_axis(place: Index, axes: list[Axis]) -> Axis | None:
    """Of the axes that the place depends on, the one along which it moves least."""
    moving = [a for a in reversed(axes) if _stride(place, a)]
    return min(moving, key=lambda a: _stride(place, a), default=None)


def _accesses(body: Body) -> Iterator[tuple[Index, Var | Literal]]:
    """Places that are read or written, and what lies there."""
    yield from ((n.place, n.source) for n in body.nodes() if isinstance(n, Load))
    yield from ((s.place, s.var) for phase in body.full for s in phase)


def _stride(place: Index, axis: Axis) -> int:
    """The distance in memory of neighbours along the axis, in elements."""
    return sum(abs(c) for atom, c in place.terms if isinstance(atom, AxisAtom) and atom.number == axis.number)
