"""A loop or branch as the program of one lane that holds more than fits variables.

    RolledProgram(eqn, lanes, evaluator)        as LaneProgram, with loops over the elements of large values

A large value is an array of the lane's own (`Local`), made by a loop over its places: lane_arrays.py says which values
are kept so.  A sum is a loop of its own for each place, in the order in which it would be written out; an op that
changes some elements of its operand changes them where they lie, if nobody reads the operand afterwards.  Small values
are variables here too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

from cujax.engine.compiler.expression import (
    Evaluator,
    Load,
    Node,
    Place,
    Reduction,
    Register,
    index_elements,
    reachable,
    reader,
)
from cujax.engine.compiler.index import (
    AxisAtom,
    Condition,
    Index,
    as_index,
    axes_in,
    axis_index,
    choose,
    flatten,
    of_atom,
)
from cujax.engine.compiler.kinds import REDUCTION, SHORT, kind_of, reduced_length
from cujax.engine.compiler.lane_arrays import MOST_UNROLLED, is_joined, is_update, kept_in_arrays
from cujax.engine.compiler.lane_program import (
    FIRST_COUNTER,
    Action,
    Block,
    Held,
    LaneProgram,
    Local,
    Put,
    Reader,
    Repeat,
    Set,
    Stacked,
    Switch,
    TapeEvaluator,
    Target,
    rest_places,
    tape_reader,
)
from cujax.engine.compiler.lane_statements import is_by_loops, write_loops
from cujax.engine.compiler.lanes import INLINED, LOOPS, MOST_IN_ARRAY, MOST_REGISTERS, Lanes, Mixed, Scope, links_of
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import Eqn, Literal, Tape, Var
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import unravel

_MOST_SUMS = 4  # that are taken side by side
_WHILE_CONDITION = "cond"

Fill = Callable[[Place], Sequence[Action]]


class RolledProgram(LaneProgram):
    """See the module's docstring.

    numbers: what the text says of the arrays' shapes, which are no arguments of the kernel.
    """

    def __init__(self, eqn: Eqn, lanes: Lanes, evaluator: Evaluator) -> None:
        self.numbers: set[int] = set()
        super().__init__(eqn, lanes, evaluator)

    def _check(self, eqn: Eqn, nodes: Sequence[Node]) -> None:
        """No straight piece is long."""

    # --- where values are kept --------------------------------------------------------------------------------

    def _held(self, scope: Scope, variables: Sequence[Var]) -> list[Any]:
        return [
            self._array(scope, v) if prod(self.lanes.rest_of(scope, v)) > MOST_UNROLLED else self._registers(scope, v)
            for v in variables
        ]

    def _array(self, scope: Scope, var: Var) -> HeldArray:
        """A new array for the elements of a value."""
        rest = self.lanes.rest_of(scope, var)
        if prod(rest) > MOST_IN_ARRAY:
            raise Mixed(f"each lane would hold {prod(rest)} elements of {var.aval.str_short()}")
        return HeldArray(self.lanes.axes_of(scope, var), self._local(rest, var.aval.dtype), self._nodes)

    def _local(self, shape: Sequence[int], dtype: Any) -> Local:
        self.numbers.update(prod(shape[k:]) for k in range(len(shape)))
        return Local(f"v{self._number()}", ShapedArray(tuple(shape), dtype))

    def _kept(self, scope: Scope, var: Var) -> HeldArray | Held:
        """A place for a value that is computed once in the current block."""
        is_scalar = prod(self.lanes.rest_of(scope, var)) == 1
        held = self._registers(scope, var) if is_scalar else self._array(scope, var)
        held.live_in(self._block, self)
        return held

    def _read_often(self, atoms: Sequence[Var | Literal], readers: Sequence[Reader]) -> Sequence[Reader]:
        return [_Copied(self, self._block, a.aval, r).read for a, r in zip(atoms, readers, strict=True)]

    # --- what changes -----------------------------------------------------------------------------------------

    def _change(
        self, values: Sequence[Any], readers: Sequence[Reader], stacked: Sequence[Stacked] = (), is_masked: bool = False
    ) -> None:
        """First everything is computed, what cannot be written at once beside its place, then all is put there."""
        for s in stacked:
            self._put_all(*s)
        arrays = [(v, r) for v, r in zip(values, readers, strict=True) if isinstance(v, HeldArray)]
        others = [(v, r) for v, r in zip(values, readers, strict=True) if isinstance(v, Held)]
        sets = [a for v, r in others for a in self._sets([v], [r], is_masked)]
        names = {v.local.name for v, _ in arrays} | {a.register.name for a in sets if isinstance(a, Set)}
        arrays = [(v, r if self._may_go_there(v, r, names) else self._beside(v, r)) for v, r in arrays]
        sets = self._registers_beside(sets) if arrays else sets
        for value, read in arrays:
            if not _is_there(value, read):
                self._fill(value, read, is_masked)
        self._block.add(sets)

    def _may_go_there(self, value: HeldArray, read: Reader, names: set[str]) -> bool:
        """Whether the elements of `value` may be changed one by one: nothing reads others, or what else changes."""
        if _is_there(value, read):
            return True
        places = [axis_index(FIRST_COUNTER + self._number(), d) for d in value.rest]
        node = read(self._whole(value.axes, places))
        own = value.read(self._whole(value.axes, places))
        changed = [n for n in reachable([node]) if _name(n) in names]
        return all(n is own or (isinstance(n, Load) and _same(n, own)) for n in changed)

    def _beside(self, value: HeldArray, read: Reader) -> Reader:
        """The same elements, computed now."""
        beside = value._replace(local=self._local(value.rest, value.local.aval.dtype))
        beside.live_in(self._block, self)
        self._fill(beside, read)
        return beside.read

    def _registers_beside(self, sets: Sequence[Action]) -> list[Action]:
        """Registers change last: what they become is computed before arrays change."""
        first: list[Action] = []
        last: list[Action] = []
        for a in sets:
            assert isinstance(a, Set)
            register = Register(f"r{self._number()}", a.register.dtype)
            self.homes[register] = self._block
            first.append(Set(register, a.node))
            last.append(a._replace(node=register))
        self._block.add(first)
        return last

    def _put_all(self, read: Reader, target: Target, axes: Sequence[int | None]) -> None:
        """Write a lane's elements of a value to memory."""
        self._check_written(target, axes, MOST_IN_ARRAY if any(a is not None for a in axes) else MOST_REGISTERS)
        rest = [d for d, a in zip(target.shape, axes, strict=True) if a is None]
        if prod(rest) <= MOST_UNROLLED:
            self._block.add(self._puts(read, target, axes))
            return

        def put(place: Place) -> list[Action]:
            whole = self._whole(axes, place)
            return [Put(target.var, target.place(whole), read(whole))]

        self._loop(rest, put)

    def lane_axes(self, index: Place) -> tuple[int | None, ...] | None:
        """Which of the indices are those of the lane, None if none is or one is something else of it."""
        places = self._lane_places
        axes = tuple([places.index(i) if i.terms and i in places else None for i in index])
        rest = [i for i, a in zip(index, axes, strict=True) if a is None]
        is_apart = all(not index_elements(i) and min(axes_in(i), default=FIRST_COUNTER) >= FIRST_COUNTER for i in rest)
        return axes if is_apart and any(a is not None for a in axes) else None

    def copied(
        self, block: Block, rest: Sequence[int], axes: tuple[int | None, ...], aval: ShapedArray, read: Reader
    ) -> HeldArray:
        """A lane's elements of a value, in an array that is filled at the end of what `block` holds so far."""
        held = HeldArray(axes, self._local(rest, aval.dtype), self._nodes)
        held.live_in(block, self)
        inner, self._block = self._block, block
        self._fill(held, read)
        self._block = inner
        return held

    # --- for ops that are loops (lane_statements.py) ------------------------------------------------------------

    @property
    def block(self) -> Block:
        """Where statements go."""
        return self._block

    def act(self, actions: Sequence[Action]) -> None:
        self._block.add(actions)

    def lane_place(self, axis: int) -> Index:
        """The index of the lane along one of the lane axes."""
        return self._lane_places[axis]

    def new_name(self) -> str:
        """For a variable."""
        return f"x{self._number()}"

    def new_array(self, shape: Sequence[int], dtype: Any) -> HeldArray:
        """Without lane axes."""
        held = HeldArray((None,) * len(shape), self._local(shape, dtype), self._nodes)
        held.live_in(self._block, self)
        return held

    @contextmanager
    def branch(self, condition: Node, e: Any) -> Iterator[None]:
        """What is made inside is done where the condition holds."""
        chosen = Register(f"branch_{self._number()}", dtypes.int32)
        self.homes[chosen] = outer = self._block
        outer.add([Set(chosen, e.apply("{0} ? 0 : 1", condition, dtype=dtypes.int32))])
        with self._inside(1) as block:
            yield
        outer.statements.append(Switch(chosen, [block, Block(outer)]))

    # --- loops over elements ----------------------------------------------------------------------------------

    @contextmanager
    def counted(self, length: int, start: Index | None = None) -> Iterator[Index]:
        """A loop in the current block, while what it repeats is made; gives the index that it counts, from `start`."""
        outer = self._block
        with self._inside(length) as block:
            counter = AxisAtom(FIRST_COUNTER + self._number(), length)
            self.numbers.add(length)
            self.homes[counter.number] = block
            yield of_atom(counter)
        outer.statements.append(Repeat(block, counter, start))

    def _fill(self, held: Any, read: Reader, is_masked: bool = False) -> None:
        """All elements become what `read` gives for them."""
        self._loop(held.rest, lambda p: [held.put(p, read(self._whole(held.axes, p)), is_masked)])

    def _loop(self, extents: Sequence[int], fill: Fill, place: Place = ()) -> None:
        """`fill` for each place of an array of these extents."""
        if not extents:
            self._block.add(fill(place))
        elif extents[0] == 1:
            self._loop(extents[1:], fill, (*place, as_index(0)))
        else:
            with self.counted(extents[0]) as index:
                self._loop(extents[1:], fill, (*place, index))

    # --- tapes ------------------------------------------------------------------------------------------------

    def _run(
        self, scope: Scope, tape: Tape, inputs: Sequence[Reader], written: dict[Var, Target] | None = None
    ) -> list[Reader]:
        evaluator = _RolledEvaluator(tape, dict(zip(tape.inputs, inputs, strict=True)), self._nodes)
        kept = kept_in_arrays(tape, lambda v: self._elements(scope, v))
        for number, eqn in enumerate(tape.eqns):
            if eqn.primitive.name in LOOPS or eqn.primitive.name in INLINED:
                evaluator.bound |= self._enter(scope, eqn, evaluator, written or {})
            if is_by_loops(eqn):
                evaluator.bound |= self._by_loops(scope, eqn, evaluator)
                continue
            for var in eqn.outputs:
                if var in kept:
                    self._keep(scope, tape, number, var, evaluator)
        return [evaluator.bound.get(a) or tape_reader(evaluator, a) for a in tape.outputs]

    def _elements(self, scope: Scope, var: Var) -> int:
        """How many a lane has of a value that changes."""
        return prod(self.lanes.rest_of(scope, var)) if (scope, var) in self.lanes.changing else 0

    def _keep(self, scope: Scope, tape: Tape, number: int, var: Var, evaluator: TapeEvaluator) -> None:
        """The statements that compute a value; from here on it is read where they leave it."""
        eqn = tape.eqns[number]
        lane_map = eqn.primitive.lane_map
        kind = kind_of(eqn)
        if is_update(eqn):
            held: Any = self._updated(scope, tape, number, evaluator)
        else:
            held = self._kept(scope, var)
            if is_joined(eqn):
                self._join(eqn, held, evaluator)
            elif kind in (REDUCTION, SHORT) and Reduction.of(eqn).accumulator is not None:
                self._reduce(eqn, held, evaluator)
            elif lane_map is not None and lane_map.sum is not None:
                self._sum(eqn, held, evaluator)
            elif lane_map is not None or kind in (REDUCTION, SHORT):
                places = rest_places(var.aval.shape, held.axes)
                self._block.add([held.put(p, evaluator.element(var, self._whole(held.axes, p))) for p in places])
            else:
                self._compute(var, evaluator, held)
        evaluator.bound[var] = held.read

    def _compute(self, var: Var, evaluator: TapeEvaluator, held: Any) -> None:
        """By a loop over all places."""
        self._fill(held, lambda place: evaluator.element(var, place))

    def _join(self, eqn: Eqn, held: HeldArray, evaluator: TapeEvaluator) -> None:
        """One operand after the other."""
        axis, start = eqn.params["dimension"], 0
        if held.axes[axis] is not None:
            raise Mixed(f"{eqn.primitive.name} mixes its elements along axis {axis}", eqn)
        for atom in eqn.inputs:
            rest = [d for d, a in zip(atom.aval.shape, held.axes, strict=True) if a is None]
            number = [k for k, a in enumerate(held.axes) if a is None].index(axis)

            def copy(place: Place, atom: Any = atom, start: int = start, number: int = number) -> list[Action]:
                there = tuple([i + start if k == number else i for k, i in enumerate(place)])
                return [held.put(there, evaluator.element(atom, self._whole(held.axes, place)))]

            self._loop(rest, copy)
            start += atom.aval.shape[axis]

    def _by_loops(self, scope: Scope, eqn: Eqn, evaluator: TapeEvaluator) -> dict[Var, Reader]:
        """The statements of an op that is too much to be written out; returns how its results are read."""
        results = [self._array(scope, v) for v in eqn.outputs]
        for held in results:
            held.live_in(self._block, self)
        ended = write_loops(self, eqn, reader(evaluator, eqn), results)
        return {v: held.read for v, held in zip(eqn.outputs, ended, strict=True)}

    # --- sums -------------------------------------------------------------------------------------------------

    def _reduce(self, eqn: Eqn, held: Any, evaluator: TapeEvaluator) -> None:
        """Elements are combined in their order."""
        (x,), axes, (out,) = eqn.inputs, eqn.params["axes"], eqn.outputs
        reduction, extents = Reduction.of(eqn), [x.aval.shape[a] for a in axes]

        def term(index: Place, number: Any) -> Node:
            at = list(index)
            for axis, i in sorted(zip(axes, unravel(number, extents), strict=True)):
                at.insert(axis, as_index(i))
            return evaluator.element(x, at)

        def combine(total: Node, term: Node) -> Node:
            return evaluator._call(reduction.combine, (total, term), reduction.accumulator)

        def result(total: Node, index: Place) -> Node:
            return evaluator._call(reduction.lower, (total,), out.aval.dtype)

        self._accumulate(held, reduced_length(eqn), term, combine, result)

    def _sum(self, eqn: Eqn, held: Any, evaluator: TapeEvaluator) -> None:
        """As the op's rule says, which adds one term after the other."""
        e, rule, avals = reader(evaluator, eqn), eqn.primitive.lane_map.sum, [a.aval for a in eqn.inputs]
        self._accumulate(
            held, rule.length(*avals, **eqn.params),
            lambda index, number: rule.term(e, index, number, *avals, **eqn.params), e.add,
            lambda total, _: rule.result(e, total, *avals, **eqn.params),
        )

    def _accumulate(self, held: Any, length: int, term: Callable, combine: Callable, result: Callable) -> None:
        """Some sums side by side, so that none waits for its own last addition: they share what they read."""
        rest = held.rest
        side = next(n for n in range(_MOST_SUMS, 0, -1) if not rest or rest[-1] % n == 0)

        def fill(place: Place) -> list[Action]:
            places = [(*place[:-1], place[-1] * side + k) for k in range(side)] if place else [()]
            wholes = [self._whole(held.axes, p) for p in places]
            totals = [self._total(w, length, term, combine) for w in wholes[:1]] if side == 1 else []
            totals = totals or self._totals(wholes, length, term, combine)
            return [held.put(p, result(t, w)) for p, t, w in zip(places, totals, wholes, strict=True)]

        self._loop((*rest[:-1], rest[-1] // side) if rest else (), fill)

    def _total(self, whole: Place, length: int, term: Callable, combine: Callable) -> Node:
        return self._totals([whole], length, term, combine)[0]

    def _totals(self, wholes: Sequence[Place], length: int, term: Callable, combine: Callable) -> list[Node]:
        """The sums at some places, in one loop over their terms."""
        if not length:
            raise Mixed("a lane would sum nothing")
        firsts = [term(w, 0) for w in wholes]
        if length == 1:
            return firsts
        names = [(f"sum{self._number()}", f.dtype) for f in firsts]
        running = [Register(*n) for n in names]
        self._block.add([Set(r, f) for r, f in zip(running, firsts, strict=True)])
        with self.counted(length - 1) as index:
            self.homes.update(dict.fromkeys(running, self._block))
            self._block.add([
                Set(r, combine(r, term(w, index + 1))) for r, w in zip(running, wholes, strict=True)
            ])
        totals = [Register(*n) for n in names]
        self.homes.update(dict.fromkeys(totals, self._block))
        return list(totals)

    # --- updates ----------------------------------------------------------------------------------------------

    def _updated(self, scope: Scope, tape: Tape, number: int, evaluator: TapeEvaluator) -> HeldArray:
        """Its first operand, of which some elements are combined with the updates in their order."""
        eqn = tape.eqns[number]
        (out,), target = eqn.outputs, eqn.inputs[0]
        found = self._overwritable(scope, tape, number, evaluator)
        if found is None:
            found = self._array(scope, out)
            found.live_in(self._block, self)
            self._fill(found, tape_reader(evaluator, target))
        self._enter_updates(scope, eqn, found, evaluator)
        held = found.afterwards()
        held.live_in(self._block, self)
        return held

    def _enter_updates(self, scope: Scope, eqn: Eqn, held: HeldArray, evaluator: TapeEvaluator) -> None:
        rule, avals = eqn.primitive.update_map, [a.aval for a in eqn.inputs]
        e, updates = reader(evaluator, eqn), eqn.inputs[rule.updates]
        axes = self._update_axes(eqn, held)

        def change(place: Place) -> list[Action]:
            index = self._whole(axes, place)
            condition, there = rule.rule(e, index, *avals, **eqn.params)
            at = tuple([as_index(i) for i, a in zip(there, held.axes, strict=True) if a is None])
            old = held.read(tuple(map(as_index, there)))
            return [held.put(at, _combined(e, rule.reduction, old, e.read(rule.updates, index)), True, condition)]

        self._loop([d for d, a in zip(updates.aval.shape, axes, strict=True) if a is None], change)

    def _update_axes(self, eqn: Eqn, held: HeldArray) -> list[int | None]:
        """The lane axes of the updates: those that go to the lane axes of the result."""
        number = eqn.primitive.update_map.updates
        links = {x.axis: x.result[1] for x in links_of(eqn) if x.operand == number and x.result}
        return [held.axes[links[d]] if d in links else None for d in range(eqn.inputs[number].aval.ndim)]

    def _overwritable(self, scope: Scope, tape: Tape, number: int, evaluator: TapeEvaluator) -> HeldArray | None:
        """The array of the first operand, if nobody reads it afterwards; what is made of it is computed before."""
        eqn = tape.eqns[number]
        target = eqn.inputs[0]
        held = getattr(evaluator.bound.get(target), "__self__", None)
        if not isinstance(held, HeldArray) or self.arrays[held.local] is not self._block:
            return None
        if scope[-1:] == (_WHILE_CONDITION,):  # it reads the carry of the body
            return None
        if target in tape.outputs or any(target in e.inputs for e in tape.eqns[number + 1 :]):
            return None
        if any(a is target for a in eqn.inputs[1:]):
            return None
        self._compute_readers(scope, tape, number, evaluator)
        return held

    def _compute_readers(self, scope: Scope, tape: Tape, number: int, evaluator: TapeEvaluator) -> None:
        """What is computed where it is read, from an array that is about to change."""
        read_later = {a for e in tape.eqns[number:] for a in e.inputs} | {*tape.outputs}
        target = tape.eqns[number].inputs[0]
        depending: set[Any] = {target}
        for eqn in tape.eqns[:number]:
            for var in eqn.outputs:
                if var not in evaluator.bound and any(a in depending for a in eqn.inputs):
                    depending.add(var)
                    if var in read_later:
                        kept = self._kept(scope, var)
                        self._compute(var, evaluator, kept)
                        evaluator.bound[var] = kept.read


class _Element(Load):
    """An element of a lane's own array.  asked: the place before it was brought inside the array."""

    __slots__ = ("asked",)

    def __init__(self, local: Local, place: Index) -> None:
        super().__init__(local, _within(place, local.aval.size), local.aval.dtype)
        self.asked = place


class HeldArray(NamedTuple):
    """The array `local` with the elements of a value in a lane; `axes`: which of the value's axes are lanes."""

    axes: tuple[int | None, ...]
    local: Local
    nodes: dict

    @property
    def rest(self) -> tuple[int, ...]:
        return self.local.aval.shape

    def read(self, index: Place) -> Node:
        """An index outside is that of an alternative which is not taken; any element stands for it."""
        return self.at(flatten([i for i, a in zip(index, self.axes, strict=True) if a is None], self.rest))

    def at(self, place: Index) -> Node:
        key = (_Element, self.local, place)
        return self.nodes.get(key) or self.nodes.setdefault(key, _Element(self.local, place))

    def put(
        self, place: Place, node: Node, is_masked: bool = False, condition: Condition | bool = True
    ) -> Action:
        return Put(self.local, flatten([as_index(i) for i in place], self.rest), node, is_masked, condition)

    def live_in(self, block: Block, program: LaneProgram) -> None:
        program.arrays[self.local] = block

    def afterwards(self) -> HeldArray:
        return self._replace(local=Local(self.local.name, self.local.aval))


class _Copied:
    """What a loop reads of memory, again in every step, is copied beside the lane's other arrays before the loop.

    So it is for values that differ from lane to lane: what lies side by side there does not in memory.
    """

    def __init__(self, program: RolledProgram, block: Block, aval: ShapedArray, read: Reader) -> None:
        self._program, self._block, self._aval, self._read = program, block, aval, read
        self._copies: dict[tuple[int | None, ...], HeldArray] = {}

    def read(self, index: Place) -> Node:
        node = self._read(index)
        axes = self._program.lane_axes(index)
        if axes is None or not isinstance(node, Load) or isinstance(node.source, Local):
            return node
        rest = [d for d, a in zip(self._aval.shape, axes, strict=True) if a is None]
        if not MOST_UNROLLED < prod(rest) <= MOST_IN_ARRAY:
            return node
        if axes not in self._copies:
            self._copies[axes] = self._program.copied(self._block, rest, axes, self._aval, self._read)
        return self._copies[axes].read(index)


def _is_there(value: HeldArray, read: Reader) -> bool:
    """Whether it reads the very array of the value: it has been changed in place, or not at all."""
    held = getattr(read, "__self__", None)
    return isinstance(held, HeldArray) and held.local.name == value.local.name


def _within(index: Index, extent: int) -> Index:
    """The index, or the nearest place inside."""
    if index.low >= 0 and index.high < extent:
        return index
    return choose(index < 0, 0, choose(index >= extent, extent - 1, index)).bounded(0, extent - 1)


def _name(node: Node) -> str | None:
    """Of the variable or the lane's array that it reads."""
    if isinstance(node, Load) and isinstance(node.source, Local):
        return node.source.name
    return node.name if isinstance(node, Register) else None


def _same(node: Load, own: Node) -> bool:
    assert isinstance(own, Load)
    return _name(node) == _name(own) and node.place == own.place


_COMBINED = {
    "cj::Last": lambda e, old, update: update,
    "cj::Sum": lambda e, old, update: e.add(old, update),
    "cj::Product": lambda e, old, update: e.multiply(old, update),
    "cj::Min": lambda e, old, update: e.apply("cj::min({0}, {1})", old, update),
    "cj::Max": lambda e, old, update: e.apply("cj::max({0}, {1})", old, update),
}


def _combined(e: Any, reduction: str, old: Node, update: Node) -> Node:
    return _COMBINED[reduction](e, old, update)


class _RolledEvaluator(TapeEvaluator):
    """Where a condition decides between two elements of an array, it decides where to read."""

    def choice(self, condition: Condition, if_true: Node, if_false: Node) -> Node:
        if isinstance(if_true, _Element) and isinstance(if_false, _Element) and if_true.source is if_false.source:
            return self._intern(_Element, if_true.source, choose(condition, if_true.asked, if_false.asked))
        return super().choice(condition, if_true, if_false)
