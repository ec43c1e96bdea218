"""The steps of a loop, prepared all at once: on the host compiled code goes through them, on a GPU graphs of many steps
are launched where no buffer moves.

    plan = plan_loop(body, num_carry, num_rows)    None where they cannot be (`can_follow`)
    carry = plan.run([consts], carry, rows, length, reverse)

Each step calls the same kernels; what differs are their buffers.  Before the first step the carry is where the caller
has it, and later in memory of the loop's own: where it is not changed in place, the next one goes to another buffer,
and the one after that to the first again.  Rows of xs and ys move on from step to step.  So `plan_loop` follows the
buffers, without running anything, until all of the carry is where it has been before an earlier step.  What lies
between, mostly two steps, are the *phases* that take turns.

The place of a value is (memory, lag, offset): of rows the row of `lag` steps ago, for a y that is a carry as well;
`offset` bytes after its beginning, for a part of an array.  Memory is

    ("given", k, slot)     a constant or a literal of program k: 0 the body, 1 the condition of a `while_loop`
    ("carry", i)           a carry as it was passed
    ("rows", j)            of xs, and then ys
    ("arena", k, offset)   between kernels of one step
    ("own", n)             the loop's own

Cost model: preparing takes as long as some ten steps in Python, a step then takes what its kernels take.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cujax.engine.backends.api import Buffer, KernelCall, KernelTarget, Places, RunLoop
from cujax.engine.backends.api import Phase as Kernels
from cujax.engine.backends.select import selected
from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.program import Program
from cujax.engine.compiler.steps import BYTE, ImplStep, KernelStep, Seen, ViewStep
from cujax.engine.compiler.traffic import bytes_of
from cujax.engine.core.aval import ShapedArray
from cujax.engine.ground.native import native

FEWEST = 16  # steps that are worth the preparation
_MOST_PHASES = 16
_INTERVAL = 1 << 26  # operations, tens of milliseconds: an interrupt waits no longer
CALL = 500  # operations that take as long as a call does at least
MOST_COPIED = 1 << 16  # bytes of results

Memory = tuple
Place = tuple[Memory, int, int]
Call = tuple[Any, list[Place]]  # what launches a kernel, with the places of its buffers


class Phase(NamedTuple):
    """A step: the calls in it, and the places of the carry before it.

    condition: the number of calls after which it is known whether the step is taken, and where this stands.
    """

    carry: tuple[Place, ...]
    calls: list[Call]
    condition: tuple[int, Place] | None

    @property
    def places(self) -> list[Place]:
        """Those of all arguments, and then that of the condition's value."""
        found = [place for _, arguments in self.calls for place in arguments]
        return found if self.condition is None else [*found, self.condition[1]]


class Part(NamedTuple):
    """A program that runs in every step, and how many of its inputs are constants."""

    program: Program
    num_consts: int


