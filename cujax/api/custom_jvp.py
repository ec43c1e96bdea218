"""`custom_jvp`: a function with a forward derivative written by its author.

Reverse mode follows from the forward rule by transposition, so one rule serves both, to any order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from cujax.api.custom_call import CustomCall, CustomFunction, pair_of
from cujax.api.flatten import as_array
from cujax.engine.control.custom_jvp import custom_jvp_call_p
from cujax.engine.control.functions import as_value
from cujax.engine.control.stop_gradient import stop_gradient
from cujax.engine.core.aval import same_array_type
from cujax.engine.core.trace import Tracer, aval_of
from cujax.engine.core.zero import Zero, is_zero
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.source import describe_function
from cujax.engine.ops.structural import add_any
from cujax.engine.transforms.jvp import instantiate


class custom_jvp(CustomFunction):
    """Decorator: `fun` with a derivative rule of its own, given by `defjvp` or `defjvps`::

        @custom_jvp
        def f(x, y):
            return jnp.sin(x) * y

        @f.defjvp
        def f_jvp(primals, tangents):
            x, y = primals
            x_dot, y_dot = tangents
            return f(x, y), jnp.cos(x) * x_dot * y + jnp.sin(x) * y_dot

    nondiff_argnums, nondiff_argnames: arguments that are no arrays (functions, settings), or are constants of
    differentiation; the rule gets them first, one by one, and no tangents for them.

    Calling it raises AttributeError while there is no rule, and TypeError for arguments that are no arrays or
    cannot be passed by position.
    """

    kind = "custom_jvp"

    def __init__(self, fun: Callable, nondiff_argnums: Any = (), nondiff_argnames: Any = ()) -> None:
        super().__init__(fun, nondiff_argnums, nondiff_argnames)
        self.jvp: Callable | None = None
        self.symbolic_zeros = False

    def defjvp(self, jvp: Callable, symbolic_zeros: bool = False) -> Callable:
        """Make `jvp` the rule, and return it.

        `jvp(*nondiff arguments, primals, tangents) -> (output, tangent of the output)`: `primals` and
        `tangents` are tuples with one entry for each other argument; tangents of integers have dtype float0.
        The tangent of the output has its structure, shapes and dtypes.

        symbolic_zeros: tangents known to be zero arrive as `custom_derivatives.SymbolicZero`, and may be
        returned so; otherwise they are arrays of zeros.
        """
        self.jvp = jvp
        self.symbolic_zeros = symbolic_zeros
        return jvp

    def defjvps(self, *jvps: Callable | None) -> None:
        """Make a rule of one partial derivative for each argument, or None where it is zero.

        Each is `partial(tangent of the argument, output, *primals) -> its part of the output's tangent`.
        TypeError with `nondiff_argnums`.
        """
        if self.nondiff_argnums:
            raise TypeError(f"{self.name}: defjvps does not go with nondiff_argnums; use defjvp")

        def jvp(primals: tuple, tangents: tuple) -> tuple[Any, Any]:
            out = self(*primals)
            parts = [p(t, out, *primals) for p, t in zip(jvps, tangents, strict=True) if p is not None]
            zero = pytree.map(lambda o: instantiate(Zero(aval_of(o).to_tangent_aval())), out)
            return out, functools.reduce(lambda x, y: pytree.map(_add, x, y), parts) if parts else zero

        self.defjvp(jvp)

    def nondiff_argument(self, arg: Any) -> Any:
        return pytree.map(lambda leaf: stop_gradient(leaf) if isinstance(leaf, Tracer) else leaf, arg)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.jvp is None:
            raise AttributeError(
                f"No JVP defined for custom_jvp function {self.name} using defjvp. Give it a rule: "
                f"{self.name}.defjvp(rule)."
            )
        call, leaves = self.call(args, kwargs)
        rule = functools.partial(_run_rule, call, self.jvp, self.symbolic_zeros)
        return call.result(custom_jvp_call_p.bind(*leaves, fun=call, rule=rule))


def _add(x: Any, y: Any) -> Any:
    return add_any(as_array(x), as_array(y))


def _run_rule(
    call: CustomCall, jvp: Callable, symbolic_zeros: bool, primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[list[Any], list[Any]]:
    """Leaves of outputs and tangents by the user's rule; see `defjvp`."""
    given = tangents if symbolic_zeros else [instantiate(t) for t in tangents]
    result = jvp(*call.nondiff, call.arguments([as_value(p) for p in primals]), call.arguments(given))
    name = f"The custom JVP rule {describe_function(jvp)} of the function {call.name}"
    primal_out, tangent_out = pair_of(name, result, "the output and its tangent")
    outs = call.accept(name, primal_out)
    t_outs, tree = pytree.flatten(tangent_out)
    if tree != call.out_tree:
        raise TypeError(
            f"{name} must produce primal and tangent outputs with equal container (pytree) structures, but "
            f"got {call.out_tree} and {tree} respectively."
        )
    return outs, [_check_tangent(name, o, t) for o, t in zip(outs, t_outs, strict=True)]


def _check_tangent(name: str, out: Any, t: Any) -> Any:
    """The tangent `t` of `out`, a symbolic zero where it is of dtype float0."""
    if not is_zero(t) and getattr(t, "dtype", None) != dtypes.float0:
        t = as_array(t)
    expected = aval_of(out).to_tangent_aval()
    found = t.aval if hasattr(t, "aval") else expected.update(shape=t.shape, dtype=t.dtype)
    if not same_array_type(expected, found):
        raise TypeError(
            f"{name} must produce primal and tangent outputs with corresponding shapes and dtypes. Expected "
            f"{expected.str_short()} (tangent type of {aval_of(out).str_short()}) but got "
            f"{found.str_short()}."
        )
    return Zero(expected) if expected.dtype == dtypes.float0 else t
