"""What a program needs and does, without running it: bytes held, bytes moved, kernels, launches.

A kernel reads what it loads and writes its results, once each; a library call its operands and results; an op
that holds tapes (a loop, a branch) counts what one run of each of its tapes does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.program import Program, compile_tape, last_uses, reads_of, writes_of
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import Eqn, Literal, subtapes


class Analysis(NamedTuple):
    """temporary_bytes: held at the worst moment beside arguments and results.  launches: of kernels in one run."""

    temporary_bytes: int
    bytes_moved: int
    kernels: int
    launches: int


def analyse(program: Program) -> Analysis:
    """Of one run of `program`, inner programs included."""
    steps = program.generated.steps
    inner = [analyse(p) for s in steps for p in _inner(s)]
    own = [s for s in steps if isinstance(s, Kernel)]
    return Analysis(
        _peak(program),
        sum(map(_moved, steps)) + sum(a.bytes_moved for a in inner),
        len(own) + sum(a.kernels for a in inner),
        sum(len(k.calls) for k in own) + sum(a.launches for a in inner),
    )


def bytes_of(avals: Sequence[ShapedArray]) -> int:
    return sum(a.size * physical(a.dtype).itemsize for a in avals)


def _inner(step: Kernel | Eqn) -> list[Program]:
    return [] if isinstance(step, Kernel) else [compile_tape(t) for t in subtapes(step.params)]


def _moved(step: Kernel | Eqn) -> int:
    if isinstance(step, Eqn) and any(subtapes(step.params)):
        return 0
    return bytes_of([a.aval for a in (*reads_of(step), *writes_of(step))])


def _peak(program: Program) -> int:
    """The most that is held at once beside inputs and outputs: values still to be read, scratch, inner programs'."""
    steps = program.generated.steps
    lasting = {*program.tape.inputs, *(a for a in program.tape.outputs if not isinstance(a, Literal))}
    held = peak = 0
    for step, dead in zip(steps, last_uses(steps, program.tape), strict=True):
        held += bytes_of([v.aval for v in writes_of(step) if v not in lasting])
        within = step.scratch if isinstance(step, Kernel) else max((_peak(p) for p in _inner(step)), default=0)
        peak = max(peak, held + within)
        held -= bytes_of([v.aval for v in dead if v not in lasting])
    return peak
