"""From a user's function of pytrees to a tape: what every loop and branch does with its functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cujax.engine.core.array import to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.interned import interned
from cujax.engine.core.recording import Origin, record
from cujax.engine.core.tape import Tape, Var
from cujax.engine.core.trace import Tracer, aval_of
from cujax.engine.ground import pytree
from cujax.engine.ground.source import describe_function, function_name


class Staged(NamedTuple):
    """`tape(*consts, *leaves of the arguments) -> leaves of the result`, whose structure is `out_tree`."""

    tape: Tape
    consts: list[Any]
    out_tree: Any


def stage(transform: str, fun: Callable, in_tree: Any, in_avals: Sequence[ShapedArray]) -> Staged:
    """Record `fun(*args)`, where `args` is the tuple with structure `in_tree` and leaves of `in_avals`."""
    out_tree: Any = None

    def flat(*leaves: Any) -> list[Any]:
        nonlocal out_tree
        outs, out_tree = pytree.flatten(fun(*pytree.unflatten(in_tree, leaves)))
        for out in outs:
            check_leaf(out, transform, fun, "returned")
        return outs

    paths, _ = pytree.flatten_with_path(pytree.unflatten(in_tree, in_avals))
    names = [pytree.keystr(path) for path, _ in paths]
    tape, consts = record(flat, in_avals, function_name(fun), Origin(transform, fun, names))
    return Staged(interned(tape), consts, out_tree)


def check_leaf(leaf: Any, transform: str, fun: Callable, verb: str = "was given") -> Any:
    """`leaf` if it is an array, a tracer or a scalar; TypeError that names the function otherwise."""
    if isinstance(leaf, Tracer):
        return leaf
    try:
        aval_of(leaf)
    except TypeError as error:
        raise TypeError(
            f"{transform}: {describe_function(fun)} {verb} {error}. Values inside transformed functions are arrays "
            "and scalars in tuples, lists, dicts and registered classes."
        ) from None
    return leaf


def flatten_operands(transform: str, fun: Callable, tree: Any) -> tuple[list[Any], Any]:
    """Leaves of `tree` as arrays or tracers, and its structure; TypeError for a leaf that is no array."""
    leaves, treedef = pytree.flatten(tree)
    arrays = [x if hasattr(check_leaf(x, transform, fun), "aval") else to_array(x) for x in leaves]
    return arrays, treedef


def share_consts(stageds: Sequence[Staged]) -> tuple[list[Tape], list[Any]]:
    """Tapes that all take the captured values of all functions first, and those values."""
    all_consts = [c for s in stageds for c in s.consts]
    tapes, start = [], 0
    for staged in stageds:
        own = len(staged.consts)
        inputs = list(staged.tape.inputs)
        before = [_unread(c) for c in all_consts[:start]]
        after = [_unread(c) for c in all_consts[start + own :]]
        ordered = [*before, *inputs[:own], *after, *inputs[own:]]
        tapes.append(interned(Tape(ordered, staged.tape.eqns, staged.tape.outputs, staged.tape.name)))
        start += own
    return tapes, all_consts


def _unread(const: Any) -> Var:
    """An input that the tape does not read, of the type of `const`."""
    return Var(aval_of(const))
