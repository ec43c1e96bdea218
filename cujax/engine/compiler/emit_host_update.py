"""Scatters whose updates may meet in one place, for the host: they enter one after the other, in their order.

Where windows have long rows, each thread owns a range of the target, and in it some columns of the rows: it goes over
all updates, in order, and enters its columns of those that start in its range.  Each element belongs to one thread, so
their number changes no order.  Otherwise threads share an axis along which no two updates meet, or one does it all: to
see that an update is another thread's takes as long as to enter a few elements.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.compiler.body import Axis, Body
from cujax.engine.compiler.emit_host import HostFrame
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.index import Condition
from cujax.engine.compiler.update import Update
from cujax.engine.compiler.writer import INDENT, Sizes

_LONG_ROW = 64  # elements from which on two threads are faster than one
_TILE = 1024  # columns: threads that share a row write whole pages of it, or each fetches what the other has changed
_STEP = 16  # elements that a tile is a multiple of: as many as the widest vectors hold
_PARALLEL = "#pragma omp parallel for num_threads(threads) if (threads > 1)"


def update_kernel(name: str, body: Body) -> tuple[str, Sizes]:
    """The text of the kernel, and the sizes that it takes."""
    frame = HostFrame(name, body)
    with frame.writer.scope() as lines:
        frame.hoist(body.nodes(), {a.number for a in body.axes})
        lines += _text(frame)
    return "\n".join([*frame.head(), *indented(lines), "}"]), frame.sizes


def _text(frame: HostFrame) -> list[str]:
    update, axes = frame.body.region, frame.body.axes
    assert isinstance(update, Update)
    if not axes[-1].is_reduced and axes[-1].extent >= _LONG_ROW:
        return _in_ranges(frame, update)
    shared = [a for a in axes if a.number in update.independent_axes and a is not axes[-1]]
    if not shared:
        return _loops(frame, axes, _element(frame))
    first, rest = shared[0], [a for a in axes if a is not shared[0]]
    return [_PARALLEL, *_loops(frame, [first, *rest], _element(frame))]


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


def _in_ranges(frame: HostFrame, update: Update) -> list[str]:
    """Each part of the target, a range of starts and a tile of columns, belongs to one thread."""
    *outer, last = frame.body.axes
    n, starts = frame.sizes.name(last.extent), frame.sizes.name(update.last_start + 1)
    return [
        f"const cj::i64 tiles = cj::clamp_index({n} / {_TILE}, cj::i64(1), cj::i64(threads));",
        f"const cj::i64 ranges = threads / tiles, tile = ({n} / {_STEP} / tiles + 1) * {_STEP};",
        _PARALLEL,
        "for (cj::i64 part = 0; part < ranges * tiles; ++part) {",
        f"{INDENT}const cj::i64 low = part / tiles * {starts} / ranges, high = (part / tiles + 1) * {starts} / ranges;",
        f"{INDENT}const cj::i64 begin = part % tiles * tile, end = cj::min(begin + tile, {n});",
        *indented(_loops(frame, outer, _row(frame, update, last))),
        "}",
    ]


def _row(frame: HostFrame, update: Update, last: Axis) -> list[str]:
    """The columns of a part, of an update that starts in its range."""
    ((store,),) = frame.body.full
    with frame.writer.scope() as lines:
        frame.hoist(frame.body.nodes(), {last.number})
        inside = [frame.writer.condition(store.condition)] if isinstance(store.condition, Condition) else []
        frame.writer.write(f"const cj::i64 start = {frame.writer.index(update.start)};")
        with frame.writer.scope() as inner:
            frame.store(store._replace(condition=True))
        loop = ["#pragma omp simd", frame.loop(last, "begin", "end"), *indented(inner), "}"]
        lines += [f"if ({' && '.join([*inside, 'low <= start', 'start < high'])}) {{", *indented(loop), "}"]
        return lines
