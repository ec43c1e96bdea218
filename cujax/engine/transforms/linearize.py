"""Linearization: the derivative of a function at a point, as a linear tape.

Reverse mode is forward mode under a parent that divides the work.  `SplitTrace` runs every op whose
operands are known at once, under the trace around it, and records every op that touches an unknown (a
tangent) on a linear tape.  Values that the linear tape reads from the known side are its residuals: they
are simply the captured inputs of the recording.  Structured ops (calls, loops, branches, checkpoints)
mix both sides inside one equation and divide themselves by their `split` rule.

Start at `linearize`; `split_tape` is the same division for a tape inside an equation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cujax.engine.core.context import context, using_trace
from cujax.engine.core.leaks import leak_checked
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.recording import TapeTrace, TapeTracer, record_pure, run_tape
from cujax.engine.core.simplify import drop_inputs, remove_dead_code
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import Trace, aval_of
from cujax.engine.core.zero import Zero
from cujax.engine.ground import dtypes
from cujax.engine.transforms.jvp import JVPTrace


class SplitTrace(Trace):
    """Known ops run under `parent`, ops on unknowns are recorded on `tape`."""

    __slots__ = ("parent", "tape")

    def __init__(self, parent: Trace, tape: TapeTrace) -> None:
        super().__init__()
        self.parent = parent
        self.tape = tape

    def is_unknown(self, x: Any) -> bool:
        return type(x) is TapeTracer and x.owner is self.tape

    def process(self, primitive: Primitive, args: tuple, params: dict[str, Any]) -> Any:
        unknown = [self.is_unknown(a) for a in args]
        if not any(unknown):
            previous, context.trace = context.trace, self.parent
            try:
                return self.parent.process(primitive, args, params)
            finally:
                context.trace = previous
        if primitive.split is not None:
            return primitive.split(unknown, args, **params)
        return self.tape.process(primitive, args, params)


def record_unknown(primitive: Primitive, args: Sequence[Any], params: dict[str, Any]) -> Any:
    """For `split` rules: put an equation on the linear tape of the current `SplitTrace` as it is."""
    assert isinstance(context.trace, SplitTrace)
    return context.trace.tape.append(primitive, args, params)


class Linearized(NamedTuple):
    """`tape(*residuals, *tangents of the inexact inputs) -> tangents of the outs marked nonzero`."""

    tape: Tape
    residuals: list[Any]
    nonzero_in: list[bool]
    nonzero_out: list[bool]


@leak_checked
def linearize(fun: Callable, primals: Sequence[Any]) -> tuple[list[Any], Linearized]:
    """Outputs of the flat function `fun` at `primals`, and its derivative there as a linear tape."""
    recording = TapeTrace("linear")
    trace = JVPTrace(SplitTrace(context.trace, recording))
    nonzero_in = [dtypes.is_inexact(aval_of(p).dtype) for p in primals]
    tangents = [
        recording.input(aval_of(p).to_tangent_aval()) if nz else zero_tangent_of(p)
        for p, nz in zip(primals, nonzero_in, strict=True)
    ]
    try:
        with using_trace(trace):
            outs = fun(*map(trace.wrap, primals, tangents))
        pairs = [trace.pair(o) for o in outs]
    finally:
        trace.alive = False
    t_outs = [t for _, t in pairs]
    nonzero_out = [type(t) is not Zero for t in t_outs]
    tape, residuals = _finish(recording, [t for t in t_outs if type(t) is not Zero])
    return [p for p, _ in pairs], Linearized(tape, residuals, nonzero_in, nonzero_out)


def zero_tangent_of(x: Any) -> Zero:
    return Zero(aval_of(x).to_tangent_aval())


def _finish(recording: TapeTrace, outs: Sequence[Any]) -> tuple[Tape, list[Any]]:
    """The linear tape without dead equations, and the residuals that it still reads."""
    tape, captured = recording.finish(outs)
    tape, used = remove_dead_code(tape)
    used = used[: len(captured)] + [True] * (len(used) - len(captured))
    return drop_inputs(tape, used), [c for c, keep in zip(captured, used, strict=False) if keep]


class SplitTape(NamedTuple):
    """A tape divided into a known and a linear part.

    known: known inputs -> known outs, then the residuals that are not themselves known inputs
    linear: residuals, then unknown inputs -> unknown outs
    unknown_out: which outputs are unknown
    residual_inputs: for each residual the position among the known inputs, or None for an extra output
    """

    known: Tape
    linear: Tape
    unknown_out: tuple[bool, ...]
    residual_inputs: tuple[int | None, ...]

    @property
    def num_extra(self) -> int:
        """How many residuals are extra outputs of `known`."""
        return sum(r is None for r in self.residual_inputs)

    def residuals(self, known_inputs: Sequence[Any], extra: Sequence[Any]) -> list[Any]:
        """The residuals, given the known inputs and the extra outputs of `known`."""
        extras = iter(extra)
        return [next(extras) if i is None else known_inputs[i] for i in self.residual_inputs]


def split_tape(tape: Tape, unknown: Sequence[bool], force_unknown: Sequence[bool] | None = None) -> SplitTape:
    """Divide `tape` by which inputs are unknown; outputs marked in `force_unknown` become unknown too."""
    unknown = tuple(unknown)
    forced = tuple(force_unknown) if force_unknown is not None else (False,) * len(tape.outputs)
    return tape.memo(("split", unknown, forced), lambda: _split_tape(tape, unknown, forced))


def _split_tape(tape: Tape, unknown: tuple[bool, ...], forced: tuple[bool, ...]) -> SplitTape:
    linear: Any = None
    unknown_out: tuple[bool, ...] = ()
    residual_inputs: tuple[int | None, ...] = ()

    def known_part(*known: Any) -> list[Any]:
        nonlocal linear, unknown_out, residual_inputs
        recording = TapeTrace(tape.name)
        split = SplitTrace(context.trace, recording)
        known_iter = iter(known)
        args = [
            recording.input(a) if u else next(known_iter) for a, u in zip(tape.in_avals, unknown, strict=True)
        ]
        with using_trace(split):
            outs = run_tape(tape, args)
        unknown_out = tuple(split.is_unknown(o) or f for o, f in zip(outs, forced, strict=True))
        linear, residuals = _finish(recording, [o for o, u in zip(outs, unknown_out, strict=True) if u])
        position = {id(k): i for i, k in enumerate(known)}
        residual_inputs = tuple(position.get(id(r)) for r in residuals)
        extra = [r for r, i in zip(residuals, residual_inputs, strict=True) if i is None]
        return [*(o for o, u in zip(outs, unknown_out, strict=True) if not u), *extra]

    known_avals = [a for a, u in zip(tape.in_avals, unknown, strict=True) if not u]
    known = record_pure(known_part, known_avals, tape.name)
    return SplitTape(known, linear, unknown_out, residual_inputs)
