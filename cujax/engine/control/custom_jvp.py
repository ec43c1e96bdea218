"""`custom_jvp_call_p`: a function with a forward derivative of the user's own.

Params: the function, as `fun` or `tape` (see `functions.py`), and `rule(primals, tangents) -> (outs,
tangents)`, where tangents may be `Zero`.  The rule is always a function, called when a derivative is
taken.  Reverse mode needs nothing more: the same rule runs under a trace that records what touches tangents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.compiler.program import compile_tape
from cujax.engine.control.call import keys_of_call
from cujax.engine.control.flags import nonzero_flags, split_at
from cujax.engine.control.functions import (
    IN_BATCH_FUNCTIONS,
    OutputDims,
    Vmap,
    as_value,
    element_zero,
    evaluate_function,
    function_of,
    record_function,
    refuse_captured,
)
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.tape import Tape
from cujax.engine.transforms.batching import BatchTrace
from cujax.engine.transforms.transpose import backward_mixed


def _shape(*avals: ShapedArray, tape: Tape, rule: Callable) -> tuple[ShapedArray, ...]:
    return tape.out_avals


def _impl(xp: Any, *buffers: Any, tape: Tape, rule: Callable) -> list[Any]:
    return compile_tape(tape).run(buffers)


def _stage(trace: Any, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    if "tape" in params:
        return trace.append(custom_jvp_call_p, args, params)
    tape, captured = record_function(params["fun"], args)
    rule = _rule_of_recorded(params["rule"], tape.name, len(captured))
    return trace.append(custom_jvp_call_p, [*captured, *args], {"tape": tape, "rule": rule})


def _rule_of_recorded(rule: Callable, name: str, num_captured: int) -> Callable:
    """The rule of a recorded function, whose first operands are what it captured."""

    def recorded(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        captured, tangents = split_at(tangents, num_captured)
        refuse_captured("custom_jvp", name, nonzero_flags(captured))
        return rule(primals[num_captured:], tangents)

    return recorded


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, rule: Callable, **body: Any
) -> tuple[list[Any], list[Any]]:
    return rule([as_value(p) for p in primals], tangents)


def _split(unknown: Sequence[bool], args: Sequence[Any], *, rule: Callable, **body: Any) -> list[Any]:
    """What touches an unknown is linear already: the rule is no longer needed, the function is dissolved."""
    return function_of(body)(*args)


def _transpose(cts: Sequence[Any], *operands: Any, tape: Tape, rule: Callable) -> list[Any]:
    return backward_mixed(tape, operands, cts)


def _batch_functions(
    trace: BatchTrace, operands: Sequence[Any], dims: Sequence[int | None], *, rule: Callable, **body: Any
) -> tuple[list[Any], list[int | None]]:
    out_dims = OutputDims(dims)
    vmap = Vmap(trace.axis, trace.tag)
    fun = function_of(body)

    def batched_fun(*args: Any) -> list[Any]:
        return out_dims.settle(vmap.axis, *vmap.run(fun, args, dims))

    def batched_rule(primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[list[Any], list[Any]]:
        def pairs(*args: Any) -> list[Any]:
            outs, t_outs = rule(args[: len(dims)], args[len(dims) :])
            return [*outs, *t_outs]

        t_dims = [d if nz else None for d, nz in zip(dims, nonzero_flags(tangents), strict=True)]
        t_elements = map(element_zero, tangents, dims)
        flat, found = vmap.run(pairs, [*primals, *t_elements], [*dims, *t_dims])
        outs, t_outs = split_at(flat, len(flat) // 2)
        return out_dims.settle_pairs(vmap.axis, outs, t_outs, found)

    results = custom_jvp_call_p.bind(*operands, fun=batched_fun, rule=batched_rule)
    return results, out_dims.found


custom_jvp_call_p: Primitive = Primitive(
    "custom_jvp_call", shape=_shape, impl=_impl, evaluate=evaluate_function(lambda: custom_jvp_call_p),
    stage=_stage, jvp=_jvp, split=_split, transpose=_transpose, batch=IN_BATCH_FUNCTIONS,
    batch_functions=_batch_functions, multiple=True, is_call=True, cuda=not_fusable("a call is inlined before fusion"),
    keys=keys_of_call("custom_jvp"), doc="A function with a forward derivative of its own.", domain="functions",
    family="control",
)
