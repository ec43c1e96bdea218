"""`custom_linear_solve_p`: the solution of a linear system by a solver of the user's own.

A x = b is solved by whatever the solver does; derivatives are those of the equation, A dx = db - dA x, each of them
one more call of the solver, and their transposes calls of the solver of A^T y = c.

Operands: what the functions captured, `num_consts`, the same for all; then b.  Params: tapes of all of these,

    tape              b -> x, then auxiliary outputs.  The call is inlined, so its loops are compiled in place.
    matvec            x -> A x
    transpose_solve   c -> y with A^T y = c; None where it was not given; `tape` itself for symmetric A
    symmetric         whether A^T is A
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cujax.engine.compiler.program import compile_tape, run_compiled_impl
from cujax.engine.control.call import keys_of_call
from cujax.engine.control.flags import nonzero_flags, pad_zeros, split_at, split_by
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.axis import AxisData
from cujax.engine.core.primitive import Primitive, not_fusable
from cujax.engine.core.recording import record_pure, run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Linear, Zero, is_zero
from cujax.engine.ops.elementwise import neg
from cujax.engine.ops.structural import add_tangents, move_dim
from cujax.engine.transforms.batching import batch_tape
from cujax.engine.transforms.jvp import instantiate, jvp_tape
from cujax.engine.transforms.transpose import backward_mixed


def _shape(*avals: ShapedArray, tape: Tape, **params: Any) -> tuple[ShapedArray, ...]:
    return tape.out_avals


def _impl(xp: Any, *buffers: Any, tape: Tape, **params: Any) -> list[Any]:
    return compile_tape(tape).run(buffers)


def _evaluate(args: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    return run_compiled_impl(custom_linear_solve_p, args, params)


def _jvp(
    primals: Sequence[Any], tangents: Sequence[Any], *, tape: Tape, matvec: Tape, num_consts: int, **params: Any
) -> tuple[list[Any], list[Any]]:
    params |= {"tape": tape, "matvec": matvec, "num_consts": num_consts}
    outs = custom_linear_solve_p.bind(*primals, **params)
    consts = list(primals[:num_consts])
    x, aux = split_at(outs, len(primals) - num_consts)
    t_consts, t_b = split_at(tangents, num_consts)
    change = _change_of_product(matvec, consts, x, t_consts)
    rhs = [add_tangents(t, c if is_zero(c) else neg(c)) for t, c in zip(t_b, change, strict=True)]
    t_aux = [Zero(aval_of(a).to_tangent_aval()) for a in aux]
    if all(map(is_zero, rhs)):
        return outs, [*(Zero(aval_of(v).to_tangent_aval()) for v in x), *t_aux]
    t_x = custom_linear_solve_p.bind(*consts, *map(instantiate, rhs), **params)[: len(x)]
    return outs, [*t_x, *t_aux]


def _change_of_product(matvec: Tape, consts: Sequence[Any], x: Sequence[Any], t_consts: Sequence[Any]) -> list[Any]:
    """dA x, where tangents of the captured values are those of A."""
    nonzero = [*nonzero_flags(t_consts), *[False] * len(x)]
    derived, nonzero_out = jvp_tape(matvec, nonzero)
    flat = run_tape(derived, [*consts, *x, *split_by(nonzero[: len(consts)], t_consts)[1]])
    return pad_zeros(nonzero_out, flat[len(x) :], matvec.out_avals)


def transposed_matvec(matvec: Tape, num_consts: int) -> Tape:
    """(captured values, c) -> A^T c."""
    return matvec.memo(("transposed_matvec", num_consts), lambda: _transposed_matvec(matvec, num_consts))


def _transposed_matvec(matvec: Tape, num_consts: int) -> Tape:
    const_avals, x_avals = split_at(matvec.in_avals, num_consts)

    def vecmat(*args: Any) -> list[Any]:
        consts, cts = split_at(args, num_consts)
        found = backward_mixed(matvec, [*consts, *map(Linear, x_avals)], cts)
        return [instantiate(ct) for ct in found[num_consts:]]

    return record_pure(vecmat, [*const_avals, *matvec.out_avals], f"transpose_{matvec.name}")


def _transpose(
    cts: Sequence[Any], *operands: Any, tape: Tape, matvec: Tape, transpose_solve: Tape | None, num_consts: int,
    symmetric: bool,
) -> list[Any]:
    if transpose_solve is None:
        raise TypeError(
            "transpose_solve required for backwards mode automatic differentiation of custom_linear_solve: give it a "
            "solver of the transposed system, or symmetric=True."
        )
    consts, b = split_at(operands, num_consts)
    found = custom_linear_solve_p.bind(
        *consts, *map(instantiate, cts[: len(b)]), tape=transpose_solve,
        matvec=matvec if symmetric else transposed_matvec(matvec, num_consts), transpose_solve=tape,
        num_consts=num_consts, symmetric=symmetric,
    )
    return [*[None] * num_consts, *found[: len(b)]]


def _batch(
    axis: AxisData, operands: Sequence[Any], dims: Sequence[int | None], *, tape: Tape, matvec: Tape,
    transpose_solve: Tape | None, num_consts: int, symmetric: bool,
) -> tuple[list[Any], list[int]]:
    """All of b and x become batched: where only A is, or only a part of b, x is a batch all the same."""
    consts, b = split_at(operands, num_consts)
    moved = [move_dim(axis, x, d, 0) for x, d in zip(b, dims[num_consts:], strict=True)]
    all_dims = [*dims[:num_consts], *[0] * len(b)]

    def batched(function: Tape) -> Tape:
        return batch_tape(function, axis, all_dims, [True] * len(function.outputs))[0]

    outs = custom_linear_solve_p.bind(
        *consts, *moved, tape=batched(tape), matvec=batched(matvec),
        transpose_solve=None if transpose_solve is None else batched(transpose_solve), num_consts=num_consts,
        symmetric=symmetric,
    )
    return outs, [0] * len(outs)


custom_linear_solve_p: Primitive = Primitive(
    "custom_linear_solve", shape=_shape, impl=_impl, evaluate=_evaluate, jvp=_jvp, transpose=_transpose, batch=_batch,
    multiple=True, is_call=True, cuda=not_fusable("a call is inlined before fusion"),
    keys=keys_of_call("custom_linear_solve"), doc="The solution of a linear system by a solver of the user's own.",
    domain="tapes", family="control",
)
