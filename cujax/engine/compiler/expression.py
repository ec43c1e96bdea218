"""What a kernel computes, as a graph of scalar expressions over its iteration axes.

    Load       an element of a buffer, at an Index
    Constant   a number
    Operation  a C++ text over other nodes: an op's `cuda` slot
    FromIndex  an index as a number: iota
    Choice     one of two nodes by a Condition; the other is not computed, so it may lie outside its buffer
    Reduced    the result of a reduction of the same kernel
    Register   a variable of a lane program (lane_program.py)

An `Evaluator` makes them: `element(var, index)` is the node of one element of a value, following the
equations back to what is loaded.  A value that is read at two indices is computed twice; equal nodes are one
object, so that an index read twice costs nothing.  It is also the `e` of an op's `index_map` rule.
"""

from __future__ import annotations

from collections.abc import Callable, KeysView, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.compiler.cpp import literal_text, physical, text_of_param, type_name
from cujax.engine.compiler.index import (
    Condition,
    ElementAtom,
    Index,
    as_index,
    choose,
    flatten,
    of_atom,
    shifted,
    visit,
)
from cujax.engine.compiler.kinds import ELEMENTWISE, MOVER, PRODUCTS, Producers
from cujax.engine.core.tape import Eqn, Literal, Var
from cujax.engine.ground import dtypes
from cujax.engine.ground.source import SourceLine

Place = tuple[Index, ...]
OPERANDS = ("x", "y", "z", "w")


class Node:
    """A scalar of `dtype`.  In index maps an integer node serves as an index.

    indices: those in it.  before: the nodes that must be computed before it, those inside its indices too.
    parts: these, and the branches of a choice.
    """

    __slots__ = ("before", "dtype", "indices", "parts")

    dtype: np.dtype

    def _settle(
        self, dtype: Any, inputs: tuple[Node, ...] = (), indices: tuple[Index, ...] = (), branches: tuple = ()
    ) -> None:
        self.dtype = physical(dtype)
        self.indices = indices
        self.before = (*inputs, *[e for i in indices for e in index_elements(i)]) if indices else inputs
        self.parts = (*self.before, *branches) if branches else self.before

    def as_index(self) -> Index:
        low, high = _index_range(self.dtype)
        return of_atom(ElementAtom(self, low, high))

    def __add__(self, other: Any) -> Any:
        if isinstance(other, Node):
            return Operation("{0} + {1}", (self, other), self.dtype, "add", None)
        return self.as_index() + other

    __radd__ = __add__

    def __lt__(self, other: Any) -> Any:
        return self.as_index() < other

    def __le__(self, other: Any) -> Any:
        return self.as_index() <= other

    def __gt__(self, other: Any) -> Any:
        return self.as_index() > other

    def __ge__(self, other: Any) -> Any:
        return self.as_index() >= other


def _index_range(dtype: np.dtype) -> tuple[int, int]:
    limits = np.iinfo(dtype)
    return int(limits.min), min(int(limits.max), np.iinfo(np.int64).max)


class Load(Node):
    """Element `place` of the row-major buffer of `source`, a variable or a literal table."""

    __slots__ = ("place", "source")

    def __init__(self, source: Var | Literal, place: Index, dtype: Any) -> None:
        self.source, self.place = source, place
        self._settle(dtype, indices=(place,))

    def stays_inside(self) -> bool:
        """True when no value of the axes makes it read outside the buffer."""
        return self.place.low >= 0 and self.place.high < self.source.aval.size


class Constant(Node):
    __slots__ = ("text",)

    def __init__(self, text: str, dtype: Any) -> None:
        self.text = text
        self._settle(dtype)


