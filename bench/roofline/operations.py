"""What a kernel computes: operations by kind, counted in the graph that the kernel is written from.

    counted(region) -> Work       of a step of a plan: a map, a reduction, a lane program, an update
    Costs().of(operation)         instructions of one operation, by pipe

A value that is used twice is computed once, as in the kernel.  In a loop that runs until a condition fails the number
of steps is a guess, `STEPS`.  What an operation costs is found by compiling it alone and counting instructions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from math import prod
from typing import Any, NamedTuple

from bench.roofline import machine_code
from bench.roofline.machine_code import Counts
from cujax.engine.compiler.body import Body
from cujax.engine.compiler.cpp import type_name
from cujax.engine.compiler.emit_cuda_pairs import side_by_side
from cujax.engine.compiler.emit_lanes import LaneBody
from cujax.engine.compiler.expression import FUSED_SUM, Choice, Load, Node, Operation, Register, reachable
from cujax.engine.compiler.frame import invariant_nodes, terms
from cujax.engine.compiler.generate import source_of
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.lane_blocks import Block, Leave, Repeat, Straight, Switch, roots_of
from cujax.engine.compiler.lane_program import GUESSED_STEPS
from cujax.engine.compiler.lane_region import LaneRegion

STEPS = GUESSED_STEPS


class Kind(NamedTuple):
    """An operation: C++ text with places for operands, and the types of these."""

    name: str
    text: str
    operands: tuple[str, ...]


class Work(NamedTuple):
    """operations: how often each is done by one run of a kernel.  chain: of one thread, how often each is done after
    another.  loads, stores: of elements.  lanes: threads that have something to do; None for one for each element.
    guessed: a loop runs until a condition fails.  reduces: elements are combined.  elements: of the iteration space.
    """

    operations: Counter[Kind]
    chain: Counter[Kind]
    loads: int
    stores: int
    lanes: int | None = None
    guessed: bool = False
    reduces: bool = False
    elements: int = 0


def kind_of(node: Operation) -> Kind:
    operands = tuple(_type(a) for a in node.args)
    return Kind(node.name, node.text + (f".{node.field}" if node.field else ""), operands)


def _type(argument: Any) -> str:
    if not isinstance(argument, Node):
        return "cj::u64"
    return "" if argument.dtype is None else str(type_name(argument.dtype))


def counted(region: Any) -> Work:
    """The work of one run."""
    return _of_lanes(region) if isinstance(region, LaneRegion) else _of_body(Body(region))


# --- maps, reductions, updates ----------------------------------------------------------------------------------------


def _of_body(body: Body) -> Work:
    accumulators = [a for p in body.phases for a in p]
    roots = [*[n for a in accumulators for n in terms(a)], *[s.node for p in body.full for s in p]]
    per_element = reachable(roots)
    fixed = set(invariant_nodes(per_element, {a.number for a in body.axes if a.is_reduced or not body.reduced_axes}))
    moving = [n for n in per_element if n not in fixed]
    elements, items = prod(a.extent for a in body.axes), prod(a.extent for a in body.kept_axes)
    last = [n for n in reachable([s.node for s in body.kept]) if n not in set(per_element)]
    operations = _times(_operations(moving), elements) + _times(_operations(last), items)
    for accumulator in accumulators:
        kind, number = str(type_name(accumulator.node.dtype)), len(terms(accumulator))
        operations[Kind("combine", FUSED_SUM if number > 1 else "{0} + {1}", (kind,) * (number + 1))] += elements
    loads = sum(isinstance(n, Load) for n in moving) * elements // side_by_side(body)
    stores = sum(len(p) for p in body.full) * elements + len(body.kept) * items
    return Work(operations, Counter(), loads, stores, reduces=any(body.phases), elements=elements)


def _operations(nodes: Iterable[Node]) -> Counter[Kind]:
    return Counter(kind_of(n) for n in nodes if isinstance(n, Operation)) + Counter(
        {Kind("choose", "{0} ? {1} : {2}", ("bool", *2 * [_type(n)])): 1 for n in nodes if isinstance(n, Choice)}
    )


def _times(counts: Counter[Kind], factor: int) -> Counter[Kind]:
    return Counter({kind: count * factor for kind, count in counts.items()})


# --- lanes ------------------------------------------------------------------------------------------------------------


def _of_lanes(region: LaneRegion) -> Work:
    body = LaneBody(region)
    walk = _Walk(body)
    walk.block(body.program.top, 1, set(body.fixed))
    lanes = region.lanes.number
    return Work(
        _times(walk.operations, lanes), walk.chain, walk.loads * lanes, walk.stores * lanes, lanes, walk.guessed,
        elements=lanes,
    )  # fmt: skip


class _Walk:
    """Through the program of one lane, once for each block, with the number of times that it runs."""

    def __init__(self, body: LaneBody) -> None:
        self.body = body
        self.operations: Counter[Kind] = Counter()
        self.chain: Counter[Kind] = Counter()
        self.loads = self.stores = 0
        self.guessed = False

    def block(self, block: Block, times: int, known: set[Node]) -> None:
        known = set(known)
        for statement in block.statements:
            if isinstance(statement, Straight):
                self.straight(statement, times, known)
            elif isinstance(statement, Repeat):
                self.guessed |= statement.counter is None
                steps = STEPS if statement.counter is None else statement.counter.extent
                self.block(statement.body, times * steps, known)
            elif isinstance(statement, Switch):
                for branch in statement.branches:
                    self.block(branch, -(-times // len(statement.branches)), known)

    def straight(self, piece: Straight, times: int, known: set[Node]) -> None:
        kept = self.body.kept.get(piece, [])
        roots = [*kept, *[n for a in piece.actions for n in roots_of(a)]]
        made = [n for n in _reached(roots, known) if not isinstance(n, Register)]
        self.operations += _times(_operations(made), times)
        self.chain += _times(longest_chain(made, [n for n in roots if n in set(made)]), times)
        self.loads += sum(isinstance(n, Load) for n in made) * times
        self.stores += sum(not isinstance(a, Leave) and hasattr(a, "place") for a in piece.actions) * times
        known.update(kept)


def _reached(roots: list[Node], known: set[Node]) -> list[Node]:
    """As `reachable`, but not beyond what is known."""
    order: dict[Node, None] = {}
    entered: set[Node] = set()
    pending = [n for n in reversed(roots) if n not in known]
    while pending:
        node = pending[-1]
        if node in entered:
            order.setdefault(pending.pop())
            continue
        entered.add(node)
        pending += [n for n in reversed(node.parts) if n not in order and n not in known]
    return list(order)


def longest_chain(nodes: list[Node], roots: list[Node]) -> Counter[Kind]:
    """Operations each of which waits for the one before, as many as there are, to the last of `roots`."""
    depth: dict[Node, tuple[int, Node | None]] = {}
    for node in nodes:
        longest = max(((depth[p][0], p) for p in node.parts if p in depth), key=lambda pair: pair[0], default=(0, None))
        depth[node] = (longest[0] + isinstance(node, Operation), longest[1])
    found: Counter[Kind] = Counter()
    node = max(roots, key=lambda n: depth[n][0], default=None)
    while node is not None:
        if isinstance(node, Operation):
            found[kind_of(node)] += 1
        node = depth[node][1]
    return found


# --- what an operation costs ------------------------------------------------------------------------------------------

_FRAME = 'extern "C" __global__ void {name}({arguments}, void* out) {{\n    {body}\n}}\n'
_OVERHEAD = ("LDG", "STG", "LDC", "ULDC", "S2R", "S2UR", "EXIT", "NOP", "BSSY", "BSYNC", "BRA")


class Costs:
    """Instructions of operations, by pipe; asked for many at a time, since a call of the compiler takes its time."""

    def __init__(self) -> None:
        self._known: dict[Kind, Counts] = {}

    def learn(self, kinds: Iterable[Kind]) -> None:
        new = [k for k in dict.fromkeys(kinds) if k not in self._known]
        texts = {f"operation_{number}": _alone(f"operation_{number}", k) for number, k in enumerate(new)}
        known = {name: text for name, text in texts.items() if text}
        if known:
            kernels = [Kernel((), text, (), ()) for text in known.values()]
            found = machine_code.codes(source_of(kernels))
        for (name, _), kind in zip(texts.items(), new, strict=True):
            self._known[kind] = _without_frame(found[name], kind) if name in known else Counter()

    def total(self, operations: Counter[Kind]) -> Counts:
        """The instructions of all `operations`."""
        found: Counts = Counter()
        for kind, count in operations.items():
            found += Counter({p: n * count for p, n in self._known[kind].items()})
        return found


def _alone(name: str, kind: Kind) -> str:
    """A kernel that does nothing else; none for what takes a structure apart."""
    if "" in kind.operands or not kind.operands:
        return ""
    arguments = ", ".join(f"const {t}* CJ_RESTRICT a{k}" for k, t in enumerate(kind.operands))
    values = [f"a{k}[threadIdx.x]" for k in range(len(kind.operands))]
    body = f"const auto r = {kind.text.format(*values)}; reinterpret_cast<decltype(r + 0)*>(out)[threadIdx.x] = r;"
    body = body.replace("decltype(r + 0)", "typename cj_plain<decltype(r)>::type")
    plain = "template <class T> struct cj_plain { using type = T; };\n"
    plain += "template <class T> struct cj_plain<const T> { using type = T; };\n"
    guard = f"#ifndef CJ_PLAIN\n#define CJ_PLAIN\n{plain}#endif\n"
    return guard + _FRAME.format(name=name, arguments=arguments, body=body)


def _without_frame(code: machine_code.Code, kind: Kind) -> Counts:
    """Without loads, stores and addresses (one IMAD each)."""
    found = code.through()
    for unwanted in ("memory", "control"):
        found.pop(unwanted, None)
    found["multiply"] = max(0, found["multiply"] - len(kind.operands) - 1)
    return +found


