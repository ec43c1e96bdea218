"""Updates whose places may be the same, for a GPU, in their order: sums of floats, and updates that overwrite.

Every place gets its updates in the order in which one thread would enter them, so the result has the same bits as on
the host.  Three kernels list the updates of each *owner*, `..._count`, `..._offsets` and `..._list`, and a fourth one,
a block for each owner, enters them (kernels/in_order.h).  It does so column by column where windows are long, one warp
adding up what the others fetch, and otherwise many at a time.

All of it takes time in proportion to the updates, however they are spread, but for places that have most of them: these
enter one after the other, as the order demands.  There are enough owners and chunks to keep a device busy, and few
enough that one block adds up their counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.backends.api import KernelCall
from cujax.engine.compiler.body import Body, total_extent
from cujax.engine.compiler.cpp import memory_type_name, type_name
from cujax.engine.compiler.emit_cuda import THREADS, CudaFrame
from cujax.engine.compiler.expression import index_elements, reachable
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.index import Condition
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.update import Update

_WARP = 32
_LONG_WINDOW = 32  # elements: a warp of columns
_MOST_OWNERS = 512  # as in kernels/in_order.h
_MOST_CHUNKS = 512
_LEAST_CHUNK = 256  # updates
_SCAN_THREADS = 1024
_MOST_TILES = 1 << 15  # blocks along y, for the columns of long windows
_MOST_WARPS = 8  # for the same columns, of which all but the first one fetch
_GROUPS = 4  # of warps in a block, if there is only one in each
_UPDATES_OF_A_WARP = 512  # where all are of one place
_RESIDENT_WARPS = 4096  # about as many as run at the same time
_FITS_INT = (1 << 31) - (1 << 20)  # so that a chunk or a tile past the end does not overflow


def ordered_kernel(name: str, body: Body, update: Update) -> Kernel:
    """The kernels of an update whose result depends on the order in which its elements enter."""
    lists = _Lists(body, update)
    steps = [_count(name, lists), _offsets(name, lists), _list(name, lists), _enter(name, lists)]
    texts, calls = zip(*steps, strict=True)
    return Kernel(calls, "\n\n".join(texts), tuple(body.reads), tuple(body.writes), lists.scratch)


class _Lists:
    """What the kernels share: how many owners and chunks there are, and what is listed.

    updates, columns: how many there are along `entries`, the axes along which updates are numbered, and along
    `window`, the others.  index: the type of numbers and starts.
    """

    def __init__(self, body: Body, update: Update) -> None:
        self.body, self.update = body, update
        self.entries, self.window = body.reduced_axes, body.kept_axes
        self.updates, self.columns = total_extent(self.entries), total_extent(self.window)
        self.start, self.spacing = update.start, max(1, update.start_spacing)
        self.owners = max(1, min(update.last_start // self.spacing + 1, _MOST_OWNERS))
        self.has_owners_of_one = self.owners > self.update.last_start // self.spacing
        self.chunks = max(1, min(-(-self.updates // _LEAST_CHUNK), _MOST_CHUNKS))
        fits = max(self.updates, update.target.aval.size) < _FITS_INT
        self.index, self._index_bytes = ("int", 4) if fits else ("cj::i64", 8)

    @property
    def scratch(self) -> int:
        """Bytes for the offsets and the entries, as in `cj::Lists`."""
        offsets = (self.owners * self.chunks + 1) * self._index_bytes
        return -(-offsets // 16) * 16 + self.updates * 2 * self._index_bytes


class _Frame(CudaFrame):
    """One of the kernels."""

    def __init__(self, name: str, lists: _Lists) -> None:
        super().__init__(name, lists.body)
        self.lists = lists
        ((self.entering,),) = lists.body.full

    def made(self, lines: Sequence[str], blocks: tuple[int, int], threads: int) -> tuple[str, KernelCall]:
        """The text, in which `lines` come after the lists, and the call."""
        numbers = {name: getattr(self.lists, name) for name in ("owners", "chunks", "updates", "spacing")}
        names = ", ".join([self.sizes.give(name, value) for name, value in numbers.items()])
        lists = f"const cj::Lists<{self.lists.index}> lists(memory, {names});"
        text = self.function([lists, *lines], "char* CJ_RESTRICT memory", threads=threads)
        return text, KernelCall(self.name, self.sizes.values, self.lists.body.work, blocks, threads)

    def where_inside(self, update: str, statement: str) -> list[str]:
        """For the update of that number, `statement` of its start, unless it is dropped."""
        writer, condition, start = self.writer, self.entering.condition, self.lists.start
        with writer.scope() as lines:
            for line in self.axis_places(self.lists.entries, update):
                writer.write(line)
            opening = f"if ({writer.condition(condition)}) " if isinstance(condition, Condition) else ""
            for element in index_elements(start):
                writer.value(element)
            writer.write(opening + statement.format(writer.index(start)))
            return lines

    def value(self, store: str) -> list[str]:
        """`store` of the value of the update `entry` in the column that is at hand."""
        with self.writer.scope() as lines:
            text = self.writer.value(self.entering.node)
            self.writer.write(store.format(text))
            return lines

    @property
    def offset(self) -> str:
        """From the start of a window to the column that is at hand."""
        return self.writer.index(self.entering.place - self.lists.start)

    @property
    def reduction(self) -> str:
        return f"{self.entering.reduction}<{self.element}>"

    @property
    def element(self) -> str:
        return str(type_name(self.entering.var.aval.dtype))


def _count(name: str, lists: _Lists) -> tuple[str, KernelCall]:
    """
    for (int update = lists.first() + int(threadIdx.x); update < lists.last(); update += int(blockDim.x)) {
        const cj::i64 i0 = update;
        const bool inside_1 = cj::to_index(x0[i0]) >= 0 && n0 >= cj::to_index(x0[i0]);
        if (inside_1) lists.count(counts, cj::to_index(x0[i0]));
    }
    """
    frame, index = _Frame(f"{name}_count", lists), lists.index
    step = f"update < lists.last(); update += {index}(blockDim.x)"
    return frame.made([
        "__shared__ int counts[cj::most_owners];", "lists.start_counting(counts);",
        f"for ({index} update = lists.first() + {index}(threadIdx.x); {step}) {{",
        *indented(frame.where_inside("update", "lists.count(counts, {});")), "}",
        "lists.keep(counts);",
    ], (lists.chunks, 1), THREADS)


def _offsets(name: str, lists: _Lists) -> tuple[str, KernelCall]:
    frame = _Frame(f"{name}_offsets", lists)
    return frame.made([f"__shared__ {lists.index} sums[32];", "lists.add_up(sums);"], (1, 1), _SCAN_THREADS)


def _list(name: str, lists: _Lists) -> tuple[str, KernelCall]:
    """
    int before = -1;
    for (int tile = lists.first(); tile < lists.last() + 32; tile += 32) {
        const int update = tile + int(threadIdx.x);
        int start = -1;
        if (update < lists.last()) { ... if (inside_1) start = cj::to_index(x0[i0]); }
        if (tile > lists.first()) lists.add(next, before, update - 32);
        before = start;
    }

    An index is on its way while those of the tile before are listed.
    """
    frame, index = _Frame(f"{name}_list", lists), lists.index
    tile = [
        f"const {index} update = tile + {index}(threadIdx.x);", f"{index} start = -1;",
        "if (update < lists.last()) {", *indented(frame.where_inside("update", "start = {};")), "}",
        f"if (tile > lists.first()) lists.add(next, before, update - {_WARP});", "before = start;",
    ]
    return frame.made([
        f"__shared__ {index} next[cj::most_owners];", "lists.start_listing(next);",
        f"{index} before = -1;",
        f"for ({index} tile = lists.first(); tile < lists.last() + {_WARP}; tile += {_WARP}) {{", *indented(tile), "}",
    ], (lists.chunks, 1), _WARP)


def _enter(name: str, lists: _Lists) -> tuple[str, KernelCall]:
    frame = _Frame(name, lists)
    return (_columns if lists.columns >= _LONG_WINDOW else _turns)(frame, lists)


def _columns(frame: _Frame, lists: _Lists) -> tuple[str, KernelCall]:
    """
    for (int first = ...; first < n1; first += width) {
        const int own = first + int(threadIdx.x) / 32 / warps * 32 + int(threadIdx.x) % 32;
        const int column = own < n1 ? own : n1 - 1;
        const int i1 = column;
        cj::Relay<cj::Sum<float>, float, float, int> relay(rows, ..., warps, y0 + i1, own < n1);
        for (; relay.goes_on(); relay.next()) {
            float values[cj::round_entries<float>];
            if (relay.asks()) { ... values[k] = x1[...] of relay.update(k), for all k }
            relay.enter(values);
        }
        relay.leave();
    }
    """
    index, kind = lists.index, frame.element
    run = f"cj::Relay<{frame.reduction}, {kind}, {memory_type_name(frame.entering.var.aval.dtype)}, {index}>"
    warps, groups = _warps_and_groups(lists)
    in_a_round = f"cj::round_entries<{kind}>"
    count, tiles = frame.sizes.name(lists.columns), -(-lists.columns // (groups * _WARP))
    warps_of_group = frame.sizes.give("warps", warps)
    with frame.writer.scope() as hoisted:
        frame.hoist(reachable([frame.entering.node]), {a.number for a in lists.body.axes})
        asking = [
            f"const {index} update = relay.update(k);", *frame.axis_places(lists.entries, "update"),
            *frame.value("values[k] = {};"),
        ]
        step = [
            f"{kind} values[{in_a_round}];", "if (relay.asks()) {", "    #pragma unroll",
            *indented([f"for (int k = 0; k < {in_a_round}; ++k) {{", *indented(asking), "}"]), "}",
            "relay.enter(values);",
        ]
        place = f"{frame.buffers[frame.entering.var]} + {frame.offset}"
        column = [
            f"const {index} own = first + {index}(threadIdx.x / cj::warp_lanes) / {warps_of_group} * 32 + lane;",
            f"const {index} column = own < {count} ? own : {count} - 1;", *frame.axis_places(lists.window, "column"),
            f"{run} relay(rows, lists.entries, begin, end, {warps_of_group}, {place}, own < {count});",
            "for (; relay.goes_on(); relay.next()) {", *indented(step), "}", "relay.leave();",
        ]
    width = f"{index}(blockDim.x) / {warps_of_group}"
    return frame.made([
        f"__shared__ cj::Round<{kind}, {index}> rows;", *hoisted,
        f"const {index} begin = lists.begin(blockIdx.x), end = lists.end(blockIdx.x);",
        f"const {index} lane = {index}(threadIdx.x % cj::warp_lanes), width = {width};",
        f"for ({index} first = {index}(blockIdx.y) * width; first < {count}; first += {index}(gridDim.y) * width) {{",
        *indented(column), "}",
    ], (lists.owners, min(tiles, _MOST_TILES)), warps * groups * _WARP)


def _warps_and_groups(lists: _Lists) -> tuple[int, int]:
    """How many warps there are for the same columns, and how many such groups a block has.

    More of them wait for memory at the same time.  But where an owner has several places each change from one to
    another is waited for, in every group for itself, so that as many groups as possible should run at the same time.
    """
    tiles = -(-lists.columns // _WARP)
    room = _MOST_WARPS if lists.has_owners_of_one else _RESIDENT_WARPS // (lists.owners * tiles)
    warps = max(1, min(_MOST_WARPS, room, lists.updates // _UPDATES_OF_A_WARP))
    return warps, max(1, min(_GROUPS, tiles, _MOST_WARPS // warps))


def _turns(frame: _Frame, lists: _Lists) -> tuple[str, KernelCall]:
    """
    for (int tile = lists.begin(blockIdx.x); tile < end; tile += int(blockDim.x)) {
        const bool is_entry = tile + int(threadIdx.x) < end;
        const cj::Entry<int> entry = lists.entries[is_entry ? tile + int(threadIdx.x) : tile];
        const cj::i64 i0 = entry.update;
        cj::enter_in_turn<cj::Sum<float>>(turn, y0, is_entry ? entry.start : -1, x1[i0]);
    }
    """
    index = lists.index
    with frame.writer.scope() as hoisted:
        frame.hoist(reachable([frame.entering.node]), {a.number for a in lists.body.axes})
        place = " + ".join(["entry.start", *([] if frame.offset == "0" else [frame.offset])])
        turn = f"turn, {frame.buffers[frame.entering.var]}, is_entry ? {place} : -1, {{}}"
        inner = frame.value(f"cj::enter_in_turn<{frame.reduction}>({turn});")
        for axis in reversed(lists.window):
            inner = [frame.loop(axis), *indented(inner), "}"]
        tile = [
            f"const bool is_entry = tile + {index}(threadIdx.x) < end;",
            f"const cj::Entry<{index}> entry = lists.entries[is_entry ? tile + {index}(threadIdx.x) : tile];",
            *frame.axis_places(lists.entries, "entry.update"), *inner,
        ]
    return frame.made([
        f"__shared__ cj::Turn<{frame.element}, {index}> turn;", *hoisted,
        f"const {index} end = lists.end(blockIdx.x);",
        f"for ({index} tile = lists.begin(blockIdx.x); tile < end; tile += {index}(blockDim.x)) {{",
        *indented(tile), "}",
    ], (lists.owners, 1), THREADS)
