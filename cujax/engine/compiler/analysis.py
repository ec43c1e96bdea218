"""What a program needs and does, without running it: bytes held, bytes moved, kernels, launches.

A kernel reads what it loads and writes its results, once each; a library call its operands and results; an op
that holds tapes (a loop, a branch) counts what one run of each of its tapes does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from cujax.engine.backends.select import selected
from cujax.engine.compiler.cpp import physical
from cujax.engine.compiler.generate import Generated
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.program import generated, last_uses, reads_of, writes_of
from cujax.engine.compiler.schedule import lay_out
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.tape import Eqn, Literal, Tape, subtapes


class Analysis(NamedTuple):
    """temporary_bytes: held at the worst moment beside arguments and results.  launches: of kernels in one run.

    changed_bytes: of inputs that are overwritten.
    """

    temporary_bytes: int
    bytes_moved: int
    kernels: int
    launches: int
    changed_bytes: int


def analyse(tape: Tape, owned: Sequence[int] = ()) -> Analysis:
    """Of one run of the program of `tape`, which owns some inputs, on this process's backend, inner ones included."""
    made = _generated(tape, owned)
    steps = made.steps
    inner = [analyse(t) for s in steps for t in _inner(s)]
    own = [s for s in steps if isinstance(s, Kernel)]
    return Analysis(
        _peak(tape, owned),
        sum(map(_moved, steps)) + sum(a.bytes_moved for a in inner),
        len(own) + sum(a.kernels for a in inner),
        sum(len(k.calls) for k in own) + sum(a.launches for a in inner),
        bytes_of([v.aval for v in made.changed]),
    )


def bytes_of(avals: Sequence[ShapedArray]) -> int:
    return sum(a.size * physical(a.dtype).itemsize for a in avals)


def _generated(tape: Tape, owned: Sequence[int]) -> Generated:
    target = selected().kernels
    return generated(tape, None if target is None else target.language, owned)


def _inner(step: Kernel | Eqn) -> list[Tape]:
    return [] if isinstance(step, Kernel) else list(subtapes(step.params))


def _moved(step: Kernel | Eqn) -> int:
    if isinstance(step, Eqn) and any(subtapes(step.params)):
        return 0
    return bytes_of([a.aval for a in (*reads_of(step), *writes_of(step))])


def _peak(tape: Tape, owned: Sequence[int] = ()) -> int:
    """The most that is held at once beside inputs and outputs: the arena, other values, scratch, inner programs'."""
    steps, tape = _generated(tape, owned).steps, optimized(tape)
    lasting: set[Any] = {*tape.inputs, *(a for a in tape.outputs if not isinstance(a, Literal))}
    ends = last_uses(steps, tape)
    arena = lay_out(steps, tape.outputs, ends)
    lasting |= arena.offsets.keys()
    held = peak = arena.nbytes
    for step, dead in zip(steps, ends, strict=True):
        held += bytes_of([v.aval for v in writes_of(step) if v not in lasting])
        within = step.scratch if isinstance(step, Kernel) else max((_peak(t) for t in _inner(step)), default=0)
        peak = max(peak, held + within)
        held -= bytes_of([v.aval for v in dead if v not in lasting])
    return peak
