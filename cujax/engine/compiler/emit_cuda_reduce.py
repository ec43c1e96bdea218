"""Kernels with reductions, for a GPU.

    Threads  one thread reduces one element of the kept axes: few elements, or neighbours in memory that are kept
    Blocks   one block does, where the last axis is reduced: its threads stride along it and combine in shared memory

Where there are few kept elements but many reduced ones, the first reduced axis is *split* into chunks, along y of
the grid.  Each leaves a partial result in `parts`; a second kernel, `..._join`, combines them in their order.  The
order depends on lengths alone, so equal inputs give equal bits.  The last block to finish could do the same, by a
counter that is zero before each run and belongs to one run alone, on whatever stream or graph: the microsecond that
it would save a few reductions is not worth that state.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.backends.api import KernelCall
from cujax.engine.compiler.body import Accumulator, Axis, Body, total_extent
from cujax.engine.compiler.emit_cuda import (
    FLAG,
    MOST_BLOCKS,
    THREADS,
    CudaFrame,
    blocks_for,
    loaded_pack,
    pack_width,
    sets_flag,
    sources,
)
from cujax.engine.compiler.expression import reachable
from cujax.engine.compiler.frame import indented
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.writer import INDENT

FEW = 32  # elements that one thread reduces, whatever their order
FEW_ITEMS = 256  # fewer blocks than this leave a device idle
_RESIDENT = 8  # blocks on a multiprocessor: all threads that it takes
_MOST_CHUNKS = 132 * _RESIDENT  # on the largest devices
_MOST_STAYING, _MOST_NODES = 7, 64  # registers that are taken throughout, and operations, for which 32 are enough
_PART_BYTES = 16  # for a partial result: complex128, or a value and its place


def reduce_kernel(name: str, body: Body) -> Kernel:
    """The kernel of a region with reductions."""
    few = total_extent(body.reduced_axes) <= FEW
    kind = _Threads if few or not body.axes[-1].is_reduced else Blocks
    return kind(CudaFrame(name, body)).kernel()


class _Shape:
    """What both ways share; a subclass says who makes an item and how it goes over the reduced axes."""

    items_per_block = 1
    splits_from, least_chunk = 1 << 14, 1 << 11  # elements that are reduced

    def __init__(self, frame: CudaFrame) -> None:
        self.frame, self.body, self.writer = frame, frame.body, frame.writer
        self.kept, self.reduced = self.body.kept_axes, self.body.reduced_axes
        self.items, self.length = total_extent(self.kept), total_extent(self.reduced)
        self.names = frame.running_names()
        self.chunks = self._chunk_count() if len(self.body.phases) == 1 else 1
        self.width = self._pack_width()

    def _pack_width(self) -> int:
        """Elements that a thread loads at a time."""
        return 1

    def _accumulators(self) -> list[Accumulator]:
        return [a for phase in self.body.phases for a in phase]

    def _chunk_count(self) -> int:
        """How many chunks the first reduced axis is cut into; by lengths alone."""
        blocks = -(-self.items // self.items_per_block)
        if blocks >= FEW_ITEMS or self.length < self.splits_from:
            return 1
        wanted = min(_MOST_CHUNKS, MOST_BLOCKS // max(blocks, 1), self.length // self.least_chunk)
        return max(1, min(wanted, self.reduced[0].extent))

    # --- the kernel -------------------------------------------------------------------------------------------

    def kernel(self) -> Kernel:
        if self.chunks == 1:
            text = self._function(self._whole())
            calls: tuple[KernelCall, ...] = (self._call(self._threads()),)
            scratch = 0
        else:
            part, join = self._part(), self._join()  # both before a head is written: they share their sizes
            text = f"{self._function(part)}\n\n{self._function(join, '_join')}"
            calls = (self._call(self._threads(), self.chunks), self._call(self._join_threads(), 1, "_join"))
            scratch = self.items * self.chunks * _PART_BYTES * len(self._accumulators())
        return Kernel(calls, text, tuple(self.body.reads), tuple(self.body.writes), scratch)

    def _call(self, threads: int, chunks: int = 1, suffix: str = "") -> KernelCall:
        blocks = blocks_for(self.items, self.items_per_block)
        name = self.frame.name + suffix
        return KernelCall(name, self.frame.sizes.values, self.body.work, (blocks, chunks), threads)

    def _threads(self) -> int:
        return THREADS

    def _join_threads(self) -> int:
        return THREADS

    def size(self, value: int) -> str:
        return self.frame.sizes.name(value)

    def _count(self) -> str:
        return self.size(self.items) if self.kept else "1"

    def _over_items(self, inner: Sequence[str]) -> list[str]:
        raise NotImplementedError

    def _function(self, lines: Sequence[str], suffix: str = "") -> str:
        extra = "char* CJ_RESTRICT parts" if self.chunks > 1 else ""
        resident = 0 if suffix else self._resident()
        return "\n".join([*self.frame.head(extra, suffix, resident), *indented(lines), "}"])

    def _resident(self) -> int:
        """For how many blocks a multiprocessor should have registers at a time; 0: as the compiler likes."""
        return 0

    def _whole(self) -> list[str]:
        with self.writer.scope() as hoisted:
            self.frame.hoist(self.body.nodes(), {a.number for a in self.body.axes})
            item = [*self.frame.axis_places(self.kept, "item"), *self._phases(), *self._finish()]
            return [*self._shared(), *hoisted, *self._over_items(item)]

    def _part(self) -> list[str]:
        """The kernel that reduces one chunk of an item: `blockIdx.y` is its number."""
        n, index = self.size(self.reduced[0].extent), self.frame.index
        with self.writer.scope() as hoisted:
            self.frame.hoist(self.body.nodes(), {a.number for a in self.body.axes})
            item = [*self.frame.axis_places(self.kept, "item"), *self._phase(0), *self._leave_parts()]
            whole = f"({n} - 1) / {index}(gridDim.y)"
            chunk = f"{whole} + 1" if self.width == 1 else f"({whole} / {self.width} + 1) * {self.width}"
            bounds = [
                f"const {index} chunk = {chunk};",
                f"const {index} first = {index}(blockIdx.y) * chunk;",
                f"const {index} last = first + chunk < {n} ? first + chunk : {n};",
            ]
            return [*self._shared(), *hoisted, *bounds, *self._over_items(item)]

    def _join(self) -> list[str]:
        """The kernel that combines the parts of an item, and what follows from them."""
        with self.writer.scope() as hoisted:
            self.frame.hoist(reachable([s.node for s in self.body.kept]), {a.number for a in self.body.axes})
            item = [*self.frame.axis_places(self.kept, "item")]
            item += [line for a in self._accumulators() for line in self._join_parts(a)]
            item += self._finish()
            return [*self._shared(), *hoisted, *self._over_items(item)]

    def _part_of(self, accumulator: Accumulator, chunk: str) -> str:
        """The place of the partial result that a chunk of `item` leaves: the parts of an item stand together."""
        number = self._accumulators().index(accumulator)
        offset = self.items * self.chunks * _PART_BYTES * number
        begin = f"parts + cj::i64({self.size(offset)})" if offset else "parts"
        place = f"cj::i64(item) * {self.size(self.chunks)} + {chunk}"
        return f"reinterpret_cast<{accumulator.reduction.struct}::Acc*>({begin})[{place}]"

    def _shared(self) -> list[str]:
        return []

    def _phases(self) -> list[str]:
        return [line for phase in range(len(self.body.phases)) for line in self._phase(phase)]

    def _phase(self, phase: int) -> list[str]:
        raise NotImplementedError

    def _leave_parts(self) -> list[str]:
        raise NotImplementedError

    def _join_parts(self, accumulator: Accumulator) -> list[str]:
        raise NotImplementedError

    def _finish(self) -> list[str]:
        raise NotImplementedError

    # --- pieces -------------------------------------------------------------------------------------------------

    def start(self, phase: int) -> list[str]:
        return [
            f"{a.reduction.struct}::Acc {self.names[a.result]} = {a.reduction.struct}::identity();"
            for a in self.body.phases[phase]
        ]

    def nest(self, axes: Sequence[Axis], inner: list[str]) -> list[str]:
        """Loops over `axes` around `inner`, the first one over its chunk where the reduction is split."""
        for axis in reversed(axes):
            bounds = ("first", "last") if self.chunks > 1 and axis == self.reduced[0] else ("0", "")
            inner = [self.frame.loop(axis, *bounds), *indented(inner), "}"]
        return inner

    def elements(self, phase: int) -> list[str]:
        """The statements for one place of the reduced axes."""
        with self.writer.scope() as lines:
            self.frame.read_first(self.body.roots(phase))
            for store in self.body.full[phase]:
                self.frame.store(store)
            for accumulator in self.body.phases[phase]:
                self.frame.combine(accumulator, self.names[accumulator.result])
            return lines

    def stores(self) -> list[str]:
        """What is written at the kept axes."""
        with self.writer.scope() as lines:
            self.frame.store_all(self.body.kept)
            return lines

    def results(self, accumulators: Sequence[Accumulator]) -> list[str]:
        """Statements that name the results that have none yet."""
        return [
            self.frame.lowered(a, self.names[a.result], self.names[a.result])
            for a in accumulators
            if a.result not in self.writer.reduced
        ]


class _Threads(_Shape):
    """
    for (int item = thread; item < n0; item += threads) {
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int i1 = 0; i1 < n1; ++i1) {
            sum_acc_0 = sum_acc_0 + x0[n1 * i0 + i1];
        }
        const float sum_result_0 = sum_acc_0;
        y0[i0] = sum_result_0;
    }
    """

    items_per_block = THREADS
    splits_from, least_chunk = 1 << 8, 1 << 5  # a thread waits for memory at every few of them

    def _over_items(self, inner: Sequence[str]) -> list[str]:
        loop = f"for ({self.frame.index} item = thread; item < {self._count()}; item += threads) {{"
        return [*self.frame.thread(), loop, *indented(inner), "}"]

    def _phase(self, phase: int) -> list[str]:
        loops = self.nest(self.reduced, self.elements(phase))
        is_last = phase + 1 == len(self.body.phases)
        return [*self.start(phase), *loops, *([] if is_last else self.results(self.body.phases[phase]))]

    def _leave_parts(self) -> list[str]:
        return [f"{self._part_of(a, 'blockIdx.y')} = {self.names[a.result]};" for a in self._accumulators()]

    def _join_parts(self, accumulator: Accumulator) -> list[str]:
        name, chunks = self.names[accumulator.result], self.size(self.chunks)
        part = self._part_of(accumulator, "k")
        return [
            f"{accumulator.reduction.struct}::Acc {name} = {accumulator.reduction.struct}::identity();",
            f"for (int k = 0; k < {chunks}; ++k) {name} = {accumulator.reduction.combine.format(name, part)};",
        ]

    def _finish(self) -> list[str]:
        return [*self.results(self._accumulators()), *self.stores()]


class Blocks(_Shape):
    """
    __shared__ cj::Sum<float>::Acc sum_acc_0_shared[32];
    for (int item = blockIdx.x; item < n0; item += gridDim.x) {
        cj::Sum<float>::Acc sum_acc_0 = cj::Sum<float>::identity();
        for (int i1 = threadIdx.x; i1 < n1; i1 += blockDim.x) {
            sum_acc_0 = sum_acc_0 + x0[n1 * i0 + i1];
        }
        sum_acc_0 = cj::block_reduce<cj::Sum<float>>(sum_acc_0, sum_acc_0_shared);
        if (threadIdx.x == 0) y0[i0] = sum_acc_0;
    }
    """

    def _threads(self) -> int:
        length = self.reduced[-1].extent
        return next((t for t in (32, 64, 128) if length <= 8 * t), THREADS)

    def _join_threads(self) -> int:
        return 128

    def _resident(self) -> int:
        """All chunks at once.

        By itself the compiler takes twice the registers, and half of the chunks wait for the other half.  32 are
        enough where one pack of 4 and few results stay in them; more, or elements of 8 bytes, would be spilled.
        """
        results = sum(4 if a.reduction.takes_index else 1 for a in self._accumulators())
        stay = self.width * len(sources(self.body.nodes())) + results
        is_small = self.width == 4 and stay <= _MOST_STAYING and len(self.body.nodes()) <= _MOST_NODES
        return _RESIDENT if self.chunks > 1 and is_small else 0

    def _over_items(self, inner: Sequence[str]) -> list[str]:
        index = self.frame.index
        loop = f"for ({index} item = {index}(blockIdx.x); item < {self._count()}; item += {index}(gridDim.x)) {{"
        return [loop, *indented(inner), "}"]

    def _shared(self) -> list[str]:
        structs = {self._shared_by(a): a.reduction.struct for a in self._accumulators()}
        return [f"__shared__ {struct}::Acc {name}[32];" for name, struct in structs.items()]

    def _shared_by(self, accumulator: Accumulator) -> str:
        """The memory of the first reduction of this kind, which all of the kind use one after the other."""
        struct = accumulator.reduction.struct
        return f"{self._own_name(next(a for a in self._accumulators() if a.reduction.struct == struct))}_shared"

    def _own_name(self, accumulator: Accumulator) -> str:
        return self.names[accumulator.result]

    def _reduce(self, accumulator: Accumulator) -> str:
        name, struct = self.names[accumulator.result], accumulator.reduction.struct
        return f"{name} = cj::block_reduce<{struct}>({name}, {self._shared_by(accumulator)});"

    def _pack_width(self) -> int:
        """More than one where the whole array is reduced, as it lies in memory."""
        if len(self.body.axes) != 1 or any(self.body.full):
            return 1
        return pack_width(self.body.axes[0], self.body.nodes(), ())

    def _phase(self, phase: int) -> list[str]:
        is_chunked = self.chunks > 1 and len(self.reduced) == 1
        bounds = ("first", "last") if is_chunked else ("0", self.size(self.reduced[-1].extent))
        inner = self._along(phase, *bounds) if self.width == 1 else self._packed(phase, *bounds)
        reduces = [self._reduce(a) for a in self.body.phases[phase]]
        return [
            *self.start(phase), *self.nest(self.reduced[:-1], inner), *reduces,
            *([] if self.chunks > 1 else self.results(self.body.phases[phase])),
        ]

    def _along(self, phase: int, begin: str, end: str) -> list[str]:
        """The threads of the block beside each other along the last axis."""
        axis, index = self.frame.axes[self.reduced[-1].number], self.frame.index
        start = f"{index}(threadIdx.x)" if begin == "0" else f"{begin} + {index}(threadIdx.x)"
        return [
            f"for ({index} {axis} = {start}; {axis} < {end}; {axis} += {index}(blockDim.x)) {{",
            *indented(self.elements(phase)), "}",
        ]

    def _packed(self, phase: int, begin: str, end: str) -> list[str]:
        """
        for (int pack = first / 4 + int(threadIdx.x); pack < last / 4; pack += int(blockDim.x)) {
            const cj::Pack<float> x0_pack = cj::load_pack(x0 + pack * 4);
            #pragma unroll
            for (int k = 0; k < 4; ++k) {
                const int i0 = pack * 4 + k;
                sum_acc_0 = sum_acc_0 + x0_pack.at[k];
            }
        }
        ... the last few, one by one
        """
        frame, index, width = self.frame, self.frame.index, self.width
        axis, moving = frame.axes[self.reduced[-1].number], sources(self.body.nodes())
        with self.writer.instead({v: f"{frame.buffers[v]}_pack.at[k]" for v in moving}), self.writer.flagging(FLAG):
            element = [f"const {index} {axis} = pack * {width} + k;", *self.elements(phase)]
        each = ["#pragma unroll", f"for (int k = 0; k < {width}; ++k) {{", *indented(element), "}"]
        if sets_flag(element):
            places = f"{index} {axis} = pack * {width}; {axis} < pack * {width} + {width}; ++{axis}"
            alone = ["#pragma unroll 1", f"for ({places}) {{", *indented(self.elements(phase)), "}"]
            each = self._again_where_special(phase, each, alone)
        first = f"{index}(threadIdx.x)" if begin == "0" else f"{begin} / {width} + {index}(threadIdx.x)"
        rest = f"{end} / {width} * {width}"
        return [
            f"for ({index} pack = {first}; pack < {end} / {width}; pack += {index}(blockDim.x)) {{",
            *indented([*[f"const {loaded_pack(frame, v, width)}" for v in moving], *each]), "}",
            *self._along(phase, rest if begin == "0" else f"({begin} > {rest} ? {begin} : {rest})", end),
        ]

    def _again_where_special(self, phase: int, quick: Sequence[str], usual: Sequence[str]) -> list[str]:
        """Statements that combine by functions that may set the flag, or, where one has, by the usual ones.

        bool special = false;
        const cj::Sum<float>::Acc sum_acc_0_before = sum_acc_0;
        ...
        if (special) {
            sum_acc_0 = sum_acc_0_before;
            ...
        }
        """
        every = [(self.names[a.result], a.reduction.struct) for a in self.body.phases[phase]]
        kept = [f"const {struct}::Acc {name}_before = {name};" for name, struct in every]
        back = [f"{name} = {name}_before;" for name, _ in every]
        return [f"bool {FLAG} = false;", *kept, *quick, f"if ({FLAG}) {{", *indented([*back, *usual]), "}"]

    def _leave_parts(self) -> list[str]:
        stores = [f"{self._part_of(a, 'blockIdx.y')} = {self.names[a.result]};" for a in self._accumulators()]
        return ["if (threadIdx.x == 0) {", *indented(stores), "}"]

    def _join_parts(self, accumulator: Accumulator) -> list[str]:
        name, chunks = self.names[accumulator.result], self.size(self.chunks)
        part = self._part_of(accumulator, "k")
        return [
            f"{accumulator.reduction.struct}::Acc {name} = {accumulator.reduction.struct}::identity();",
            f"for (int k = threadIdx.x; k < {chunks}; k += blockDim.x)",
            f"{INDENT}{name} = {accumulator.reduction.combine.format(name, part)};",
            self._reduce(accumulator),
        ]

    def _finish(self) -> list[str]:
        return [*self.results(self._accumulators()), "if (threadIdx.x == 0) {", *indented(self.stores()), "}"]

