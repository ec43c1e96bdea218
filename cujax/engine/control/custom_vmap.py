"""`custom_vmap_call_p`: a function with a batching rule of the user's own.

Params: the function, as `fun` or `tape` (see `functions.py`), and `rule(size, batched, operands) -> (outs,
batched)`: `operands` marked in `batched` have their batch of `size` elements at axis 0, and so have outs.
Differentiation dissolves the function: derivatives are those of what it computes, batched as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.compiler.program import compile_tape
from cujax.engine.control.call import keys_of_call
from cujax.engine.control.flags import split_at
from cujax.engine.control.functions import evaluate_function, function_of, record_function
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.tape import Tape
from cujax.engine.ops.structural import move_dim
from cujax.engine.transforms.jvp import jvp
from cujax.engine.transforms.transpose import backward_mixed


def _shape(*avals: ShapedArray, tape: Tape, rule: Callable) -> tuple[ShapedArray, ...]:
    return tape.out_avals


def _impl(xp: Any, *buffers: Any, tape: Tape, rule: Callable) -> list[Any]:
    return compile_tape(tape).run(buffers)


def _stage(trace: Any, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    if "tape" in params:
        return trace.append(custom_vmap_call_p, args, params)
    tape, captured = record_function(params["fun"], args)
    rule = _rule_of_recorded(params["rule"], len(captured))
    return trace.append(custom_vmap_call_p, [*captured, *args], {"tape": tape, "rule": rule})


def _rule_of_recorded(rule: Callable, num_captured: int) -> Callable:
    """The rule of a recorded function, whose first operands are what it captured."""

    def recorded(size: int, batched: Sequence[bool], operands: Sequence[Any]) -> tuple[list[Any], list[bool]]:
        return rule(size, batched[num_captured:], split_at(operands, num_captured)[1])

    return recorded


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, rule: Callable, **body: Any
) -> tuple[list[Any], list[Any]]:
    return jvp(function_of(body), primals, tangents)


def _split(unknown: Sequence[bool], args: Sequence[Any], *, rule: Callable, **body: Any) -> list[Any]:
    return function_of(body)(*args)


def _transpose(cts: Sequence[Any], *operands: Any, tape: Tape, rule: Callable) -> list[Any]:
    return backward_mixed(tape, operands, cts)


def _batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, rule: Callable, **body: Any
) -> tuple[list[Any], list[int | None]]:
    moved = [x if d is None else move_dim(axis, x, d, 0) for x, d in zip(operands, dims, strict=True)]
    outs, batched = rule(axis.size, [d is not None for d in dims], moved)
    return outs, [0 if b else None for b in batched]


custom_vmap_call_p: Primitive = Primitive(
    "custom_vmap_call", shape=_shape, impl=_impl, evaluate=evaluate_function(lambda: custom_vmap_call_p),
    stage=_stage, jvp=_jvp, split=_split, transpose=_transpose, batch=_batch, multiple=True,
    is_call=True, cuda=not_fusable("a call is inlined before fusion"), domain="functions", family="control",
    keys=keys_of_call("custom_vmap"), doc="A function with a batching rule of its own.",
)