class LoopPlan:
    """See the module's docstring.  The phases from `first` on take turns; own: the shapes and dtypes of buffers."""

    def __init__(
        self, parts: Sequence[Part], phases: Sequence[Phase], first: int, own: Sequence[tuple], run: RunLoop
    ) -> None:
        self._parts, self._phases, self._first, self._own, self._run_steps = parts, phases, first, own, run
        self._avals = parts[0].program.tape.out_avals
        self._memories: dict[Memory, int] = {}
        self._places = [self._numbered(phase) for phase in phases]

    def _numbered(self, phase: Phase) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The memory of each argument, and of the condition's value at the end, by number; the lags and offsets."""
        places = phase.places
        numbers = [self._memories.setdefault(memory, len(self._memories)) for memory, _, _ in places]
        lags, offsets = (np.array([place[k] for place in places], np.int64) for k in (1, 2))
        return np.array(numbers, np.intp), lags, offsets

    def run(
        self, consts: Sequence[Sequence[Buffer]], carry: Sequence[Buffer], rows: Sequence[Buffer] = (),
        length: int = -1, reverse: bool = False,
    ) -> list[Buffer]:
        """The carry after `length` steps, or once the condition does not hold.  consts: of each part."""
        found = self._memory(consts, carry)
        rows = [array[::-1] for array in rows] if reverse else rows
        bases, strides = self._addresses(found, rows)
        places = []
        for numbers, lags, offsets in self._places:
            moves = strides[numbers]
            places.append(Places(bases[numbers] + offsets - lags * moves, moves))
        done = self._run_steps(places, length)
        return [
            _part(rows[memory[1]][done - lag, ...] if memory[0] == "rows" else found[memory], offset, aval)
            for (memory, lag, offset), aval in zip(self._phases[self._turn(done)].carry, self._avals, strict=False)
        ]

    def _turn(self, step: int) -> int:
        first = self._first
        return step if step < first else first + (step - first) % (len(self._phases) - first)

    def _addresses(self, found: Mapping[Memory, Buffer], rows: Sequence[Buffer]) -> tuple[np.ndarray, np.ndarray]:
        """Of each memory where it is in the first step, and by how many bytes it moves from step to step."""
        bases, strides = np.zeros((2, len(self._memories)), np.int64)
        address_of = kernel_target().address_of
        for memory, number in self._memories.items():
            if memory[0] == "rows":
                array = rows[memory[1]]
                bases[number], strides[number] = address_of(array), array.strides[0]
            elif memory[0] == "arena":
                bases[number] = address_of(found[memory[:2]]) + memory[2]
            else:
                bases[number] = address_of(found[memory])
        return bases, strides

    def _memory(self, consts: Sequence[Sequence[Buffer]], carry: Sequence[Buffer]) -> dict[Memory, Buffer]:
        """Buffers for all memory but rows; an arena stands under the first two words of what lies in it."""
        backend = selected()
        found: dict[Memory, Buffer] = {("carry", i): backend.contiguous(c) for i, c in enumerate(carry)}
        found |= {("own", n): backend.empty(*kind) for n, kind in enumerate(self._own)}
        for k, ((program, num_consts), given) in enumerate(zip(self._parts, consts, strict=True)):
            others = [*given, *[None] * (program.num_given - num_consts), *program.literals]
            found |= {("given", k, i): backend.contiguous(b) for i, b in enumerate(others) if b is not None}
            if program.new_arena is not None:
                found["arena", k] = program.new_arena()
        return found


def plan_loop(body: Part, num_carry: int, num_rows: int = 0, condition: Part | None = None) -> LoopPlan | None:
    """The plan for a body (consts, carry, rows of xs, rows of ys) -> (carry, ...); None where there is none."""
    target, followed = selected().kernels, follow_loop(body, num_carry, num_rows, condition)
    if target is None or followed is None:
        return None
    phases, first, own = followed
    parts = [body] if condition is None else [body, condition]
    run = target.loop([_kernels(phase) for phase in phases], first, interval_of(parts))
    return None if run is None else LoopPlan(parts, phases, first, own.kinds, run)


def follow_loop(
    body: Part, num_carry: int, num_rows: int, condition: Part | None
) -> tuple[list[Phase], int, Own] | None:
    """The phases of a loop, the first of those that take turns, and its own buffers; None where there are none."""
    if not all(can_follow(part.program) for part in ([body] if condition is None else [body, condition])):
        return None
    own = Own()
    carry: tuple[Place, ...] = tuple([(("carry", i), 0, 0) for i in range(num_carry)])
    phases: list[Phase] = []
    seen: dict[tuple[Place, ...], int] = {}
    while carry not in seen:
        if len(phases) == _MOST_PHASES:
            return None
        seen[carry] = len(phases)
        own.free_all_but(carry)
        calls: list[Call] = []
        check = None
        if condition is not None:
            (flag,) = follow(condition.program, [*given(1, condition.num_consts), *carry], 1, own, calls)
            check = len(calls), flag
        rows = [(("rows", j), 0, 0) for j in range(num_rows)]
        outputs = follow(body.program, [*given(0, body.num_consts), *carry, *rows], 0, own, calls)
        phases.append(Phase(carry, calls, check))
        carry = tuple([(memory, lag + (memory[0] == "rows"), at) for memory, lag, at in outputs[:num_carry]])
    return phases, seen[carry], own


def is_small(avals: Sequence[ShapedArray]) -> bool:
    """Whether results like these may be copied."""
    return bytes_of(avals) <= MOST_COPIED


def can_follow(program: Program) -> bool:
    """Whether compiled code can go through the steps.

    On a device they must be kernels that do not begin with a copy.  On the host they may see arrays otherwise, and be
    run by Python, where what they make is small.
    """
    steps, target = program.single_steps, selected().kernels
    if steps is None or target is None:
        return False
    if target.language != "host":
        return all(isinstance(step, KernelStep) and not step.copies for step in steps)
    return native is not None and all(map(_can_call, steps))


def _can_call(step: ImplStep | KernelStep) -> bool:
    """On the host.  What a view sees with gaps is copied for the next step."""
    if isinstance(step, KernelStep) or is_small(step.out_avals):
        return True
    return isinstance(step, ViewStep) and all(view.is_contiguous for view in step.views)


