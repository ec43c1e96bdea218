"""The kernels and library calls of a function, and how often each runs in one call.

    steps_of(tape_of(case, peer)) -> [Step, ...]      of one call; loops of the host are gone through in thought

Nothing is run and no array is made: arguments are shapes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

import cujax
from bench.case import Case
from bench.peers import Peer, on_leaves
from bench.roofline import machine_code
from bench.roofline.machine_code import Code
from bench.roofline.operations import STEPS, Work, counted
from cujax.api.inspect import record_call
from cujax.engine.compiler.analysis import _moved
from cujax.engine.compiler.fuse import is_view
from cujax.engine.compiler.generate import generate
from cujax.engine.compiler.kernel import Kernel, without_comments
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.plan import make_plan
from cujax.engine.compiler.program import programs_of
from cujax.engine.compiler.update import Update
from cujax.engine.core.tape import Eqn, Tape, Var


class Step(NamedTuple):
    """A kernel, or a library call where `kernel` is None, and how often it runs.

    codes: of the kernel's calls, in their order.  guessed: the number of runs is..
    """

    name: str
    times: int
    bytes_moved: int
    kernel: Kernel | None = None
    work: Work | None = None
    codes: tuple[Code, ...] = ()
    guessed: bool = False
    updates: int = 0
    contended: bool = False
    flops: int = 0
    dtype: str = ""

    @property
    def is_ordered(self) -> bool:
        """A scatter whose updates enter in their order, by four kernels."""
        return len(self.codes) == _ORDERED

    @property
    def gathers(self) -> bool:
        """A scatter whose updates are gathered in each block before they enter, by a second kernel."""
        return self.updates > 0 and len(self.codes) == _GATHERED


_ORDERED, _GATHERED = 4, 2


def tape_of(case: Case, peer: Peer) -> Tape:
    """The tape of the case's function, for inputs of its shapes."""
    shapes = on_leaves(_shape, case.inputs())
    with peer.x64(case.x64):
        return record_call("jit", case.make["jax"](peer), shapes, {}).tape


def _shape(x: Any) -> Any:
    return cujax.ShapeDtypeStruct(np.shape(x), np.asarray(x).dtype)


def steps_of(tape: Tape) -> list[Step]:
    """All steps of one call."""
    return list(_steps(tape, (), (), 1, False))


def _steps(tape: Tape, owned: Sequence[int], placed: Sequence[int], times: int, guessed: bool) -> Iterator[Step]:
    tape = optimized(tape)
    outputs = {a for a in [tape.outputs[k] for k in placed] if isinstance(a, Var)}

    def plan() -> Any:
        return make_plan(tape, "cuda", [tape.inputs[i] for i in owned], outputs)

    made, regions = generate(plan(), "cuda"), plan().steps
    codes = machine_code.codes(without_comments(made.source)) if made.kernels else {}
    for step, region in zip(made.steps, regions, strict=True):
        if isinstance(step, Kernel):
            if not step.is_empty:
                own = tuple(codes[c.name] for c in step.calls)
                updates = _updates(region) if isinstance(region, Update) else 0
                name = step.calls[-1].name.removesuffix("_join")
                yield Step(name, times, step.bytes_moved, step, counted(region), own, guessed, updates)
        elif programs := programs_of(step, "cuda"):
            for program, (count, is_guess) in zip(programs, _counts(step, len(programs)), strict=True):
                yield from _steps(*program, times * count, guessed or is_guess)
        elif not is_view(step):
            dtype = str(step.outputs[0].aval.dtype)
            yield Step(step.primitive.name, times, _moved(step), guessed=guessed, dtype=dtype)


def _updates(update: Update) -> int:
    """How many windows enter."""
    return prod(update.shape[k] for k in update.ordered_axes)


def _counts(eqn: Eqn, programs: int) -> list[tuple[int, bool]]:
    """How often each program of a loop or branch runs, and whether that is a guess."""
    if eqn.primitive.name == "scan":
        return [(eqn.params["length"], False)] * programs
    if eqn.primitive.name == "while":
        return [(STEPS, True)] * programs
    return [(1, eqn.primitive.name == "cond")] * programs


