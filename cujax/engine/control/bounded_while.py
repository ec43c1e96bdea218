"""Reverse mode through a while loop of which it is known how many steps it takes at most.

    as_scans(...) -> tape of (condition's consts, body's consts, carry) -> carry

Going backwards, a loop needs the states that it went through.  Here it becomes a scan over segments, each of which is
a scan over shorter segments, and so on down to single steps; a step of a loop that has ended changes nothing, a
segment after the end is not run.  Segments are checkpoints (checkpoint.py): going backwards through one computes its
states once more, from the first.  Of `levels` scans inside each other, each of at most `_MOST_PARTS` parts, at most
levels * _MOST_PARTS states are kept at any time, whatever the number of steps, and every step is computed levels - 1
times more than without derivatives (recursive checkpointing: Griewank, "Achieving logarithmic growth of temporal and
spatial complexity in reverse automatic differentiation", 1992).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.control.checkpoint import checkpoint_p
from cujax.engine.control.cond import cond_p
from cujax.engine.control.scan import scan_p
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.ground import dtypes
from cujax.engine.ops.conversion import convert_element_type

_MOST_PARTS = 64  # of a segment: 4,096 steps are two levels and keep at most 128 states, 262,144 three and 192


def as_scans(cond_tape: Tape, cond_consts: int, body_tape: Tape, body_consts: int, max_steps: int) -> Tape:
    """The loop by scans inside each other, remembered on its body."""
    key = ("as_scans", cond_tape, cond_consts, max_steps)
    return body_tape.memo(key, lambda: _as_scans(cond_tape, cond_consts, body_tape, body_consts, max_steps))


def _as_scans(cond_tape: Tape, cond_consts: int, body_tape: Tape, body_consts: int, max_steps: int) -> Tape:
    num_consts = cond_consts + body_consts
    const_avals = [*cond_tape.in_avals[:cond_consts], *body_tape.in_avals[:body_consts]]
    in_avals = [*const_avals, *body_tape.out_avals]
    name = body_tape.name
    parts, levels = _divided(max_steps)

    def recorded(function: Callable) -> Tape:
        return record_pure(lambda *args: function(args[:num_consts], args[num_consts:]), in_avals, name)

    def while_running(run: Tape) -> Tape:
        """`run`, where the condition holds."""
        keep = recorded(lambda consts, carry: list(carry))

        def step(consts: Sequence[Any], carry: Sequence[Any]) -> list[Any]:
            (running,) = run_tape(cond_tape, [*consts[:cond_consts], *carry])
            index = convert_element_type(running, dtypes.int32)
            return cond_p.bind(index, *consts, *carry, branches=(keep, run))

        return recorded(step)

    def repeated(step: Tape) -> Callable:
        return lambda consts, carry: scan_p.bind(
            *consts, *carry, tape=step, num_consts=num_consts, num_carry=len(carry), length=parts, reverse=False,
            unroll=1,
        )

    def as_checkpoint(segment: Tape) -> Tape:
        return recorded(lambda consts, carry: checkpoint_p.bind(
            *consts, *carry, tape=segment, policy=None, prevent_cse=True, differentiated=False
        ))

    segment = recorded(lambda consts, carry: run_tape(body_tape, [*consts[cond_consts:], *carry]))
    for _ in range(levels - 1):
        segment = as_checkpoint(recorded(repeated(while_running(segment))))
    return recorded(repeated(while_running(segment)))


def _divided(steps: int) -> tuple[int, int]:
    """Into how many parts a segment is divided and how often, at least twice, so that there are enough single steps."""
    levels = 2
    while _MOST_PARTS**levels < steps:
        levels += 1
    parts = next(parts for parts in range(1, _MOST_PARTS + 1) if parts**levels >= steps)
    return parts, levels
