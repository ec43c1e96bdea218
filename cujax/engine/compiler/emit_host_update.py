"""Scatters whose updates may meet in one place, for the host: they enter one after the other, in their order.

Along an axis of the windows no two meet: where that is the last one, its tiles are handed out to threads, each of
which goes over all updates in order.  Otherwise one thread does it all.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.compiler.body import Axis, Body
from cujax.engine.compiler.emit_host import HostFrame
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.index import Condition
from cujax.engine.compiler.writer import INDENT, Sizes, axes_in

_STEP = 16  # elements that a tile is a multiple of: as many as the widest vectors hold


def update_kernel(name: str, body: Body) -> tuple[str, Sizes]:
    """The text of the kernel, and the sizes that it takes."""
    frame = HostFrame(name, body)
    *outer, last = body.axes
    with frame.writer.scope() as lines:
        frame.hoist(body.nodes(), {a.number for a in body.axes})
        lines += _in_order(frame, body.axes, _element(frame)) if last.is_reduced else _in_tiles(frame, outer, last)
    return "\n".join([*frame.head(), *indented(lines), "}"]), frame.sizes


def _element(frame: HostFrame) -> list[str]:
    """The statements for one update."""
    ((store,),) = frame.body.full
    with frame.writer.scope() as lines:
        frame.store(store)
    return lines


def _in_order(frame: HostFrame, axes: Sequence[Axis], inner: list[str]) -> list[str]:
    for axis in reversed(axes):
        inner = [frame.loop(axis), *indented(inner), "}"]
    return inner


def _in_tiles(frame: HostFrame, outer: Sequence[Axis], last: Axis) -> list[str]:
    """A tile for each thread: every element belongs to one of them, so that their number changes no order."""
    n = frame.sizes.name(last.extent)
    return [
        f"const cj::i64 tile = ({n} / threads + {_STEP}) / {_STEP} * {_STEP};",
        "#pragma omp parallel for num_threads(threads) if (threads > 1)",
        f"for (cj::i64 begin = 0; begin < {n}; begin += tile) {{",
        f"{INDENT}const cj::i64 end = begin + tile < {n} ? begin + tile : {n};",
        *indented(_in_order(frame, outer, _row(frame, last))),
        "}",
    ]


def _row(frame: HostFrame, last: Axis) -> list[str]:
    """The updates of a tile that differ in the last axis: whether and where they go is found once for all of them."""
    ((store,),) = frame.body.full
    with frame.writer.scope() as lines:
        frame.hoist(frame.body.nodes(), {last.number})
        decides = isinstance(store.condition, Condition) and not any(
            last.number in axes_in(i) for i in store.condition.indices
        )
        condition = frame.writer.condition(store.condition) if decides else ""  # type: ignore[arg-type]
        with frame.writer.scope() as inner:
            frame.store(store._replace(condition=True) if decides else store)
        loop = ["#pragma omp simd", frame.loop(last, "begin", "end"), *indented(inner), "}"]
        lines += [f"if ({condition}) {{", *indented(loop), "}"] if decides else loop
        return lines
