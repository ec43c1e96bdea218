"""What `custom_jvp` and `custom_vjp` share: functions whose arguments are divided into differentiable ones,
which become flat leaves, and the others, which are kept aside.

    CustomFunction  base of both: the user's function, its signature and its `nondiff_argnums`
    CustomCall      one call of it: the flat function that the engine carries; remembers what it returned

Derivative rules take arguments by position, so keywords and defaults are put at their places first.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from cujax.api.arguments import Parameters, argnames_tuple, argnums_tuple
from cujax.api.flatten import Fixed, FlatFunction, LeafNames, as_array, bad_argument
from cujax.engine.core.aval import ShapedArray, same_array_type
from cujax.engine.core.recording import Origin
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import pytree
from cujax.engine.ground.pytree import PyTreeDef
from cujax.engine.ground.source import describe_function, function_name


class CustomFunction:
    """A function with derivative rules; see `custom_jvp` and `custom_vjp`, which derive from it."""

    kind = ""

    def __init__(self, fun: Callable, nondiff_argnums: Any = (), nondiff_argnames: Any = ()) -> None:
        functools.update_wrapper(self, fun)  # type: ignore[arg-type]
        self.fun = fun
        self._parameters = Parameters(fun)
        positional = self._parameters.positional
        named = tuple(positional.index(n) for n in argnames_tuple(nondiff_argnames))
        self.nondiff_argnums = tuple(sorted({*argnums_tuple(nondiff_argnums), *named}))
        self._signature = inspect.signature(fun) if self._parameters.known else inspect.signature(_positional)

    @property
    def name(self) -> str:
        return function_name(self.fun)

    def call(self, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[CustomCall, list[Any]]:
        """The call of the function with these arguments, and its differentiable leaves."""
        args = self._by_position(args, kwargs)
        chosen = {i % len(args) for i in self.nondiff_argnums} if args else set()
        fixed = [(i, self.nondiff_argument(a)) for i, a in enumerate(args) if i in chosen]
        positions = [i for i in range(len(args)) if i not in chosen]
        leaves, in_tree = pytree.flatten(([args[i] for i in positions], {}))
        call = CustomCall(self, fixed, in_tree, LeafNames(self.fun, in_tree, positions))
        try:
            return call, [as_array(x) for x in leaves]
        except (TypeError, OverflowError):
            raise bad_argument(self.kind, self.fun, leaves, call.made_by.argument_names, as_array) from None

    def nondiff_argument(self, arg: Any) -> Any:
        """An argument named by `nondiff_argnums`, as the function and the rules get it."""
        return arg

    def _by_position(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Sequence[Any]:
        parameters = self._parameters
        if not kwargs and (len(args) == len(parameters.positional) or not parameters.known):
            return args
        try:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            if bound.kwargs:
                raise TypeError(f"{', '.join(bound.kwargs)} can be passed by keyword only")
        except TypeError as error:
            raise TypeError(
                f"The arguments of the {self.kind} function {describe_function(self.fun)} cannot be put at "
                f"positions, where its rules expect them: {error}. Give it parameters that can be passed so."
            ) from None
        return bound.args


def _positional(*args: Any) -> None:
    """The signature of a function that does not tell its own."""


class CustomCall(FlatFunction):
    """One call: a flat function of the differentiable leaves, with attributes that recording it reads.

    fixed: pairs (position, value) of the other arguments.  out_tree and out_avals: what the function
    returned, None until it has run; it does not where only a rule does.
    """

    __slots__ = ("custom", "fixed", "made_by", "name", "out_avals")

    def __init__(
        self, custom: CustomFunction, fixed: list[tuple[int, Any]], in_tree: PyTreeDef, names: LeafNames
    ) -> None:
        super().__init__(custom.kind, Fixed(custom.fun, fixed, {}) if fixed else custom.fun, in_tree)
        self.custom, self.fixed = custom, fixed
        self.name, self.made_by = custom.name, Origin(custom.kind, custom.fun, names)
        self.out_avals: list[ShapedArray] | None = None

    def __call__(self, *leaves: Any) -> list[Any]:
        outs = [as_array(o) for o in super().__call__(*leaves)]
        self.out_avals = [aval_of(o) for o in outs]
        return outs

    @property
    def nondiff(self) -> list[Any]:
        """The other arguments, in order, as rules take them."""
        return [value for _, value in self.fixed]

    def arguments(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """The differentiable arguments with these leaves."""
        return tuple(self.in_tree.unflatten(leaves)[0])

    def result(self, outs: Sequence[Any]) -> Any:
        return self.out_tree.unflatten(outs)

    def accept(self, rule: str, primal_out: Any) -> list[Any]:
        """Leaves of the primal result of a rule, once it is known to look like the function's own.

        TypeError that names the rule where structure, shapes or dtypes differ.
        """
        outs, tree = pytree.flatten(primal_out)
        outs = [as_array(o) for o in outs]
        if self.out_avals is None:
            self.out_tree = tree
            return outs
        avals = [aval_of(o) for o in outs]
        if tree != self.out_tree:
            self._refuse(rule, "container (pytree) structure", tree, self.out_tree)
        if not all(map(same_array_type, avals, self.out_avals)):
            own = self.out_tree.unflatten([a.str_short() for a in self.out_avals])
            self._refuse(rule, "shapes/dtypes", tree.unflatten([a.str_short() for a in avals]), own)
        return outs

    def _refuse(self, rule: str, what: str, found: Any, own: Any) -> None:
        raise TypeError(
            f"{rule}: the first element of its result must equal the output of the function, but has {what}\n"
            f"    {found}\nwhile {describe_function(self.custom.fun)} returned\n    {own}"
        )


def pair_of(rule: str, result: Any, meaning: str) -> tuple[Any, Any]:
    """The result of a rule, which has to be a pair; TypeError otherwise."""
    if isinstance(result, (tuple, list)) and len(result) == 2:
        return result[0], result[1]
    raise TypeError(
        f"{rule} must produce a pair (list or tuple of length two): {meaning}. It returned {result}."
    )
