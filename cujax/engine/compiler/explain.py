"""What became of each loop and branch of a tape: one kernel over lanes, or steps, and then why.

    loops_of(tape, language) -> text

A loop that runs in steps is followed by what became of the loops inside it.  Convolutions that a library computes with
what is added to them are told too.
"""

from __future__ import annotations

from collections.abc import Iterator

from cujax.engine.compiler.kinds import LOOPS, REDUCTION, SHORT, kind_of
from cujax.engine.compiler.lane_costs import Slower
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.lanes import INLINED, Mixed
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.plan import Plan, make_plan
from cujax.engine.compiler.traffic import bytes_of, moved_by
from cujax.engine.core.tape import Eqn, Tape, subtapes
from cujax.engine.ops.convolution_epilogue import convolution_epilogue_p

_INDENT = "    "


def loops_of(tape: Tape, language: str) -> str:
    """For every loop, branch and convolution with an epilogue its line, and what it is in a program in `language`."""
    lines = list(_explained(tape, language, set()))
    return "\n".join(lines) if lines else f"{tape.name} has no loops and no branches"


def _explained(tape: Tape, language: str, seen: set[Tape]) -> Iterator[str]:
    if tape in seen:
        return
    seen.add(tape)
    plan = make_plan(optimized(tape), language)
    for step in plan.steps:
        if isinstance(step, LaneRegion):
            yield from _as_kernel(step)
        elif isinstance(step, Eqn) and step.primitive is convolution_epilogue_p:
            yield _with_epilogue(step)
        elif isinstance(step, Eqn) and any(subtapes(step.params)):
            yield from _as_steps(step, plan)
            for inner in subtapes(step.params):
                yield from (_INDENT + line for line in _explained(inner, language, seen))


def _with_epilogue(eqn: Eqn) -> str:
    residual = "what is added, " if len(eqn.inputs) > 3 else ""
    maximum = " and max(x, 0)" if eqn.params["rectifies"] else ""
    return f"convolution{_where(eqn)}: one call of the library with {residual}the bias{maximum}"


def _where(eqn: Eqn) -> str:
    return f" at {eqn.source}" if eqn.source is not None else ""


def _title(eqn: Eqn) -> str:
    steps = f" of {eqn.params['length']} steps" if "length" in eqn.params else ""
    kind = "matrices" if eqn.primitive.name in INLINED else eqn.primitive.name
    return f"{kind}{steps}{_where(eqn)}"


def _as_kernel(step: LaneRegion) -> Iterator[str]:
    registers = len({r.name for r in step.program.homes if not isinstance(r, int)})
    arrays = {a.name: a.aval for a in step.program.arrays}
    lanes = f"{step.lanes.number} lanes" if step.shape else "a single lane"
    kept = f" and {len(arrays)} arrays of {bytes_of(arrays.values())} bytes" if arrays else ""
    noun = "register" if registers == 1 else "registers"
    yield f"{_title(step.eqn)}: one kernel"
    yield (
        f"{_INDENT}{lanes}, {registers} {noun} in each{kept}, {step.size} operations written out, "
        f"{moved_by(step)} bytes read and written"
    )


def _as_steps(eqn: Eqn, plan: Plan) -> Iterator[str]:
    yield f"{_title(eqn)}: runs in steps"
    error = plan.mixed.get(eqn)
    if error is not None:
        where = f" ({error.line})" if error.line is not None else ""
        yield f"{_INDENT}{error.reason}{where}"
        yield f"{_INDENT}{_advice(error)}"


def _advice(error: Mixed) -> str:
    """What to write instead."""
    eqn = error.eqn
    if isinstance(error, Slower):
        return "Nothing stands in the way of one kernel, which would take longer."
    if eqn is None or eqn.primitive.name in LOOPS:
        return "A lane holds few values: give the loop fewer, or a batch axis along which it is independent (vmap)."
    if kind_of(eqn) in (REDUCTION, SHORT):
        return "Carry what is summed for each lane, and combine the lanes after the loop."
    if eqn.primitive.lane_map is not None and "too much" in error.reason:
        return "Smaller ones fit into a lane; of this size a library takes all of a step together."
    if eqn.has_effect:
        return "Return the values (the ys of scan), and show them after the loop."
    return "Elements that are coupled in each step are no lanes; a batch of such problems has some (vmap)."