class Operation(Node):
    """`text` with its places {0}, {1}, ... taken by `args`: nodes, or indices as 64-bit numbers."""

    __slots__ = ("args", "field", "line", "name", "text")

    def __init__(
        self, text: str, args: tuple[Node | Index, ...], dtype: Any, name: str, line: SourceLine | None, field: str = ""
    ) -> None:
        self.text, self.args, self.name, self.line, self.field = text, args, name, line, field
        inputs, indices = ([a for a in args if isinstance(a, kind)] for kind in (Node, Index))
        self._settle(dtype, tuple(inputs), tuple(indices))  # type: ignore[arg-type]


class FromIndex(Node):
    __slots__ = ("index",)

    def __init__(self, index: Index, dtype: Any) -> None:
        self.index = index
        self._settle(dtype, indices=(index,))


class Choice(Node):
    __slots__ = ("condition", "if_false", "if_true")

    def __init__(self, condition: Condition, if_true: Node, if_false: Node) -> None:
        self.condition, self.if_true, self.if_false = condition, if_true, if_false
        self._settle(if_true.dtype, indices=condition.indices, branches=(if_true, if_false))


class Reduced(Node):
    """The result, at `place` among the kept axes, of the reduction that makes `var`."""

    __slots__ = ("place", "var")

    def __init__(self, var: Var, place: Place) -> None:
        self.var, self.place = var, place
        self._settle(var.aval.dtype)


class Register(Node):
    """A variable of a lane; two of one name are the same variable at different times."""

    __slots__ = ("name",)

    def __init__(self, name: str, dtype: Any) -> None:
        self.name = name
        self._settle(dtype)


