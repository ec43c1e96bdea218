"""Scatters whose updates may meet in one place, for the host: they enter one after the other, in their order.

Threads share the target, so that each element belongs to one of them and their number changes no order; each goes over
all updates and enters its part.

    rows       where rows of windows are long: a range of places where windows start
    columns    where they are very long: some columns of all of them
    an axis    along which no two updates meet

Otherwise one thread enters all: to see that an update is another thread's takes as long as to enter a few elements.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.compiler.body import Axis, Body
from cujax.engine.compiler.emit_host import HostFrame
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.index import Condition
from cujax.engine.compiler.update import Update
from cujax.engine.compiler.writer import Sizes

_LONG_ROW = 64  # elements from which on two threads are faster than one
_VERY_LONG_ROW = 8192
_PIECE = 1024  # columns: with fewer, each thread's memory is fetched with that of its neighbours, who are changing it


def update_kernel(name: str, body: Body) -> tuple[str, Sizes]:
    """The text of the kernel, and the sizes that it takes."""
    frame = HostFrame(name, body)
    with frame.writer.scope() as hoisted:
        frame.hoist(body.nodes(), {a.number for a in body.axes})
        lines, pieces = _part(frame)
    if pieces:
        return frame.shared([*hoisted, *lines], pieces), frame.sizes
    return "\n".join([*frame.head(), *indented([*hoisted, *lines]), "}"]), frame.sizes


def _part(frame: HostFrame) -> tuple[list[str], str]:
    """What enters the pieces `from` to `to` - 1 of the target, and how many there are; "" where they are not shared."""
    update, (*outer, last) = frame.body.region, frame.body.axes
    assert isinstance(update, Update)
    if not last.is_reduced and last.extent >= _VERY_LONG_ROW:
        return _columns(frame, outer, last)
    if not last.is_reduced and last.extent >= _LONG_ROW:
        return _loops(frame, outer, _row(frame, update, last)), frame.sizes.name(update.last_start + 1)
    for axis in outer:
        if axis.number in update.independent_axes:
            inner = _loops(frame, [a for a in (*outer, last) if a is not axis], _element(frame))
            return [frame.loop(axis, "from", "to"), *indented(inner), "}"], frame.sizes.name(axis.extent)
    return _loops(frame, [*outer, last], _element(frame)), ""


def _loops(frame: HostFrame, axes: Sequence[Axis], inner: list[str]) -> list[str]:
    for axis in reversed(axes):
        inner = [frame.loop(axis), *indented(inner), "}"]
    return inner


def _element(frame: HostFrame) -> list[str]:
    """The statements for one update."""
    ((store,),) = frame.body.full
    with frame.writer.scope() as lines:
        frame.store(store)
    return lines


def _columns(frame: HostFrame, outer: Sequence[Axis], last: Axis) -> tuple[list[str], str]:
    n = frame.sizes.name(last.extent)
    bounds = f"const cj::i64 begin = from * {_PIECE}, end = cj::min(to * {_PIECE}, {n});"
    return [bounds, *_loops(frame, outer, _row(frame, None, last))], f"({n} + {_PIECE - 1}) / {_PIECE}"


def _row(frame: HostFrame, update: Update | None, last: Axis) -> list[str]:
    """The row of an update: whole, where it starts in this thread's range, or its columns `begin` to `end` - 1.

    const cj::i64 start = n0 * cj::to_index(x0[i0]);
    if (inside_1 && from <= start && start < to) {
        #pragma omp simd
        for (cj::i64 i1 = 0; i1 < n0; ++i1) {
            y0[n0 * cj::to_index(x0[i0]) + i1] += x1[n0 * i0 + i1];
        }
    }
    """
    writer, ((store,),) = frame.writer, frame.body.full
    with writer.scope() as lines:
        frame.hoist(frame.body.nodes(), {last.number})
        conditions = [writer.condition(store.condition)] if isinstance(store.condition, Condition) else []
        if update is not None:
            writer.write(f"const cj::i64 start = {writer.index(update.start)};")
            conditions += ["from <= start", "start < to"]
        with writer.scope() as inner:
            frame.store(store._replace(condition=True))
        opening = frame.loop(last) if update is not None else frame.loop(last, "begin", "end")
        loop = ["#pragma omp simd", opening, *indented(inner), "}"]
        lines += [f"if ({' && '.join(conditions)}) {{", *indented(loop), "}"] if conditions else loop
        return lines
