"""What a program needs and does, without running it: bytes held, bytes moved, kernels, launches.

A kernel reads what it loads and writes its results, once each; a library call its operands and results, and what it
needs in between is its own affair; a view moves nothing.  An op that holds tapes (a loop, a branch) counts what one run
of each of its programs does, and holds what the largest of them holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from cujax.engine.backends.select import selected
from cujax.engine.compiler.fuse import is_view
from cujax.engine.compiler.generate import Generated
from cujax.engine.compiler.in_place import overwrites_of
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.program import generated, last_uses, programs_of, writes_of
from cujax.engine.compiler.schedule import lay_out
from cujax.engine.compiler.traffic import bytes_of
from cujax.engine.core.tape import Eqn, Tape, Var, subtapes


class Analysis(NamedTuple):
    """temporary_bytes: held at the worst moment beside arguments and results.  launches: of kernels in one run.

    changed_bytes: of inputs that are overwritten.
    """

    temporary_bytes: int
    bytes_moved: int
    kernels: int
    launches: int
    changed_bytes: int


def analyse(tape: Tape, owned: tuple[int, ...] = (), placed: tuple[int, ...] = ()) -> Analysis:
    """Of one run of a `Program` of `tape` on this process's backend, inner programs included."""
    made = generated(tape, _language(), owned, placed)
    inner = [analyse(*p) for s in made.steps if isinstance(s, Eqn) for p in programs_of(s, _language())]
    return Analysis(
        _peak(tape, made),
        sum(map(_moved, made.steps)) + sum(a.bytes_moved for a in inner),
        len(made.kernels) + sum(a.kernels for a in inner),
        sum(len(k.calls) for k in made.kernels if not k.is_empty) + sum(a.launches for a in inner),
        bytes_of([v.aval for v in made.changed]),
    )


def _language() -> str | None:
    target = selected().kernels
    return None if target is None else target.language


def _moved(step: Kernel | Eqn) -> int:
    if isinstance(step, Kernel):
        return step.bytes_moved
    if is_view(step) or any(subtapes(step.params)):
        return 0
    return bytes_of([a.aval for a in (*step.inputs, *step.outputs)])


# --- bytes held -------------------------------------------------------------------------------------------------


def _peak(tape: Tape, made: Generated) -> int:
    """The most that is held at once beside inputs and outputs: the arena, other values, scratch, inner programs'."""
    steps, tape = made.steps, optimized(tape)
    ends = last_uses(steps, tape)
    arena = lay_out(steps, tape.outputs, ends)
    memory = _Memory(made)
    free = {*tape.inputs, *tape.outputs, *arena.offsets}
    cost = memory.cost({v for v in free if isinstance(v, Var)})
    users: Counter[Var] = Counter()
    held = peak = arena.nbytes
    for step, dead in zip(steps, ends, strict=True):
        for root in [memory.root(v) for v in writes_of(step)]:
            held += 0 if users[root] else cost[root]
            users[root] += 1
        peak = max(peak, held + _within(step))
        for root in [memory.root(a) for a in dead if a in memory.values]:
            users[root] -= 1
            held -= 0 if users[root] else cost[root]
    return peak


class _Memory:
    """Which of the `values` that steps make share memory: `root(var)` is the first of them, or an input."""

    def __init__(self, made: Generated) -> None:
        self._roots: dict[Var, Var] = {}
        self.values = {v for s in made.steps for v in writes_of(s)}
        for step in made.steps:
            for result, operand in _shared(step, made):
                self._roots[result] = self.root(operand)

    def root(self, var: Var) -> Var:
        return self._roots.get(var, var)

    def cost(self, free: set[Var]) -> dict[Var, int]:
        """The bytes of each root; 0 where one of those that share its memory is in `free`."""
        unpaid = {self.root(v) for v in free}
        return {root: 0 if root in unpaid else bytes_of([root.aval]) for root in map(self.root, self.values)}


def _shared(step: Kernel | Eqn, made: Generated) -> Iterator[tuple[Var, Var]]:
    """Results of a step that take the memory of an operand."""
    if isinstance(step, Kernel):
        yield from step.in_place.items()
    elif is_view(step):
        yield from ((v, a) for v in step.outputs for a in step.inputs[:1] if isinstance(a, Var))
    elif step in made.taken:
        results = overwrites_of(step, _language())
        yield from ((step.outputs[results[i]], a) for i in made.taken[step] if isinstance(a := step.inputs[i], Var))


def _within(step: Kernel | Eqn) -> int:
    """What a step holds while it runs."""
    if isinstance(step, Kernel):
        return step.scratch
    held = 0 if step.primitive.runs is None else step.primitive.runs(_language(), **step.params).held
    return held + max((analyse(*p).temporary_bytes for p in programs_of(step, _language())), default=0)
