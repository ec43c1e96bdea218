"""Kernels for a GPU: a `__global__` function, its grid, and loops that stride over the grid.

    extern "C" __global__ void fused_mul_sin_f32(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, int n0)

A map has one thread for each element, or, where all that it reads and writes lies as the elements do, for each
16 bytes of them.  Indices are `int` where all sizes fit.  Kernels with reductions: emit_cuda_reduce.py,
those whose updates may meet in one place: emit_cuda_update.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from cujax.engine.backends.api import KernelCall
from cujax.engine.compiler.body import Axis, Body, Store, total_extent
from cujax.engine.compiler.cpp import memory_type_name, physical
from cujax.engine.compiler.expression import Load, Node
from cujax.engine.compiler.frame import Frame, indented
from cujax.engine.compiler.index import Atom, AxisAtom, ChoiceAtom, ElementAtom, Index, of_atom, visit
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.update import Update
from cujax.engine.core.tape import Literal, Var

THREADS = 256
MOST_BLOCKS = 132 * 16  # enough to fill the largest devices several times; the rest is striding
PACK_BYTES = 16
_LARGE = 100  # nodes of a body
_FITS_INT = (1 << 31) - MOST_BLOCKS * 1024  # so that a stride past the end does not overflow


class CudaFrame(Frame):
    """A kernel for a GPU."""

    def __init__(self, name: str, body: Body) -> None:
        super().__init__(name, body)
        self.index = "int" if _fits_int(body) else "cj::i64"
        self.writer.is_cut = lambda atom: self.index == "int" and _is_cut(atom)

    def head(self, extra: str = "", suffix: str = "", resident: int = 0, threads: int = THREADS) -> list[str]:
        """The beginning of the function: its arguments by name, one slot of 8 bytes each.

        threads: of a block.  resident: blocks for which a multiprocessor should have registers at a time; 0: any.
        """
        sizes = [f"{'int' if self.index == 'int' else 'long long'} {n}" for n in self.sizes.names]
        arguments = [f"{kind} {name}" for kind, name in self.pointers()] + ([extra] if extra else []) + sizes
        limits = [threads, resident] if resident else [threads] if threads > THREADS else []
        bounds = f"__launch_bounds__({', '.join(map(str, limits))}) " if limits else ""
        return [f'extern "C" __global__ void {bounds}{self.name}{suffix}({", ".join(arguments)}) {{']

    def type_of_choice(self, choice: ChoiceAtom) -> str:
        return "cj::i64" if _is_wide(choice) else self.index

    def function(self, lines: Sequence[str], extra: str = "", suffix: str = "", threads: int = THREADS) -> str:
        """The whole function; its sizes are those that are known by now."""
        return "\n".join([*self.head(extra, suffix, threads=threads), *indented(lines), "}"])

    def take_last(self, axis: Axis) -> list[str]:
        """A division takes twenty instructions, a product with what the host has divided takes four.

        Of a large body it is no large part, and the compiler, free to move more of it, runs out of registers.
        """
        if self.index != "int" or axis.extent < 2 or len(self.body.nodes()) > _LARGE:
            return super().take_last(axis)
        n, shift = self.sizes.name(axis.extent), (axis.extent - 1).bit_length() - 1
        magic = (1 << 32 + shift) // axis.extent + 1
        factors = (magic, shift) if n.isdigit() else (
            self.sizes.give(f"{n}_magic", magic), self.sizes.give(f"{n}_shift", shift)
        )
        text = f"cj::take_last(rest, {n}, {factors[0]}, {factors[1]})"
        return [f"const int {self.axes[axis.number]} = {text};"]

    def thread(self) -> list[str]:
        """The number of this thread in the grid, and how many there are."""
        return [
            f"const {self.index} thread = {self.index}(blockIdx.x) * {self.index}(blockDim.x) + "
            f"{self.index}(threadIdx.x);",
            f"const {self.index} threads = {self.index}(gridDim.x) * {self.index}(blockDim.x);",
        ]


def _fits_int(body: Body) -> bool:
    """All sizes fit, and all that is computed of axes.  What comes from data has 64 bits until it is clamped.

    A reduction counts along kept and reduced axes by themselves.  Indices, and parts of them, may go beyond all arrays
    of the kernel: where it draws a few of very many random numbers, or through an array that is never written.
    """
    indices: list[Index] = []
    for index in [i for n in body.nodes() for i in n.indices]:
        visit(index, indices.append)
    sizes = [*_spaces(body), *[v.aval.size for v in (*body.reads, *body.writes)]]
    return all(size < _FITS_INT for size in sizes) and all(map(_fits_where_narrow, indices))


def _fits_where_narrow(index: Index) -> bool:
    """Whether numbers, and the sum of what is computed in 32 bits, fit."""
    numbers = [index.constant, *[c for _, c in index.terms], *[getattr(a, "divisor", 0) for a, _ in index.terms]]
    narrow = tuple([(a, c) for a, c in index.terms if not _is_wide(a)])
    fits = _is_in_int(index) if len(narrow) == len(index.terms) else _is_in_int(Index(narrow, index.constant))
    return fits and max(map(abs, numbers)) < _FITS_INT


def _is_in_int(index: Index) -> bool:
    return max(index.high, -index.low) < _FITS_INT


def _is_wide(atom: Atom) -> bool:
    """Whether it has 64 bits: what comes from data does, unless it is clamped."""
    return isinstance(atom, ElementAtom) or (_comes_from_wide(atom) and not _is_cut(atom))


def _is_cut(atom: Atom) -> bool:
    """Whether it is computed of what has 64 bits, and fits into 32."""
    return isinstance(atom, ChoiceAtom) and _is_in_int(of_atom(atom)) and _comes_from_wide(atom)


def _comes_from_wide(atom: Atom) -> bool:
    sides = (atom.if_true, atom.if_false) if isinstance(atom, ChoiceAtom) else atom.parts()
    return any(_is_wide(a) for side in sides for a, _ in side.terms)


def _spaces(body: Body) -> list[int]:
    """How far the kernel counts."""
    if body.region.axes is None or any(a.reduction.takes_index for phase in body.phases for a in phase):
        return [prod(body.region.shape)]
    return [total_extent(body.kept_axes), total_extent(body.reduced_axes)]


def blocks_for(items: int, threads: int = THREADS) -> int:
    return max(1, min(-(-items // threads), MOST_BLOCKS))


def map_kernel(name: str, body: Body) -> Kernel:
    """The kernel of a region without reductions."""
    frame = CudaFrame(name, body)
    width = _pack_width(body)
    text = frame.function(_packed(frame, width) if width > 1 else strided(frame))
    items = total_extent(body.axes)
    call = KernelCall(name, frame.sizes.values, body.work, (blocks_for(-(-items // width)), 1), THREADS)
    return Kernel((call,), text, tuple(body.reads), tuple(body.writes))


def strided(frame: CudaFrame) -> list[str]:
    """
    for (int item = thread; item < n0; item += threads) {
        const int i0 = item;
        y0[i0] = x0[i0] + x1[0];
    }
    """
    writer, body = frame.writer, frame.body
    (stores,) = body.full
    with writer.scope() as outer:
        frame.hoist(body.nodes(), {a.number for a in body.axes})
        with writer.scope() as inner:
            frame.store_all(stores)
        places = frame.axis_places(body.axes, "item")
        items = frame.sizes.name(total_extent(body.axes)) if body.axes else "1"
        return [
            *frame.thread(), *outer, f"for ({frame.index} item = thread; item < {items}; item += threads) {{",
            *indented([*places, *inner]), "}",
        ]


# --- 16 bytes at a time ---------------------------------------------------------------------------------------------


def _pack_width(body: Body) -> int:
    """Elements that a thread takes at a time: 1 unless everything lies as the elements of one axis do."""
    if len(body.axes) != 1 or isinstance(body.region, Update):
        return 1
    (stores,) = body.full
    return pack_width(body.axes[0], body.nodes(), stores)


def pack_width(axis: Axis, nodes: Sequence[Node], stores: Sequence[Store]) -> int:
    """The elements of `axis` in 16 bytes, where all that is loaded and stored lies as they do, else 1."""
    moving = [n for n in nodes if isinstance(n, Load) and n.place.terms]
    if not all(_is_flat(i, axis) for i in (*[n.place for n in moving], *[s.place for s in stores])):
        return 1
    sizes = {physical(v.aval.dtype).itemsize for v in (*[n.source for n in moving], *[s.var for s in stores])}
    return PACK_BYTES // sizes.pop() if len(sizes) == 1 else 1


def _is_flat(index: Index, axis: Axis) -> bool:
    """The index is the axis itself, counting those that are merged into it."""
    own = [(a, c) for a, c in index.terms if isinstance(a, AxisAtom) and a.number == axis.number]
    return (
        index.constant == 0 and [c for _, c in own] == [1]
        and all(isinstance(a, AxisAtom) for a, _ in index.terms)
    )


def _packed(frame: CudaFrame, width: int) -> list[str]:
    """
    for (int pack = thread; pack < n0 / 4; pack += threads) {
        const cj::Pack<float> x0_pack = cj::load_pack(x0 + pack * 4);
        cj::Pack<float> y0_pack;
        #pragma unroll
        for (int k = 0; k < 4; ++k) { ... }
        cj::store_pack(y0 + pack * 4, y0_pack);
    }
    ... the last few, one by one
    """
    (axis,) = frame.body.axes
    n, name = frame.sizes.name(axis.extent), frame.axes[axis.number]
    with frame.writer.scope() as outer:
        frame.hoist(frame.body.nodes(), {axis.number})
        with frame.writer.flagging(FLAG):
            loads, stores = _pack(frame, width)
        tail = _element(frame, {})
    if sets_flag(loads):
        quick = [*loads, f"if (!{FLAG}) {{", *indented(stores), "}"]
        return [*frame.thread(), *outer, *_quickly_packed(frame, width, quick, tail)]
    packs, last = f"{n} / {width}", f"{n} / {width} * {width} + thread"
    return [
        *frame.thread(), *outer,
        f"for ({frame.index} pack = thread; pack < {packs}; pack += threads) {{", *indented([*loads, *stores]), "}",
        f"for ({frame.index} {name} = {last}; {name} < {n}; {name} += threads) {{", *indented(tail), "}",
    ]


FLAG = "special"  # set where a function does not hold that could have looked after it


def sets_flag(lines: Sequence[str]) -> bool:
    """Whether there are such functions in statements."""
    return any(f", {FLAG})" in line for line in lines)


def _quickly_packed(frame: CudaFrame, width: int, quick: list[str], usual: list[str]) -> list[str]:
    """As `_packed`, where functions look after what is special: in elements that have it, one after the other.

    for (int pack = thread; pack < (n0 + 3) / 4; pack += threads) {
        bool special = pack == n0 / 4;
        if (!special) {
            ...
            if (!special) { cj::store_pack(y0 + pack * 4, y0_pack); }
        }
        if (special) {
            for (int i0 = pack * 4; i0 < n0 && i0 < pack * 4 + 4; ++i0) { ... }
        }
    }
    """
    (axis,) = frame.body.axes
    index, first = frame.index, f"pack * {width}"
    n, name = frame.sizes.name(axis.extent), frame.axes[axis.number]
    alone = f"for ({index} {name} = {first}; {name} < {n} && {name} < {first} + {width}; ++{name}) {{"
    pack = [
        f"bool {FLAG} = pack == {n} / {width};",  # fewer elements than a pack
        f"if (!{FLAG}) {{", *indented(quick), "}",
        f"if ({FLAG}) {{", *indented(["#pragma unroll 1", alone, *indented(usual), "}"]), "}",
    ]  # fmt: skip
    begun = f"({n} + {width - 1}) / {width}"
    return [f"for ({index} pack = thread; pack < {begun}; pack += threads) {{", *indented(pack), "}"]


def _pack(frame: CudaFrame, width: int) -> tuple[list[str], list[str]]:
    """Statements that load a pack and compute its elements, and those that store it."""
    body = frame.body
    (axis,) = body.axes
    moving, in_place = sources(body.nodes()), body.region.in_place
    stored = list(dict.fromkeys(s.var for s in body.full[0]))
    element = _element(frame, {v: f"{frame.buffers[v]}_pack.at[k]" for v in (*moving, *stored)})
    loads = [f"{'' if v in in_place.values() else 'const '}{loaded_pack(frame, v, width)}" for v in moving]
    results = [f"{_pack_of(frame, v)};" for v in stored if in_place.get(v) not in moving]
    stores = [f"cj::store_pack({frame.buffers[v]} + pack * {width}, {frame.buffers[v]}_pack);" for v in stored]
    each = [f"const {frame.index} {frame.axes[axis.number]} = pack * {width} + k;", *element]
    computed = ["#pragma unroll", f"for (int k = 0; k < {width}; ++k) {{", *indented(each), "}"]
    return [*loads, *results, *computed], stores


def sources(nodes: Sequence[Node]) -> list[Var | Literal]:
    """The buffers of which different elements are loaded in different places."""
    return list(dict.fromkeys(n.source for n in nodes if isinstance(n, Load) and n.place.terms))


def loaded_pack(frame: Frame, source: Var | Literal, width: int) -> str:
    """The elements of the pack number `pack`."""
    return f"{_pack_of(frame, source)} = cj::load_pack({frame.buffers[source]} + pack * {width});"


def _pack_of(frame: Frame, var: Var | Literal) -> str:
    return f"cj::Pack<{memory_type_name(var.aval.dtype)}> {frame.buffers[var]}_pack"


def _element(frame: CudaFrame, packs: dict) -> list[str]:
    """The statements for one element, with some buffers read and written through their packs."""
    with frame.writer.scope() as lines, frame.writer.instead(packs):
        frame.store_all(frame.body.full[0], packs)
        return lines


