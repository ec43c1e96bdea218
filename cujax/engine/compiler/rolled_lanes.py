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
from math import inf, prod
from typing import Any

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
from cujax.engine.compiler.index import AxisAtom, Index, as_index, axes_in, axis_index, of_atom
from cujax.engine.compiler.kinds import LOOPS, REDUCTION, SHORT, is_by_loops, kind_of
from cujax.engine.compiler.lane_arrays import MOST_UNROLLED, is_joined, is_update, kept_in_arrays
from cujax.engine.compiler.lane_blocks import FIRST_COUNTER, Action, Block, Local, Put, Repeat, Set, Switch
from cujax.engine.compiler.lane_locals import HeldArray, RolledEvaluator, is_same_element, is_there, name_of
from cujax.engine.compiler.lane_program import LaneProgram, Stacked, Target
from cujax.engine.compiler.lane_registers import Held, Reader, TapeEvaluator, rest_places, tape_reader
from cujax.engine.compiler.lane_statements import write_loops
from cujax.engine.compiler.lane_sums import reduce_elements, sum_terms
from cujax.engine.compiler.lane_updates import updated
from cujax.engine.compiler.lanes import INLINED, MOST_IN_ARRAY, MOST_REGISTERS, Lanes, Mixed, Scope
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import Eqn, Literal, Tape, Var
from cujax.engine.ground import dtypes

Fill = Callable[[Place], Sequence[Action]]


