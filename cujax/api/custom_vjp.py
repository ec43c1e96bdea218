"""`custom_vjp`: a function with a reverse derivative written by its author."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from cujax.api.custom_call import CustomCall, CustomFunction, pair_of
from cujax.api.flatten import as_array
from cujax.engine.control.custom_vjp import custom_vjp_call_p
from cujax.engine.control.functions import as_value
from cujax.engine.core.array import Array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.trace import Tracer, aval_of
from cujax.engine.core.zero import Zero, is_zero
from cujax.engine.ground import dtypes, errors, pytree
from cujax.engine.ground.config import config
from cujax.engine.ground.source import describe_function
from cujax.engine.ops.conversion import convert_element_type
from cujax.engine.transforms.jvp import instantiate


class CustomVJPPrimal:
    """A leaf of an argument of `fwd` under `symbolic_zeros`: its value, and whether it is differentiated."""

    __slots__ = ("perturbed", "value")

    def __init__(self, value: Any, perturbed: bool) -> None:
        self.value = value
        self.perturbed = perturbed


def custom_vjp_primal_tree_values(tree: Any) -> Any:
    """A tree of `CustomVJPPrimal`s as the tree of their values."""
    return pytree.map(lambda leaf: leaf.value if isinstance(leaf, CustomVJPPrimal) else leaf, tree)


class custom_vjp(CustomFunction):
    """Decorator: `fun` with a reverse derivative of its own, given by `defvjp`::

        @custom_vjp
        def f(x, y):
            return jnp.sin(x) * y

        def f_fwd(x, y):
            return f(x, y), (jnp.cos(x), jnp.sin(x), y)

        def f_bwd(residuals, ct):
            cos_x, sin_x, y = residuals
            return cos_x * ct * y, sin_x * ct

        f.defvjp(f_fwd, f_bwd)

    nondiff_argnums, nondiff_argnames: arguments that are no arrays (functions, settings); `fwd` gets them at
    their places, `bwd` first, one by one.

    Forward mode (jvp, jacfwd) of it raises TypeError.  Calling it raises AttributeError while there is no
    rule, and TypeError for arguments that are no arrays or cannot be passed by position.
    """

    kind = "custom_vjp"

    def __init__(self, fun: Callable, nondiff_argnums: Any = (), nondiff_argnames: Any = ()) -> None:
        super().__init__(fun, nondiff_argnums, nondiff_argnames)
        self.fwd: Callable | None = None
        self.bwd: Callable | None = None
        self.symbolic_zeros = False

    def defvjp(
        self, fwd: Callable, bwd: Callable, symbolic_zeros: bool = False, optimize_remat: bool = False
    ) -> None:
        """Make `fwd` and `bwd` the rule.

        `fwd(*arguments) -> (output, residuals)`: residuals are a pytree of whatever `bwd` needs.
        `bwd(*nondiff arguments, residuals, ct) -> tuple`: `ct` has the structure of the output; one entry for
        each differentiable argument, with its structure; None where the derivative is zero.

        symbolic_zeros: the leaves that `fwd` gets are `CustomVJPPrimal`s, and parts of `ct` known to be zero
        are `SymbolicZero`s.  optimize_remat: accepted; a forward pass without use is removed anyway.
        """
        self.fwd = fwd
        self.bwd = bwd
        self.symbolic_zeros = symbolic_zeros

    def nondiff_argument(self, arg: Any) -> Any:
        if any(isinstance(leaf, Tracer) for leaf in pytree.leaves(arg)):
            raise errors.UnexpectedTracerError(
                f"custom_vjp function {self.name}: an argument named in nondiff_argnums is a traced value. "
                "These arguments are for what can never be traced, such as functions. Pass arrays as "
                "ordinary arguments; bwd may return None for them."
            )
        return arg

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.fwd is None or self.bwd is None:
            raise AttributeError(
                f"No VJP defined for custom_vjp function {self.name} using defvjp. Give it a rule: "
                f"{self.name}.defvjp(fwd, bwd)."
            )
        call, leaves = self.call(args, kwargs)
        fwd = functools.partial(_run_fwd, call, self.fwd, self.bwd, self.symbolic_zeros)
        return call.result(custom_vjp_call_p.bind(*leaves, fun=call, fwd=fwd))


def _run_fwd(
    call: CustomCall, fwd: Callable, bwd: Callable, symbolic_zeros: bool, perturbed: Sequence[bool],
    primals: Sequence[Any],
) -> tuple[list[Any], list[Any], Callable]:
    """Leaves of the output, the residuals that are arrays, and the pullback; see `control/custom_vjp.py`."""
    primals = [as_value(p) for p in primals]
    given = list(map(CustomVJPPrimal, primals, perturbed)) if symbolic_zeros else primals
    args = list(call.arguments(given))
    for position, value in call.fixed:
        args.insert(position, value)
    name = f"The custom VJP fwd rule {describe_function(fwd)} of the function {call.name}"
    primal_out, residuals = pair_of(name, fwd(*args), "the output, and residuals for the backward pass")
    outs = call.accept(name, primal_out)
    arrays, restore = _divide_residuals(residuals)
    in_avals = [aval_of(p) for p in primals]
    return outs, arrays, functools.partial(_run_bwd, call, bwd, symbolic_zeros, in_avals, restore)


def _divide_residuals(residuals: Any) -> tuple[list[Any], Callable]:
    """The arrays among residuals, and the function from arrays back to residuals; other leaves are kept."""
    leaves, tree = pytree.flatten(residuals)
    places = [i for i, leaf in enumerate(leaves) if isinstance(leaf, Array)]
    others = [None if isinstance(leaf, Array) else leaf for leaf in leaves]

    def restore(arrays: Sequence[Any]) -> Any:
        whole = list(others)
        for place, array in zip(places, arrays, strict=True):
            whole[place] = array
        return tree.unflatten(whole)

    return [leaves[i] for i in places], restore


def _run_bwd(
    call: CustomCall, bwd: Callable, symbolic_zeros: bool, in_avals: Sequence[ShapedArray], restore: Callable,
    residuals: Sequence[Any], cts: Sequence[Any],
) -> list[Any]:
    """Cotangents, or `Zero`s, of the differentiable leaves by the user's rule; see `defvjp`."""
    given = cts if symbolic_zeros else [instantiate(ct) for ct in cts]
    result = bwd(*call.nondiff, restore([as_value(r) for r in residuals]), call.result(given))
    name = f"The custom VJP bwd rule {describe_function(bwd)} of the function {call.name}"
    found = _leaves_of_result(name, call, result)
    return [_check_ct(name, call, i, ct, a) for i, (ct, a) in enumerate(zip(found, in_avals, strict=True))]


