"""Forward derivatives: run a function on pairs (primal, tangent).

`JVPTrace` applies the `jvp` rule of each op that meets a tracer of its own.  A value whose tangent is
zero is not wrapped at all, so what does not depend on the inputs costs nothing.  Rules run under the
trace's `parent`; reverse mode uses the same trace with another parent (`linearize.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import context, using_trace
from cujax.engine.core.leaks import leak_checked
from cujax.engine.core.primitive import Primitive
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import ConcreteArray, Trace, Tracer, aval_of
from cujax.engine.core.zero import Zero, zero_tangent
from cujax.engine.ops.constants import zeros_of


class JVPTracer(Tracer):
    """A primal and its tangent; never made for a zero tangent."""

    __slots__ = ("primal", "tangent")

    def __init__(self, trace: JVPTrace, primal: Any, tangent: Any) -> None:
        self.owner = trace
        self.primal = primal
        self.tangent = tangent
        self.aval = aval_of(primal)

    def concrete(self) -> ConcreteArray | None:
        if isinstance(self.primal, Tracer):
            return self.primal.concrete()
        return self.primal if isinstance(self.primal, ConcreteArray) else None

    def origin(self) -> str:
        return (
            self.primal.origin()
            if isinstance(self.primal, Tracer)
            else "It belongs to a derivative (grad, jvp)."
        )

    def line(self) -> Any:
        return self.primal.line() if isinstance(self.primal, Tracer) else None


class JVPTrace(Trace):
    """Pairs primals with tangents; rules run under `parent`."""

    __slots__ = ("parent",)

    def __init__(self, parent: Trace) -> None:
        super().__init__()
        self.parent = parent

    def wrap(self, primal: Any, tangent: Any) -> Any:
        """The tracer of the pair, or the primal alone when the tangent is zero."""
        return primal if type(tangent) is Zero else JVPTracer(self, primal, tangent)

    def pair(self, x: Any) -> tuple[Any, Any]:
        """Primal and tangent of any value."""
        if type(x) is JVPTracer and x.owner is self:
            return x.primal, x.tangent
        return x, Zero(aval_of(x).to_tangent_aval())

    def process(self, primitive: Primitive, args: tuple, params: dict[str, Any]) -> Any:
        previous, context.trace = context.trace, self.parent
        try:
            if not any(type(a) is JVPTracer and a.owner is self for a in args):
                return self.parent.process(primitive, args, params)
            pairs = [self.pair(a) for a in args]
            primals, tangents = [p for p, _ in pairs], [t for _, t in pairs]
            out, t_out = primitive.rule("jvp")(primals, tangents, **params)
        finally:
            context.trace = previous
        if primitive.multiple:
            return [self.wrap(p, t) for p, t in zip(out, t_out, strict=True)]
        return self.wrap(out, t_out)


@leak_checked
def jvp(fun: Callable, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Outputs and tangents (possibly `Zero`) of the flat function `fun` at `primals`."""
    trace = JVPTrace(context.trace)
    try:
        with using_trace(trace):
            outs = fun(*map(trace.wrap, primals, tangents))
        pairs = [trace.pair(o) for o in outs]
    finally:
        trace.alive = False
    return [p for p, _ in pairs], [t for _, t in pairs]


def instantiate(tangent: Any) -> Any:
    """`tangent`, with a symbolic zero made an array."""
    return zeros_of(tangent.aval) if type(tangent) is Zero else tangent


def jvp_tape(
    tape: Tape, nonzero_in: Sequence[bool], force_out: bool | Sequence[bool] = False
) -> tuple[Tape, tuple[bool, ...]]:
    """The tape of (primals, nonzero tangents) -> (outs, nonzero tangents out), and which are nonzero.

    `force_out` names outputs whose tangent is wanted even where it is zero (loop carries).
    """
    nonzero = tuple(nonzero_in)
    forced = (force_out,) * len(tape.outputs) if isinstance(force_out, bool) else tuple(force_out)
    return tape.memo(("jvp", nonzero, forced), lambda: _jvp_tape(tape, nonzero, forced))


def _jvp_tape(
    tape: Tape, nonzero: tuple[bool, ...], forced: tuple[bool, ...]
) -> tuple[Tape, tuple[bool, ...]]:
    nonzero_out: list[bool] = []

    def pairs(*args: Any) -> list[Any]:
        primals, flat_tangents = args[: len(nonzero)], iter(args[len(nonzero) :])
        tangents = [
            next(flat_tangents) if nz else zero_tangent(p) for p, nz in zip(primals, nonzero, strict=True)
        ]
        outs, t_outs = jvp(lambda *xs: run_tape(tape, xs), primals, tangents)
        t_outs = [instantiate(t) if f else t for t, f in zip(t_outs, forced, strict=True)]
        nonzero_out.extend(type(t) is not Zero for t in t_outs)
        return [*outs, *(t for t in t_outs if type(t) is not Zero)]

    derived = record_pure(pairs, [*tape.in_avals, *tangent_avals(tape.in_avals, nonzero)], f"jvp_{tape.name}")
    return derived, tuple(nonzero_out)


def tangent_avals(avals: Sequence[ShapedArray], nonzero: Sequence[bool]) -> list[ShapedArray]:
    """Tangent avals of those `avals` whose tangent is not zero."""
    return [a.to_tangent_aval() for a, nz in zip(avals, nonzero, strict=True) if nz]
