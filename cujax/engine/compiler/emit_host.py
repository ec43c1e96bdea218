"""Kernels for the host: C++ functions with loops for the vector units, and for threads.

    static void fused_mul_sin_f32_part(void* const* buffers, const long long* sizes, cj::i64 from, cj::i64 to)
    extern "C" void fused_mul_sin_f32(void* const* buffers, const long long* sizes, int threads)

The second function hands out pieces of the work to threads, which call the first (kernels/threads.h).  A map over one
axis is one loop of vectors.  Over more, `..._row` computes a piece of the last axis.  Where positions decide what is
read (the ends of a roll, the border of a pad), `..._row<interior>` is compiled twice: for the middle of a row, where
the answers are known, and for its ends.  Where arrays lie across one another: emit_host_tile.py.  Kernels with
reductions: emit_host_reduce.py.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from cujax.engine.compiler.body import Axis, Body, conditions_along, middle_value, total_extent
from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.emit_host_turns import Turns, turns_in
from cujax.engine.compiler.expression import Load, Node
from cujax.engine.compiler.frame import Frame, indented
from cujax.engine.compiler.index import Condition, Index, axes_in, split_off
from cujax.engine.compiler.update import Update
from cujax.engine.compiler.writer import INDENT, Sizes

_VECTOR_BYTES = 64  # of the widest vectors; narrower ones divide it
_AMONG_BYTES = 8  # elements
AMONG_BYTES_PRAGMA = f"#pragma omp simd simdlen({_AMONG_BYTES})"
_PIECE = 32768  # elements of a row that one thread takes at a time
ARGUMENTS = "void* const* buffers, const long long* sizes"


class HostFrame(Frame):
    """A kernel for the host.

    Where short axes are taken apart, as the text says, it also says numbers up to their length: of vectors of three
    numbers, one after the other, the compiler then loads whole registers and exchanges their lanes, in half the time
    that loads from places an unknown distance apart take.
    """

    def __init__(self, name: str, body: Body) -> None:
        super().__init__(name, body)
        self.sizes.spelled = body.spelled

    def _interior(self) -> dict[Condition, bool]:
        return self.body.interior() if self.body.region.axes is None and not self.body.reduced_axes else {}

    def head(self) -> list[str]:
        """The beginning of a kernel that one thread runs, or that asks for more by itself."""
        return [f'extern "C" void {self.name}({ARGUMENTS}, int threads) {{', *indented(self.unpacked())]

    def unpacked(self) -> list[str]:
        """Statements that give all arguments their names."""
        lines = []
        for k, (kind, variable) in enumerate(self.pointers()):
            lines.append(f"{kind} {variable} = static_cast<{kind.replace(' CJ_RESTRICT', '')}>(buffers[{k}]);")
        return [*lines, *self.sizes_unpacked(self.sizes.names)]

    def sizes_unpacked(self, names: Sequence[str]) -> list[str]:
        return [f"const cj::i64 {n} = sizes[{k}];" for k, n in enumerate(self.sizes.names) if n in names]

    def part(self, lines: Sequence[str], suffix: str = "part") -> list[str]:
        """The function that computes the pieces `from` to `to` - 1."""
        head = f"static void {self.name}_{suffix}({ARGUMENTS}, cj::i64 from, cj::i64 to) {{"
        return [head, *indented([*self.unpacked(), *lines]), "}", ""]

    def shared(self, lines: Sequence[str], count: str) -> str:
        """The kernel whose pieces, `count` of them, are computed by `lines`; threads share them."""
        return "\n".join([
            *self.part(lines),
            f'extern "C" void {self.name}({ARGUMENTS}, int threads) {{',
            *indented(self.sizes_unpacked(re.findall(r"\bn\d+\b", count))),
            f"{INDENT}cj::share({self.name}_part, buffers, sizes, {count}, threads);",
            "}",
        ])


def map_kernel(name: str, body: Body) -> tuple[str, Sizes]:
    """The text of a kernel without reductions, and the sizes that it takes."""
    frame = HostFrame(name, body)
    if not body.axes:
        return _single(frame), frame.sizes
    if len(body.axes) == 1 and not frame.interior and not turns_in(body, body.axes[0]):
        return _flat(frame), frame.sizes
    return _rows(frame), frame.sizes


def _single(frame: HostFrame) -> str:
    """One element.

        y0[0] = x0[0] * 2.0f;
    """
    with frame.writer.scope() as lines:
        frame.store_all(frame.body.full[0])
    return "\n".join([*frame.head(), *indented(lines), "}"])


def _flat(frame: HostFrame) -> str:
    """One loop.

        #pragma omp simd
        for (cj::i64 i0 = from; i0 < to; ++i0) {
            const float mul_1 = x0[i0] * x1_1;
            y0[i0] = mul_1;
        }
    """
    body = frame.body
    (axis,), (stores,) = body.axes, body.full
    with frame.writer.scope() as lines:
        frame.hoist(body.nodes(), {axis.number})
        with frame.writer.scope() as inner:
            frame.store_all(stores)
        lines += ["#pragma omp simd", frame.loop(axis, "from", "to"), *indented(inner), "}"]
    return frame.shared(lines, frame.sizes.name(axis.extent))


class RowFunction:
    """A function that computes a piece of a row: `begin` to `end` - 1 along `axis`, at one place of all other axes.

    static inline void fused_mul_f32_row(const float* CJ_RESTRICT x0, float* CJ_RESTRICT y0, cj::i64 n0, cj::i64 i0,
                                         cj::i64 begin, cj::i64 end) {
        #pragma omp simd
        for (cj::i64 i1 = begin; i1 < end; ++i1) {
            y0[n0 * i0 + i1] = x0[n0 * i0 + i1] * 2.0f;
        }
    }

    nodes: what it computes.  write: writes the statements for one element.  others: type and name of what else is known
    where it is called.
    """

    def __init__(
        self, frame: HostFrame, suffix: str, axis: Axis, nodes: Sequence[Node], write: Callable[[], None],
        others: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._frame, self._axis, self._name = frame, axis, f"{frame.name}_{suffix}"
        self._width, pragma = vectors(frame, axis, nodes)
        with frame.writer.scope() as self._lines:
            turns = Turns(frame, axis, nodes, frame.hoist(nodes, {axis.number}, self._sure))
            with frame.writer.scope() as piece:
                turns.name_shifts()
                with frame.writer.scope() as inner:
                    write()
                if turns:
                    piece += self._loops(pragma, inner)
                    self._lines += turns.pieces(piece)
                else:
                    self._lines += [pragma, frame.loop(axis, "begin", "end"), *indented(inner), "}"]
        self._turns = bool(turns)
        places = [("cj::i64", name) for number, name in frame.axes.items() if number != axis.number]
        known = [*frame.pointers(), *[("cj::i64", n) for n in frame.sizes.names], *places, *others]
        words = set(re.findall(r"\w+", "\n".join(self._lines)))
        self._known = [(kind, name) for kind, name in known if name in words]
        conditions = conditions_along(axis, nodes)
        self._interior = {c: truth for c, truth in frame.interior.items() if c in conditions}

    def text(self) -> list[str]:
        parameters = [_parameter(kind, name) for kind, name in self._known]
        head = f"static inline void {self._name}({', '.join([*parameters, 'cj::i64 begin', 'cj::i64 end'])}) {{"
        return [f"template <bool interior> {head}" if self._interior else head, *indented(self._lines), "}", ""]

    def calls(self, begin: str, end: str) -> list[str]:
        """Compute a piece: its middle, where positions decide nothing, apart from its ends."""
        if not self._interior:
            return self._middle(self._name, begin, end)
        return [
            f"cj::i64 low = {begin}, high = {end};",
            *[text for c, truth in self._interior.items() for text in _narrow(self._frame, c, truth, self._axis)],
            f"low = cj::min(low, {end});", "high = cj::max(low, high);",
            *self._middle(f"{self._name}<true>", "low", "high"),
            *_two_pieces("ends", (begin, "low", "high", end), self._call(f"{self._name}<false>", "ends")),
        ]

    def _middle(self, function: str, begin: str, end: str) -> list[str]:
        if self._turns or self._is_once:
            return [f"{function}({', '.join([*self._arguments, begin, end])});"]
        return self._vectors_first(begin, end, self._call(function, "parts"))

    @property
    def _sure(self) -> list[Node]:
        """What is computed for each element."""
        return [s.node for stores in self._frame.body.full for s in stores if s.condition is True]

    @property
    def _is_once(self) -> bool:
        """Whether no element may be computed twice: results lie over operands, or updates are added."""
        return bool(self._frame.body.region.in_place) or isinstance(self._frame.body.region, Update)

    def _loops(self, pragma: str, element: Sequence[str]) -> list[str]:
        """The loop over a piece between turns."""
        if self._is_once:
            return [pragma, self._frame.loop(self._axis, "first", "next"), *indented(element), "}"]
        loop = [pragma, self._frame.loop(self._axis, "parts[k]", "parts[k + 1]"), *indented(element), "}"]
        return self._vectors_first("first", "next", loop)

    def _vectors_first(self, begin: str, end: str, lines: Sequence[str]) -> list[str]:
        """Whole vectors, and the last one again, ending where the piece ends: single elements take as long each."""
        return [
            f"const cj::i64 over = ({end} - {begin}) % {self._width}, whole = {end} - over;",
            f"const cj::i64 last = whole > {begin} ? {end} - {self._width} : whole;",
            *_two_pieces("parts", (begin, "whole", f"over ? last : {end}", end), lines),
        ]

    def _call(self, function: str, name: str) -> list[str]:
        arguments = ", ".join([*self._arguments, f"{name}[k]", f"{name}[k + 1]"])
        return [f"if ({name}[k] < {name}[k + 1]) {function}({arguments});"]

    @property
    def _arguments(self) -> list[str]:
        return [name for _, name in self._known]


def _two_pieces(name: str, bounds: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Two pieces, by `lines` once in a loop, since the compiler would write out two; either may be empty."""
    return [f"const cj::i64 {name}[] = {{{', '.join(bounds)}}};", "for (int k = 0; k < 4; k += 2)", *indented(lines)]


