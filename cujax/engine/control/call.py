"""`jit_p`: a call of a tape, compiled as a whole.

What `jit` binds.  Every rule is the same sentence: transform the tape, then call the transformed tape; the
transformed tapes are remembered on the tape, so a second call makes nothing new.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.engine.compiler.program import compile_tape, run_compiled
from cujax.engine.control.flags import merge_by, nonzero_flags, pad_zeros, split_by
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of, known_array
from cujax.engine.core.zero import is_linear
from cujax.engine.transforms.batching import batch_tape
from cujax.engine.transforms.jvp import jvp_tape
from cujax.engine.transforms.linearize import record_unknown, split_tape
from cujax.engine.transforms.transpose import transpose_tape


def _shape(*avals: ShapedArray, tape: Tape, name: str) -> tuple[ShapedArray, ...]:
    return tape.out_avals


def _impl(xp: Any, *buffers: Any, tape: Tape, name: str) -> list[Any]:
    return compile_tape(tape).run(buffers)


def _evaluate(args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    return run_compiled(params["tape"], [known_array(a) for a in args])


def _jvp(primals: Sequence[Any], tangents: Sequence[Any], *, tape: Tape, name: str) -> tuple[list, list]:
    nonzero = nonzero_flags(tangents)
    derived, nonzero_out = jvp_tape(tape, nonzero)
    flat = jit_p.bind(*primals, *split_by(nonzero, tangents)[1], tape=derived, name=name)
    n = len(tape.outputs)
    return flat[:n], pad_zeros(nonzero_out, flat[n:], tape.out_avals)


def _split(unknown: Sequence[bool], args: Sequence[Any], *, tape: Tape, name: str) -> list[Any]:
    parts = split_tape(tape, unknown)
    known_in, unknown_in = split_by(unknown, args)
    flat = jit_p.bind(*known_in, tape=parts.known, name=name)
    n = len(flat) - parts.num_extra
    residuals = parts.residuals(known_in, flat[n:])
    outs = record_unknown(jit_p, [*residuals, *unknown_in], {"tape": parts.linear, "name": name})
    return merge_by(parts.unknown_out, flat[:n], outs)


def _transpose(cts: Sequence[Any], *operands: Any, tape: Tape, name: str) -> list[Any]:
    linear = [is_linear(o) for o in operands]
    nonzero = nonzero_flags(cts)
    derived, reached = transpose_tape(tape, linear, nonzero)
    flat = jit_p.bind(*split_by(linear, operands)[0], *split_by(nonzero, cts)[1], tape=derived, name=name)
    linear_avals = [aval_of(o) for o in operands if is_linear(o)]
    return merge_by(linear, [None] * (len(operands) - len(linear_avals)), pad_zeros(reached, flat, linear_avals))


def _batch(axis: AxisData, operands: Sequence[Any], dims: Sequence[Any], *, tape: Tape, name: str) -> tuple:
    derived, out_dims = batch_tape(tape, axis, dims)
    return jit_p.bind(*operands, tape=derived, name=name), list(out_dims)


def keys_of_call(name: str) -> Callable:
    """The `keys` rule of an op that calls its param `tape`; where it has a function instead that is followed itself."""

    def rule(follower: Any, operands: Sequence[Any], *, tape: Tape | None = None, **params: Any) -> list[Any]:
        return [] if tape is None else follower.call(name, tape, operands)

    return rule


jit_p: Primitive = Primitive(
    "jit", shape=_shape, impl=_impl, evaluate=_evaluate, jvp=_jvp, split=_split, transpose=_transpose, batch=_batch,
    multiple=True, collective=True, is_call=True, cuda=not_fusable("a call is inlined before fusion"),
    keys=keys_of_call("jit"), doc="A call of a tape, compiled as a whole.", domain="tapes", family="control",
)
