"""The statements of a kernel: nodes of expression.py as C++, one statement for each equation.

    writer = Writer(buffers, sizes)          names for buffers and for the numbers that are arguments
    with writer.scope(): text = writer.value(node)      writes what the node needs, gives its expression

Statements go to the current scope, `writer.lines`; a value is known in the scope that made it and in those
inside it.  Shapes and strides are numbers of the call, not of the text: `Sizes` gives each a name (n0, n1, ...),
so that another shape of the same structure has the same text.  Only 0, 1 and -1 are written out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

import numpy as np

from cujax.engine.compiler.cpp import type_name
from cujax.engine.compiler.expression import (
    Choice,
    Constant,
    FromIndex,
    Load,
    Node,
    Operation,
    Reduced,
    Register,
    certain,
    index_elements,
    reachable,
)
from cujax.engine.compiler.index import (
    Atom,
    AxisAtom,
    ChoiceAtom,
    Condition,
    ElementAtom,
    Index,
    QuotientAtom,
    of_atom,
)
from cujax.engine.core.tape import Literal, Var

INDENT = "    "

# Functions of float that can set a flag instead of looking after what is special: CJ_QUICK in kernels/math.h.
_QUICK = re.compile(r"cj::(sin|cos|log|sqrt)\(\{0\}\)")
_QUOTIENT = re.compile(r"cj::(div\(\{0\}, \{1\}\)|integer_pow<-\d+>\(\{0\}\))")


def quick_form(node: Node, flag: str, by_results: bool = False) -> str:
    """The text of an operation that sets `flag` where it does not hold; "" where there is no such function.

    by_results: roots are looked at afterwards, and quotients too.
    """
    if not flag or not isinstance(node, Operation) or node.dtype != np.float32:
        return ""
    is_quick = _QUICK.fullmatch(node.text) or (by_results and _QUOTIENT.fullmatch(node.text))
    if not is_quick:
        return ""
    text = node.text.replace(")", f", {flag})")
    return text.replace("cj::sqrt(", "cj::root(") if by_results else text


class Sizes:
    """Names of the integers that a kernel takes as arguments, in the order in which they were needed.

    Those that have a name of their own, which says what they are, come last.
    """

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._named: dict[str, int] = {}
        self.spelled: AbstractSet[int] = frozenset()  # numbers that are no arguments

    def name(self, value: int) -> str:
        if value in self.spelled:
            return str(value)
        return self._names.setdefault(value, f"n{len(self._names)}")

    def give(self, name: str, value: int) -> str:
        """`name`, for an argument of this value."""
        self._named[name] = value
        return name

    @property
    def values(self) -> tuple[int, ...]:
        return (*self._names, *self._named.values())

    @property
    def names(self) -> tuple[str, ...]:
        return (*self._names.values(), *self._named)


class Writer:
    """Writes the statements of one kernel.

    buffers: names of what is loaded and stored.  axes: the text of each iteration axis; the others do not
    appear in the text (they are merged into one that does).  interior: the truth, in the middle of the iteration
    space, of conditions that depend on the axes alone; they are written so that a compile-time `interior` decides.
    """

    def __init__(
        self, buffers: Mapping[Var | Literal, str], sizes: Sizes, axes: Mapping[int, str], roots: Sequence[Node],
        interior: Mapping[Condition, bool] | None = None,
    ) -> None:
        self._buffers, self._sizes, self._axes = buffers, sizes, axes
        self._interior = interior or {}
        self._known: list[dict[Node | Condition | ChoiceAtom, str]] = [{}]
        self._blocks: list[list[str]] = [[]]
        self._counts: Counter[str] = Counter()
        self._line: object = None
        self._uses = Counter(n for node in reachable(roots) for n in node.parts)
        self._instead: Mapping[Var | Literal, str] = {}
        self.reduced: dict[Reduced, str] = {}  # names of results of reductions
        self.flag = ""  # a variable that is set where functions do not hold, if these may do without what is special
        self._looks_at_results = False
        self.register_suffix = ""  # where a register is an array, the element that is meant
        # Where statements are repeated side by side: which of their indices are the same in all, and these, by name.
        self.is_shared: Callable[[Index], bool] = lambda index: False
        self.shared: dict[Atom | Condition, tuple[str, str]] = {}
        self.is_cut: Callable[[ChoiceAtom], bool] = lambda atom: False  # to 32 bits, where its sides have 64

    # --- scopes -----------------------------------------------------------------------------------------------

    @contextmanager
    def scope(self) -> Iterator[list[str]]:
        """A block: what is written inside goes to the list, what is named inside is known only there."""
        self._known.append({})
        self._blocks.append([])
        line, self._line = self._line, None
        try:
            yield self._blocks[-1]
        finally:
            self._known.pop()
            self._blocks.pop()
            self._line = line

    @contextmanager
    def flagging(self, flag: str, by_results: bool = False) -> Iterator[None]:
        """Inside, functions set the variable where they do not hold.

        by_results: divisions too, to which a numerator of 0 is special, and roots by what they give.
        """
        self.flag, self._looks_at_results = flag, by_results
        try:
            yield
        finally:
            self.flag, self._looks_at_results = "", False

    @contextmanager
    def instead(self, elements: Mapping[Var | Literal, str]) -> Iterator[None]:
        """Inside, the moving elements of these buffers are already at hand, under the names given."""
        self._instead = elements
        try:
            yield
        finally:
            self._instead = {}

    def write(self, text: str) -> None:
        self._blocks[-1].append(text)

    def nest(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.write(INDENT + line)

    def _find(self, key: Node | Condition | ChoiceAtom) -> str | None:
        return next((known[key] for known in reversed(self._known) if key in known), None)

    def _fresh(self, name: str) -> str:
        self._counts[name] += 1
        return f"{name}_{self._counts[name]}"

    # --- values -----------------------------------------------------------------------------------------------

    def value(self, node: Node) -> str:
        """An expression for `node`, after the statements that it needs."""
        pending = [node]
        while pending:
            top = pending[-1]
            missing = [n for n in top.before if not self._is_ready(n)]
            if missing and not self._is_ready(top):
                pending += reversed(missing)
                continue
            pending.pop()
            if not self._is_ready(top):
                self._declare(top)
        return self._text(node)

    def declare(self, node: Node) -> None:
        """Give `node` a name here, though it could be written where it is used."""
        self.value(node)
        if self._find(node) is None:
            self._declare(node)

    def know(self, node: Node, text: str) -> None:
        """From here on, in this scope, `node` is `text`."""
        self._known[-1][node] = text

    def _is_ready(self, node: Node) -> bool:
        """Known by name, or written out where it is used."""
        if self._find(node) is not None or isinstance(node, (Constant, Reduced, Register)):
            return True
        is_once = self._uses[node] <= 1
        return isinstance(node, (Load, FromIndex)) and is_once and not any(map(index_elements, node.indices))

    def _is_short(self, node: Node) -> bool:
        """Written in place of a branch without statements of its own."""
        return self._is_ready(node) or (isinstance(node, Load) and not any(map(index_elements, node.indices)))

    def _text(self, node: Node) -> str:
        found = self._find(node)
        if found is not None:
            return found
        if isinstance(node, Constant):
            return node.text
        if isinstance(node, Reduced):
            return self.reduced[node]
        if isinstance(node, Register):
            text = f"{node.name}{self.register_suffix}"
            return f"bool({text})" if self.register_suffix and node.dtype.kind == "b" else text
        if isinstance(node, Load):
            text = self._element(node)
            return f"bool({text})" if node.dtype.kind == "b" else text
        assert isinstance(node, FromIndex)
        return f"{type_name(node.dtype)}({self.index(node.index)})"

    def local(self, name: str, place: Index) -> str:
        """An element of a lane's own array."""
        return f"{name}[{self.index(place)}]{self.register_suffix}"

    def _element(self, load: Load) -> str:
        if load.source not in self._buffers:
            return self.local(load.source.name, load.place)  # type: ignore[union-attr]
        if load.source in self._instead and load.place.terms:
            return self._instead[load.source]
        return f"{self._buffers[load.source]}[{self.index(load.place)}]"

    def _declare(self, node: Node) -> None:
        """Write the statement that gives `node` a name."""
        if isinstance(node, Choice):
            self._declare_choice(node)
            return
        if isinstance(node, Operation):
            args = [self._text(a) if isinstance(a, Node) else f"cj::u64({self.index(a)})" for a in node.args]
            quick = quick_form(node, self.flag, self._looks_at_results)
            text, name = (quick or node.text).format(*args), node.name
            if node.field:
                text = f"{text}.{node.field}"
        else:
            is_load = isinstance(node, Load)
            text, name = (self._element(node), "load") if is_load else (self._text(node), "index")  # type: ignore[arg-type]
        self._name(node, name, text)

    def _name(self, node: Node, name: str, text: str) -> None:
        fresh = self._fresh(name)
        kind = "auto" if node.dtype is None else type_name(node.dtype)
        self.write(f"const {kind} {fresh} = {text};{self._comment(node)}")
        self._known[-1][node] = fresh

    def _comment(self, node: Node) -> str:
        """The user's line, where it is not that of the statement before."""
        line = getattr(node, "line", None)
        if line is None or line == self._line:
            return ""
        self._line = line
        return f"  // {line.short}"

    def _declare_choice(self, node: Choice) -> None:
        """A conditional expression where both sides are at hand, else an if with both sides inside.

        What both sides need is written before it: in each of them, a chain of choices would double with every link.
        """
        condition = self.condition(node.condition)
        needed = certain([node.if_false])
        for part in certain([node.if_true]):
            if part in needed:
                self.value(part)
        if self._is_short(node.if_true) and self._is_short(node.if_false):
            text = f"{condition} ? {self._text(node.if_true)} : {self._text(node.if_false)}"
            self._name(node, "chosen", text)
            return
        name = self._fresh("chosen")
        self.write(f"{type_name(node.dtype)} {name};")
        for opening, branch in ((f"if ({condition}) {{", node.if_true), ("} else {", node.if_false)):
            with self.scope() as lines:
                text = self.value(branch)
                lines.append(f"{name} = {text};")
            self.write(opening)
            self.nest(lines)
        self.write("}")
        self._known[-1][node] = name

    # --- indices and conditions -------------------------------------------------------------------------------

    def condition(self, condition: Condition) -> str:
        found = self._find(condition)
        if found is None:
            for index in condition.indices:
                for element in index_elements(index):
                    self.value(element)
            text = self._comparisons(condition)
            if all(map(self.is_shared, condition.indices)):
                return self._share(condition, "bool", "inside", text)
            found = self._fresh("inside")
            self.write(f"const bool {found} = {self._in_interior(condition, text)};")
            self._known[-1][condition] = found
        return found

    def _share(self, key: Atom | Condition, kind: str, word: str, text: str) -> str:
        """The name of what is computed once for all repetitions of a statement."""
        if key not in self.shared:
            name = self._fresh(word)
            self.shared[key] = (name, f"const {kind} {name} = {text};")
        return self.shared[key][0]

    def _comparisons(self, condition: Condition) -> str:
        return " && ".join(self._comparison(i) for i in condition.indices)

    def _comparison(self, index: Index) -> str:
        """`index >= 0`, with what is negative on the right."""
        left = Index(tuple([(a, c) for a, c in index.terms if c > 0]), max(index.constant, 0))
        right = Index(tuple([(a, -c) for a, c in index.terms if c < 0]), max(-index.constant, 0))
        return f"{self.index(left)} >= {self.index(right)}"

    def index(self, index: Index) -> str:
        """The index as an integer expression."""
        text = ""
        for atom, c in index.terms:
            if isinstance(atom, AxisAtom) and atom.number not in self._axes:
                continue  # merged into the axis after it
            text += self._term(self._atom(atom), c, bool(text))
        if index.constant or not text:
            text += self._term("", index.constant, bool(text))
        return text

    def _term(self, atom: str, factor: int, continues: bool) -> str:
        sign = ("- " if factor < 0 else "+ ") if continues else ("-" if factor < 0 else "")
        size = abs(factor)
        number = str(size) if size < 2 else self._sizes.name(size)
        body = number if not atom else atom if size == 1 else f"{number} * {atom}"
        return f" {sign}{body}" if continues else f"{sign}{body}"

    def _atom(self, atom: Atom) -> str:
        if isinstance(atom, AxisAtom):
            return self._axes[atom.number]
        if isinstance(atom, ElementAtom):
            return f"cj::to_index({self._text(atom.element)})"
        text = self._compound(atom)
        return self._share(atom, "cj::i64", "at", text) if self.is_shared(of_atom(atom)) else text

    def _compound(self, atom: Atom) -> str:
        if isinstance(atom, QuotientAtom):
            divisor = self._sizes.name(atom.divisor)
            if atom.index.low >= 0:
                return f"(({self.index(atom.index)}) / {divisor})"
            return f"cj::floor_div({self.index(atom.index)}, {divisor})"
        assert isinstance(atom, ChoiceAtom)
        condition = self._in_interior(atom.condition, self._comparisons(atom.condition))
        cut = "int" if self.is_cut(atom) else ""
        return self._find(atom) or f"{cut}({condition} ? {self.index(atom.if_true)} : {self.index(atom.if_false)})"

    def name_choice(self, atom: ChoiceAtom, kind: str, word: str) -> None:
        """From here on, in this scope, the choice has a name; `kind` is the type of indices."""
        if self._find(atom) is None:
            fresh, condition = self._fresh(word), self._comparisons(atom.condition)
            text = f"{condition} ? {self.index(atom.if_true)} : {self.index(atom.if_false)}"
            self.write(f"const {kind} {fresh} = {text};")
            self._known[-1][atom] = fresh

    def _in_interior(self, condition: Condition, text: str) -> str:
        """What the condition is where the compile-time `interior` may decide it."""
        truth = self._interior.get(condition)
        if truth is None:
            return text
        return f"interior || ({text})" if truth else f"!interior && {text}"
