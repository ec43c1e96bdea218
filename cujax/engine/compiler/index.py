"""Index expressions: which element of an array a kernel reads, in terms of its iteration axes.

    Index      constant + sum of coefficient * atom, with the range of its values
    AxisAtom   an iteration axis, from 0 to its extent - 1
    QuotientAtom, ChoiceAtom, ElementAtom   floor division, a choice by a condition, a loaded integer
    Condition  all of some indices are >= 0

`index_map` rules compute with these as with integers (see ops/structural.py), so that the addressing of a
chain of slices, pads and reshapes is simplified as it is built: terms cancel, a remainder is written as
x - d * (x // d) so that it cancels too, and what the ranges decide is decided (`i >= 0` is True).  Whatever is
left is exact; nothing here knows C++.  Start at `Index`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

INFINITY = float("inf")
Bound = int | float  # an integer, or plus or minus INFINITY


class Atom:
    """Something that is not a sum: equal keys mean equal values."""

    __slots__ = ("_hash", "high", "key", "low")

    def __init__(self, key: tuple, low: Bound, high: Bound) -> None:
        self.key, self.low, self.high = key, low, high
        self._hash = hash(key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Atom) and self.key == other.key)

    def parts(self) -> tuple[Index, ...]:
        """The indices that it is made of."""
        return ()


class AxisAtom(Atom):
    """Iteration axis `number`, of which every place that `step` divides is taken."""

    __slots__ = ("extent", "number", "step")

    def __init__(self, number: int, extent: int, step: int = 1) -> None:
        super().__init__(("axis", number, step), 0, max(extent - 1, 0) // step * step)
        self.number, self.extent, self.step = number, extent, step


class QuotientAtom(Atom):
    """The floor of index / divisor, divisor > 0."""

    __slots__ = ("divisor", "index")

    def __init__(self, index: Index, divisor: int) -> None:
        low = index.low if index.low == -INFINITY else index.low // divisor
        high = index.high if index.high == INFINITY else index.high // divisor
        super().__init__(("quotient", index, divisor), low, high)
        self.index, self.divisor = index, divisor

    def parts(self) -> tuple[Index, ...]:
        return (self.index,)


class ChoiceAtom(Atom):
    """`if_true` where the condition holds, else `if_false`."""

    __slots__ = ("condition", "if_false", "if_true")

    def __init__(self, condition: Condition, if_true: Index, if_false: Index, low: Bound, high: Bound) -> None:
        super().__init__(("choice", condition, if_true, if_false), low, high)
        self.condition, self.if_true, self.if_false = condition, if_true, if_false

    def parts(self) -> tuple[Index, ...]:
        return (*self.condition.indices, self.if_true, self.if_false)


class ElementAtom(Atom):
    """An integer that the kernel has loaded or computed; `element` is a node of expression.py."""

    __slots__ = ("element",)

    def __init__(self, element: Any, low: Bound, high: Bound) -> None:
        super().__init__(("element", element), low, high)
        self.element = element


Terms = tuple[tuple[Atom, int], ...]


class Index:
    """constant + sum of coefficient * atom; `low` and `high` bound its values, inclusively.

    Arithmetic with ints and other indices; products and quotients by ints alone.
    """

    __slots__ = ("_hash", "constant", "high", "low", "terms")

    def __init__(self, terms: Terms, constant: int, low: Bound = -INFINITY, high: Bound = INFINITY) -> None:
        self.terms, self.constant = terms, constant
        natural_low, natural_high = _range_of(terms, constant)
        self.low, self.high = max(low, natural_low), min(high, natural_high)
        self._hash = hash((frozenset(terms), constant))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Structural, as hashing needs it; `equals` is the comparison of values."""
        if self is other:
            return True
        return (
            isinstance(other, Index)
            and self._hash == other._hash
            and self.constant == other.constant
            and dict(self.terms) == dict(other.terms)
        )

    def coefficient(self, atom: Atom) -> int:
        return next((c for a, c in self.terms if a == atom), 0)

    # --- arithmetic ---------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Index:
        other = as_index(other)
        terms = dict(self.terms)
        for atom, c in other.terms:
            terms[atom] = terms.get(atom, 0) + c
        kept = tuple([(a, c) for a, c in terms.items() if c])
        return Index(kept, self.constant + other.constant, self.low + other.low, self.high + other.high)

    __radd__ = __add__

    def __neg__(self) -> Index:
        return self * -1

    def __sub__(self, other: Any) -> Index:
        return self + -as_index(other)

    def __rsub__(self, other: Any) -> Index:
        return as_index(other) + -self

    def __mul__(self, factor: int) -> Index:
        if factor == 0:
            return as_index(0)
        bounds = (self.low * factor, self.high * factor)
        terms = tuple([(a, c * factor) for a, c in self.terms])
        return Index(terms, self.constant * factor, min(bounds), max(bounds))

    __rmul__ = __mul__

    def __floordiv__(self, divisor: int) -> Index:
        """The quotient rounded down; 0 by 0, which stands in the index of an array without elements."""
        if divisor < 2:
            return self * divisor
        whole = tuple([(a, c // divisor) for a, c in self.terms if c % divisor == 0])
        offset = self.constant // divisor
        rest = Index(
            tuple([(a, c) for a, c in self.terms if c % divisor]), self.constant - offset * divisor,
            *(() if whole else (self.low - offset * divisor, self.high - offset * divisor)),
        )
        if rest.low > -INFINITY and rest.high < INFINITY and rest.low // divisor == rest.high // divisor:
            return Index(whole, offset + int(rest.low // divisor))
        return Index(whole, offset) + of_atom(QuotientAtom(rest, divisor))

    def __mod__(self, divisor: int) -> Index:
        if divisor < 2:
            return as_index(0)
        remainder = self - (self // divisor) * divisor
        return Index(remainder.terms, remainder.constant, max(remainder.low, 0), min(remainder.high, divisor - 1))

    # --- comparison -------------------------------------------------------------------------------------------

    def __ge__(self, other: Any) -> Any:
        return holds((self - other,))

    def __le__(self, other: Any) -> Any:
        return holds((as_index(other) - self,))

    def __gt__(self, other: Any) -> Any:
        return holds((self - other - 1,))

    def __lt__(self, other: Any) -> Any:
        return holds((as_index(other) - self - 1,))

    def bounded(self, low: Bound, high: Bound) -> Index:
        """The same value, of which more is known."""
        return Index(self.terms, self.constant, max(low, self.low), min(high, self.high))

    def __repr__(self) -> str:
        terms = " + ".join(f"{c}*{a.key[0]}{a.key[1] if a.key[0] == 'axis' else ''}" for a, c in self.terms)
        return f"Index({terms} + {self.constant})"


def _range_of(terms: Terms, constant: int) -> tuple[Bound, Bound]:
    low: Bound = constant
    high: Bound = constant
    for atom, c in terms:
        low += c * (atom.low if c > 0 else atom.high)
        high += c * (atom.high if c > 0 else atom.low)
    return low, high


def as_index(value: Any) -> Index:
    """An int, an index, or a loaded integer as an index."""
    if isinstance(value, Index):
        return value
    if hasattr(value, "as_index"):
        return value.as_index()
    return Index((), int(value))


def of_atom(atom: Atom) -> Index:
    return Index(((atom, 1),), 0)


def axis_index(number: int, extent: int) -> Index:
    """The index along iteration axis `number`; 0 along an axis of length one."""
    return as_index(0) if extent == 1 else of_atom(AxisAtom(number, extent))


def flatten(index: Iterable[Any], shape: Iterable[int]) -> Index:
    """The row-major place of `index` in an array of that shape."""
    place = as_index(0)
    for i, d in zip(index, shape, strict=True):
        place = place * d + i
    return place


# --- conditions -------------------------------------------------------------------------------------------


class Condition:
    """True where all of `indices` are >= 0."""

    __slots__ = ("_hash", "indices")

    def __init__(self, indices: tuple[Index, ...]) -> None:
        self.indices = indices
        self._hash = hash(indices)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Condition) and self.indices == other.indices)

    def __and__(self, other: Any) -> Any:
        if isinstance(other, Condition):
            return holds((*self.indices, *other.indices))
        return self if other else False

    __rand__ = __and__


def holds(indices: Iterable[Index]) -> Any:
    """Whether all of `indices` are >= 0: True or False where their ranges decide it, else a Condition."""
    open_ones: dict[Index, None] = {}
    for index in indices:
        if index.high < 0:
            return False
        if index.low < 0:
            open_ones[index] = None
    return Condition(tuple(open_ones)) if open_ones else True


def choose(condition: Any, if_true: Any, if_false: Any) -> Index:
    """One of two indices, by a condition."""
    if not isinstance(condition, Condition):
        return as_index(if_true if condition else if_false)
    a = _narrowed(as_index(if_true), condition.indices)
    b = as_index(if_false)
    if len(condition.indices) == 1:
        b = _narrowed(b, (-condition.indices[0] - 1,))
    if a == b:
        return a
    return of_atom(ChoiceAtom(condition, a, b, min(a.low, b.low), max(a.high, b.high)))


def is_positional(index: Index) -> bool:
    """Whether it is a sum and difference of axes, and a constant."""
    return all(isinstance(a, AxisAtom) and abs(c) == 1 for a, c in index.terms)


def shifted(condition: Condition, if_true: Index, if_false: Index, turns: bool = False) -> Index | None:
    """One of two places as the second plus a shift or none; None unless the shift is a number, and simple to find.

    Positions decide, or what is the same for all that lies side by side in memory; or, with `turns`, their comparison
    with that.
    """
    shift = if_true - if_false
    if shift.terms:
        return None
    if not all(map(is_positional, condition.indices)):
        row = {a.number for a, c in if_false.terms if isinstance(a, AxisAtom) and abs(c) == 1}
        if not all((turns and turns_along(i, row)) or row.isdisjoint(axes_in(i)) for i in condition.indices):
            return None
    low, high = min(if_true.low, if_false.low), max(if_true.high, if_false.high)
    return (if_false + choose(condition, shift.constant, 0)).bounded(low, high)


def turns_along(index: Index, axes: AbstractSet[int]) -> bool:
    """Whether, as one goes along one of the axes, the index changes its sign once at most."""
    parts = [(a, c) for a, c in index.terms if not axes.isdisjoint(axes_in(of_atom(a)))]
    return len(parts) <= 1 and all(isinstance(a, AxisAtom) and abs(c) == 1 for a, c in parts)


def split_off(index: Index, axis: int) -> tuple[int, Index]:
    """The coefficient of an iteration axis, and what else there is."""
    factor = sum(c for a, c in index.terms if isinstance(a, AxisAtom) and a.number == axis)
    others = tuple([(a, c) for a, c in index.terms if not isinstance(a, AxisAtom) or a.number != axis])
    return factor, Index(others, index.constant)


def choices_in(indices: Iterable[Index]) -> list[ChoiceAtom]:
    """The choices in `indices`, each once, after those in its own."""
    found: dict[ChoiceAtom, None] = {}

    def see(index: Index) -> None:
        for atom, _ in index.terms:
            for part in atom.parts():
                see(part)
            if isinstance(atom, ChoiceAtom):
                found[atom] = None

    for index in indices:
        see(index)
    return list(found)


def shifts_in(indices: Iterable[Index]) -> list[ChoiceAtom]:
    """The shifts in `indices` that positions decide, as `shifted` makes them."""
    return [c for c in choices_in(indices) if is_shift(c) and all(map(is_positional, c.condition.indices))]


def is_shift(choice: ChoiceAtom) -> bool:
    """Whether it is one of two numbers."""
    return not choice.if_true.terms and not choice.if_false.terms


def _narrowed(index: Index, known: Sequence[Index]) -> Index:
    """`index` where all of `known` are >= 0; those count that differ from it, or its negative, by a constant.

    Of a choice between such indices both sides are narrowed, so that something clamped is between its bounds.
    """
    if len(index.terms) == 1 and isinstance(atom := index.terms[0][0], ChoiceAtom) and index.terms[0][1] == 1:
        sides = [_narrowed(side, known) + index.constant for side in (atom.if_true, atom.if_false)]
        index = index.bounded(min(s.low for s in sides), max(s.high for s in sides))
    for fact in known:
        difference, total = fact - index, fact + index
        if not difference.terms:
            index = index.bounded(-difference.constant, INFINITY)
        elif not total.terms:
            index = index.bounded(-INFINITY, total.constant)
    return index


def visit(index: Index, see: Callable[[Index], None]) -> None:
    """Call `see` on the index and on all indices inside it."""
    see(index)
    for atom, _ in index.terms:
        for part in atom.parts():
            visit(part, see)


def axes_in(index: Index) -> set[int]:
    """The iteration axes that the index depends on by itself, not through what it loads."""
    found: set[int] = set()
    visit(index, lambda part: found.update(a.number for a, _ in part.terms if isinstance(a, AxisAtom)))
    return found
