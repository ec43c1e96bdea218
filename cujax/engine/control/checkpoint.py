"""`checkpoint_p`: a function whose intermediate values reverse mode computes again instead of keeping them.

Params: tape (captured values are leading operands), policy (which values may be kept after all, or None),
prevent_cse, differentiated.  Run forwards it is a call.  Reverse mode divides it by `split` into

    a call of the known part, which returns its known outputs and the values that the policy keeps,
    one equation on the linear tape: the whole function again, from its inputs to the unknown outputs,

so the residuals are the inputs and the kept values.  Transposing the second computes forwards first, then
backwards.  It has `differentiated=True`: a compiler pass must not share common subexpressions between such
an equation and the rest of the tape, or the values would be kept after all.

`checkpoint_name` names a value, for policies that go by name (`checkpoint_policies.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cujax.engine.compiler.program import compile_tape, run_compiled
from cujax.engine.control.call import jit_p, keys_of_call
from cujax.engine.control.flags import merge_by, nonzero_flags, pad_zeros, split_at, split_by
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.simplify import drop_inputs, remove_dead_code
from cujax.engine.core.tape import Atom, Eqn, Tape, Var
from cujax.engine.core.trace import aval_of, known_array
from cujax.engine.core.zero import is_linear
from cujax.engine.ops.families import ANY
from cujax.engine.transforms.batching import batch_tape
from cujax.engine.transforms.jvp import jvp_tape
from cujax.engine.transforms.linearize import SplitTape, record_unknown, split_tape
from cujax.engine.transforms.transpose import backward_mixed, transpose_tape

Policy = Callable[..., Any]


def _shape(*avals: ShapedArray, tape: Tape, **options: Any) -> tuple[ShapedArray, ...]:
    return tape.out_avals


def _impl(xp: Any, *buffers: Any, tape: Tape, **options: Any) -> list[Any]:
    return compile_tape(tape).run(buffers)


def _evaluate(args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    return run_compiled(params["tape"], [known_array(a) for a in args])


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, tape: Tape, **options: Any
) -> tuple[list[Any], list[Any]]:
    nonzero = nonzero_flags(tangents)
    derived, nonzero_out = jvp_tape(tape, nonzero)
    flat = checkpoint_p.bind(*primals, *split_by(nonzero, tangents)[1], tape=derived, **options)
    outs, t_outs = split_at(flat, len(tape.outputs))
    return outs, pad_zeros(nonzero_out, t_outs, tape.out_avals)


def _batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[Any], *, tape: Tape, **options: Any
) -> tuple[list[Any], list[int | None]]:
    derived, out_dims = batch_tape(tape, axis, dims)
    return checkpoint_p.bind(*operands, tape=derived, **options), list(out_dims)


def _transpose(cts: Sequence[Any], *operands: Any, tape: Tape, **options: Any) -> list[Any]:
    linear = [is_linear(o) for o in operands]
    nonzero = nonzero_flags(cts)
    derived, reached = transpose_tape(tape, linear, nonzero, backward_mixed)
    known, unknown = split_by(linear, operands)
    flat = checkpoint_p.bind(*known, *split_by(nonzero, cts)[1], tape=derived, **_again(options))
    return merge_by(linear, [None] * len(known), pad_zeros(reached, flat, [aval_of(o) for o in unknown]))


def _again(options: dict[str, Any]) -> dict[str, Any]:
    return options | {"differentiated": True}


# --- division into what is known and what is computed again -------------------------------------------


class _Division(NamedTuple):
    """known: known inputs -> known outs, then kept values.

    again: the known inputs marked in `read`, kept values, unknown inputs -> unknown outs.
    """

    known: Tape
    again: Tape
    read: list[bool]
    num_kept: int
    unknown_out: tuple[bool, ...]


def _split(
    unknown: Sequence[bool], args: Sequence[Any], *, tape: Tape, policy: Policy | None, **options: Any
) -> list[Any]:
    options["policy"] = policy
    key = ("checkpoint", tuple(unknown), policy)
    division: _Division = tape.memo(key, lambda: _divide(split_tape(tape, unknown), policy))
    known_in, unknown_in = split_by(unknown, args)
    flat = checkpoint_p.bind(*known_in, tape=division.known, **options)
    known_out, kept = split_at(flat, len(flat) - division.num_kept)
    operands = [*split_by(division.read, known_in)[1], *kept, *unknown_in]
    unknown_out = record_unknown(checkpoint_p, operands, {"tape": division.again, **_again(options)})
    return merge_by(division.unknown_out, known_out, unknown_out)


def _divide(parts: SplitTape, policy: Policy | None) -> _Division:
    known = parts.known if policy is None else _inline_calls(parts.known)
    num_outs = len(known.outputs) - parts.num_extra
    saved = [] if policy is None else [e for e in known.eqns if not e.has_effect and _may_keep(policy, e)]
    kept = [v for e in saved for v in e.outputs]
    rest = _without(known, saved, kept, known.outputs[num_outs:])
    again = _compose(parts, rest, len(kept))
    again, used = remove_dead_code(again)
    read, used_kept, linear_in = split_at(used, len(known.inputs), len(kept))
    kept = split_by(used_kept, kept)[1]
    forward, _ = remove_dead_code(
        Tape(known.inputs, known.eqns, [*known.outputs[:num_outs], *kept], known.name)
    )
    again = drop_inputs(again, [*read, *used_kept, *[True] * len(linear_in)])
    return _Division(forward, again, read, len(kept), parts.unknown_out)


def _may_keep(policy: Policy, eqn: Eqn) -> bool:
    return bool(policy(eqn.primitive, *[a.aval for a in eqn.inputs], **eqn.params))


def _without(known: Tape, saved: Sequence[Eqn], kept: Sequence[Var], outputs: Sequence[Atom]) -> Tape:
    """The known tape with the results of the `saved` equations as further inputs."""
    gone = {id(e) for e in saved}
    return Tape([*known.inputs, *kept], [e for e in known.eqns if id(e) not in gone], outputs, known.name)


def _compose(parts: SplitTape, rest: Tape, num_kept: int) -> Tape:
    """(known inputs, kept values, unknown inputs) -> unknown outs."""
    num_known = len(parts.known.inputs)
    num_residuals = len(parts.residual_inputs)

    def run(*args: Any) -> list[Any]:
        known, kept, unknown = split_at(args, num_known, num_kept)
        extra = run_tape(rest, [*known, *kept])
        return run_tape(parts.linear, [*parts.residuals(known, extra), *unknown])

    in_avals = [*rest.in_avals, *parts.linear.in_avals[num_residuals:]]
    return record_pure(run, in_avals, rest.name)


def _inline_calls(tape: Tape) -> Tape:
    """The tape with the equations of jitted functions in place of their calls, where policies see them."""
    if not any(e.primitive is jit_p for e in tape.eqns):
        return tape

    def run(current: Tape, args: Sequence[Any]) -> list[Any]:
        values: dict[Any, Any] = dict(zip(current.inputs, args, strict=True))
        for eqn in current.eqns:
            operands = [values.get(a, a) for a in eqn.inputs]
            inner = eqn.primitive is jit_p
            out = run(eqn.params["tape"], operands) if inner else eqn.primitive.bind(*operands, **eqn.params)
            values.update(zip(eqn.outputs, out if eqn.primitive.multiple else [out], strict=True))
        return [values.get(a, a) for a in current.outputs]

    return record_pure(lambda *args: run(tape, args), tape.in_avals, tape.name)


def _keys(follower: Any, operands: Sequence[Any], *, differentiated: bool, **params: Any) -> list[Any]:
    """What is computed again uses the keys that the forward pass has used, rightly."""
    return [] if differentiated else keys_of_call("checkpoint")(follower, operands, **params)


checkpoint_p: Primitive = Primitive(
    "checkpoint", shape=_shape, impl=_impl, evaluate=_evaluate, jvp=_jvp, split=_split, transpose=_transpose,
    batch=_batch, multiple=True, collective=True,
    cuda=not_fusable("computed again on purpose, it stays apart from the values it would be fused with"),
    doc="A function whose intermediate values are not kept for reverse mode.", domain="tapes",
    family="control", keys=_keys,
)


# --- names --------------------------------------------------------------------------------------------


def _name_jvp(primals: Sequence[Any], tangents: Sequence[Any], *, name: str) -> tuple[Any, Any]:
    return name_p.bind(*primals, name=name), tangents[0]


name_p: Primitive = Primitive(
    "name", shape=lambda x, *, name: x, impl=lambda xp, x, *, name: x, jvp=_name_jvp,
    transpose=lambda ct, x, *, name: (ct,),
    batch=lambda axis, xs, dims, *, name: (name_p.bind(*xs, name=name), dims[0]),
    cuda="{x}", index_map=lambda e, index, x, *, name: e.read(0, index),
    doc="Its operand, under a name that checkpoint policies see.", domain=ANY, family="control",
)
