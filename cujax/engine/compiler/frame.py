"""What the kernels of one region share in both languages: names of axes, buffers and sizes, hoisted values.

A `Frame` belongs to one kernel text.  A subclass knows the target's integer type for indices and how the function
begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from types import MappingProxyType

from cujax.engine.compiler.body import Accumulator, Axis, Body, Store
from cujax.engine.compiler.cpp import memory_type_name, physical, type_name
from cujax.engine.compiler.expression import (
    FUSED_SUM,
    Load,
    Node,
    Operation,
    Reduced,
    Register,
    certain,
    factors_of_summand,
    index_elements,
    reachable,
)
from cujax.engine.compiler.index import ChoiceAtom, Condition, axes_in, choices_in, shifts_in
from cujax.engine.compiler.naming import buffer_names
from cujax.engine.compiler.writer import INDENT, Sizes, Writer
from cujax.engine.core.tape import Var


def indented(lines: Sequence[str]) -> list[str]:
    return [INDENT + line for line in lines]


class Frame:
    """Names and statements of one kernel; `index` is the C++ type of its indices."""

    index = "cj::i64"

    def __init__(self, name: str, body: Body) -> None:
        self.name, self.body = name, body
        self.buffers = buffer_names(body)
        self.sizes = Sizes()
        self.axes = {a.number: f"i{a.number}" for a in body.axes}
        self.interior = self._interior()
        self.writer = Writer(self.buffers, self.sizes, self.axes, body.nodes(), self.interior)

    def _interior(self) -> dict:
        return {}

    def pointers(self) -> list[tuple[str, str]]:
        """Type and name of each buffer argument."""
        reads = [(f"const {memory_type_name(v.aval.dtype)}* CJ_RESTRICT", self.buffers[v]) for v in self.body.reads]
        writes = [(f"{memory_type_name(v.aval.dtype)}* CJ_RESTRICT", self.buffers[v]) for v in self.body.writes]
        return reads + writes

    def parameters(self) -> list[str]:
        """All arguments, as parameters of a function."""
        return [f"{kind} {name}" for kind, name in self.pointers()] + [f"{self.index} {n}" for n in self.sizes.names]

    def arguments(self) -> list[str]:
        return [name for _, name in self.pointers()] + list(self.sizes.names)

    def type_of_choice(self, choice: ChoiceAtom) -> str:
        """The C++ type of a choice of places."""
        return self.index

    def loop(self, axis: Axis, begin: str = "0", end: str = "") -> str:
        name = self.axes[axis.number]
        return f"for ({self.index} {name} = {begin}; {name} < {end or self.sizes.name(axis.extent)}; ++{name}) {{"

    @contextmanager
    def renamed(self, axis: Axis, name: str) -> Iterator[None]:
        """Inside, the place along an axis has this name."""
        usual = self.axes[axis.number]
        self.axes[axis.number] = name
        try:
            yield
        finally:
            self.axes[axis.number] = usual

    def axis_places(self, axes: Sequence[Axis], number: str) -> list[str]:
        """The places along `axes` of the element with that row-major number."""
        if not axes:
            return []
        if len(axes) == 1:
            return [f"const {self.index} {self.axes[axes[0].number]} = {number};"]
        lines = [f"{self.index} rest = {number};"]
        for axis in reversed(axes[1:]):
            lines += self.take_last(axis)
        return [*lines, f"const {self.index} {self.axes[axes[0].number]} = rest;"]

    def take_last(self, axis: Axis) -> list[str]:
        """The statements that name the place along `axis`, the last of those in `rest`, and leave the others there."""
        n, name = self.sizes.name(axis.extent), self.axes[axis.number]
        return [f"const {self.index} {name} = rest % {n};", f"rest /= {n};"]

    def hoist(self, nodes: Sequence[Node], axes: set[int], sure: Sequence[Node] = ()) -> AbstractSet[Node]:
        """Name here what depends on none of `axes`: what is loaded, or computed from such, and choices of places.

        sure: of these one is computed at least, whatever is chosen.  Returns the nodes that depend on none.
        """
        indices = [i for n in nodes for i in n.indices]
        for shift in shifts_in(indices):
            if not any(axes & axes_in(i) for i in shift.condition.indices):
                self.writer.name_choice(shift, self.index, "shift")
        fixed = dict.fromkeys(invariant_nodes(nodes, axes, certain(sure)))
        for node in fixed:
            if isinstance(node, (Load, Operation)):
                self.writer.declare(node)
        for choice in choices_in(indices):
            read = [n for part in choice.parts() for n in index_elements(part)]
            if read and fixed.keys() >= {*read} and not any(axes & axes_in(part) for part in choice.parts()):
                self.writer.name_choice(choice, self.type_of_choice(choice), "place")
        return fixed.keys()

    def store_all(self, stores: Sequence[Store], targets: Mapping[Var, str] = MappingProxyType({})) -> None:
        """Write elements of their buffers, or `targets`."""
        self.read_first([s.node for s in stores])
        for store in stores:
            self.store(store, targets.get(store.var, ""))

    def read_first(self, roots: Sequence[Node]) -> None:
        """Where several values are computed, name what is loaded from buffers that they overwrite."""
        changed = self.body.region.in_place.values()
        if len(roots) > 1 and changed:
            for node in reachable(roots):
                if isinstance(node, Load) and node.source in changed:
                    self.writer.declare(node)

    def store(self, store: Store, target: str = "") -> None:
        """Write an element of its buffer, or `target`."""
        if not isinstance(store.condition, Condition):
            self._store(store, target)
            return
        condition = self.writer.condition(store.condition)
        with self.writer.scope() as lines:
            self._store(store, target)
        self.writer.write(f"if ({condition}) {{")
        self.writer.nest(lines)
        self.writer.write("}")

    def _store(self, store: Store, target: str) -> None:
        text = self.writer.value(store.node)
        for element in index_elements(store.place):
            self.writer.value(element)
        place = target or self.place(store)
        self.writer.write(self.change(store, place, text) if store.reduction else f"{place} = {text};")

    def place(self, store: Store) -> str:
        """The element that is written."""
        return f"{self.buffers[store.var]}[{self.writer.index(store.place)}]"

    def change(self, store: Store, place: str, text: str) -> str:
        """The statement by which an update enters the element `place`, where no other does at the same time."""
        kind = physical(store.var.aval.dtype)
        if store.reduction == "cj::Last":
            return f"{place} = {text};"
        if store.reduction == "cj::Sum" and kind.kind == "f" and kind.itemsize > 2:
            return f"{place} += {text};"
        return f"cj::update<{store.reduction}<{type_name(kind)}>>(&{place}, {text});"

    # --- reductions -------------------------------------------------------------------------------------------

    def running_names(self) -> dict[Reduced, str]:
        """A name for each running result: `sum_acc_0`."""
        accumulators = [a for phase in self.body.phases for a in phase]
        return {a.result: f"{self._word(a)}_acc_{k}" for k, a in enumerate(accumulators)}

    def _word(self, accumulator: Accumulator) -> str:
        return self.body.region.producers[accumulator.result.var].primitive.name.replace("reduce_", "")

    def lowered(self, accumulator: Accumulator, running: str, total: str) -> str:
        """The statement that names the result of a reduction, for what reads it."""
        name = running.replace("_acc_", "_result_")
        self.writer.reduced[accumulator.result] = name
        return f"const {type_name(accumulator.result.dtype)} {name} = {accumulator.reduction.lower.format(total)};"

    def combine(self, accumulator: Accumulator, running: str) -> None:
        """Write the statement by which an element enters the running result."""
        values = [self.writer.value(n) for n in terms(accumulator)]
        self.writer.write(self.enter(accumulator, running, values))

    def enter(self, accumulator: Accumulator, running: str, values: Sequence[str]) -> str:
        """The statement by which the element that is made of its `terms` enters the running result."""
        if len(values) > 1:
            return f"{running} = {FUSED_SUM.format(*values, running)};"
        place = f"cj::i64({self.writer.index(accumulator.position)})"
        lifted = accumulator.reduction.lift(place).format(*values)
        return f"{running} = {accumulator.reduction.combine.format(running, lifted)};"


def terms(accumulator: Accumulator) -> tuple[Node, ...]:
    """What must be known for an element to enter: itself, or two factors that are multiplied as they enter a sum."""
    factors = factors_of_summand(accumulator.node) if accumulator.reduction.is_sum else ()
    return factors or (accumulator.node,)


def invariant_nodes(
    nodes: Sequence[Node], axes: set[int], in_any_case: AbstractSet[Node] = frozenset()
) -> list[Node]:
    """Of `nodes`, inputs first, those that depend on none of `axes` and may be computed whatever is chosen."""
    found: dict[Node, None] = {}
    for node in nodes:
        own = set().union(*map(axes_in, node.indices)) if node.indices else set()
        is_safe = not isinstance(node, Load) or node.stays_inside() or node in in_any_case
        is_fixed = is_safe and not isinstance(node, (Reduced, Register))
        if is_fixed and not own & axes and all(n in found for n in node.parts):
            found[node] = None
    return list(found)
