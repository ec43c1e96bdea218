"""The body of a loop that runs on the host, as a program that is run once for each step.

    LoopBody(tape, num_consts, num_carry)     of a tape (consts, carry, ...) -> (carry, ys)
    body.program()                            run([*consts, *carry, *rest, *buffers for ys]) -> [*carry, *ys]
    body.overwritten(language)                which of the carry it changes in place

Each y is written into a buffer that is passed, a row of the stacked result.  From the second step on the carry is the
loop's own, and the body may change it in place; before the first step the loop copies what is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cujax.engine.backends.api import Buffer
from cujax.engine.backends.select import selected
from cujax.engine.compiler.in_place import made_by, shared_by
from cujax.engine.compiler.loop_plan import LoopPlan, Part, plan_loop
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.program import Program, compile_tape, generated
from cujax.engine.core.tape import Tape


class LoopBody(NamedTuple):
    """See the module's docstring."""

    tape: Tape
    num_consts: int
    num_carry: int

    @property
    def placed(self) -> tuple[int, ...]:
        """Numbers of the ys among the outputs."""
        return tuple(range(self.num_carry, len(self.tape.outputs)))

    def owned(self, language: str | None) -> tuple[int, ...]:
        """Numbers of the inputs that the body may overwrite from the second step on.

        A carry qualifies if what takes its place in the next step is no other input, no other carry, no y, and made
        by a step whose results are memory of their own, and if no other carry may share this memory.
        """
        return self.tape.memo(("owned carry", language, self.num_consts, self.num_carry), lambda: self._owned(language))

    def _owned(self, language: str | None) -> tuple[int, ...]:
        if language is None:
            return ()
        rewritten = optimized(self.tape)
        steps = generated(self.tape, language, (), self.placed).steps
        made = made_by(steps, language) - shared_by(rewritten.outputs[: self.num_carry], steps, language)
        carry, ys = rewritten.outputs[: self.num_carry], rewritten.outputs[self.num_carry :]
        return tuple([
            i
            for i, out in enumerate(carry, self.num_consts)
            if carry.count(out) == 1 and out not in ys and (out in made or out is rewritten.inputs[i])
        ])

    def overwritten(self, language: str | None) -> list[int]:
        """Numbers of the carries that are changed in place; after a step these are memory of the loop's own."""
        owned, inputs = self.owned(language), optimized(self.tape).inputs
        changed = generated(self.tape, language, owned, self.placed).changed
        return [i - self.num_consts for i in owned if inputs[i] in changed]

    def program(self) -> Program:
        """The program on this process's backend."""
        return compile_tape(self.tape, self.owned(language()), self.placed)

    def plan(self, program: Program, num_rows: int = 0, condition: Part | None = None) -> LoopPlan | None:
        """The steps prepared all at once, where that can be (loop_plan.py); remembered with the program."""
        key = self.num_consts, self.num_carry, condition
        if key not in program.plans:
            program.plans[key] = plan_loop(Part(program, self.num_consts), self.num_carry, num_rows, condition)
        return program.plans[key]

    def changed(self, program: Program) -> list[int]:
        """Numbers of the carries that `program` changes in place."""
        return [i - self.num_consts for i in program.changed]

    def settled(self, program: Program, carry: Sequence[Buffer]) -> list[Buffer]:
        """The last carry, as memory of its own where it is said to be.

        A row of ys that is a carry, too, would keep all rows alive; a program that runs op by op after all, since its
        kernels did not compile, changes nothing in place and may return what it was given.
        """
        outputs = program.tape.outputs
        rows = {k for k, out in enumerate(outputs[: self.num_carry]) if out in outputs[self.num_carry :]}
        return copied(carry, rows | {*self.overwritten(language())} - {*self.changed(program)})


def language() -> str | None:
    """Of the kernels on this process's backend; None where there are none."""
    target = selected().kernels
    return None if target is None else target.language


def copied(buffers: Sequence[Buffer], numbers: Iterable[int]) -> list[Buffer]:
    """`buffers` with copies of those at `numbers`."""
    found = list(buffers)
    for i in numbers:
        found[i] = selected().copy(found[i])
    return found
