"""Loops and branches inside of programs as calls of compiled code, on the host.

    loop_call(body, num_carry, ...)     of a loop whose steps are kernels, views, such calls again, or small
    branch_call(programs)               of a branch

A call is a kernel as any other, which takes the buffers of the op's operands and then those of its results.  What
happens in it is followed beforehand, as in loop_plan.py, which says what phases and places are.  A place is found when
the call is made: memory is an argument of the call, has an address of its own (a literal), or lies in a block that
belongs to the call.  So calls may stand in each other, to any depth.

What is small is done so: results are copied from where the last step has left them, and a call keeps its block.  A
large loop costs more in its steps than what Python adds to them; it does not copy, and its memory goes back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from cujax.engine.backends.api import Buffer, KernelCall, NestedPhase
from cujax.engine.backends.select import selected
from cujax.engine.compiler.loop_plan import (
    CALL,
    Call,
    Memory,
    Own,
    Part,
    Phase,
    Place,
    calls_of,
    can_follow,
    follow,
    follow_loop,
    given,
    interval_of,
    kernel_target,
)
from cujax.engine.compiler.program import Program
from cujax.engine.compiler.schedule import ALIGNMENT
from cujax.engine.compiler.steps import NestedCall
from cujax.engine.compiler.traffic import bytes_of
from cujax.engine.core.aval import ShapedArray

MOST_KEPT = 1 << 24  # bytes of a block
_GUESS = 8  # steps of a loop that ends when its condition does
_SHORT = 1 << 16  # operations, tens of microseconds for which other threads may wait
_FIXED, _OWN = -1, -2  # kinds of memory beside the number of an argument, as in native/nest.c


class Rows(NamedTuple):
    """Of a loop of known length: how many xs there are, and ys."""

    num_xs: int
    num_ys: int
    length: int
    reverse: bool


def loop_call(
    body: Part, num_carry: int, changed: Collection[int], condition: Part | None = None, rows: Rows | None = None
) -> NestedCall | None:
    """Of a loop with the operands (condition's consts, body's consts, carry, xs) and the results (carry, ys).

    changed: the carries that the body overwrites.  None where compiled code cannot go through the steps.
    """
    followed = follow_loop(body, num_carry, 0 if rows is None else rows.num_xs + rows.num_ys, condition)
    if followed is None:
        return None
    phases, first, own = followed
    parts = [body] if condition is None else [body, condition]
    operands = _Arguments([[], []] if condition is None else [[], range(condition.num_consts)])
    operands.consts[0] = range(len(operands.consts[1]), len(operands.consts[1]) + body.num_consts)
    start = len(operands.consts[1]) + body.num_consts
    operands.carry = range(start, start + num_carry)
    num_xs, num_ys = (0, 0) if rows is None else (rows.num_xs, rows.num_ys)
    results = start + num_carry + num_xs
    operands.rows = [*range(start + num_carry, results), *range(results + num_carry, results + num_carry + num_ys)]
    avals = body.program.tape.out_avals
    made = _Nest(parts, own, operands)
    if rows is not None:
        inputs = body.program.tape.in_avals[body.num_consts + num_carry :]
        made.rows = [*inputs, *avals[num_carry:]]
        made.last = rows.length - 1 if rows.reverse else 0
        made.sign = -1 if rows.reverse else 1
    for i in changed:
        made.copy_first(i, avals[i])
    done = [made.phase(p, [(results + i, place, avals[i]) for i, place in enumerate(p.carry)]) for p in phases]
    length = -1 if rows is None else rows.length
    return made.call(done, first, length, interval_of(parts), _GUESS if rows is None else length)


def branch_call(programs: Sequence[Program]) -> NestedCall | None:
    """Of a branch with the operands (number of the program, its inputs) and the results of the program."""
    if not all(map(can_follow, programs)):
        return None
    own = Own()
    num_inputs = len(programs[0].tape.inputs)
    parts = [Part(program, num_inputs) for program in programs]
    made = _Nest(parts, own, _Arguments([range(1, 1 + num_inputs)] * len(parts)))
    done = []
    for k, program in enumerate(programs):
        own.free_all_but(())
        calls: list[Call] = []
        places = follow(program, given(k, num_inputs), k, own, calls)
        avals = program.tape.out_avals
        results = [(1 + num_inputs + i, places[i], aval) for i, aval in enumerate(avals)]
        done.append(made.phase(Phase((), calls, None), results))
    return made.call(done, -1, 1, 1, 1)


class _Arguments:
    """Numbers of the arguments of a call: of the constants of each program, of carries, and of arrays of rows."""

    def __init__(self, consts: Sequence[Sequence[int]]) -> None:
        self.consts = list(consts)
        self.carry: Sequence[int] = ()
        self.rows: Sequence[int] = ()


class _Nest:
    """What `native.Nest` is made from; rows, last and sign: of the rows of arrays, where the first step has them."""

    def __init__(self, parts: Sequence[Part], own: Own, arguments: _Arguments) -> None:
        self._parts, self._own, self._arguments = parts, own, arguments
        self._numbers: dict[Memory, int] = {}
        self._words: list[tuple[int, int, int]] = []  # kind, value, stride of each memory
        self._entries: list[tuple[int, int, int, int]] = []
        self._blocks: dict[Memory, int] = {}
        self._top = 0
        self._keep: list[Buffer] = []
        self.rows: Sequence[ShapedArray] = ()
        self.last, self.sign = 0, 1

    def copy_first(self, carry: int, aval: ShapedArray) -> None:
        """Carry number `carry` is overwritten: a copy of it."""
        memory = ("carry", carry)
        self._numbers[memory] = len(self._words)
        self._words.append((_OWN, self._take(memory, bytes_of([aval])), 0))
        self._entries.append((self._arguments.carry[carry], self._numbers[memory], 0, bytes_of([aval])))

    def phase(self, phase: Phase, results: Sequence[tuple[int, Place, ShapedArray]]) -> NestedPhase:
        """results: after it the argument to be written, from where, and what it is."""
        places = [self._place(place) for place in phase.places]
        copies = [(number, *self._place(place), bytes_of([aval])) for number, place, aval in results]
        launchers, counts = [launch for launch, _ in phase.calls], [len(a) for _, a in phase.calls]
        condition = -1 if phase.condition is None else phase.condition[0]
        return NestedPhase(tuple(launchers), tuple(counts), condition, places, copies)

    def call(
        self, phases: Sequence[NestedPhase], first: int, length: int, interval: int, steps: int
    ) -> NestedCall | None:
        if self._top > MOST_KEPT:
            return None
        calls = calls_of(self._parts)
        most = max([call.work for call in calls], default=0)
        work = max(1, steps * sum(call.work + CALL for call in calls))
        may_last = length < 0 <= first or any(call.may_last for call in calls)
        launch = kernel_target().nest(
            self._words, self._entries, phases, first, length, interval, self._top, most, may_last or work > _SHORT,
            self._keep,
        )  # fmt: skip
        return None if launch is None else NestedCall(launch, KernelCall("nest", (), work, may_last=may_last))

    def _place(self, place: Place) -> tuple[int, int]:
        """Number of the memory, and bytes after its beginning."""
        memory, lag, offset = place
        if memory not in self._numbers:
            self._numbers[memory] = len(self._words)
            self._words.append(self._found(memory))
        number = self._numbers[memory]
        return number, offset - lag * self._words[number][2]

    def _found(self, memory: Memory) -> tuple[int, int, int]:
        kind = memory[0]
        if kind == "given":
            _, k, slot = memory
            program, num_consts = self._parts[k]
            if slot < num_consts:
                return self._arguments.consts[k][slot], 0, 0
            return _FIXED, self._address(program.literals[slot - program.num_given]), 0
        if kind == "carry":
            return self._arguments.carry[memory[1]], 0, 0
        if kind == "rows":
            stride = bytes_of([self.rows[memory[1]]])
            return self._arguments.rows[memory[1]], self.last * stride, self.sign * stride
        if kind == "arena":
            _, k, offset = memory
            return _OWN, self._take(("arena", k), self._parts[k].program.arena.nbytes) + offset, 0
        shape, dtype = self._own.kinds[memory[1]]
        return _OWN, self._take(memory, prod(shape) * np.dtype(dtype).itemsize), 0

    def _address(self, literal: Buffer) -> int:
        self._keep.append(selected().contiguous(literal))
        return kernel_target().address_of(self._keep[-1])

    def _take(self, memory: Memory, nbytes: int) -> int:
        """Where it begins in the block."""
        if memory not in self._blocks:
            self._blocks[memory] = self._top
            self._top += -(-max(nbytes, 1) // ALIGNMENT) * ALIGNMENT
        return self._blocks[memory]