class RolledProgram(LaneProgram):
    """See the module's docstring.

    numbers: what the text says of the arrays' shapes, which are no arguments of the kernel.
    """

    def __init__(self, eqn: Eqn, lanes: Lanes, evaluator: Evaluator, most: float = inf) -> None:
        self.numbers: set[int] = set()
        super().__init__(eqn, lanes, evaluator, most)

    def _check(self, eqn: Eqn, nodes: Sequence[Node]) -> None:
        """No straight piece is long."""

    # --- where values are kept --------------------------------------------------------------------------------

    def _held(self, scope: Scope, variables: Sequence[Var]) -> list[Any]:
        return [
            self.array_of(scope, v) if prod(self.lanes.rest_of(scope, v)) > MOST_UNROLLED else self._registers(scope, v)
            for v in variables
        ]

    def array_of(self, scope: Scope, var: Var) -> HeldArray:
        """A new array for the elements of a value."""
        rest = self.lanes.rest_of(scope, var)
        if prod(rest) > MOST_IN_ARRAY:
            raise Mixed(f"each lane would hold {prod(rest)} elements of {var.aval.str_short()}")
        return HeldArray(self.lanes.axes_of(scope, var), self._local(rest, var.aval.dtype), self._nodes)

    def _local(self, shape: Sequence[int], dtype: Any) -> Local:
        self.numbers.update(prod(shape[k:]) for k in range(len(shape)))
        return Local(f"v{self.new_number()}", ShapedArray(tuple(shape), dtype))

    def place_for(self, scope: Scope, var: Var) -> HeldArray | Held:
        """A place for a value that is computed once in the current block."""
        is_scalar = prod(self.lanes.rest_of(scope, var)) == 1
        held = self._registers(scope, var) if is_scalar else self.array_of(scope, var)
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
            if not is_there(value, read):
                self.fill(value, read, is_masked)
        self._block.add(sets)

    def _may_go_there(self, value: HeldArray, read: Reader, names: set[str]) -> bool:
        """Whether the elements of `value` may be changed one by one: nothing reads others, or what else changes."""
        if is_there(value, read):
            return True
        places = [axis_index(FIRST_COUNTER + self.new_number(), d) for d in value.rest]
        node = read(self.whole(value.axes, places))
        own = value.read(self.whole(value.axes, places))
        changed = [n for n in reachable([node]) if name_of(n) in names]
        return all(n is own or (isinstance(n, Load) and is_same_element(n, own)) for n in changed)

    def _beside(self, value: HeldArray, read: Reader) -> Reader:
        """The same elements, computed now."""
        beside = value._replace(local=self._local(value.rest, value.local.aval.dtype))
        beside.live_in(self._block, self)
        self.fill(beside, read)
        return beside.read

    def _registers_beside(self, sets: Sequence[Action]) -> list[Action]:
        """Registers change last: what they become is computed before arrays change."""
        first: list[Action] = []
        last: list[Action] = []
        for a in sets:
            assert isinstance(a, Set)
            register = Register(f"r{self.new_number()}", a.register.dtype)
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
            whole = self.whole(axes, place)
            return [Put(target.var, target.place(whole), read(whole))]

        self.loop(rest, put)

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
        self.fill(held, read)
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
        return f"x{self.new_number()}"

    def new_array(self, shape: Sequence[int], dtype: Any) -> HeldArray:
        """Without lane axes."""
        held = HeldArray((None,) * len(shape), self._local(shape, dtype), self._nodes)
        held.live_in(self._block, self)
        return held

    @contextmanager
    def branch(self, condition: Node, e: Any) -> Iterator[None]:
        """What is made inside is done where the condition holds."""
        chosen = Register(f"branch_{self.new_number()}", dtypes.int32)
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
            counter = AxisAtom(FIRST_COUNTER + self.new_number(), length)
            self.numbers.add(length)
            self.homes[counter.number] = block
            yield of_atom(counter)
        outer.statements.append(Repeat(block, counter, start))

    def fill(self, held: Any, read: Reader, is_masked: bool = False) -> None:
        """All elements become what `read` gives for them."""
        self.loop(held.rest, lambda p: [held.put(p, read(self.whole(held.axes, p)), is_masked)])

    def loop(self, extents: Sequence[int], fill: Fill, place: Place = ()) -> None:
        """`fill` for each place of an array of these extents."""
        if not extents:
            self._block.add(fill(place))
        elif extents[0] == 1:
            self.loop(extents[1:], fill, (*place, as_index(0)))
        else:
            with self.counted(extents[0]) as index:
                self.loop(extents[1:], fill, (*place, index))

    # --- tapes ------------------------------------------------------------------------------------------------

    def _run(
        self, scope: Scope, tape: Tape, inputs: Sequence[Reader], written: dict[Var, Target] | None = None
    ) -> list[Reader]:
        evaluator = RolledEvaluator(tape, dict(zip(tape.inputs, inputs, strict=True)), self._nodes)
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
            held: Any = updated(self, scope, tape, number, evaluator)
        else:
            held = self.place_for(scope, var)
            if is_joined(eqn):
                self._join(eqn, held, evaluator)
            elif kind in (REDUCTION, SHORT) and Reduction.of(eqn).accumulator is not None:
                reduce_elements(self, eqn, held, evaluator)
            elif lane_map is not None and lane_map.sum is not None:
                sum_terms(self, eqn, held, evaluator)
            elif lane_map is not None or kind in (REDUCTION, SHORT):
                places = rest_places(var.aval.shape, held.axes)
                self._block.add([held.put(p, evaluator.element(var, self.whole(held.axes, p))) for p in places])
            else:
                self.compute(var, evaluator, held)
        evaluator.bound[var] = held.read

    def compute(self, var: Var, evaluator: TapeEvaluator, held: Any) -> None:
        """By a loop over all places."""
        self.fill(held, lambda place: evaluator.element(var, place))

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
                return [held.put(there, evaluator.element(atom, self.whole(held.axes, place)))]

            self.loop(rest, copy)
            start += atom.aval.shape[axis]

    def _by_loops(self, scope: Scope, eqn: Eqn, evaluator: TapeEvaluator) -> dict[Var, Reader]:
        """The statements of an op that is too much to be written out; returns how its results are read."""
        results = [self.array_of(scope, v) for v in eqn.outputs]
        for held in results:
            held.live_in(self._block, self)
        ended = write_loops(self, eqn, reader(evaluator, eqn), results)
        return {v: held.read for v, held in zip(eqn.outputs, ended, strict=True)}


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


