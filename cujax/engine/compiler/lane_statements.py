"""The statements of an op that a lane computes by loops over arrays of its own.

    write_loops(program, eqn, e, results) -> the results as they are afterwards

The op's rule (LaneLoops, ops/lane_matrix_loops.py) is given a `Statements`, an `Operand` for each operand and a
`Changing` for each result.  Reading an element gives a Scalar, assigning one makes a statement of the current block.

A node stands for a value at one time, so that the compiler may compute it where it likes in between: after each
statement, and on both sides of each loop, what may have changed is read anew under the same name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from cujax.engine.compiler.expression import Register
from cujax.engine.compiler.index import Index, as_index
from cujax.engine.compiler.lane_blocks import Set
from cujax.engine.compiler.lane_locals import HeldArray
from cujax.engine.core.tape import Eqn
from cujax.engine.ops.lane_maps import Scalar

Passed = dict[int, Index]  # by the axis of an operand or a result: the index along it, for the matrix at hand


def write_loops(program: Any, eqn: Eqn, e: Any, results: Sequence[HeldArray]) -> list[HeldArray]:
    """One matrix after the other of those that a lane has."""
    w, lane_map, avals = Statements(program, e), eqn.primitive.lane_map, [a.aval for a in eqn.inputs]
    passed = lane_map.axes(*avals, **eqn.params)
    made = [Changing(w, held) for held in results]
    with ExitStack() as loops:
        place = _place_of_matrix(w, results[0], {to for number, _, _, to in passed if number == 0}, loops)
        operands = [
            Operand(w, n, aval, {a: place[to] for number, k, a, to in passed if (number, k) == (0, n)})
            for n, aval in enumerate(avals)
        ]
        parts = [m.part({to: place[to] for number, _, _, to in passed if number == n}) for n, m in enumerate(made)]
        lane_map.loops.write(w, *operands, *parts, **eqn.params)
    return [m.held for m in made]


def _place_of_matrix(w: Statements, held: HeldArray, axes: set[int], loops: ExitStack) -> Passed:
    """The index along the axes that are passed on: the lane's own, or one that is counted."""
    found = {}
    for axis in sorted(axes):
        lane, extent = held.axes[axis], _extents(held)[axis]
        found[axis] = loops.enter_context(w.loop(0, extent)) if lane is None else w.program.lane_place(lane)
    return found


def _extents(held: HeldArray) -> list[int]:
    """Of a lane's elements: 1 along the lane axes."""
    rest = iter(held.rest)
    return [next(rest) if a is None else 1 for a in held.axes]


class Statements:
    """The `w` of a rule.  changing: what is read anew after each change."""

    def __init__(self, program: Any, e: Any) -> None:
        self.program, self.e = program, e
        self.changing: list[Changing | Variable] = []

    @contextmanager
    def loop(self, start: Index | int, stop: int) -> Iterator[Index]:
        """What is written inside is done for each index from `start` to before `stop`."""
        with self.program.counted(stop, as_index(start)) as index:
            self.read_anew()
            yield index
        self.read_anew()

    @contextmanager
    def when(self, condition: Scalar) -> Iterator[None]:
        """What is written inside is done if the condition holds in any of the lanes side by side.

        So it must change nothing in those where it does not.
        """
        with self.program.branch(condition.node, self.e):
            self.read_anew()
            yield
        self.read_anew()

    def read_anew(self) -> None:
        for x in self.changing:
            x.read_anew()

    def array(self, shape: Sequence[int], dtype: Any) -> Part:
        """A new one, without values."""
        return Changing(self, self.program.new_array(shape, dtype)).part({})

    def variable(self, value: Scalar) -> Variable:
        return Variable(self, value)

    def number(self, index: Index, dtype: Any) -> Scalar:
        """An index as a number."""
        return Scalar(self.e, self.e.value(index, dtype))

    def index(self, number: Scalar, extent: int) -> Index:
        """A number that is known to lie in 0 to extent - 1 as an index."""
        return number.node.as_index().bounded(0, extent - 1)

    def exchange(self, of: Part, one: Sequence[Any], other: Sequence[Any]) -> None:
        """Two elements take each other's places."""
        self.program.act([of.put(one, of[other]), of.put(other, of[one])])
        self.read_anew()


class Operand:
    """Elements of an operand, over the axes along which elements meet."""

    def __init__(self, w: Statements, number: int, aval: Any, passed: Passed) -> None:
        self._w, self._number, self._passed, self._ndim = w, number, passed, aval.ndim
        self.shape = tuple([d for a, d in enumerate(aval.shape) if a not in passed])
        self.dtype = aval.dtype

    def __getitem__(self, place: Any) -> Scalar:
        return Scalar(self._w.e, self._w.e.read(self._number, _whole(self._ndim, self._passed, place)))


class Changing:
    """An array of the lane's own."""

    def __init__(self, w: Statements, held: HeldArray) -> None:
        self.w, self.held = w, held
        w.changing.append(self)

    def read_anew(self) -> None:
        self.held = self.held.afterwards()
        self.held.live_in(self.w.program.block, self.w.program)

    def part(self, passed: Passed) -> Part:
        return Part(self, passed)


class Part:
    """The elements of an array at one place along some of its axes."""

    def __init__(self, of: Changing, passed: Passed) -> None:
        self._of, self._passed = of, passed
        self.shape = tuple([d for a, d in enumerate(_extents(of.held)) if a not in passed])
        self.dtype = of.held.local.aval.dtype

    def __getitem__(self, place: Any) -> Scalar:
        return Scalar(self._of.w.e, self._of.held.read(self._whole(place)))

    def __setitem__(self, place: Any, value: Scalar) -> None:
        self._of.w.program.act([self.put(place, value)])
        self._of.w.read_anew()

    def put(self, place: Any, value: Scalar) -> Any:
        whole, axes = self._whole(place), self._of.held.axes
        return self._of.held.put(tuple([i for i, a in zip(whole, axes, strict=True) if a is None]), value.node)

    def _whole(self, place: Any) -> tuple[Index, ...]:
        return _whole(len(self._of.held.axes), self._passed, place)


def _whole(ndim: int, passed: Passed, place: Any) -> tuple[Index, ...]:
    rest = iter(place if isinstance(place, tuple) else (place,))
    return tuple([as_index(passed[a] if a in passed else next(rest)) for a in range(ndim)])


class Variable:
    """A number of the lane's; `value` is read and set."""

    def __init__(self, w: Statements, value: Scalar) -> None:
        self._w = w
        self._register = Register(w.program.new_name(), value.dtype)
        w.changing.append(self)
        self.value = value

    def read_anew(self) -> None:
        self._register = Register(self._register.name, self._register.dtype)
        self._w.program.homes[self._register] = self._w.program.block

    @property
    def value(self) -> Scalar:
        return Scalar(self._w.e, self._register)

    @value.setter
    def value(self, value: Scalar) -> None:
        self._w.program.act([Set(self._register, value.node)])
        self.read_anew()
