"""`custom_vmap`: a function with a batching rule written by its author."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from cujax.api.custom_call import CustomCall, CustomFunction
from cujax.api.flatten import as_array
from cujax.api.loops import map as map_over
from cujax.engine.control.custom_vmap import custom_vmap_call_p
from cujax.engine.control.functions import as_value
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ground.source import describe_function


class custom_vmap(CustomFunction):
    """Decorator: `fun` with a batching rule of its own, given by `def_vmap`::

        @custom_vmap
        def matvec(a, x):
            return a @ x

        @matvec.def_vmap
        def matvec_vmap(axis_size, in_batched, a, x):
            a_batched, x_batched = in_batched
            if x_batched and not a_batched:
                return x @ a.T, True
            ...

    Differentiation does not see the rule.  Calling it raises AttributeError while there is no rule, and
    TypeError for arguments that are no arrays or cannot be passed by position.
    """

    kind = "custom_vmap"

    def __init__(self, fun: Callable) -> None:
        super().__init__(fun)
        self.vmap_rule: Callable | None = None

    def def_vmap(self, vmap_rule: Callable) -> Callable:
        """Make `vmap_rule` the rule, and return it.

        `vmap_rule(axis_size, in_batched, *arguments) -> (output, out_batched)`: `in_batched` has the
        structure of the arguments and says which of them have a leading batch axis; `out_batched` says so of
        the output.
        """
        self.vmap_rule = vmap_rule
        return vmap_rule

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.vmap_rule is None:
            raise AttributeError(
                f"No batching rule defined for custom_vmap function {self.name} using def_vmap. Give it a "
                f"rule: {self.name}.def_vmap(rule)."
            )
        call, leaves = self.call(args, kwargs)
        rule = functools.partial(_run_rule, call, self.vmap_rule)
        return call.result(custom_vmap_call_p.bind(*leaves, fun=call, rule=rule))


def _run_rule(
    call: CustomCall, rule: Callable, size: int, batched: Sequence[bool], operands: Sequence[Any]
) -> tuple[list[Any], list[bool]]:
    """Leaves of output and flags by the user's rule; see `def_vmap`."""
    args = call.arguments([as_value(x) for x in operands])
    output, out_batched = rule(size, list(call.arguments(batched)), *args)
    outs, tree = pytree.flatten(output)
    flags, flags_tree = pytree.flatten(out_batched)
    name = f"The vmap rule {describe_function(rule)} of the function {call.name}"
    if tree != flags_tree:
        raise ValueError(
            f"{name} returned an output of structure {tree} and an out_batched of structure {flags_tree}; "
            "both must be equal."
        )
    if call.out_tree is not None and tree != call.out_tree:
        raise ValueError(f"{name} returned structure {tree}, where the function returns {call.out_tree}.")
    call.out_tree = tree
    return [_check_batch(name, size, as_array(o), f) for o, f in zip(outs, flags, strict=True)], flags


def _check_batch(name: str, size: int, out: Any, batched: bool) -> Any:
    if batched and aval_of(out).shape[:1] != (size,):
        raise ValueError(
            f"{name} says that its output of shape {aval_of(out).shape} is batched: its leading axis must "
            f"have length {size}."
        )
    return out


def sequential_vmap(f: Callable) -> custom_vmap:
    """`f`, which `vmap` runs for one element after the other, in a loop."""
    made = custom_vmap(f)

    def rule(axis_size: int, in_batched: list[Any], *args: Any) -> tuple[Any, Any]:
        leaves, tree = pytree.flatten(args)
        flags = pytree.leaves(in_batched)
        mapped = [x for x, is_mapped in zip(leaves, flags, strict=True) if is_mapped]

        def one(elements: list[Any]) -> Any:
            given = iter(elements)
            pairs = zip(leaves, flags, strict=True)
            return f(*tree.unflatten([next(given) if is_mapped else x for x, is_mapped in pairs]))

        output = map_over(one, mapped)
        return output, pytree.map(lambda _: True, output)

    made.def_vmap(rule)
    return made
