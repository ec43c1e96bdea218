"""`custom_gradient`: a custom reverse derivative in one function, in the way of TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cujax.api.custom_vjp import custom_vjp
from cujax.api.flatten import FlatFunction, as_array
from cujax.engine.core.recording import record, run_tape
from cujax.engine.core.tape import Tape
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ground.source import wraps


@pytree.register_pytree_node_class
class _RecordedPullback:
    """The function from cotangents that `fun` returned, recorded: its captured values are the residuals."""

    def __init__(self, tape: Tape, captured: list[Any], out_tree: Any) -> None:
        self.tape = tape
        self.captured = captured
        self.out_tree = out_tree

    def __call__(self, ct: Any) -> Any:
        leaves = [as_array(x) for x in pytree.leaves(ct)]
        return self.out_tree.unflatten(run_tape(self.tape, [*self.captured, *leaves]))

    def tree_flatten(self) -> tuple[list[Any], Any]:
        return self.captured, (self.tape, self.out_tree)

    @classmethod
    def tree_unflatten(cls, aux: Any, captured: Any) -> _RecordedPullback:
        return cls(aux[0], list(captured), aux[1])


def custom_gradient(fun: Callable) -> Callable:
    """Decorator for `fun(*args) -> (output, pull_back)`: a function that returns the output only::

        @custom_gradient
        def f(x):
            return x ** 2, lambda ct: (ct * 2 * x,)

    `pull_back(ct)` takes the cotangent of the output and returns a tuple with one entry for each argument, or
    one that is no tuple for a single argument.  It may use whatever `fun` computed.  Forward mode raises
    TypeError.
    """

    @custom_vjp
    @wraps(fun)
    def output_of(*args: Any, **kwargs: Any) -> Any:
        return fun(*args, **kwargs)[0]

    def fwd(*args: Any) -> tuple[Any, _RecordedPullback]:
        output, pull_back = fun(*args)
        leaves, tree = pytree.flatten(output)
        flat = FlatFunction("custom_gradient", pull_back, pytree.structure(((tree.unflatten(leaves),), {})))
        tape, captured = record(flat, [aval_of(x).to_tangent_aval() for x in leaves], "pull_back")
        return output, _RecordedPullback(tape, captured, flat.out_tree)

    def bwd(pull_back: _RecordedPullback, ct: Any) -> tuple[Any, ...]:
        cts = pull_back(ct)
        return (cts,) if pytree.treedef_is_leaf(pull_back.out_tree) else cts

    output_of.defvjp(fwd, bwd)
    return output_of
