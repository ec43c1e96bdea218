"""Which residuals of a loop's step are computed again in the backward pass instead of being kept.

A residual that is kept is written for every step and read again; on any processor that takes as long as dozens of
additions.  So where a step is made of what kernels compute (elementwise ops, movers, short sums), its residuals are
computed again from the known inputs of the step, of which the carry alone has to be kept.  The compiler fuses that
into the backward step: in a lane kernel it happens in registers.
"""

from __future__ import annotations

from typing import Any

from cujax.engine.compiler.kinds import ELEMENTWISE, MOVER, PRODUCTS, SHORT, cost, kind_of
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.simplify import rearrange, remove_dead_code
from cujax.engine.core.tape import Tape, Var
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes
from cujax.engine.ops.random_bits import random_clone
from cujax.engine.transforms.linearize import SplitTape

TRAFFIC = 60  # additions in the time that an element takes to be written and read again


def with_recomputed_residuals(parts: SplitTape) -> SplitTape:
    """`parts` with all residuals computed again, if that is less work than keeping them."""
    if not parts.num_extra:
        return parts
    num_outs = len(parts.known.outputs) - parts.num_extra
    again = remove_dead_code(rearrange(parts.known, range(len(parts.known.inputs)), _extra(parts, num_outs)))[0]
    if any(kind_of(e) not in (ELEMENTWISE, MOVER, PRODUCTS, SHORT) for e in again.eqns):
        return parts
    work = sum(cost(e) * e.outputs[0].aval.size for e in again.eqns)
    read = sorted(_inputs_of(again, parts))
    kept = sum(a.aval.size for a in dict.fromkeys(again.outputs) if isinstance(a, Var) and a not in again.inputs)
    if work > TRAFFIC * (kept - sum(parts.known.in_avals[i].size for i in read if i not in parts.residual_inputs)):
        return parts
    return SplitTape(_without_extra(parts, num_outs), _linear(parts, again, read), parts.unknown_out, tuple(read))


def _extra(parts: SplitTape, num_outs: int) -> range:
    return range(num_outs, len(parts.known.outputs))


def _inputs_of(again: Tape, parts: SplitTape) -> set[int]:
    """Numbers of the known inputs from which everything follows."""
    needed = {a for e in again.eqns for a in e.inputs} | set(again.outputs)
    own = {i for i, v in enumerate(again.inputs) if v in needed}
    return own | {i for i in parts.residual_inputs if i is not None}


def _without_extra(parts: SplitTape, num_outs: int) -> Tape:
    known = parts.known
    return remove_dead_code(Tape(known.inputs, known.eqns, known.outputs[:num_outs], known.name))[0]


def _linear(parts: SplitTape, again: Tape, read: list[int]) -> Tape:
    """(known inputs that are read, unknown inputs) -> unknown outs."""
    unknown_avals = parts.linear.in_avals[len(parts.residual_inputs) :]
    known_avals = [parts.known.in_avals[i] for i in read]
    place = {i: k for k, i in enumerate(read)}

    def run(*args: Any) -> list[Any]:
        known = [_again(args[place[i]]) if i in place else None for i in range(len(again.inputs))]
        extra = run_tape(again, known)
        residuals = parts.residuals(known, extra)
        return run_tape(parts.linear, [*residuals, *args[len(read) :]])

    return record_pure(run, [*known_avals, *unknown_avals], parts.linear.name)


def _again(known: Any) -> Any:
    """A known input of what is computed again, which may use the keys that the forward pass has used."""
    return random_clone(known) if dtypes.is_key(aval_of(known).dtype) else known
