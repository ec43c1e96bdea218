"""Maps that read along rows elsewhere than at their own element, for a GPU: 16 bytes of a row at a time.

    const int i1 = pack * 4;
    const cj::Pack<float> x0_pack_1 = cj::load_pack(x0 + (n0 * i0 + i1));
    cj::Pack<float> y0_pack;
    y0_pack.at[0] = x0_pack_1.at[0] + x0[n0 * i0 + i1 + (i1 >= 1 ? -1 : n1)];
    y0_pack.at[1] = x0_pack_1.at[1] + x0_pack_1.at[0];
    ...
    cj::store_pack(y0 + (n0 * i0 + i1), y0_pack);

The elements of a pack are written out, so that indices are simplified for each by itself: what lies in a pack that is
loaded is taken from there, and only the first and last elements ask whether they are at an edge.  Of rows that are
read at several heights a block takes eight, so that all but the outer two come from the cache next to it.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.backends.api import KernelCall
from cujax.engine.compiler.body import Axis, Body, total_extent
from cujax.engine.compiler.cpp import memory_type_name, physical
from cujax.engine.compiler.emit_cuda import PACK_BYTES, THREADS, CudaFrame, blocks_for, pack_width
from cujax.engine.compiler.expression import Choice, Load, index_elements
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.index import Atom, AxisAtom, ChoiceAtom, Index, axes_in
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.update import Update
from cujax.engine.core.tape import Literal, Var

_MOST_NODES = 256  # of all elements of a pack
_LANES = 32
_ROWS = THREADS // _LANES  # of a tile


def rows_kernel(name: str, body: Body) -> Kernel | None:
    """The kernel of a region without reductions; None where elements one by one, or all as they lie, do better."""
    width = _width(body)
    if width == 1:
        return None
    packed = Body(body.region, pack=width)
    packs = _packs(packed, width)
    if not _pays(body, packed, packs, width):
        return None
    frame = CudaFrame(name, packed)
    return _kernel(frame, packs, width)


# --- where it applies ------------------------------------------------------------------------------------------------

Packs = dict[tuple[Var | Literal, Index], dict[int, Load]]


def _width(body: Body) -> int:
    """Elements of all results in 16 bytes, where rows consist of such; else 1."""
    if isinstance(body.region, Update) or not body.axes or body.is_unrolled:
        return 1
    if any(isinstance(n, Choice) for n in body.nodes()):  # the branch that is not taken may lie outside
        return 1
    (stores,) = body.full
    sizes = {physical(s.var.aval.dtype).itemsize for s in stores}
    width = PACK_BYTES // sizes.pop() if len(sizes) == 1 else 1
    is_flat = len(body.axes) == 1 and pack_width(body.axes[0], body.nodes(), stores) > 1
    is_short = len(body.nodes()) * width <= _MOST_NODES
    rows = body.region.shape[body.axes[-1].number]
    return width if width in (2, 4) and is_short and not is_flat and rows % width == 0 else 1


def _packs(body: Body, width: int) -> Packs:
    """What is loaded 16 bytes at a time: by buffer and place of the first element, the loads of each."""
    found: Packs = {}
    for load in _moving(body):
        if physical(load.source.aval.dtype).itemsize * width == PACK_BYTES and _is_aligned(load.place.terms, width):
            k = load.place.constant % width
            found.setdefault((load.source, load.place - k), {})[k] = load
    return {first: loads for first, loads in found.items() if len(loads) == width}


def _moving(body: Body) -> list[Load]:
    """What differs along rows."""
    number = body.axes[-1].number
    return [n for n in body.nodes() if isinstance(n, Load) and number in axes_in(n.place)]


def _is_aligned(terms: Sequence[tuple[Atom, int]], width: int) -> bool:
    """Whether the width divides the sum, whatever the axes are."""
    return all(_is_multiple(atom, c, width) for atom, c in terms)


def _is_multiple(atom: Atom, factor: int, width: int) -> bool:
    if factor % width == 0:
        return True
    if isinstance(atom, ChoiceAtom):
        ways = (atom.if_true * factor, atom.if_false * factor)
        return all(w.constant % width == 0 and _is_aligned(w.terms, width) for w in ways)
    return isinstance(atom, AxisAtom) and atom.step % width == 0


def _pays(body: Body, packed: Body, packs: Packs, width: int) -> bool:
    """Whether it takes at most half as many loads; what is overwritten is loaded before, in packs alone."""
    inside = {load for loads in packs.values() for load in loads.values()}
    alone = [n for n in _moving(packed) if n not in inside]
    if not packs or 2 * (len(packs) + len(alone)) > width * len(_moving(body)):
        return False
    changed = body.region.in_place.values()
    stays = [n for n in packed.nodes() if isinstance(n, Load) and n not in inside]
    return not any(n.source in changed for n in stays)


# --- what is written -------------------------------------------------------------------------------------------------


def _kernel(frame: CudaFrame, packs: Packs, width: int) -> Kernel:
    body = frame.body
    with frame.writer.scope() as outer:
        frame.hoist(body.nodes(), {a.number for a in body.axes})
        element = _elements(frame, packs, width)
        is_tiled = _shares_rows(body, packs, width)
        lines, blocks = (_over_tiles if is_tiled else _over_items)(frame, width, outer, element)
    text = frame.function(lines)
    call = KernelCall(frame.name, frame.sizes.values, body.work, (blocks, 1), THREADS)
    return Kernel((call,), text, tuple(body.reads), tuple(body.writes))


def _elements(frame: CudaFrame, packs: Packs, width: int) -> list[str]:
    """Load, compute and store one pack of each."""
    writer, buffers = frame.writer, frame.buffers
    (stores,) = frame.body.full
    with writer.scope() as lines:
        for number, ((source, first), loads) in enumerate(packs.items(), 1):
            name, kind = f"{buffers[source]}_pack_{number}", memory_type_name(source.aval.dtype)
            for loaded in index_elements(first):
                writer.value(loaded)
            writer.write(f"const cj::Pack<{kind}> {name} = cj::load_pack({buffers[source]} + ({writer.index(first)}));")
            for k, load in loads.items():
                writer.know(load, f"{name}.at[{k}]")
        firsts = {s.var: s.place for s in reversed(stores)}
        for var in reversed(firsts):
            writer.write(f"cj::Pack<{memory_type_name(var.aval.dtype)}> {buffers[var]}_pack;")
        for store in stores:
            frame.store(store, f"{buffers[store.var]}_pack.at[{store.place.constant % width}]")
        for var, first in reversed(firsts.items()):
            writer.write(f"cj::store_pack({buffers[var]} + ({writer.index(first)}), {buffers[var]}_pack);")
        return lines


def _over_items(frame: CudaFrame, width: int, outer: list[str], element: list[str]) -> tuple[list[str], int]:
    """
    for (int item = thread; item < n0; item += threads) {
        int rest = item;
        const int pack = cj::take_last(rest, ...);
        const int i0 = rest;
        const int i1 = pack * 4;
        ...
    }
    """
    *others, last = frame.body.axes
    items = total_extent(frame.body.axes) // width
    counted = [*others, last._replace(extent=last.extent // width)]
    places = _named(frame, counted, {last: "pack"}, "item")
    own = f"const {frame.index} {frame.axes[last.number]} = pack * {width};"
    head = f"for ({frame.index} item = thread; item < {frame.sizes.name(items)}; item += threads) {{"
    return [*frame.thread(), *outer, head, *indented([*places, own, *element]), "}"], blocks_for(items)


def _named(frame: CudaFrame, axes: Sequence[Axis], names: dict[Axis, str], number: str) -> list[str]:
    """The places along `axes`, those in `names` under these."""
    kept = dict(frame.axes)
    frame.axes.update({axis.number: name for axis, name in names.items()})
    places = frame.axis_places(axes, number)
    frame.axes.update(kept)
    return places


def _shares_rows(body: Body, packs: Packs, width: int) -> bool:
    """Whether rows are read for several others, of which a tile would be full."""
    sources = [source for source, _ in packs]
    if len(set(sources)) == len(sources) or len(body.axes) < 2:
        return False
    return body.axes[-1].extent >= _LANES * width and body.axes[-2].extent >= 4 * _ROWS


def _over_tiles(frame: CudaFrame, width: int, outer: list[str], element: list[str]) -> tuple[list[str], int]:
    """
    const int lane = int(threadIdx.x) % 32, warp = int(threadIdx.x) / 32;
    for (int tile = int(blockIdx.x); tile < n0; tile += int(gridDim.x)) {
        int rest = tile;
        const int left = cj::take_last(rest, ...);
        const int top = rest;
        const int i1 = (left * 32 + lane) * 4, i0 = top * 8 + warp;
        if (i1 < n1 && i0 < n2) {
            ...
        }
    }
    """
    *others, column, row = frame.body.axes
    (j, i), (n, m) = [frame.axes[a.number] for a in (row, column)], [frame.sizes.name(a.extent) for a in (row, column)]
    corners = [
        column._replace(extent=-(-column.extent // _ROWS)), row._replace(extent=-(-row.extent // (_LANES * width)))
    ]
    tiles, index = total_extent([*others, *corners]), frame.index
    tile = [
        *_named(frame, [*others, *corners], {column: "top", row: "left"}, "tile"),
        f"const {index} {j} = (left * {_LANES} + lane) * {width}, {i} = top * {_ROWS} + warp;",
        f"if ({j} < {n} && {i} < {m}) {{", *indented(element), "}",
    ]
    head = f"for ({index} tile = {index}(blockIdx.x); tile < {frame.sizes.name(tiles)}; tile += {index}(gridDim.x)) {{"
    lanes = f"const int lane = int(threadIdx.x) % {_LANES}, warp = int(threadIdx.x) / {_LANES};"
    return [lanes, *outer, head, *indented(tile), "}"], blocks_for(tiles, 1)
