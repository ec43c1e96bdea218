"""Kernels for the host: a C++ function with loops for OpenMP and for the vector units.

    extern "C" void fused_mul_sin_f32(void* const* buffers, const long long* sizes, int threads)

A map over one axis is one parallel loop of vectors.  Over more, `..._row` computes a piece of the last axis, and
the function hands out pieces.  Where positions decide what is read (the ends of a roll, the border of a pad),
`..._row<interior>` is compiled twice: for the middle of a row, where the answers are known, and for its ends.
Kernels with reductions: emit_host_reduce.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from cujax.engine.compiler.body import Axis, Body, middle_value, total_extent
from cujax.engine.compiler.frame import Frame, indented
from cujax.engine.compiler.index import AxisAtom, Condition, Index
from cujax.engine.compiler.writer import INDENT, Sizes

_PIECE = 32768  # elements of a row that one thread takes at a time


class HostFrame(Frame):
    """A kernel for the host."""

    def _interior(self) -> dict[Condition, bool]:
        return self.body.interior() if self.body.region.axes is None and not self.body.reduced_axes else {}

    def head(self) -> list[str]:
        """The beginning of the function: its arguments by name."""
        lines = [f'extern "C" void {self.name}(void* const* buffers, const long long* sizes, int threads) {{']
        for k, (kind, variable) in enumerate(self.pointers()):
            lines.append(f"{INDENT}{kind} {variable} = static_cast<{kind.replace(' CJ_RESTRICT', '')}>(buffers[{k}]);")
        lines += [f"{INDENT}const cj::i64 {n} = sizes[{k}];" for k, n in enumerate(self.sizes.names)]
        return lines


def map_kernel(name: str, body: Body) -> tuple[str, Sizes]:
    """The text of a kernel without reductions, and the sizes that it takes."""
    frame = HostFrame(name, body)
    if len(body.axes) <= 1 and not frame.interior:
        return _flat(frame), frame.sizes
    return _rows(frame), frame.sizes


def _flat(frame: HostFrame) -> str:
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
            frame.store_all(stores)
        if body.axes:
            (axis,) = body.axes
            # Without the word `parallel` the condition is one of `simd` too, and a single thread runs scalar code.
            outer += ["#pragma omp parallel for simd num_threads(threads) if (parallel: threads > 1)", frame.loop(axis)]
            outer += [*indented(inner), "}"]
        else:
            outer += inner
        lines = outer
    return "\n".join([*frame.head(), *indented(lines), "}"])


def _rows(frame: HostFrame) -> str:
    """A function for a piece of a row, and the function that hands out the pieces."""
    writer, body = frame.writer, frame.body
    *outer, last = body.axes
    (stores,) = body.full
    with writer.scope() as lines:
        frame.hoist(body.nodes(), {last.number})
        with writer.scope() as inner:
            frame.store_all(stores)
        lines += ["#pragma omp simd", frame.loop(last, "begin", "end")]
        lines += [*indented(inner), "}"]
    hand_out = _hand_out(frame, outer, last)
    places = [f"cj::i64 {frame.axes[a.number]}" for a in outer]
    parameters = ", ".join([*frame.parameters(), *places, "cj::i64 begin", "cj::i64 end"])
    template = "template <bool interior> " if frame.interior else ""
    row = [f"{template}static inline void {frame.name}_row({parameters}) {{", *indented(lines), "}", ""]
    return "\n".join([*row, *frame.head(), *indented(hand_out), "}"])


def _hand_out(frame: HostFrame, outer: Sequence[Axis], last: Axis) -> list[str]:
    """The parallel loop over pieces of rows."""
    n = frame.sizes.name(last.extent)
    rows = frame.sizes.name(total_extent(outer)) if outer else "1"
    lines = [
        f"const cj::i64 pieces = ({n} + {_PIECE - 1}) / {_PIECE};",
        "#pragma omp parallel for num_threads(threads) if (threads > 1)",
        f"for (cj::i64 piece = 0; piece < {rows} * pieces; ++piece) {{",
        f"{INDENT}const cj::i64 begin = piece % pieces * {_PIECE}, end = cj::min(begin + {_PIECE}, {n});",
    ]
    lines += indented(frame.axis_places(outer, "piece / pieces"))
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


def _narrow(frame: HostFrame, condition: Condition, truth: bool, last: Axis) -> list[str]:
    """Statements that keep [low, high) to where the condition has the truth that it has in the middle."""
    if truth:
        return [text for index in condition.indices for text in _keep(frame, index, last)]
    broken = next(i for i in condition.indices if middle_value(i) < 0)
    return _keep(frame, -broken - 1, last)


def _keep(frame: HostFrame, index: Index, last: Axis) -> list[str]:
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