def _leaves_of_result(name: str, call: CustomCall, result: Any) -> list[Any]:
    """One entry for each differentiable leaf: what `bwd` returned for it, or for a tree that it is in, or None."""
    args = call.arguments(range(call.in_tree.num_leaves))
    result = tuple(result) if isinstance(result, list) and len(result) == len(args) else result
    entries, tree = pytree.flatten(result, is_leaf=lambda x: x is None)
    found: list[Any] = []
    try:
        if result is not None and pytree.treedef_is_leaf(tree):
            raise ValueError("one array is not the tuple of the arguments")
        for entry, part in zip(entries, tree.flatten_up_to(args, "the arguments"), strict=True):
            found.extend([entry] * len(pytree.leaves(part)))
    except ValueError:
        raise TypeError(
            f"{name} must produce an output with the same container (pytree) structure as the args tuple of "
            f"the function, one entry for each argument (None for zero), but got bwd output structure "
            f"{pytree.structure(result)} for the arguments' structure {pytree.structure(args)}."
        ) from None
    return found


def _check_ct(name: str, call: CustomCall, i: int, ct: Any, aval: ShapedArray) -> Any:
    """The cotangent for leaf `i`, of type `aval`, in the dtype that it must have."""
    expected = aval.to_tangent_aval()
    if ct is None or is_zero(ct) or dtypes.float0 in (expected.dtype, getattr(ct, "dtype", None)):
        return Zero(expected)
    ct = as_array(ct)
    if ct.shape != aval.shape and not config.custom_vjp_disable_shape_check:
        raise ValueError(
            f"{name} must produce cotangents of the types of the arguments, but for {_leaf_name(call, i)} "
            f"of type {aval.str_short()} it produced {ct.aval.str_short()}: the shapes do not match."
        )
    if dtypes.is_complex(ct.dtype) and not dtypes.is_complex(expected.dtype):
        raise TypeError(
            f"{name} produced a complex cotangent, {ct.aval.str_short()}, for {_leaf_name(call, i)}, "
            f"which is real: {aval.str_short()}. Return its real part."
        )
    return convert_element_type(ct, expected.dtype) if ct.dtype != expected.dtype else ct


def _leaf_name(call: CustomCall, i: int) -> str:
    return list(call.made_by.argument_names)[i]