def vectors(frame: HostFrame, axis: Axis, nodes: Sequence[Node]) -> tuple[int, str]:
    """How many elements of a row are computed at once, and the pragma that says so.

    Of bytes among numbers GCC would take as many as there are bytes in a vector, which few rows are long enough for.
    """
    moving = [n.source for n in nodes if isinstance(n, Load) and any(axis.number in axes_in(i) for i in n.indices)]
    sizes = {physical(v.aval.dtype).itemsize for v in (*moving, *frame.body.writes)}
    if min(sizes) == 1 < max(sizes):
        return _AMONG_BYTES, AMONG_BYTES_PRAGMA
    return _VECTOR_BYTES // min(sizes), "#pragma omp simd"


def _parameter(kind: str, name: str) -> str:
    """A parameter; in the types of arrays the place of the name is marked by @."""
    return kind.replace("@", name) if "@" in kind else f"{kind} {name}"


def _rows(frame: HostFrame) -> str:
    """A function for a piece of a row, and the kernel whose pieces are such."""
    *outer, last = frame.body.axes
    row = RowFunction(frame, "row", last, frame.body.nodes(), lambda: frame.store_all(frame.body.full[0]))
    n = frame.sizes.name(last.extent)
    pieces = f"({n} + {_PIECE - 1}) / {_PIECE}"
    count = f"{frame.sizes.name(total_extent(outer))} * ({pieces})" if outer else pieces
    piece = [
        "const cj::i64 row = pieces == 1 ? piece : piece / pieces;",  # the division takes as long as ten elements
        f"const cj::i64 begin = (piece - row * pieces) * {_PIECE}, end = cj::min(begin + {_PIECE}, {n});",
        *frame.axis_places(outer, "row"), *row.calls("begin", "end"),
    ]
    lines = [f"const cj::i64 pieces = {pieces};", "for (cj::i64 piece = from; piece < to; ++piece) {", *indented(piece)]
    return "\n".join([*row.text(), frame.shared([*lines, "}"], count)])


def _narrow(frame: HostFrame, condition: Condition, truth: bool, last: Axis) -> list[str]:
    """Statements that keep [low, high) to where the condition has the truth that it has in the middle."""
    if truth:
        return [text for index in condition.indices for text in _keep(frame, index, last)]
    broken = next(i for i in condition.indices if middle_value(i) < 0)
    return _keep(frame, -broken - 1, last)


def _keep(frame: HostFrame, index: Index, last: Axis) -> list[str]:
    """Statements that keep [low, high) to where index >= 0."""
    c, rest = split_off(index, last.number)
    if c == 0:
        return [f"if (!({frame.writer._comparison(rest)})) high = low;"]
    if c > 0:
        return [f"low = cj::max(low, {_as_i64(frame.writer.index(-rest))});"]
    return [f"high = cj::min(high, {_as_i64(frame.writer.index(rest + 1))});"]


def _as_i64(text: str) -> str:
    return f"cj::i64({text})"
