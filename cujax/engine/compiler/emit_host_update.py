"""Scatters whose updates may meet in one place, for the host.

    update_kernel(name, body) -> Kernel

In order: threads share the target, so that each element belongs to one of them and their number changes no order; each
goes over all updates and enters its part.

    rows       where rows of windows are long: a range of places where windows start
    columns    where they are very long: some columns of all of them
    an axis    along which no two updates meet

Otherwise one thread enters all: to see that an update is another thread's takes as long as to enter a few elements.

Gathered: threads share the updates, where these are many for each place and may be combined before they enter
(`Update.can_be_gathered`).  Each of several runs of updates is gathered, in order, in memory of its own, and the runs
enter the target one after the other.  Their number depends on shapes alone, so equal inputs give equal bits.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.backends.api import KernelCall
from cujax.engine.compiler.body import Axis, Body, Store, total_extent
from cujax.engine.compiler.cpp import physical, type_name
from cujax.engine.compiler.emit_host import ARGUMENTS, HostFrame
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.index import Condition
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.update import Update

_LONG_ROW = 64  # elements from which on two threads are faster than one
_VERY_LONG_ROW = 8192
_PIECE = 1024  # columns: with fewer, each thread's memory is fetched with that of its neighbours, who are changing it
_MERGED = 16  # updates for each place of a run: to clear it and enter it costs two
_LEAST_RUN = 1 << 14  # updates: fewer are entered while a second thread starts
_MOST_RUNS = 64
_LEAST_PARTIAL = 4  # bytes: halves are gathered as float
_LINE = 64  # bytes of the cache that threads do not share


def update_kernel(name: str, body: Body) -> Kernel:
    """The kernel of an update of which several elements may go to one place."""
    update = body.region
    assert isinstance(update, Update)
    runs = _runs(update, body.axes)
    if runs > 1:
        return _gathered(_GatheringFrame(name, body), update, runs)
    frame = HostFrame(name, body)
    return _kernel(frame, _in_order(frame))


def _kernel(frame: HostFrame, text: str, scratch: int = 0) -> Kernel:
    body = frame.body
    call = KernelCall(frame.name, frame.sizes.values, body.work)
    return Kernel((call,), text, tuple(body.reads), tuple(body.writes), scratch)


# --- in order ---------------------------------------------------------------------------------------------------------


def _in_order(frame: HostFrame) -> str:
    with frame.writer.scope() as hoisted:
        frame.hoist(frame.body.nodes(), {a.number for a in frame.body.axes})
        lines, pieces = _part(frame)
    if pieces:
        return frame.shared([*hoisted, *lines], pieces)
    return "\n".join([*frame.head(), *indented([*hoisted, *lines]), "}"])


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


def _loops(frame: HostFrame, axes: Sequence[Axis], inner: list[str], shared: Axis | None = None) -> list[str]:
    """`inner` in loops over `axes`; over `shared` from `begin` to `end` - 1."""
    for axis in reversed(axes):
        inner = [frame.loop(axis, *(("begin", "end") if axis is shared else ())), *indented(inner), "}"]
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


# --- gathered ---------------------------------------------------------------------------------------------------------


class _GatheringFrame(HostFrame):
    """Each update is combined with what the run has gathered for its place."""

    def place(self, store: Store) -> str:
        return f"gathered[{self.writer.index(store.place)}]"

    def change(self, store: Store, place: str, text: str) -> str:
        return f"cj::gather<{_reduction(store)}>(&{place}, {text});"


def _reduction(store: Store) -> str:
    return f"{store.reduction}<{type_name(physical(store.var.aval.dtype))}>"


def _runs(update: Update, axes: Sequence[Axis]) -> int:
    """Into how many runs updates are divided; 0 or 1 where they enter in order."""
    if not update.can_be_gathered or not update.ordered_axes:
        return 0
    least = max(_MERGED * update.target.aval.size, _LEAST_RUN)
    return min(total_extent(axes) // least, max(a.extent for a in axes), _MOST_RUNS)


def _gathered(frame: _GatheringFrame, update: Update, runs: int) -> Kernel:
    """
    cj::share(scatter_add_f64_run, buffers, sizes, runs, threads);
    cj::share(scatter_add_f64_enter, buffers, sizes, places, threads);
    """
    ((store,),) = frame.body.full
    itemsize = max(physical(store.var.aval.dtype).itemsize, _LEAST_PARTIAL)
    places = update.target.aval.size
    spacing = -(-places * itemsize // _LINE) * _LINE // itemsize
    sizes = [frame.sizes.give(*named) for named in (("runs", runs), ("places", places), ("spacing", spacing))]
    run, enter = _run(frame, store), _enter(frame, store)
    lines = [*frame.sizes_unpacked(sizes[:2]), *[
        f"cj::share({frame.name}_{part}, buffers, sizes, {count}, threads);"
        for part, count in (("run", "runs"), ("enter", "places"))
    ]]
    head = f'extern "C" void {frame.name}({ARGUMENTS}, int threads) {{'
    text = "\n".join([*frame.part(run, "run"), *frame.part(enter, "enter"), head, *indented(lines), "}"])
    return _kernel(frame, text, scratch=runs * spacing * itemsize)


def _run(frame: _GatheringFrame, store: Store) -> list[str]:
    """Gathers the updates of the runs `from` to `to` - 1, which are parts of the longest axis."""
    axes, kind = frame.body.axes, _reduction(store)
    longest = max(axes, key=lambda a: a.extent)
    n = frame.sizes.name(longest.extent)
    with frame.writer.scope() as hoisted:
        frame.hoist(frame.body.nodes(), {a.number for a in axes})
        loops = _loops(frame, axes, _element(frame), longest)
    run = [
        f"{kind}::Acc* CJ_RESTRICT gathered = {_partials(frame, kind)} + run * spacing;",
        f"for (cj::i64 k = 0; k < places; ++k) gathered[k] = cj::neutral<{kind}>();",
        f"const cj::i64 begin = {n} * run / runs, end = {n} * (run + 1) / runs;", *loops,
    ]
    return [*hoisted, "for (cj::i64 run = from; run < to; ++run) {", *indented(run), "}"]


def _enter(frame: _GatheringFrame, store: Store) -> list[str]:
    """Enters what all runs have gathered for the places `from` to `to` - 1."""
    kind = _reduction(store)
    target = f"&{frame.buffers[store.var]}[k]"
    return [
        "for (cj::i64 run = 0; run < runs; ++run) {",
        *indented([
            f"const {kind}::Acc* gathered = {_partials(frame, kind)} + run * spacing;",
            "for (cj::i64 k = from; k < to; ++k)", f"    cj::update<{kind}>({target}, {kind}::lower(gathered[k]));",
        ]),
        "}",
    ]


def _partials(frame: HostFrame, kind: str) -> str:
    """The memory in which all runs gather: the last buffer."""
    return f"static_cast<{kind}::Acc*>(buffers[{len(frame.pointers())}])"
