"""`custom_vjp_call_p`: a function with a reverse derivative of the user's own.

Params: the function, as `fun` or `tape` (see `functions.py`), and

    fwd(perturbed, primals) -> (outs, residuals, pullback)     perturbed: which primals have a tangent
    pullback(residuals, cts) -> a cotangent, or `Zero`, for each primal; some cts may be `Zero`

so that the pullback of a call may know the structure of that call.  The jvp rule runs `fwd` and stands the
tangents of the outputs in by `custom_lin_p`, an op that cannot be computed, only transposed: then the
pullback runs.  Reverse mode therefore works, to any order, and forward mode fails with a clear error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from cujax.engine.compiler.program import compile_tape
from cujax.engine.control.call import keys_of_call
from cujax.engine.control.flags import merge_by, nonzero_flags, split_at, split_by
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
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Zero, is_zero
from cujax.engine.ground import dtypes
from cujax.engine.ops.axes import insert_axis
from cujax.engine.ops.structural import move_dim, reduce_sum
from cujax.engine.transforms.batching import BatchTrace
from cujax.engine.transforms.transpose import backward_mixed

# --- the function -------------------------------------------------------------------------------------


def _shape(*avals: ShapedArray, tape: Tape, fwd: Callable) -> tuple[ShapedArray, ...]:
    return tape.out_avals


def _impl(xp: Any, *buffers: Any, tape: Tape, fwd: Callable) -> list[Any]:
    return compile_tape(tape).run(buffers)


def _stage(trace: Any, args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    if "tape" in params:
        return trace.append(custom_vjp_call_p, args, params)
    tape, captured = record_function(params["fun"], args)
    fwd = _fwd_of_recorded(params["fwd"], tape.name, len(captured))
    return trace.append(custom_vjp_call_p, [*captured, *args], {"tape": tape, "fwd": fwd})


def _fwd_of_recorded(fwd: Callable, name: str, num_captured: int) -> Callable:
    """The fwd of a recorded function, whose first operands are what it captured."""

    def recorded(perturbed: Sequence[bool], primals: Sequence[Any]) -> tuple[list[Any], list[Any], Callable]:
        refuse_captured("custom_vjp", name, perturbed[:num_captured])
        captured, own = split_at(primals, num_captured)
        outs, residuals, pullback = fwd(perturbed[num_captured:], own)
        nothing = [Zero(aval_of(c).to_tangent_aval()) for c in captured]
        return outs, residuals, lambda res, cts: [*nothing, *pullback(res, cts)]

    return recorded


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, fwd: Callable, **body: Any
) -> tuple[list[Any], list[Any]]:
    nonzero = nonzero_flags(tangents)
    outs, residuals, pullback = fwd(nonzero, [as_value(p) for p in primals])
    out_avals = tuple(aval_of(o).to_tangent_aval() for o in outs)
    smooth = _smooth(out_avals)
    t_outs = custom_lin_p.bind(
        *residuals, *split_by(nonzero, tangents)[1], pullback=pullback, num_residuals=len(residuals),
        nonzero=tuple(nonzero), out_avals=out_avals,
    )
    return outs, merge_by(smooth, [Zero(a) for a in out_avals if a.dtype == dtypes.float0], t_outs)


def _smooth(out_avals: Sequence[ShapedArray]) -> list[bool]:
    """Which outputs have tangents: those that are no integers."""
    return [a.dtype != dtypes.float0 for a in out_avals]


def _split(unknown: Sequence[bool], args: Sequence[Any], *, fwd: Callable, **body: Any) -> list[Any]:
    """What touches an unknown is linear already: the rule is no longer needed, the function is dissolved."""
    return function_of(body)(*args)


def _transpose(cts: Sequence[Any], *operands: Any, tape: Tape, fwd: Callable) -> list[Any]:
    return backward_mixed(tape, operands, cts)


def _batch_functions(
    trace: BatchTrace, operands: Sequence[Any], dims: Sequence[int | None], *, fwd: Callable, **body: Any
) -> tuple[list[Any], list[int | None]]:
    vmap = Vmap(trace.axis, trace.tag)
    out_dims = OutputDims(dims)
    fun = function_of(body)

    def batched_fun(*args: Any) -> list[Any]:
        return out_dims.settle(vmap.axis, *vmap.run(fun, args, dims))

    def batched_fwd(
        perturbed: Sequence[bool], primals: Sequence[Any]
    ) -> tuple[list[Any], list[Any], Callable]:
        pullback: Any = None
        num_outs = 0

        def values(*args: Any) -> list[Any]:
            nonlocal pullback, num_outs
            outs, residuals, pullback = fwd(perturbed, args)
            num_outs = len(outs)
            return [*outs, *residuals]

        flat, found = vmap.run(values, primals, dims)
        outs = out_dims.settle(vmap.axis, flat[:num_outs], found[:num_outs])
        batched = _batch_pullback(vmap, pullback, found[num_outs:], out_dims.found, dims)
        return outs, flat[num_outs:], batched

    outs = custom_vjp_call_p.bind(*operands, fun=batched_fun, fwd=batched_fwd)
    return outs, out_dims.found


def _batch_pullback(
    vmap: Vmap, pullback: Callable, res_dims: Sequence[int | None], out_dims: Sequence[int | None],
    in_dims: Sequence[int | None],
) -> Callable:
    """The pullback of a batch, from that of one element."""

    def batched(residuals: Sequence[Any], cts: Sequence[Any]) -> list[Any]:
        n = len(residuals)
        ct_dims = [None if is_zero(ct) else d for ct, d in zip(cts, out_dims, strict=True)]
        args = [*residuals, *map(element_zero, cts, out_dims)]
        found, dims = vmap.run(lambda *xs: pullback(xs[:n], xs[n:]), args, [*res_dims, *ct_dims])
        return [_gather(vmap.axis, *each) for each in zip(found, dims, in_dims, strict=True)]

    return batched


def _gather(axis: AxisData, ct: Any, dim: int | None, in_dim: int | None) -> Any:
    """The cotangent of a primal batched along `in_dim`; the sum for one that all elements share."""
    if is_zero(ct):
        return ct if in_dim is None else Zero(ct.aval.update(shape=insert_axis(ct.shape, in_dim, axis.size)))
    moved = move_dim(axis, ct, dim, in_dim or 0)
    return reduce_sum(moved, (0,)) if in_dim is None else moved


custom_vjp_call_p: Primitive = Primitive(
    "custom_vjp_call", shape=_shape, impl=_impl, evaluate=evaluate_function(lambda: custom_vjp_call_p),
    stage=_stage, jvp=_jvp, split=_split, transpose=_transpose, batch=IN_BATCH_FUNCTIONS,
    batch_functions=_batch_functions, multiple=True, is_call=True, cuda=not_fusable("a call is inlined before fusion"),
    keys=keys_of_call("custom_vjp"), doc="A function with a reverse derivative of its own.", domain="functions",
    family="control",
)


# --- the stand-in for its tangents --------------------------------------------------------------------


def _lin_shape(
    *avals: ShapedArray, out_avals: Sequence[ShapedArray], **params: Any
) -> tuple[ShapedArray, ...]:
    return tuple(split_by(_smooth(out_avals), out_avals)[1])


def _refuse_forward_mode(*args: Any, **params: Any) -> NoReturn:
    raise TypeError(
        "can't apply forward-mode autodiff (jvp) to a custom_vjp function: its rule is only for reverse mode "
        "(grad, vjp, jacrev). For both modes define a custom_jvp rule instead."
    )


def _lin_transpose(
    cts: Sequence[Any], *operands: Any, pullback: Callable, num_residuals: int, nonzero: Sequence[bool],
    out_avals: Sequence[ShapedArray],
) -> list[Any]:
    residuals = [as_value(r) for r in operands[:num_residuals]]
    flat = [a for a in out_avals if a.dtype == dtypes.float0]
    found = pullback(residuals, merge_by(_smooth(out_avals), [Zero(a) for a in flat], cts))
    return [*[None] * num_residuals, *split_by(nonzero, found)[1]]


def _lin_batch_functions(
    trace: BatchTrace, operands: Sequence[Any], dims: Sequence[int | None], *, pullback: Callable,
    num_residuals: int, nonzero: Sequence[bool], out_avals: Sequence[ShapedArray],
) -> tuple[list[Any], list[int | None]]:
    batched_avals = tuple(a.update(shape=(trace.axis.size, *a.shape)) for a in out_avals)
    res_dims, t_dims = split_at(dims, num_residuals)
    in_dims = merge_by(nonzero, [None] * (len(nonzero) - sum(nonzero)), t_dims)
    vmap = Vmap(trace.axis, trace.tag)
    outs = custom_lin_p.bind(
        *operands, pullback=_batch_pullback(vmap, pullback, res_dims, [0] * len(out_avals), in_dims),
        num_residuals=num_residuals, nonzero=nonzero, out_avals=batched_avals,
    )
    return outs, [0] * len(outs)


custom_lin_p: Primitive = Primitive(
    "custom_lin", shape=_lin_shape, impl=_refuse_forward_mode, evaluate=_refuse_forward_mode,
    jvp=_refuse_forward_mode, transpose=_lin_transpose, batch=IN_BATCH_FUNCTIONS,
    batch_functions=_lin_batch_functions, multiple=True,
    cuda=not_fusable("it cannot be computed, only transposed"),
    doc="The unknown forward derivative of a custom_vjp function.", domain="tangents", family="control",
)
