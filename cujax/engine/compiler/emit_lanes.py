"""Kernels of lane programs, in both languages.

    lane_kernel(name, body, language) -> Kernel

On a device a thread runs one lane after the other: registers are variables, loops and branches are what they are in
C++.  On the host a thread runs some lanes side by side (`_Vector.width`), so that straight pieces fill the vector
units: a register is an array with an element for each lane, a straight piece a loop over them, and a *mask* says which
lanes still run a loop or have taken a branch.  A program without lane axes is one lane, and written as for a device.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from cujax.engine.backends.api import KernelCall
from cujax.engine.compiler.body import Axis, total_extent
from cujax.engine.compiler.cpp import physical, short_name, type_name
from cujax.engine.compiler.emit_cuda import CudaFrame, blocks_for
from cujax.engine.compiler.emit_host import AMONG_BYTES_PRAGMA, HostFrame
from cujax.engine.compiler.expression import Constant, Load, Node, Operation, Register, index_elements
from cujax.engine.compiler.frame import Frame, indented
from cujax.engine.compiler.index import Condition, Index, axes_in
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.lane_blocks import (
    FIRST_COUNTER,
    Action,
    Block,
    Leave,
    Local,
    Put,
    Repeat,
    Set,
    Straight,
    Switch,
    roots_of,
)
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.lane_values import kept_values
from cujax.engine.compiler.lanes import INLINED
from cujax.engine.compiler.traffic import bytes_of
from cujax.engine.compiler.writer import INDENT
from cujax.engine.core.tape import Literal, Var

_THREADS = 128
# Of one register of all lanes that run side by side: so many of the widest vectors that one does not wait for the last
# operation on itself.  Where lanes leave loops by themselves, fewer have to wait for the last of them.
_VECTOR_BYTES, _VECTOR_BYTES_OF_LEAVING = 256, 128
# Where a lane holds much, its values are in the nearest cache only if few lanes run side by side.
_VECTOR_BYTES_OF_MANY, _MANY_REGISTERS = 64, 16
_REGISTER_BYTES = 512  # of arrays that become registers of a device's thread, which has 255 of 4 bytes
_FITS_INT = (1 << 31) - 1


class LaneBody:
    """What a frame asks of a body, for the program of a lane."""

    def __init__(self, region: LaneRegion) -> None:
        self.region, self.program = region, region.program
        self.reduced_axes: list[Axis] = []
        for block in self.program.blocks():
            for s in block.statements:
                if isinstance(s, Straight):
                    s.actions = [a for a in s.actions if _is_needed(a, region)]
        self.kept, self.fixed = kept_values(self.program)
        self._nodes = self.program.reachable()
        self.axes = [Axis(k, d, False) for k, d in enumerate(region.shape) if d != 1]

    def nodes(self) -> list[Node]:
        return self._nodes

    def interior(self) -> dict:
        return {}

    @property
    def spelled(self) -> AbstractSet[int]:
        return self.program.numbers

    @property
    def reads(self) -> list[Var | Literal]:
        loaded = dict.fromkeys(n.source for n in self._nodes if isinstance(n, Load))
        return [v for v in loaded if v not in self.program.stacks and not isinstance(v, Local)]

    @property
    def writes(self) -> list[Var]:
        return self.region.writes

    @property
    def work(self) -> int:
        return self.region.lanes.number * max(self.program.work, 1)

    def counters(self) -> list[int]:
        """The iteration axes of loops."""
        return [n for n in self.program.homes if isinstance(n, int)]

    def name(self) -> str:
        """For the kernel: `scan_mul_sub_f32`."""
        words = dict.fromkeys(
            n.name for n in self._nodes if isinstance(n, Operation) and n.name not in ("part", "clamp")
        )
        chosen = list(words)[:3] + ([f"{len(words) - 3}_more"] if len(words) > 3 else [])
        kind = self.region.eqn.primitive.name
        text = "_".join(["matrices" if kind in INLINED else kind, *chosen, short_name(self.writes[0].aval.dtype)])
        return re.sub(r"\W", "_", text)


def _is_needed(action: Action, region: LaneRegion) -> bool:
    """False for what goes to a result that nobody reads."""
    return not isinstance(action, Put) or isinstance(action.var, Local) or action.var in region.writes


def lane_kernel(name: str, body: LaneBody, language: str) -> Kernel:
    """The kernel of a lane program."""
    return _cuda_kernel(name, body) if language == "cuda" else _host_kernel(name, body)


# --- one lane a thread --------------------------------------------------------------------------------------------


class _Scalar:
    """Statements of one lane, with variables for registers."""

    def __init__(self, frame: Frame, body: LaneBody) -> None:
        self.frame, self.body, self.writer = frame, body, frame.writer
        frame.axes |= {n: f"t{n - FIRST_COUNTER}" for n in body.counters()}
        frame.sizes.spelled = body.spelled

    def lane(self) -> list[str]:
        """Everything that a lane does."""
        return [*self.declarations(), *self.block(self.body.program.top)]

    def declarations(self) -> list[str]:
        """The variables, those of a type together."""
        names: dict[str, dict[str, None]] = {}
        for r in _registers(self.body):
            names.setdefault(self.type(r.dtype), {})[self.declared(r.name)] = None
        arrays = {a.name: a for a in self.body.program.arrays}
        return [
            *[f"{kind} {', '.join(found)};" for kind, found in names.items()],
            *[f"{self.type(a.aval.dtype)} {a.name}[{a.aval.size}]{self.declared('')};" for a in arrays.values()],
        ]

    def type(self, dtype: object) -> str:
        return str(type_name(dtype))

    def declared(self, name: str) -> str:
        return name

    def block(self, block: Block) -> list[str]:
        with self.writer.scope() as lines:
            for s in block.statements:
                if isinstance(s, Straight):
                    self.straight(s)
                elif isinstance(s, Repeat):
                    self.repeat(s)
                else:
                    self.switch(s)
        return lines

    def straight(self, piece: Straight) -> None:
        for node in self.body.kept.get(piece, ()):
            self.writer.declare(node)
        self.act(piece.actions)

    def act(self, actions: Sequence[Action]) -> None:
        """Read everything, then do everything."""
        for action in actions:
            if isinstance(action, Put) and isinstance(action.condition, Condition):
                self.writer.condition(action.condition)
        changed = {a.register.name for a in actions if isinstance(a, Set)}
        for action in actions:
            for node in roots_of(action):
                is_named = isinstance(node, Constant) or (isinstance(node, Register) and node.name not in changed)
                if len(actions) > 1 and not is_named:
                    self.writer.declare(node)
                else:
                    self.writer.value(node)
        for action in actions:
            self.do(action, self.writer.value(action.node))

    def do(self, action: Action, text: str) -> None:
        if isinstance(action, Set):
            self.writer.write(f"{action.register.name} = {text};")
        elif isinstance(action, Put):
            self.writer.write(f"{self.condition(action)}{self.place(action)} = {text};")
        else:
            self.writer.write(f"if (!{text}) break;")

    def place(self, put: Put) -> str:
        if isinstance(put.var, Local):
            return self.writer.local(put.var.name, put.place)
        return f"{self.frame.buffers[put.var]}[{self.writer.index(put.place)}]"

    def condition(self, put: Put, *masks: str) -> str:
        """The beginning of a statement that is done under conditions."""
        own = (self.writer.condition(put.condition),) if isinstance(put.condition, Condition) else ()
        return f"if ({' && '.join((*masks, *own))}) " if masks or own else ""

    def repeat(self, loop: Repeat) -> None:
        self.writer.write(self.opening(loop))
        self.writer.nest(self.block(loop.body))
        self.writer.write("}")

    def opening(self, loop: Repeat) -> str:
        if loop.counter is None:
            return "while (true) {"
        name, end = self.frame.axes[loop.counter.number], self.frame.sizes.name(loop.counter.extent)
        return f"for ({self.frame.index} {name} = {self.writer.index(loop.start)}; {name} < {end}; ++{name}) {{"

    def switch(self, switch: Switch) -> None:
        last = len(switch.branches) - 1
        for number, branch in enumerate(switch.branches):
            if number == last and number and not branch.statements:
                break
            condition = f"if ({switch.chosen.name} == {number}) {{"
            opening = "{" if number == last else condition
            self.writer.write(opening if number == 0 else f"}} else {opening}")
            self.writer.nest(self.block(branch))
        self.writer.write("}")


def _registers(body: LaneBody) -> list[Register]:
    """Those of the program, each once."""
    found = {r.name: r for r in body.program.homes if isinstance(r, Register)}
    return list(found.values())


class _Thread(_Scalar):
    """Statements of the lane of a device's thread.

    NVRTC unrolls loops over arrays whole, so that arrays become registers; where these are too few for all of them it
    would move them to memory and back, element by element.
    """

    def __init__(self, frame: Frame, body: LaneBody) -> None:
        super().__init__(frame, body)
        self._is_large = bytes_of({a.name: a.aval for a in body.program.arrays}.values()) > _REGISTER_BYTES

    def repeat(self, loop: Repeat) -> None:
        if self._is_large and loop.counter is not None and loop.counter.extent in self.body.program.numbers:
            self.writer.write("#pragma unroll 1")
        super().repeat(loop)


def _cuda_kernel(name: str, body: LaneBody) -> Kernel:
    frame = CudaFrame(name, body)  # type: ignore[arg-type]
    if any(length > _FITS_INT for length in _lengths(body)):
        frame.index = "cj::i64"
    lane = _Thread(frame, body)
    with frame.writer.scope() as outer:
        frame.hoist(body.fixed, set())
        inner = lane.lane()
        count = frame.sizes.name(total_extent(body.axes)) if body.axes else "1"
        places = frame.axis_places(body.axes, "lane")
    text = "\n".join([
        *frame.head(),
        *indented([
            *frame.thread(), *outer, f"for ({frame.index} lane = thread; lane < {count}; lane += threads) {{",
            *indented([*places, *inner]), "}",
        ]),
        "}",
    ])
    blocks = blocks_for(total_extent(body.axes), _THREADS)
    call = KernelCall(name, frame.sizes.values, body.work, (blocks, 1), _THREADS)
    return Kernel((call,), text, tuple(body.reads), tuple(body.writes))


def _lengths(body: LaneBody) -> list[int]:
    return [s.counter.extent for b in body.program.blocks() for s in b.statements
            if isinstance(s, Repeat) and s.counter is not None]


# --- many lanes a thread ------------------------------------------------------------------------------------------


class _Vector(_Scalar):
    """Statements of lanes side by side, with arrays for registers."""

    def __init__(self, frame: Frame, body: LaneBody) -> None:
        super().__init__(frame, body)
        sizes = [n.dtype.itemsize for n in body.nodes() if isinstance(n, Operation) and n.dtype is not None]
        leaves = any(isinstance(a, Leave) for a in body.program.actions())
        nbytes = _VECTOR_BYTES_OF_LEAVING if leaves else _VECTOR_BYTES
        if body.program.arrays or len(_registers(body)) > _MANY_REGISTERS:
            nbytes = _VECTOR_BYTES_OF_MANY
        variables = (*body.reads, *body.writes)  # of bytes GCC takes 64 at once, and as many of the numbers among them
        self._bytes = {frame.buffers[v] for v in variables if physical(v.aval.dtype).itemsize == 1}
        self.width = nbytes // (8 if sizes.count(8) + sizes.count(16) > len(sizes) / 2 else 4)
        self.writer.register_suffix = "[k]"
        self.writer.is_shared = _is_counted
        self._masks: list[str] = []
        self._count = 0
        self._arrays: list[str] = []

    def lane(self) -> list[str]:
        lines = self.block(self.body.program.top)
        return [*self.declarations(), *self._arrays, *lines]

    def type(self, dtype: object) -> str:
        """Booleans as wide as most numbers, so that vectors of both go together."""
        name = str(type_name(dtype))
        return "int" if name == "bool" else name

    def declared(self, name: str) -> str:
        return f"{name}[{self.width}]"

    def array(self, kind: str, word: str) -> str:
        self._count += 1
        self._arrays.append(f"{kind} {word}_{self._count}[{self.width}];")
        return f"{word}_{self._count}"

    def straight(self, piece: Straight) -> None:
        kept = self.body.kept.get(piece, [])
        leave = next((a for a in piece.actions if isinstance(a, Leave)), None)
        if not kept and not piece.actions:
            return
        names = {node: self.array(self.type(node.dtype), "kept") for node in kept}
        with self.writer.scope() as lines:
            for node, array in names.items():
                self.writer.value(node)
                self.writer.write(f"{array}[k] = {self.writer.value(node)};")
            self.act(piece.actions)
        self._side_by_side(lines, "any" if leave else "")
        for node, array in names.items():
            self.writer.know(node, f"bool({array}[k])" if self.type(node.dtype) == "int" else f"{array}[k]")
        if leave is not None:
            self.writer.write("if (!any) break;")

    def _side_by_side(self, lines: Sequence[str], found: str = "") -> None:
        """Statements for all lanes."""
        text = "\n".join(lines)
        used = [a for a in self.body.axes if re.search(rf"\b{self.frame.axes[a.number]}\b", text)]
        places = self.frame.axis_places(self.body.axes, "base + k") if used else []
        if found:
            self.writer.write(f"int {found} = 0;")
        for _, line in self.writer.shared.values():
            self.writer.write(line)
        self.writer.shared.clear()
        simd = AMONG_BYTES_PRAGMA if self._bytes.intersection(re.findall(r"\w+", text)) else "#pragma omp simd"
        self.writer.write(simd + (f" reduction(|:{found})" if found else ""))
        self.writer.write("for (int k = 0; k < lanes; ++k) {")
        self.writer.nest([*places, *lines])
        self.writer.write("}")

    def do(self, action: Action, text: str) -> None:
        mask = self._masks[-1] if self._masks else ""
        if isinstance(action, Set):
            place = f"{action.register.name}[k]"
            is_masked = action.is_masked and mask
            self.writer.write(f"{place} = {f'{mask}[k] ? {text} : {place}' if is_masked else text};")
        elif isinstance(action, Put):
            masks = (f"{mask}[k]",) if mask and action.is_masked else ()
            self.writer.write(f"{self.condition(action, *masks)}{self.place(action)} = {text};")
        else:
            self.writer.write(f"{mask}[k] = {mask}[k] && {text};")
            self.writer.write(f"any |= {mask}[k];")

    def repeat(self, loop: Repeat) -> None:
        if loop.counter is not None:
            super().repeat(loop)
            return
        mask = self.array("int", "active")
        self._side_by_side([f"{mask}[k] = {f'{self._masks[-1]}[k]' if self._masks else '1'};"])
        self._masks.append(mask)
        super().repeat(loop)
        self._masks.pop()

    def switch(self, switch: Switch) -> None:
        outer = f"{self._masks[-1]}[k] && " if self._masks else ""
        for number, branch in enumerate(switch.branches):
            if not branch.statements:
                continue
            mask = self.array("int", "taken")
            self.writer.write("{")
            with self.writer.scope() as lines:
                self._side_by_side(
                    [f"{mask}[k] = {outer}{switch.chosen.name}[k] == {number};", f"any |= {mask}[k];"], "any"
                )
                self._masks.append(mask)
                self.writer.write("if (any) {")
                self.writer.nest(self.block(branch))
                self.writer.write("}")
                self._masks.pop()
            self.writer.nest(lines)
            self.writer.write("}")


def _is_counted(index: Index) -> bool:
    """Whether it depends on the counters of loops alone: it is the same in all lanes."""
    return not index_elements(index) and min(axes_in(index), default=0) >= FIRST_COUNTER


def _host_kernel(name: str, body: LaneBody) -> Kernel:
    frame = HostFrame(name, body)  # type: ignore[arg-type]
    text = _side_by_side(frame, body) if body.axes else _alone(frame, body)
    may_last = any(isinstance(s, Repeat) and s.counter is None for b in body.program.blocks() for s in b.statements)
    call = KernelCall(name, frame.sizes.values, body.work, may_last=may_last)
    return Kernel((call,), text, tuple(body.reads), tuple(body.writes))


def _alone(frame: HostFrame, body: LaneBody) -> str:
    lane = _Scalar(frame, body)
    with frame.writer.scope() as outer:
        frame.hoist(body.fixed, set())
        inner = lane.lane()
    return "\n".join([*frame.head(), *indented([*outer, *inner]), "}"])


def _side_by_side(frame: HostFrame, body: LaneBody) -> str:
    """
    template <bool full> static void scan_mul_f32_lanes(..., cj::i64 base, int count)
    and the function that hands out blocks of lanes
    """
    lane = _Vector(frame, body)
    with frame.writer.scope() as outer:
        frame.hoist(body.fixed, set())
        inner = lane.lane()
        n = frame.sizes.name(total_extent(body.axes))
    width = lane.width
    parameters = ", ".join([*frame.parameters(), "cj::i64 base", "int count"])
    arguments = ", ".join(frame.arguments())
    lines = [
        "template <bool full>", f"static void {frame.name}_lanes({parameters}) {{",
        *indented([f"const int lanes = full ? {width} : count;", *outer, *inner]), "}", "",
    ]
    by_threads = "#pragma omp parallel for num_threads(threads) if (threads > 1) schedule(dynamic)"
    hand_out = [
        *([] if body.program.shares_stacks else [by_threads]),
        f"for (cj::i64 base = 0; base < {n}; base += {width}) {{",
        f"{INDENT}if (base + {width} <= {n}) {frame.name}_lanes<true>({arguments}, base, {width});",
        f"{INDENT}else {frame.name}_lanes<false>({arguments}, base, int({n} - base));",
        "}",
    ]
    return "\n".join([*lines, *frame.head(), *indented(hand_out), "}"])
