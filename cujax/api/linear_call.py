"""`linear_call`: a linear function with a transpose of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.api.flatten import as_array
from cujax.api.inspect import record_call
from cujax.engine.control.linear_call import linear_call_p
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.recording import record, run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ground.source import describe_function


def linear_call(fun: Callable, fun_transpose: Callable, residual_args: Any, linear_args: Any) -> Any:
    """`fun(residual_args, linear_args)`, of which `fun_transpose(residual_args, ct)` is the transpose.

    fun: linear in its second argument.  fun_transpose: linear in its second argument, a pytree like the result of
    fun; returns one like linear_args.  The transpose of the transpose is `fun` again.  In the residuals derivatives are
    those of fun.  TypeError where fun_transpose returns another structure or other types.
    """
    forwards = record_call("linear_call", fun, (residual_args, linear_args), {})
    outs = forwards.out_info()
    backwards = record_call("linear_call", fun_transpose, (residual_args, outs), {})
    residuals, (linear, linear_tree) = pytree.leaves(residual_args), pytree.flatten(linear_args)
    linear = [as_array(x) for x in linear]
    found = backwards.tape.out_avals
    if backwards.out_tree != linear_tree or not all(
        same_array_type(a, aval_of(x)) for a, x in zip(found, linear, strict=True)
    ):
        raise TypeError(
            f"linear_call: {describe_function(fun_transpose)} must return a pytree like the linear arguments, "
            f"{linear_tree} of {[aval_of(x).str_short() for x in linear]}; it returned {backwards.out_tree} of "
            f"{[a.str_short() for a in found]}"
        )
    captured = [*forwards.captured, *backwards.captured]
    known = [*captured, *map(as_array, residuals)]
    m, n = len(forwards.captured), len(captured)
    types = [aval_of(x) for x in known]
    tape = _reading(forwards.tape, n, slice(0, m), [*types, *map(aval_of, linear)])
    transposed = _reading(backwards.tape, n, slice(m, n), [*types, *forwards.tape.out_avals])
    flat = linear_call_p.bind(*known, *linear, tape=tape, transposed=transposed, num_residuals=len(known))
    return forwards.out_tree.unflatten(flat)


def _reading(tape: Tape, num_captured: int, own: slice, avals: Sequence[ShapedArray]) -> Tape:
    """The tape with all captured values among its inputs, of which it reads its `own`."""

    def flat(*xs: Any) -> list[Any]:
        return run_tape(tape, [*xs[:num_captured][own], *xs[num_captured:]])

    return record(flat, avals, tape.name)[0]
