"""`linear_call_p`: a linear function with a transpose of the user's own.

Operands: residuals, and then what the function is linear in.  Params: tape (residuals, xs) -> ys; transposed
(residuals, cts of ys) -> cts of xs; num_residuals.  The transpose is the same op with both tapes exchanged.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.compiler.program import compile_tape, run_compiled
from cujax.engine.control.call import keys_of_call
from cujax.engine.control.flags import nonzero_flags, pad_zeros, split_by
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.recording import run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import known_array
from cujax.engine.ops.structural import add_tangents, move_dim
from cujax.engine.transforms.batching import batch_tape
from cujax.engine.transforms.jvp import instantiate, jvp_tape
from cujax.engine.transforms.transpose import instantiate_ct


def _shape(*avals: ShapedArray, tape: Tape, **params: Any) -> tuple[ShapedArray, ...]:
    return tape.out_avals


def _impl(xp: Any, *buffers: Any, tape: Tape, **params: Any) -> list[Any]:
    return compile_tape(tape).run(buffers)


def _evaluate(args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    return run_compiled(params["tape"], [known_array(a) for a in args])


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, tape: Tape, num_residuals: int, **params: Any
) -> tuple[list[Any], list[Any]]:
    """The function of the tangents, since it is linear; and its derivative in the residuals, where they have any."""
    params = {"tape": tape, "num_residuals": num_residuals, **params}
    outs = linear_call_p.bind(*primals, **params)
    t_linear = list(map(instantiate, tangents[num_residuals:]))
    t_outs = linear_call_p.bind(*primals[:num_residuals], *t_linear, **params)
    in_residuals = [*nonzero_flags(tangents[:num_residuals]), *[False] * len(t_linear)]
    if any(in_residuals):
        derived, nonzero = jvp_tape(tape, in_residuals)
        found = run_tape(derived, [*primals, *split_by(in_residuals, tangents)[1]])[len(outs) :]
        t_outs = list(map(add_tangents, t_outs, pad_zeros(nonzero, found, tape.out_avals)))
    return outs, t_outs


def _transpose(
    cts: Sequence[Any], *operands: Any, tape: Tape, transposed: Tape, num_residuals: int
) -> list[Any]:
    full = [instantiate_ct(ct, a) for ct, a in zip(cts, tape.out_avals, strict=True)]
    found = linear_call_p.bind(
        *operands[:num_residuals], *full, tape=transposed, transposed=tape, num_residuals=num_residuals
    )
    return [*[None] * num_residuals, *found]


def _batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, tape: Tape, transposed: Tape,
    num_residuals: int,
) -> tuple[list[Any], list[int]]:
    """All that the function is linear in, and all results, are batched, so that both tapes fit one another."""
    moved = [move_dim(axis, x, d, 0) for x, d in zip(operands[num_residuals:], dims[num_residuals:], strict=True)]
    of_residuals = list(dims[:num_residuals])
    forwards, _ = batch_tape(tape, axis, [*of_residuals, *[0] * len(moved)], True)
    backwards, _ = batch_tape(transposed, axis, [*of_residuals, *[0] * len(tape.outputs)], True)
    outs = linear_call_p.bind(
        *operands[:num_residuals], *moved, tape=forwards, transposed=backwards, num_residuals=num_residuals
    )
    return outs, [0] * len(outs)


linear_call_p: Primitive = Primitive(
    "linear_call", shape=_shape, impl=_impl, evaluate=_evaluate, jvp=_jvp, transpose=_transpose, batch=_batch,
    multiple=True, is_call=True, cuda=not_fusable("a call is inlined before fusion"), keys=keys_of_call("linear_call"),
    doc="A linear function with a transpose of its own.", domain="tapes", family="control",
)
