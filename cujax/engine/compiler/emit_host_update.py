"""Scatters whose updates may meet in one place, for the host: they enter one after the other, in their order.

Along an axis of the windows no two meet: where that is the last one, its tiles are handed out to threads, each of
which goes over all updates in order.  Otherwise one thread does it all.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.compiler.body import Axis, Body
from cujax.engine.compiler.emit_host import HostFrame
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.writer import Sizes

_TILE = 64  # elements of the last axis that one thread takes at a time


def update_kernel(name: str, body: Body) -> tuple[str, Sizes]:
    """The text of the kernel, and the sizes that it takes."""
    frame = HostFrame(name, body)
    *outer, last = body.axes
    (stores,) = body.full
    with frame.writer.scope() as lines:
        frame.hoist(body.nodes(), {a.number for a in body.axes})
        with frame.writer.scope() as inner:
            for store in stores:
                frame.store(store)
        lines += _in_order(frame, body.axes, inner) if last.is_reduced else _in_tiles(frame, outer, last, inner)
    return "\n".join([*frame.head(), *indented(lines), "}"]), frame.sizes


def _in_order(frame: HostFrame, axes: Sequence[Axis], inner: list[str]) -> list[str]:
    for axis in reversed(axes):
        inner = [frame.loop(axis), *indented(inner), "}"]
    return inner


def _in_tiles(frame: HostFrame, outer: Sequence[Axis], last: Axis, inner: list[str]) -> list[str]:
    n = frame.sizes.name(last.extent)
    loop = ["#pragma omp simd", frame.loop(last, "begin", "end"), *indented(inner), "}"]
    return [
        "#pragma omp parallel for num_threads(threads) if (threads > 1)",
        f"for (cj::i64 begin = 0; begin < {n}; begin += {_TILE}) {{",
        *indented([
            f"const cj::i64 end = begin + {_TILE} < {n} ? begin + {_TILE} : {n};", *_in_order(frame, outer, loop),
        ]),
        "}",
    ]
