"""Kernels with reductions, for the host.

Each element of the kept axes is an *item*; the items, or tiles of them, are handed out to threads.  How one is
reduced depends on what varies fastest in memory and on lengths, which are part of the text:

    Serial   few elements: a plain loop
    SideBySide  few elements of which functions are computed: rows side by side, so that these fill vectors
    Rows     the last axis is reduced: blocks of lanes along it, combined pairwise (kernels/blocks.h)
    Columns  the last axis is kept: a tile of it at a time, one running result for each of its elements

Where there are few items but many elements each, the first reduced axis is *split* into chunks, which count as
items of their own; their results are combined in their order.  None of this depends on the number of threads, so
equal inputs give equal bits.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.compiler.body import Accumulator, Axis, Body, total_extent
from cujax.engine.compiler.cpp import type_name
from cujax.engine.compiler.emit_host import HostFrame, vectors
from cujax.engine.compiler.expression import Operation, reachable
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.index import axes_in
from cujax.engine.compiler.kinds import calls_function
from cujax.engine.compiler.tile import axis_across
from cujax.engine.compiler.writer import INDENT, Sizes

_FEW = 64  # elements that a plain loop reduces
_BESIDE = 32  # kept elements whose short rows are reduced side by side
_TILE, _WIDE_TILE = 64, 128  # kept elements that one item of columns has
_ENOUGH_TILES = 8  # from which on they are wide: memory is then read in longer runs
_SPLIT_WORK = 1 << 16  # elements from which a reduction to few items is split
_MOST_CHUNKS = 64
_BYTES_OF_LANE, _MOST_BYTES = 32, 1 << 21  # of the largest accumulators, of a stack that should hold all parts
_FEW_ITEMS = 16
_ACROSS_LENGTH = 256  # of blocks of rows that lie across others: a line of memory for each element


def reduce_kernel(name: str, body: Body) -> tuple[str, Sizes]:
    """The text of a kernel with reductions, and the sizes that it takes."""
    frame = HostFrame(name, body)
    if total_extent(body.reduced_axes) <= _FEW:
        return (_SideBySide if _gains_beside(body) else _Serial)(frame).text(), frame.sizes
    if body.axes[-1].is_reduced:
        return _Rows(frame).text(), frame.sizes
    return _Columns(frame).text(), frame.sizes


def _gains_beside(body: Body) -> bool:
    """Whether there are functions of elements, which whole vectors compute, and rows enough to fill these."""
    reduced = {a.number for a in body.reduced_axes}
    is_inside = any(reduced & axes_in(i) for n in _calls(body) for m in reachable([n]) for i in m.indices)
    return is_inside and bool(body.kept_axes) and body.kept_axes[-1].extent >= _BESIDE


def _calls(body: Body) -> list[Operation]:
    """The functions that are computed of elements."""
    inner = [n for phase in range(len(body.phases)) for n in reachable(body.roots(phase))]
    return [n for n in inner if isinstance(n, Operation) and calls_function(n.text)]


class _Shape:
    """What the three ways share.  A subclass says how one phase goes over the reduced axes, in `_phase`."""

    def __init__(self, frame: HostFrame) -> None:
        self.frame, self.body, self.writer = frame, frame.body, frame.writer
        self.kept, self.reduced = self.body.kept_axes, self.body.reduced_axes
        self.items = total_extent(self.kept)
        self.is_split = (
            len(self.body.phases) == 1 and self._tiles() < _FEW_ITEMS
            and total_extent(self.reduced) >= _SPLIT_WORK and self._chunks() > 1
        )
        self.names = frame.running_names()

    def _accumulators(self) -> list[Accumulator]:
        return [a for phase in self.body.phases for a in phase]

    def _tiles(self) -> int:
        return self.items

    # --- pieces of text ---------------------------------------------------------------------------------------

    def size(self, value: int) -> str:
        return self.frame.sizes.name(value)

    def nest(self, axes: Sequence[Axis], inner: list[str]) -> list[str]:
        """Loops over `axes` around `inner`; the first one over its chunk where the reduction is split."""
        for axis in reversed(axes):
            bounds = ("first", "last") if self.is_split and axis == self.reduced[0] else ("0", "")
            inner = [self.frame.loop(axis, *bounds), *indented(inner), "}"]
        return inner

    def elements(self, phase: int, target: str) -> list[str]:
        """The statements for one place of the reduced axes; `target` is the running result, with {name}."""
        writer = self.writer
        with writer.scope() as lines:
            self.frame.read_first(self.body.roots(phase))
            for store in self.body.full[phase]:
                self.frame.store(store)
            for accumulator in self.body.phases[phase]:
                self.frame.combine(accumulator, target.format(name=self.names[accumulator.result]))
            return lines

    def lowered(self, accumulator: Accumulator, total: str) -> str:
        return self.frame.lowered(accumulator, self.names[accumulator.result], total)

    def struct(self, accumulator: Accumulator) -> str:
        return accumulator.reduction.struct

    # --- the functions ------------------------------------------------------------------------------------------

    def text(self) -> str:
        return self._split_text() if self.is_split else self._whole_text()

    def _hoisted(self) -> None:
        self.frame.hoist(self.body.nodes(), {a.number for a in self.body.axes})

    def _whole_text(self) -> str:
        with self.writer.scope() as lines:
            self._hoisted()
            item = [*self._places("item"), *self._phases(), *self._finish()]
            if not self.kept:
                return "\n".join([*self.frame.head(), *indented([*lines, *item]), "}"])
            lines += [*self._constants(), "for (cj::i64 item = from; item < to; ++item) {", *indented(item), "}"]
        return self.frame.shared(lines, self._item_count())

    def _split_text(self) -> str:
        """Chunks of the first reduced axis, each with its own partial results; then the items from these."""
        many, chunks = self._partials(), self._chunks()
        part = "\n".join(self.frame.part(self._chunk_loop(chunks)))  # before the head: they share their sizes
        with self.writer.scope() as lines:
            self._hoisted()
            final = [*self._places("item"), *[t for a in self._accumulators() for t in self._join_parts(a, chunks)]]
            final += self._finish()
            loop = [f"for (cj::i64 item = 0; item < {self._item_count()}; ++item) {{", *indented(final), "}"]
            lines += [*self._constants(), *(loop if self.kept else ["const cj::i64 item = 0;", *final])]
        count = f"({self._item_count()}) * {chunks}" if self.kept else str(chunks)
        given = [f"buffers[{k}]" for k in range(len(self.frame.pointers()))]
        arrays = [f"{self._partial_type(a)} {name}[{many}];" for a, name in self._part_names()]
        share = [
            *arrays, f"void* const with_parts[] = {{{', '.join([*given, *[n for _, n in self._part_names()]])}}};",
            f"cj::share({self.frame.name}_part, with_parts, sizes, {count}, threads);",
        ]
        return "\n".join([part, *self.frame.head(), *indented([*share, *lines]), "}"])

    def _chunk_loop(self, chunks: int) -> list[str]:
        """What one thread does: some parts, each the chunk of an item."""
        n, given = self.size(self.reduced[0].extent), len(self.frame.pointers())
        with self.writer.scope() as lines:
            self._hoisted()
            item = [
                f"const cj::i64 item = part / {chunks};", *self._places("item"),
                f"const cj::i64 first = part % {chunks} * chunk;",
                f"const cj::i64 last = first + chunk < {n} ? first + chunk : {n};",
                *self._phase(0),
                *[self._keep_part(a) for a in self._accumulators()],
            ]
            parts = [
                f"auto* {name} = static_cast<{self._partial_type(a)}*>(buffers[{given + k}]);"
                for k, (a, name) in enumerate(self._part_names())
            ]
            return [
                *parts, *lines, *self._constants(), f"const cj::i64 chunk = ({n} + {chunks - 1}) / {chunks};",
                "for (cj::i64 part = from; part < to; ++part) {", *indented(item), "}",
            ]

    def _part_names(self) -> list[tuple[Accumulator, str]]:
        return [(a, f"{self.names[a.result]}_parts") for a in self._accumulators()]

    def _constants(self) -> list[str]:
        """What the places of items are computed with."""
        return []

    def _phases(self) -> list[str]:
        return [line for phase in range(len(self.body.phases)) for line in self._phase(phase)]

    def _item_count(self) -> str:
        return self.size(self.items) if self.kept else "1"

    def _places(self, number: str) -> list[str]:
        return self.frame.axis_places(self.kept, number)

    def _chunks(self) -> int:
        return min(_MOST_CHUNKS, self._partials() // max(self._tiles(), 1))

    def _partials(self) -> int:
        return _MOST_CHUNKS * _FEW_ITEMS

    def _partial_type(self, accumulator: Accumulator) -> str:
        return f"{self.struct(accumulator)}::Acc"

    def _keep_part(self, accumulator: Accumulator) -> str:
        name = self.names[accumulator.result]
        return f"{name}_parts[part] = {name}.total();"

    def _join_parts(self, accumulator: Accumulator, chunks: int) -> list[str]:
        name = self.names[accumulator.result]
        return [
            f"cj::Tree<{self.struct(accumulator)}> {name};",
            f"for (int k = 0; k < {chunks}; ++k) {name}.add({name}_parts[item * {chunks} + k]);",
        ]

    def _phase(self, phase: int) -> list[str]:
        raise NotImplementedError

    def _finish(self) -> list[str]:
        """Results of the last phase, and the stores at the kept axes."""
        with self.writer.scope() as lines:
            for accumulator in self._accumulators():
                if accumulator.result not in self.writer.reduced:
                    self.writer.write(self.lowered(accumulator, self._total(accumulator)))
            self.frame.store_all(self.body.kept)
            return lines

    def _total(self, accumulator: Accumulator) -> str:
        return f"{self.names[accumulator.result]}.total()"

    def results(self, phase: int) -> list[str]:
        """The results of a phase, where a later one reads them."""
        if phase + 1 == len(self.body.phases):
            return []
        return [self.lowered(a, self._total(a)) for a in self.body.phases[phase]]


class _Serial(_Shape):
    """
    cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
    for (cj::i64 i1 = 0; i1 < n0; ++i1) {
        sum_acc_0 = sum_acc_0 + x0[n0 * i0 + i1];
    }
    """

    def _phase(self, phase: int) -> list[str]:
        start = [
            f"{self.struct(a)}::Acc {self.names[a.result]} = {self.struct(a)}::identity();"
            for a in self.body.phases[phase]
        ]
        loops = self.nest(self.reduced, self.elements(phase, "{name}"))
        return [*start, *loops, *self.results(phase)]

    def _total(self, accumulator: Accumulator) -> str:
        return self.names[accumulator.result]


class _Rows(_Shape):
    """
    cj::Tree<cj::Sum<float>> sum_acc_0;
    for (cj::i64 block = 0; block < n0; block += cj::block_length) {
        cj::Lanes<cj::Sum<float>> sum_acc_0_lanes;
        ... the elements of the block, each in the lane of its place
        sum_acc_0.add(sum_acc_0_lanes.total());
    }

    Other reductions than sums keep their lanes from block to block: there is no error to keep small, and a product
    of factors from all over the row stays in range where that of a part would not.

    What a block has over its last whole vectors is taken by going back: by lanes that end where the block does, of
    which those of elements that have been there before keep what they had.  Written one by one, they would have to
    reach memory before all could be read as a vector again, which takes as long as a hundred elements.

    Where several axes are reduced over arrays that lie across one another (tile.py), blocks are short, and all rows go
    over the same block before the next one.
    """

    def _phase(self, phase: int) -> list[str]:
        accumulators = self.body.phases[phase]
        trees = [f"cj::Tree<{self.struct(a)}> {self.names[a.result]};" for a in accumulators]
        sums = [a for a in accumulators if a.reduction.is_sum]
        others = [a for a in accumulators if not a.reduction.is_sum]
        return [
            *trees, *map(self._lanes, others), *self._blocks(phase, sums), *map(self._add_lanes, others),
            *self.results(phase),
        ]

    def _lanes(self, accumulator: Accumulator) -> str:
        return f"cj::Lanes<{self.struct(accumulator)}> {self.names[accumulator.result]}_lanes;"

    def _add_lanes(self, accumulator: Accumulator) -> str:
        name = self.names[accumulator.result]
        return f"{name}.add({name}_lanes.total());"

    def _blocks(self, phase: int, sums: Sequence[Accumulator]) -> list[str]:
        """The loops over blocks, and over the other reduced axes."""
        last = self.reduced[-1]
        is_chunked = self.is_split and len(self.reduced) == 1
        begin, end = ("first", "last") if is_chunked else ("0", self.size(last.extent))
        is_tiled = axis_across(self.body) in self.reduced
        length = str(_ACROSS_LENGTH) if is_tiled else "cj::block_length"
        block = [
            *map(self._lanes, sums),
            f"const cj::i64 stop = block + {length} < {end} ? block + {length} : {end};",
            *self._block(phase, self.frame.axes[last.number]),
            *map(self._add_lanes, sums),
        ]
        loop = f"for (cj::i64 block = {begin}; block < {end}; block += {length}) {{"
        if is_tiled:
            return [loop, *indented(self.nest(self.reduced[:-1], block)), "}"]
        return self.nest(self.reduced[:-1], [loop, *indented(block), "}"])

    def _block(self, phase: int, axis: str) -> list[str]:
        """The elements from `block` to `stop`."""
        return [
            f"const auto element = [&](cj::i64 {axis}, int lane) __attribute__((always_inline)) {{",
            *indented(self.elements(phase, "{name}_lanes.values[lane]")), "};",
            "cj::i64 at = block;",
            "for (; at + cj::lane_count <= stop; at += cj::lane_count) {", *indented(self._all_lanes("at")), "}",
            *self._rest(phase),
        ]

    def _all_lanes(self, begin: str) -> list[str]:
        return [
            "#pragma omp simd", f"for (int lane = 0; lane < cj::lane_count; ++lane) element({begin} + lane, lane);"
        ]

    def _rest(self, phase: int) -> list[str]:
        """The elements from `at` to `stop`, fewer than there are lanes."""
        accumulators = self.body.phases[phase]
        if not accumulators or self.body.full[phase] or self.reduced[-1].extent < _FEW:
            return ["for (int lane = 0; at < stop; ++at, ++lane) element(at, lane);"]
        names = [f"{self.names[a.result]}_lanes" for a in accumulators if not a.reduction.is_idempotent]
        kept = [f"const auto {name}_before = {name};" for name in names]
        again = [
            f"for (int lane = 0; lane < cj::lane_count; ++lane) {name}.values[lane] = "
            f"cj::select(lane < before, {name}_before.values[lane], {name}.values[lane]);"
            for name in names
        ]
        lines = [*kept, *self._all_lanes("stop - cj::lane_count"), *again]
        before = ["const int before = cj::lane_count - int(stop - at);"] if names else []
        return ["if (at < stop) {", *indented([*before, *lines]), "}"]


class _Columns(_Shape):
    """
    cj::Lanes<cj::Sum<float>, 64> sum_acc_0;
    for (cj::i64 i0 = 0; i0 < n0; ++i0) {
        #pragma omp simd
        for (int lane = 0; lane < width; ++lane) {
            const cj::i64 i1 = column + lane;
            sum_acc_0.values[lane] = sum_acc_0.values[lane] + x0[n1 * i0 + i1];
        }
    }

    Every 128 steps the running results are added to those of all steps before and begin anew, so that the error
    of a long sum stays small.

    A tile that is no whole number of vectors has one more, which ends where the tile ends, if functions are computed:
    single elements take as long as vectors.  So there are more lanes than elements, and some elements have two.
    """

    def __init__(self, frame: HostFrame) -> None:
        super().__init__(frame)
        self.vector = vectors(frame, self.kept[-1], self.body.nodes())[0]
        self.is_filled = bool(_calls(self.body)) and not self.body.region.in_place

    def _tiles(self) -> int:
        return self._tiles_of(self.tile)

    def _tiles_of(self, width: int) -> int:
        kept = self.body.kept_axes
        return total_extent(kept[:-1]) * -(-kept[-1].extent // width)

    @property
    def tile(self) -> int:
        return _WIDE_TILE if self._tiles_of(_WIDE_TILE) >= _ENOUGH_TILES else _TILE

    def _item_count(self) -> str:
        outer = self.kept[:-1]
        return f"{self.size(total_extent(outer))} * ({self._tile_count()})" if outer else self._tile_count()

    def _tile_count(self) -> str:
        return f"({self.size(self.kept[-1].extent)} + {self.tile - 1}) / {self.tile}"

    def _constants(self) -> list[str]:
        return [f"const cj::i64 tiles = {self._tile_count()};"]

    def _partials(self) -> int:
        of_one = self.tile * _BYTES_OF_LANE * len(self._accumulators())
        return min(_MOST_CHUNKS * 4 * _TILE // self.tile, _MOST_BYTES // of_one)

    def _places(self, number: str) -> list[str]:
        n, vector = self.size(self.kept[-1].extent), self.vector
        filled = [
            f"const int whole = width - width % {vector};",
            f"const int lanes = whole < width && whole > 0 ? whole + {vector} : width;",
        ]
        return [
            f"const cj::i64 column = {number} % tiles * {self.tile};",
            f"const int width = {n} - column < {self.tile} ? int({n} - column) : {self.tile};",
            *(filled if self.is_filled else []),
            *self.frame.axis_places(self.kept[:-1], f"{number} / tiles"),
        ]

    @property
    def count(self) -> str:
        """How many lanes there are."""
        return "lanes" if self.is_filled else "width"

    def _lanes(self, accumulator: Accumulator) -> str:
        return f"cj::Lanes<{self.struct(accumulator)}, {self.tile}>"

    def _over_lanes(self, statements: Sequence[str]) -> list[str]:
        axis = self.frame.axes[self.kept[-1].number]
        if not self.is_filled:
            inner = [f"const cj::i64 {axis} = column + lane;", *statements]
            return ["#pragma omp simd", "for (int lane = 0; lane < width; ++lane) {", *indented(inner), "}"]
        inner = [f"const cj::i64 {axis} = place + lane;", *statements]
        part = [
            "const int begin = k ? whole : 0, end = k ? lanes : whole;",
            "const cj::i64 place = k ? column + width - lanes : column;",
            "#pragma omp simd", "for (int lane = begin; lane < end; ++lane) {", *indented(inner), "}",
        ]
        return ["for (int k = 0; k < 2; ++k) {", *indented(part), "}"]

    def _step(self, phase: int, target: str) -> list[str]:
        """As `elements`, for all lanes, after what is the same for these."""
        with self.writer.scope() as lines:
            self.frame.hoist(reachable(self.body.roots(phase)), {self.kept[-1].number})
            lines += self._over_lanes(self.elements(phase, target))
            return lines

    def _phase(self, phase: int) -> list[str]:
        accumulators, last = self.body.phases[phase], self.reduced[-1]
        start = [f"{self._lanes(a)} {self.names[a.result]};" for a in accumulators]
        inner = self._step(phase, "{name}_block.values[lane]")
        flush = [
            f"for (int lane = 0; lane < {self.count}; ++lane) {n}.values[lane] = "
            f"{a.reduction.combine.format(f'{n}.values[lane]', f'{n}_block.values[lane]')};"
            for a in accumulators
            for n in (self.names[a.result],)
        ]
        is_chunked = self.is_split and len(self.reduced) == 1
        begin, end = ("first", "last") if is_chunked else ("0", self.size(last.extent))
        axis = self.frame.axes[last.number]
        block = [
            *[f"{self._lanes(a)} {self.names[a.result]}_block;" for a in accumulators],
            f"const cj::i64 stop = block + 128 < {end} ? block + 128 : {end};",
            f"for (cj::i64 {axis} = block; {axis} < stop; ++{axis}) {{", *indented(inner), "}", *flush,
        ]
        blocks = [f"for (cj::i64 block = {begin}; block < {end}; block += 128) {{", *indented(block), "}"]
        return [*start, *self.nest(self.reduced[:-1], blocks), *self.results(phase)]

    def results(self, phase: int) -> list[str]:
        for a in self.body.phases[phase]:
            self.writer.reduced[a.result] = f"{self.names[a.result]}_results[lane]"
        if phase + 1 == len(self.body.phases):
            return []
        return [line for a in self.body.phases[phase] for line in self._lower_lanes(a)]

    def _lower_lanes(self, accumulator: Accumulator) -> list[str]:
        name = self.names[accumulator.result]
        lowered = accumulator.reduction.lower.format(f"{name}.values[lane]")
        return [
            f"{type_name(accumulator.result.dtype)} {name}_results[{self.tile}];",
            f"for (int lane = 0; lane < {self.count}; ++lane) {name}_results[lane] = {lowered};",
        ]

    def _finish(self) -> list[str]:
        results = [line for a in self.body.phases[-1] for line in self._lower_lanes(a)]
        with self.writer.scope() as lines:
            for accumulator in self._accumulators():
                self.writer.reduced[accumulator.result] = f"{self.names[accumulator.result]}_results[lane]"
            self.frame.store_all(self.body.kept)
            stores = lines
        return [*results, *self._over_lanes(stores)]

    def _partial_type(self, accumulator: Accumulator) -> str:
        return self._lanes(accumulator)

    def _keep_part(self, accumulator: Accumulator) -> str:
        name = self.names[accumulator.result]
        return f"{name}_parts[part] = {name};"

    def _join_parts(self, accumulator: Accumulator, chunks: int) -> list[str]:
        name = self.names[accumulator.result]
        combined = accumulator.reduction.combine.format(
            f"{name}.values[lane]", f"{name}_parts[item * {chunks} + k].values[lane]"
        )
        return [
            f"{self._lanes(accumulator)} {name};",
            f"for (int k = 0; k < {chunks}; ++k)",
            f"{INDENT}for (int lane = 0; lane < {self.count}; ++lane) {name}.values[lane] = {combined};",
        ]


class _SideBySide(_Columns):
    """
    cj::Lanes<cj::Sum<float>, 32> sum_acc_0;
    for (cj::i64 i1 = 0; i1 < n0; ++i1) {
        #pragma omp simd
        for (int lane = 0; lane < width; ++lane) {
            const cj::i64 i0 = column + lane;
            sum_acc_0.values[lane] = sum_acc_0.values[lane] + cj::exp(x0[n0 * i0 + i1]);
        }
    }

    Each row is reduced in the order in which a plain loop would go over it.
    """

    @property
    def tile(self) -> int:
        return _BESIDE

    def _phase(self, phase: int) -> list[str]:
        start = [f"{self._lanes(a)} {self.names[a.result]};" for a in self.body.phases[phase]]
        inner = self._step(phase, "{name}.values[lane]")
        return [*start, *self.nest(self.reduced, inner), *self.results(phase)]
