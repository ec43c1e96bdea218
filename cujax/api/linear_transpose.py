"""`linear_transpose`: the transpose of a function that is linear already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cujax.api.differentiable import check_callable
from cujax.api.flatten import FlatFunction, LeafNames, abstract_leaf, as_array, bad_argument
from cujax.api.linear_maps import match_tree
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.recording import Origin, record
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of
from cujax.engine.core.zero import Linear
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.source import describe_function, function_name
from cujax.engine.transforms.transpose import backward_mixed, instantiate_ct


def linear_transpose(fun: Callable, *primals: Any, reduce_axes: Sequence[Any] = ()) -> Callable:
    """The transpose of a linear `fun`: a function from cotangents of its result to those of its arguments.

    primals: arrays or `ShapeDtypeStruct`s; only their types matter.  The transpose returns a tuple with one
    entry for each.  What `fun` adds to the linear part is dropped.

    TypeError unless `fun` maps floating-point or complex arrays to such, or integers to integers, and for a
    cotangent of another structure or type; NotImplementedError where `fun` is not linear.
    """
    check_callable("linear_transpose", fun)
    leaves, in_tree = pytree.flatten((primals, {}))
    flat = FlatFunction("linear_transpose", fun, in_tree)
    names = LeafNames(fun, in_tree)
    try:
        avals = [abstract_leaf(x) for x in leaves]
    except TypeError:
        raise bad_argument("linear_transpose", fun, leaves, names) from None
    tape, captured = record(flat, avals, function_name(fun), Origin("linear_transpose", fun, names))
    _check_kinds(fun, avals, tape.out_avals)

    def transposed(ct: Any) -> tuple[Any, ...]:
        cts = _check_cotangent(fun, flat.out_tree, tape, ct)
        found = backward_mixed(tape, [*captured, *map(Linear, avals)], cts)[len(captured) :]
        return in_tree.unflatten([instantiate_ct(c, a) for c, a in zip(found, avals, strict=True)])[0]

    return transposed


def _check_kinds(fun: Callable, inputs: Sequence[ShapedArray], outputs: Sequence[ShapedArray]) -> None:
    kinds = {dtypes.is_inexact(a.dtype) for a in (*inputs, *outputs)}
    if len(kinds) > 1:
        raise TypeError(
            "linear_transpose only supports functions from floating-point or complex arrays to such, and "
            f"from integers to integers, but {describe_function(fun)} maps {[str(a.dtype) for a in inputs]} "
            f"to {[str(a.dtype) for a in outputs]}."
        )


def _check_cotangent(fun: Callable, out_tree: pytree.PyTreeDef, tape: Tape, ct: Any) -> list[Any]:
    caller = f"the transpose of {function_name(fun)}"
    leaves = match_tree(out_tree, ct, caller, "ct", TypeError)
    for leaf, out in zip(leaves, tape.out_avals, strict=True):
        if not same_array_type(aval_of(leaf), out):
            raise TypeError(
                f"{caller} got a cotangent of type {aval_of(leaf).str_short()} where {out.str_short()} is "
                "expected: shapes and dtypes must be those of the result."
            )
    return [as_array(x) for x in leaves]