class Evaluator:
    """Makes the nodes of one kernel.

    producers: the equation that makes each variable.  inside: whether a variable is computed in this kernel;
    all others are loaded.  reductions: results of this kernel's own reductions, known by `Reduced`.
    turns: whether rows are computed in pieces, between the places where a choice along them changes.
    """

    def __init__(
        self, producers: Producers, inside: Callable[[Var], bool], reductions: Mapping[Var, Any], turns: bool = False
    ) -> None:
        self._producers, self._inside, self._reductions, self._turns = producers, inside, reductions, turns
        self._elements: dict[tuple[Var, Place], Node] = {}
        self._nodes: dict[tuple, Node] = {}
        self._made: dict[tuple, Any] = {}  # what rules make once for several elements
        self.reads: dict[Var | Literal, set[Place]] = {}  # what is loaded, and at which places

    def element(self, atom: Var | Literal, place: Sequence[Any]) -> Node:
        """The node of `atom` at `place`; chains of elementwise ops are followed without recursion."""
        wanted = (atom, tuple([as_index(i) for i in place]))
        pending = [wanted]
        while pending:
            atom, index = pending[-1]
            if self._known(atom, index) is not None:
                pending.pop()
                continue
            missing = [w for w in self._needs(atom, index) if self._known(*w) is None]
            if missing:
                pending += missing
            else:
                self._elements[atom, index] = self._compute(atom, index)  # type: ignore[index]
                pending.pop()
        return self._known(*wanted)  # type: ignore[return-value]

    def _known(self, atom: Var | Literal, index: Place) -> Node | None:
        found = self._elements.get((atom, index))  # type: ignore[arg-type]
        if found is not None:
            return found
        if isinstance(atom, Literal) and not atom.aval.shape:
            return self._intern(Constant, literal_text(atom.buffer, atom.aval.dtype), atom.aval.dtype)
        if atom in self._reductions:
            return self._intern(Reduced, atom, index)
        if isinstance(atom, Literal) or not self._inside(atom):
            self.reads.setdefault(atom, set()).add(index)
            return self._intern(Load, atom, flatten(index, atom.aval.shape), atom.aval.dtype)
        return None

    def _intern(self, kind: type, *fields: Any) -> Any:
        key = (kind, *fields)
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = kind(*fields)
        return found

    def _needs(self, var: Var | Literal, index: Place) -> list[tuple[Var | Literal, Place]]:
        """The elements that an elementwise op reads; a mover asks for its own as it is evaluated."""
        eqn = self._producers[var]  # type: ignore[index]
        if self._producers.kind(eqn) != ELEMENTWISE or eqn.primitive.family == "random":
            return []
        return [(a, index if a.aval.shape else ()) for a in eqn.inputs]

    def _compute(self, var: Any, index: Place) -> Node:
        eqn = self._producers[var]
        kind = self._producers.kind(eqn)
        if kind == MOVER:
            return self._by_rule(eqn.primitive.index_map, eqn, var, index)
        if kind == PRODUCTS:
            return self._by_rule(eqn.primitive.sum_map.element, eqn, var, index)
        if kind == ELEMENTWISE:
            return self._operation(eqn, var, index)
        return self._written_out(eqn, index)

    def clamped(self, number: Node, last: int) -> Node:
        """An integer brought into the range 0 to `last`."""
        text = f"cj::min(cj::max({{0}}, {literal_text(0, number.dtype)}), {literal_text(last, number.dtype)})"
        return self._intern(Operation, text, (number,), number.dtype, "clamp", None)

    def choice(self, condition: Condition, if_true: Node, if_false: Node) -> Node:
        """One of two nodes; of two elements of one buffer a single load, if they lie a fixed distance apart."""
        if isinstance(if_true, Load) and isinstance(if_false, Load) and if_true.source is if_false.source:
            place = shifted(condition, if_true.place, if_false.place, self._turns)
            if place is not None:
                return self._intern(Load, if_true.source, place, if_true.dtype)
        return self._intern(Choice, condition, if_true, if_false)

    # --- elementwise ------------------------------------------------------------------------------------------

    def _operation(self, eqn: Eqn, var: Var, index: Place) -> Node:
        texts = self._producers.texts
        text = texts.get(eqn) or texts.setdefault(eqn, operation_text(eqn))
        if "{pair}" in text:
            args: tuple[Node | Index, ...] = tuple([self.element(eqn.inputs[0], (*index, k)) for k in range(2)])
        elif "{i}" in text:
            rank = eqn.inputs[0].aval.ndim
            args = (self.element(eqn.inputs[0], index[:rank]), flatten(index[rank:], var.aval.shape[rank:]))
        else:
            args = tuple([self.element(a, index if a.aval.shape else ()) for a in eqn.inputs])
        text = text.replace("{pair}", "{0}, {1}").replace("{i}", "{1}")
        field = ("x", "y")[eqn.outputs.index(var)] if eqn.primitive.multiple else ""
        name = eqn.params["op"].name if eqn.primitive.family == "user" else eqn.primitive.name
        return self._intern(Operation, text, args, var.aval.dtype, name, eqn.source, field)

    # --- movers and sums of products ------------------------------------------------------------------------------

    def _by_rule(self, rule: Callable, eqn: Eqn, var: Var, index: Place) -> Node:
        which = {"output": eqn.outputs.index(var)} if eqn.primitive.multiple else {}
        reader = _Reader(self, eqn)
        avals = [a.aval for a in eqn.inputs]
        return reader.node(rule(reader, index, *avals, **eqn.params, **which), var.aval.dtype)

    # --- short reductions -----------------------------------------------------------------------------------------

    def _written_out(self, eqn: Eqn, index: Place) -> Node:
        """All elements that a short reduction reads, combined one after the other."""
        (x,), axes = eqn.inputs, eqn.params["axes"]
        reduction = Reduction.of(eqn)
        total: Node | None = None
        for number, place in enumerate(product(*[range(x.aval.shape[a]) for a in axes])):
            at = list(index)
            for axis, i in sorted(zip(axes, place, strict=True)):
                at.insert(axis, as_index(i))
            element = self.element(x, at)
            lifted = self._call(reduction.lift(str(number)), (element,), reduction.accumulator)
            total = lifted if total is None else self.combined(reduction, total, lifted)
        return self._intern(
            Operation, reduction.lower, (total,), eqn.outputs[0].aval.dtype, eqn.primitive.name, eqn.source
        )

    def combined(self, reduction: Reduction, total: Node, lifted: Node) -> Node:
        """The running result `total` after one more element."""
        factors = factors_of_summand(lifted) if reduction.is_sum else ()
        text, args = (FUSED_SUM, (*factors, total)) if factors else (reduction.combine, (total, lifted))
        return self._call(text, args, reduction.accumulator)

    def _call(self, text: str, args: tuple, dtype: Any) -> Node:
        return args[0] if text == "{0}" else self._intern(Operation, text, args, dtype, "part", None)


