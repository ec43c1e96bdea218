"""A loop or branch as the program of one lane: what a thread does from beginning to end.

    LaneProgram(eqn, lanes, evaluator)      blocks of statements (lane_blocks.py)

A carry's elements in one lane are registers.  What a loop stacks goes to memory: to the result, or, where the lane
reads it again, to a buffer of the kernel's own.  Everything else is computed where an action needs it: an evaluator for
each tape follows its equations back to registers and to loads from memory, so that elementwise code, small reductions
and movers need nothing here.  Which values are kept in registers of their own, because several places need them or
because they do not change within a loop, is found afterwards (`lane_values.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from math import inf, prod
from typing import Any, NamedTuple

from cujax.engine.compiler.expression import Evaluator, Load, Node, Place, Register, reachable
from cujax.engine.compiler.index import AxisAtom, Index, as_index, axis_index, flatten, of_atom
from cujax.engine.compiler.kinds import COND, LOOPS, SCAN, WHILE
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
from cujax.engine.compiler.lane_registers import Held, Reader, TapeEvaluator, rest_places, tape_reader
from cujax.engine.compiler.lanes import INLINED, MOST_REGISTERS, Lanes, Mixed, Scope
from cujax.engine.compiler.passes import optimized
from cujax.engine.core.tape import Eqn, Literal, Tape, Var

MOST_NODES = 6000
MOST_IN_MEMORY = 900  # elements read, and registers; GCC makes no vectors of a loop with 1000 references
MOST_NODES_ALONE = 1000  # of a single lane, which saves steps of the host and nothing else
GUESSED_STEPS = 100  # of a loop that runs until its condition is false

class LaneProgram:
    """See the module's docstring.

    top: the outermost block.  homes: the block in which each register, and each counter by its number, has its value.
    stacks: buffers that each lane writes and reads for itself, and the blocks after whose loops they are read.
    shares_stacks: whether some of them are the same memory for several lanes, which then must not run at the same time:
    each writes what the others do, but in its own time, and an outer loop writes it again.
    arrays: the lane's own, and the blocks in which they have their values.
    work: operations of one lane, as far as the numbers of steps are known.
    numbers: those that the text of the kernel says.
    most: nodes from which on it is given up.
    """

    numbers: AbstractSet[int] = frozenset()

    def __init__(self, eqn: Eqn, lanes: Lanes, evaluator: Evaluator, most: float = inf) -> None:
        self.lanes, self._most = lanes, most
        self.top = self._block = Block()
        self.homes: dict[Register | int, Block] = {}
        self.stacks: dict[Var, Block] = {}
        self.shares_stacks = False
        self.arrays: dict[Local, Block] = {}
        self.work = 0
        self._steps, self._count = 1, 0
        self._nodes = evaluator._nodes
        self._lane_places = [axis_index(k, d) for k, d in enumerate(lanes.extents)]
        written = {v: Target(v, ()) for v in eqn.outputs}
        results = self._enter((), eqn, evaluator, written)
        self._change((), (), [(results[v], Target(v, ()), lanes.axes_of((), v)) for v in written])
        nodes = self.reachable()
        self.size = len(nodes)
        if self.size > (MOST_NODES if lanes.number > 1 else MOST_NODES_ALONE):
            raise Mixed(f"it takes {self.size} operations to write out what a lane does", eqn)
        self._check(eqn, nodes)

    def _check(self, eqn: Eqn, nodes: Sequence[Node]) -> None:
        """Mixed where the compiler would make bad code of it."""
        in_memory = sum(isinstance(n, Load | Register) for n in nodes)
        if in_memory > MOST_IN_MEMORY:
            raise Mixed(f"a lane holds and reads {in_memory} elements, more than {MOST_IN_MEMORY}", eqn)

    @property
    def local_bytes(self) -> int:
        """Of the arrays, which on a device are memory that is set aside for all threads that it can run at once."""
        sizes = {a.name: a.aval.size * a.aval.dtype.itemsize for a in self.arrays}
        return sum(sizes.values())

    def blocks(self) -> list[Block]:
        """All blocks, each before those inside it."""
        found, pending = [], [self.top]
        while pending:
            block = pending.pop()
            found.append(block)
            for s in reversed(block.statements):
                pending += [s.body] if isinstance(s, Repeat) else s.branches if isinstance(s, Switch) else []
        return found

    def actions(self) -> list[Action]:
        """All actions, in no particular order."""
        return [a for b in self.blocks() for s in b.statements if isinstance(s, Straight) for a in s.actions]

    def reachable(self) -> list[Node]:
        """All nodes, inputs first."""
        return reachable([n for a in self.actions() for n in roots_of(a)])

    # --- tapes ------------------------------------------------------------------------------------------------

    def _run(
        self, scope: Scope, tape: Tape, inputs: Sequence[Reader], written: dict[Var, Target] | None = None
    ) -> list[Reader]:
        """The statements of a tape's loops and branches; returns how its outputs are read.

        written: results of its loops whose elements go to memory as they are made.
        """
        evaluator = TapeEvaluator(tape, dict(zip(tape.inputs, inputs, strict=True)), self._nodes, self._most)
        for eqn in tape.eqns:
            if eqn.primitive.name in LOOPS or eqn.primitive.name in INLINED:
                evaluator.bound |= self._enter(scope, eqn, evaluator, written or {})
        return [tape_reader(evaluator, a) for a in tape.outputs]

    def _enter(
        self, scope: Scope, eqn: Eqn, evaluator: Evaluator, written: dict[Var, Target]
    ) -> dict[Var, Reader]:
        """The statements of a loop, branch or call; returns how its results are read."""
        name = eqn.primitive.name
        readers = [tape_reader(evaluator, a) for a in eqn.inputs]
        if name == SCAN:
            return self._scan(scope, eqn, readers, written)
        if name == WHILE:
            return self._while(scope, eqn, readers)
        if name == COND:
            return self._cond(scope, eqn, evaluator, readers)
        made = self._run((*scope, id(eqn)), optimized(eqn.params["tape"]), readers)
        return dict(zip(eqn.outputs, made, strict=True))

    def _scan(
        self, scope: Scope, eqn: Eqn, readers: Sequence[Reader], written: dict[Var, Target]
    ) -> dict[Var, Reader]:
        params, tape, inner = eqn.params, optimized(eqn.params["tape"]), (*scope, id(eqn))
        length, num_carry = params["length"], params["num_carry"]
        first, after = params["num_consts"], params["num_consts"] + num_carry
        consts = self._read_often(eqn.inputs[:first], readers[:first])
        init, xs = readers[first:after], readers[after:]
        carry = self._held(inner, tape.inputs[first:after])
        self._change(carry, init)
        with self._inside(length) as block:
            counter = AxisAtom(FIRST_COUNTER + self.new_number(), length)
            self.homes[counter.number] = block
            step = as_index(length - 1) - of_atom(counter) if params["reverse"] else of_atom(counter)
            self._live_in(carry, block)
            ys = list(zip(eqn.outputs[num_carry:], tape.outputs[num_carry:], strict=True))
            targets = {v: self._target(v, written).after(step) for v, _ in ys}
            own = [self._axes_of(inner, out, scope, v) for v, out in ys if v in self.stacks]
            self.shares_stacks |= not all(map(self._tell_lanes_apart, own))
            passed = {o: targets[v] for v, o in ys if isinstance(o, Var) and _is_only_stacked(tape, o)}
            inputs = [*consts, *[c.read for c in carry], *[_at_step(x, step) for x in xs]]
            outs = self._run(inner, tape, inputs, dict(passed))
            stacked = [
                (read, targets[v], self._axes_of(inner, out, scope, v))
                for (v, out), read in zip(ys, outs[num_carry:], strict=True) if out not in passed
            ]
            self._change(carry, outs[:num_carry], stacked)
        self._block.statements.append(Repeat(block, counter))
        stacks = {v: self._stack(v) for v in eqn.outputs[num_carry:] if v in self.stacks}
        return stacks | dict(zip(eqn.outputs, self._results(carry), strict=False))

    def _target(self, var: Var, written: dict[Var, Target]) -> Target:
        """Where what a loop stacks in `var` goes."""
        found = written.pop(var, None)
        if found is None:
            self.stacks[var] = self._block.outer or self._block
            found = Target(var, ())
        return found

    def _tell_lanes_apart(self, axes: Sequence[int | None]) -> bool:
        """Whether each lane has elements of its own of a value with these axes."""
        return all(extent == 1 or k in axes for k, extent in enumerate(self.lanes.extents))

    def _stack(self, var: Var) -> Reader:
        """How the lane reads what it has stacked itself."""

        def read(place: Place) -> Node:
            key = (Load, var, flatten(place, var.aval.shape), var.aval.dtype)
            return self._nodes.get(key) or self._nodes.setdefault(key, Load(*key[1:]))

        return read

    def _while(self, scope: Scope, eqn: Eqn, readers: Sequence[Reader]) -> dict[Var, Reader]:
        params, inner = eqn.params, (*scope, id(eqn))
        condition, body = optimized(params["cond_tape"]), optimized(params["body_tape"])
        first, after = params["cond_consts"], params["cond_consts"] + params["body_consts"]
        consts, init = self._read_often(eqn.inputs[:after], readers[:after]), readers[after:]
        cond_consts, body_consts = consts[:first], consts[first:]
        carry = self._held(inner, body.inputs[len(body_consts) :])
        self._change(carry, init)
        with self._inside(GUESSED_STEPS) as block:
            self._live_in(carry, block)
            values = [c.read for c in carry]
            [running] = self._run((*inner, "cond"), condition, [*cond_consts, *values])
            [atom] = condition.outputs
            block.add([Leave(self._element((*inner, "cond"), atom, running))])
            outs = self._run(inner, body, [*body_consts, *values])
            self._change(carry, outs, is_masked=True)
        self._block.statements.append(Repeat(block, None))
        return dict(zip(eqn.outputs, self._results(carry), strict=True))

    def _cond(self, scope: Scope, eqn: Eqn, evaluator: Evaluator, readers: Sequence[Reader]) -> dict[Var, Reader]:
        branches = [optimized(t) for t in eqn.params["branches"]]
        index = self._element(scope, eqn.inputs[0], readers[0])
        chosen = Register(f"branch_{self.new_number()}", index.dtype)
        self.homes[chosen] = self._block
        self._block.add([Set(chosen, evaluator.clamped(index, len(branches) - 1))])
        outs = self._held(scope, eqn.outputs)
        blocks = []
        for number, tape in enumerate(branches):
            with self._inside(1) as block:
                made = self._run((*scope, id(eqn), number), tape, readers[1:])
                self._change(outs, made, is_masked=True)
            blocks.append(block)
        self._block.statements.append(Switch(chosen, blocks))
        return dict(zip(eqn.outputs, self._results(outs), strict=True))

    # --- elements of lanes ------------------------------------------------------------------------------------

    def new_number(self) -> int:
        self._count += 1
        return self._count

    @contextmanager
    def _inside(self, steps: int) -> Iterator[Block]:
        """A block inside the current one, while its statements are made."""
        outer, nodes = self._block, len(self._nodes)
        self._block, self._steps = Block(outer), self._steps * max(steps, 1)
        yield self._block
        self.work += self._steps * (len(self._nodes) - nodes)
        self._block, self._steps = outer, self._steps // max(steps, 1)

    def _held(self, scope: Scope, variables: Sequence[Var]) -> list[Any]:
        """Where the elements of values are kept."""
        return [self._registers(scope, v) for v in variables]

    def _registers(self, scope: Scope, var: Var) -> Held:
        """New registers for the elements of a value."""
        axes, number = self.lanes.axes_of(scope, var), self.new_number()
        places = rest_places(var.aval.shape, axes)
        if len(places) > MOST_REGISTERS:
            raise Mixed(f"each lane would hold {len(places)} elements of {var.aval.str_short()}")
        registers = {p: Register(f"r{number}_{k}", var.aval.dtype) for k, p in enumerate(places)}
        return Held(var.aval.shape, axes, registers, self._nodes)

    def _read_often(self, atoms: Sequence[Var | Literal], readers: Sequence[Reader]) -> Sequence[Reader]:
        """How a loop reads what does not change in it."""
        return readers

    def _live_in(self, values: Sequence[Any], block: Block) -> None:
        for value in values:
            value.live_in(block, self)

    def _results(self, values: Sequence[Any]) -> list[Reader]:
        """How carries are read after their loop: from the same places, which no longer change."""
        after = [v.afterwards() for v in values]
        self._live_in(after, self._block)
        return [v.read for v in after]

    def _change(
        self, values: Sequence[Any], readers: Sequence[Reader], stacked: Sequence[Stacked] = (), is_masked: bool = False
    ) -> None:
        """All values become what the readers give for them, and what is stacked is written to memory."""
        puts = [p for s in stacked for p in self._puts(*s)]
        self._block.add([*puts, *self._sets(values, readers, is_masked)])

    def _sets(self, values: Sequence[Held], readers: Sequence[Reader], is_masked: bool = False) -> list[Action]:
        """The actions by which all registers become the elements that the readers give for them."""
        actions = [
            Set(register, read(self.whole(value.axes, place)), is_masked)
            for value, read in zip(values, readers, strict=True)
            for place, register in value.registers.items()
        ]
        return [a for a in actions if a.node is not a.register]

    def _puts(self, read: Reader, target: Target, axes: Sequence[int | None]) -> list[Action]:
        """The actions that write a lane's elements of a value to memory; Mixed where they are too many."""
        self._check_written(target, axes, MOST_REGISTERS)
        places = [self.whole(axes, p) for p in rest_places(target.shape, axes)]
        return [Put(target.var, target.place(p), read(p)) for p in places]

    def _check_written(self, target: Target, axes: Sequence[int | None], most: int) -> None:
        number = prod(d for d, a in zip(target.shape, axes, strict=True) if a is None)
        if number > min(most, self.lanes.most):
            raise Mixed(f"each lane would write {number} elements of {target.var.aval.str_short()}")

    def _element(self, scope: Scope, atom: Var | Literal, read: Reader) -> Node:
        """The one element that a lane has of a condition or of the number of a branch."""
        axes = self.lanes.axes_of(scope, atom) if isinstance(atom, Var) else (None,) * atom.aval.ndim
        return read(self.whole(axes, (0,) * axes.count(None)))

    def whole(self, axes: Sequence[int | None], place: Sequence[int | Index]) -> Place:
        """The index of an element: that of the lane, and `place` along the axes that are no lanes."""
        rest = iter(place)
        return tuple([as_index(next(rest)) if a is None else self._lane_places[a] for a in axes])

    def _axes_of(self, inner: Scope, out: Var | Literal, scope: Scope, var: Var) -> tuple[int | None, ...]:
        """The lane axes of what a step stacks in `var`: they are known of one of both."""
        own = self.lanes.axes_of(inner, out) if isinstance(out, Var) else (None,) * out.aval.ndim
        stacked = self.lanes.axes_of(scope, var)[1:]
        return tuple([a if b is None else b for a, b in zip(own, stacked, strict=True)])


class Target(NamedTuple):
    """Where the elements of a result go: to `var` in memory, at `prefix` along its first axes."""

    var: Var
    prefix: Place

    @property
    def shape(self) -> tuple[int, ...]:
        """Of what goes there."""
        return self.var.aval.shape[len(self.prefix) :]

    def after(self, step: Index) -> Target:
        return self._replace(prefix=(*self.prefix, step))

    def place(self, place: Place) -> Index:
        return flatten((*self.prefix, *place), self.var.aval.shape)


Stacked = tuple[Reader, Target, Sequence[int | None]]  # what is written, where, and its lane axes


def _at_step(read: Reader, step: Index) -> Reader:
    return lambda place: read((step, *place))


def _is_only_stacked(tape: Tape, out: Var) -> bool:
    """Whether an output is what a loop of the tape stacks, and read by nobody else."""
    makers = [e for e in tape.eqns if e.primitive.name == SCAN and out in e.outputs[e.params["num_carry"] :]]
    return bool(makers) and tape.outputs.count(out) == 1 and not any(out in e.inputs for e in tape.eqns)