def _part(array: Buffer, offset: int, aval: ShapedArray) -> Buffer:
    """What is seen of `array` from some bytes on."""
    dtype = physical(aval.dtype)
    if offset == 0 and array.shape == aval.shape and array.dtype == dtype:
        return array
    backend = selected()
    return backend.part(backend.contiguous(array).reshape(-1).view(BYTE), offset, aval.shape, dtype)


def _kernels(phase: Phase) -> Kernels:
    launchers, counts = [launcher for launcher, _ in phase.calls], [len(a) for _, a in phase.calls]
    return Kernels(tuple(launchers), tuple(counts), -1 if phase.condition is None else phase.condition[0])


def interval_of(parts: Sequence[Part]) -> int:
    """Steps between two looks for an interrupt."""
    return max(1, _INTERVAL // max(1, sum(call.work + CALL for call in calls_of(parts))))


def calls_of(parts: Sequence[Part]) -> list[KernelCall]:
    """Of all but the views of some programs."""
    steps = [step for part in parts for step in part.program.single_steps or ()]
    return [call for step in steps for call in (step.calls if isinstance(step, KernelStep) else step.called)]


def given(k: int, count: int) -> list[Place]:
    """The places of the constants of program k."""
    return [(("given", k, i), 0, 0) for i in range(count)]


class Own:
    """The loop's own buffers while steps are followed: their shapes and dtypes, and which of them are in use."""

    def __init__(self) -> None:
        self.kinds: list[tuple] = []
        self._used: set[int] = set()

    def take(self, kind: tuple) -> Place:
        """A buffer that is not in use."""
        free = [n for n, k in enumerate(self.kinds) if k == kind and n not in self._used]
        if not free:
            free = [len(self.kinds)]
            self.kinds.append(kind)
        self._used.add(free[0])
        return ("own", free[0]), 0, 0

    def free_all_but(self, places: Sequence[Place]) -> None:
        """Between two steps only the carry is in use."""
        self._used = {memory[1] for memory, _, _ in places if memory[0] == "own"}


def follow(program: Program, inputs: Sequence[Place], k: int, own: Own, calls: list[Call]) -> list[Place]:
    """Where a run of program k on inputs in these places has its outputs; what it calls is added to `calls`."""
    slots = dict(enumerate([*inputs, *[(("given", k, len(inputs) + i), 0, 0) for i in range(len(program.literals))]]))

    def place_of(origin: tuple) -> Place:
        if len(origin) == 1:
            return slots[origin[0]]
        return own.take(origin) if len(origin) == 2 else (("arena", k, origin[0]), 0, 0)

    for step in program.single_steps or ():
        if isinstance(step, ViewStep):
            for i, view in zip(step.outputs, step.views, strict=True):
                slots[i] = _seen(slots[step.inputs[0]], view, own, calls)
            continue
        if isinstance(step, ImplStep):
            found = [place_of(origin) for origin in step.results or step.kinds]
            calls.append((step.launcher(), [*[slots[i] for i in step.inputs], *found]))
            slots.update(zip(step.outputs, found, strict=True))
            continue
        results = [place_of(origin) for origin in step.results]
        if step.target is not None:
            calls.append((_copier(step.changed), [slots[step.target], results[0]]))
        scratch = [own.take(((step.scratch,), BYTE))] if step.scratch else []
        if not step.is_empty:
            arguments = [*[slots[i] for i in step.inputs], *results, *scratch]
            calls += [(launch, arguments) for launch in step.launches]
        for i, place in zip(step.outputs, results, strict=True):
            slots[i] = place
    for source, to in program.copies:
        calls.append((_copier(program.tape.out_avals[program.outputs.index(to)]), [slots[source], slots[to]]))
    return [slots[i] for i in program.outputs]


def _seen(place: Place, view: Seen, own: Own, calls: list[Call]) -> Place:
    """Where what a view sees of the array at `place` lies one after the other: there, or in a copy."""
    memory, lag, offset = place
    there = memory, lag, offset + view.offset
    if view.is_contiguous:
        return there
    copy = own.take((view.shape, view.dtype))
    calls.append((kernel_target().strided_copier(view.dtype.itemsize, view.shape, view.strides), [there, copy]))
    return copy


def _copier(aval: ShapedArray) -> Any:
    """Of an array."""
    return kernel_target().copier(bytes_of([aval]))


def kernel_target() -> KernelTarget:
    """That of this process, where there are kernels."""
    target = selected().kernels
    assert target is not None
    return target