FUSED_SUM = "cj::fma({0}, {1}, {2})"


def factors_of_summand(node: Node) -> tuple[Any, ...]:
    """The two factors of a product that is rounded together with the sum it enters; none of what is not one."""
    return node.args if isinstance(node, Operation) and node.name == "summand" else ()


_ARITHMETIC = {  # where it is not the plain operator: integers wrap, booleans are a field of two
    "+": {"b": "{0} || {1}", "i": "cj::wrap({0}) + cj::wrap({1})", "u": "cj::wrap({0}) + cj::wrap({1})"},
    "*": {"b": "{0} && {1}", "i": "cj::wrap({0}) * cj::wrap({1})", "u": "cj::wrap({0}) * cj::wrap({1})"},
}


class _Reader:
    """The `e` of an index map, sum map or lane map: reads elements of one equation's operands, computes with them."""

    def __init__(self, evaluator: Evaluator, eqn: Eqn) -> None:
        self._evaluator, self._eqn = evaluator, eqn

    def read(self, operand: int, index: Sequence[Any]) -> Node:
        return self._evaluator.element(self._eqn.inputs[operand], index)

    def where(self, condition: Any, if_true: Any, if_false: Any) -> Any:
        if not isinstance(condition, Condition):
            return if_true if condition else if_false
        if isinstance(if_true, Node) and isinstance(if_false, Node):
            return if_true if if_true is if_false else self._evaluator.choice(condition, if_true, if_false)
        return choose(condition, if_true, if_false)

    def value(self, x: Any, dtype: Any) -> Node:
        if isinstance(x, (Index, Node)):
            return self._evaluator._intern(FromIndex, as_index(x), dtype)
        scalar = physical(dtype).type(x)
        return self._evaluator._intern(Constant, literal_text(scalar, dtype), dtype)

    def apply(self, text: str, *args: Node, dtype: Any = None) -> Node:
        """`text` with its places {0}, {1}, ... taken by `args`; of their dtype unless another is given."""
        found = args[0].dtype if dtype is None else physical(dtype)
        return self._evaluator._intern(
            Operation, text, args, found, self._eqn.primitive.name, self._eqn.source
        )

    def convert(self, x: Node, dtype: Any) -> Node:
        if x.dtype == physical(dtype):
            return x
        return self.apply(f"cj::convert<{type_name(dtype)}>({{0}})", x, dtype=dtype)

    def add(self, x: Node, y: Node) -> Node:
        return self.apply(_ARITHMETIC["+"].get(x.dtype.kind, "{0} + {1}"), x, y)

    def multiply(self, x: Node, y: Node) -> Node:
        return self.apply(_ARITHMETIC["*"].get(x.dtype.kind, "{0} * {1}"), x, y)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` returns, made once for this equation and `key`."""
        made = self._evaluator._made
        if (self._eqn, key) not in made:
            made[self._eqn, key] = make()
        return made[self._eqn, key]

    def node(self, found: Any, dtype: Any) -> Node:
        """What an index map returned: a node, or an index that is the value."""
        return found if isinstance(found, Node) else self.value(found, dtype)


def index_elements(index: Index) -> list[Node]:
    """The nodes inside an index."""
    found: list[Node] = []

    def see(part: Index) -> None:
        found.extend(a.element for a, _ in part.terms if isinstance(a, ElementAtom))

    visit(index, see)
    return found


def reachable(roots: Sequence[Node]) -> list[Node]:
    """The nodes that `roots` are made of and the roots, each once, inputs first."""
    order: dict[Node, None] = {}
    entered: set[Node] = set()
    pending = list(reversed(roots))
    while pending:
        node = pending[-1]
        if node in order:
            pending.pop()
        elif node in entered:
            order[node] = None
            pending.pop()
        else:
            entered.add(node)
            pending += [n for n in reversed(node.parts) if n not in order]
    return list(order)


def certain(roots: Sequence[Node]) -> KeysView[Node]:
    """The nodes that are computed whatever is chosen, in the order in which they are met from the roots."""
    found: dict[Node, None] = {}
    pending = list(roots)
    while pending:
        node = pending.pop()
        if node not in found:
            found[node] = None
            pending += node.before
    return found.keys()


def reader(evaluator: Evaluator, eqn: Eqn) -> Any:
    """The `e` of a rule that reads elements of the operands of `eqn`."""
    return _Reader(evaluator, eqn)


# --- texts of ops ------------------------------------------------------------------------------------------------


_WRAPPING = frozenset(("add", "sub", "mul", "neg", "square", "add_any"))


def operation_text(eqn: Eqn) -> str:
    """The op's `cuda` text with {0}, {1}, ... for its operands and its params filled in.

    What random ops count stays: {i}, the number of an element drawn from a key, and {pair}, two words of a key.
    Sums and products of signed integers are taken of unsigned ones, so that they wrap around.
    """
    primitive, avals = eqn.primitive, [a.aval for a in eqn.inputs]
    wraps = primitive.name in _WRAPPING and dtypes.is_integer(avals[0].dtype)
    places = [f"cj::wrap({{{k}}})" if wraps else f"{{{k}}}" for k in range(len(avals))]
    if callable(primitive.cuda):
        return primitive.cuda(places, avals, **eqn.params)
    named = dict(zip(OPERANDS, places, strict=False))
    params = {k: text_of_param(v) for k, v in eqn.params.items()}
    return primitive.cuda.format(
        **named, **params, i="{i}", pair="{pair}", T=type_name(eqn.outputs[0].aval.dtype)
    )


class Reduction(NamedTuple):
    """The C++ of a reduction: how an element enters, how two running results combine, how the result leaves.

    struct: a class of kernels/reduce.h.  combine, lower: texts over {0} and {1}; for the plain ones they say what
    the class would do.  accumulator: the dtype of running results, None where the class has one of its own.
    takes_index: whether an element enters with its place.
    """

    struct: str
    combine: str
    lower: str
    accumulator: np.dtype | None
    takes_index: bool

    @property
    def is_sum(self) -> bool:
        return self.struct.startswith("cj::Sum<")

    @property
    def is_idempotent(self) -> bool:
        """Whether an element may enter twice."""
        return self.struct.startswith(("cj::Max<", "cj::Min<", "cj::Argmax<", "cj::Argmin<", "cj::And<", "cj::Or<"))

    @staticmethod
    def of(eqn: Eqn) -> Reduction:
        dtype = physical(eqn.inputs[0].aval.dtype)
        name = eqn.primitive.cuda
        struct = f"{name}<{type_name(dtype)}>"
        is_plain = dtype.itemsize > 2 and dtype.kind in "fc"
        combine = "{0} + {1}" if is_plain and name == "cj::Sum" else f"{struct}::combine({{0}}, {{1}})"
        if "index_dtype" in eqn.params:
            lower = f"cj::convert<{type_name(eqn.params['index_dtype'])}>({struct}::lower({{0}}))"
            return Reduction(struct, combine, lower, None, True)
        return Reduction(
            struct, combine, "{0}" if is_plain else f"{struct}::lower({{0}})", dtype if is_plain else None, False
        )

    def lift(self, number: str) -> str:
        """The text by which element {0}, at place `number`, enters."""
        if self.accumulator is not None:
            return "{0}"
        return f"{self.struct}::lift({{0}}, {number})" if self.takes_index else f"{self.struct}::lift({{0}})"
