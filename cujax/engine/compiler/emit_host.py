"""Kernels for the host: a C++ function with loops for OpenMP and for the vector units.

    extern "C" void fused_mul_sin_f32(void* const* buffers, const long long* sizes, int threads)

A map over one axis is one parallel loop of vectors.  Over more, `..._row` computes a piece of the last axis, and
the function hands out pieces.  Where positions decide what is read (the ends of a roll, the border of a pad),
`..._row<interior>` is compiled twice: for the middle of a row, where the answers are known, and for its ends.
Kernels with reductions: emit_host_reduce.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.compiler.body import Axis, Body, Store, middle_value, total_extent
from cujax.engine.compiler.cpp import type_name
from cujax.engine.compiler.expression import Load, Node, Operation, Reduced, index_elements, node_inputs
from cujax.engine.compiler.index import AxisAtom, Condition, Index
from cujax.engine.compiler.naming import buffer_names
from cujax.engine.compiler.writer import INDENT, Sizes, Writer, axes_in

_PIECE = 32768  # elements of a row that one thread takes at a time


class Frame:
    """The parts that all host kernels share: parameters, names, hoisted scalars."""

    def __init__(self, name: str, body: Body) -> None:
        self.name, self.body = name, body
        self.buffers = buffer_names(body)
        self.sizes = Sizes()
        self.interior = body.interior()
        self.axes = {a.number: f"i{a.number}" for a in body.axes}
        self.writer = Writer(self.buffers, self.sizes, self.axes, body.nodes(), self.interior)

    def head(self) -> list[str]:
        """The beginning of the function: its arguments by name."""
        lines = [f'extern "C" void {self.name}(void* const* buffers, const long long* sizes, int threads) {{']
        for k, (kind, variable) in enumerate(self.pointers()):
            lines.append(f"{INDENT}{kind} {variable} = static_cast<{kind.replace(' CJ_RESTRICT', '')}>(buffers[{k}]);")
        lines += [f"{INDENT}const cj::i64 {n} = sizes[{k}];" for k, n in enumerate(self.sizes.names)]
        return lines

    def pointers(self) -> list[tuple[str, str]]:
        reads = [(f"const {type_name(v.aval.dtype)}* CJ_RESTRICT", self.buffers[v]) for v in self.body.reads]
        writes = [(f"{type_name(v.aval.dtype)}* CJ_RESTRICT", self.buffers[v]) for v in self.body.writes]
        return reads + writes

    def parameters(self) -> list[str]:
        """The same, as parameters of a function that is called for each row."""
        return [f"{kind} {name}" for kind, name in self.pointers()] + [f"cj::i64 {n}" for n in self.sizes.names]

    def arguments(self) -> list[str]:
        return [name for _, name in self.pointers()] + list(self.sizes.names)

    def hoist(self, nodes: Sequence[Node], axes: set[int]) -> None:
        """Name here what is loaded, or computed from such, and depends on none of `axes`."""
        for node in invariant_nodes(nodes, axes):
            if isinstance(node, (Load, Operation)):
                self.writer.declare(node)

    def store(self, store: Store) -> None:
        text = self.writer.value(store.node)
        for element in index_elements(store.place):
            self.writer.value(element)
        self.writer.write(f"{self.buffers[store.var]}[{self.writer.index(store.place)}] = {text};")


def invariant_nodes(nodes: Sequence[Node], axes: set[int]) -> list[Node]:
    """Of `nodes`, inputs first, those that depend on none of `axes` and may be computed whatever is chosen."""
    found: dict[Node, None] = {}
    for node in nodes:
        own = set().union(*map(axes_in, node.indices())) if node.indices() else set()
        is_safe = not isinstance(node, Load) or node.stays_inside()
        if is_safe and not isinstance(node, Reduced) and not own & axes and all(n in found for n in node_inputs(node)):
            found[node] = None
    return list(found)


def map_kernel(name: str, body: Body) -> tuple[str, Sizes]:
    """The text of a kernel without reductions, and the sizes that it takes."""
    frame = Frame(name, body)
    if len(body.axes) <= 1 and not frame.interior:
        return _flat(frame), frame.sizes
    return _rows(frame), frame.sizes


def _flat(frame: Frame) -> str:
    """One loop, or none.

        for (cj::i64 i0 = 0; i0 < n0; ++i0) {
            const float mul_1 = x0[i0] * x1_1;
            y0[i0] = mul_1;
        }
    """
    writer, body = frame.writer, frame.body
    (stores,) = body.full
    lines: list[str] = []
    with writer.scope() as outer:
        frame.hoist(body.nodes(), {a.number for a in body.axes})
        with writer.scope() as inner:
            for store in stores:
                frame.store(store)
        if body.axes:
            (axis,) = body.axes
            outer += ["#pragma omp parallel for simd num_threads(threads) if (threads > 1)", _loop(frame, axis)]
            outer += [INDENT + line for line in inner] + ["}"]
        else:
            outer += inner
        lines = outer
    return "\n".join([*frame.head(), *[INDENT + line for line in lines], "}"])


def _loop(frame: Frame, axis: Axis, begin: str = "0", end: str = "") -> str:
    name = frame.axes[axis.number]
    return f"for (cj::i64 {name} = {begin}; {name} < {end or frame.sizes.name(axis.extent)}; ++{name}) {{"


def _rows(frame: Frame) -> str:
    """A function for a piece of a row, and the function that hands out the pieces."""
    writer, body = frame.writer, frame.body
    *outer, last = body.axes
    (stores,) = body.full
    with writer.scope() as lines:
        frame.hoist(body.nodes(), {last.number})
        with writer.scope() as inner:
            for store in stores:
                frame.store(store)
        lines += ["#pragma omp simd", _loop(frame, last, "begin", "end")]
        lines += [INDENT + line for line in inner] + ["}"]
    hand_out = _hand_out(frame, outer, last)
    places = [f"cj::i64 {frame.axes[a.number]}" for a in outer]
    parameters = ", ".join([*frame.parameters(), *places, "cj::i64 begin", "cj::i64 end"])
    template = "template <bool interior> " if frame.interior else ""
    row = [f"{template}static inline void {frame.name}_row({parameters}) {{", *[INDENT + x for x in lines], "}", ""]
    return "\n".join([*row, *frame.head(), *[INDENT + x for x in hand_out], "}"])


def _hand_out(frame: Frame, outer: Sequence[Axis], last: Axis) -> list[str]:
    """The parallel loop over pieces of rows."""
    n = frame.sizes.name(last.extent)
    rows = frame.sizes.name(total_extent(outer)) if outer else "1"
    lines = [
        f"const cj::i64 pieces = ({n} + {_PIECE - 1}) / {_PIECE};",
        "#pragma omp parallel for num_threads(threads) if (threads > 1)",
        f"for (cj::i64 piece = 0; piece < {rows} * pieces; ++piece) {{",
        f"{INDENT}const cj::i64 begin = piece % pieces * {_PIECE}, end = cj::min(begin + {_PIECE}, {n});",
    ]
    lines += [INDENT + line for line in axis_places(frame, outer, "piece / pieces")]
    narrowing = [INDENT + text for c, truth in frame.interior.items() for text in _narrow(frame, c, truth, last)]
    arguments = ", ".join([*frame.arguments(), *[frame.axes[a.number] for a in outer]])
    call = f"{frame.name}_row"
    if not frame.interior:
        return [*lines, f"{INDENT}{call}({arguments}, begin, end);", "}"]
    lines += [f"{INDENT}cj::i64 low = begin, high = end;", *narrowing]
    lines += [f"{INDENT}low = cj::min(low, end);", f"{INDENT}high = cj::max(low, high);"]
    for kind, begin, end in (("false", "begin", "low"), ("true", "low", "high"), ("false", "high", "end")):
        lines.append(f"{INDENT}{call}<{kind}>({arguments}, {begin}, {end});")
    return [*lines, "}"]


def axis_places(frame: Frame, axes: Sequence[Axis], number: str) -> list[str]:
    """The places along `axes` of the element with that row-major number."""
    if not axes:
        return []
    if len(axes) == 1:
        return [f"const cj::i64 {frame.axes[axes[0].number]} = {number};"]
    lines = [f"cj::i64 rest = {number};"]
    for axis in reversed(axes[1:]):
        n, name = frame.sizes.name(axis.extent), frame.axes[axis.number]
        lines += [f"const cj::i64 {name} = rest % {n};", f"rest /= {n};"]
    return [*lines, f"const cj::i64 {frame.axes[axes[0].number]} = rest;"]


def _narrow(frame: Frame, condition: Condition, truth: bool, last: Axis) -> list[str]:
    """Statements that keep [low, high) to where the condition has the truth that it has in the middle."""
    if truth:
        return [text for index in condition.indices for text in _keep(frame, index, last)]
    broken = next(i for i in condition.indices if middle_value(i) < 0)
    return _keep(frame, -broken - 1, last)


def _keep(frame: Frame, index: Index, last: Axis) -> list[str]:
    """Statements that keep [low, high) to where index >= 0."""
    c = next((c for a, c in index.terms if isinstance(a, AxisAtom) and a.number == last.number), 0)
    rest = Index(tuple([(a, k) for a, k in index.terms if getattr(a, "number", None) != last.number]), index.constant)
    if c == 0:
        return [f"if (!({frame.writer._comparison(rest)})) high = low;"]
    if c > 0:
        return [f"low = cj::max(low, {_as_i64(frame.writer.index(-rest))});"]
    return [f"high = cj::min(high, {_as_i64(frame.writer.index(rest + 1))});"]


def _as_i64(text: str) -> str:
    return f"cj::i64({text})"

