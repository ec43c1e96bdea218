"""What all derivatives share: arguments to differentiate, rules about dtypes, auxiliary results.

`Point` is a function with the arguments at which it is differentiated, seen as a flat function of the leaves
of the differentiated ones.  `Transform` names the public function for error texts and holds its rules about
dtypes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from cujax.api.arguments import argnums_tuple
from cujax.api.flatten import FlatFunction, LeafNames, as_array, bad_argument
from cujax.engine.core.array import Array, describe_value
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.context import context
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.source import describe_function
from cujax.engine.transforms.jvp import JVPTracer


class Transform(NamedTuple):
    """A differentiating function: its name and what dtypes it takes.

    complex_inputs: without `holomorphic`, whether complex inputs are allowed.
    """

    name: str
    holomorphic: bool = False
    allow_int: bool = False
    complex_inputs: bool = True

    def check_input(self, aval: ShapedArray) -> None:
        """TypeError unless an argument of this type can be differentiated."""
        dtype = aval.dtype
        if self.holomorphic and not dtypes.is_complex(dtype):
            raise TypeError(
                f"{self.name} with holomorphic=True requires inputs with complex dtype, but got {dtype}"
            )
        if dtypes.is_complex(dtype) and not (self.holomorphic or self.complex_inputs):
            raise TypeError(
                f"{self.name} requires real-valued inputs (floating-point dtype), but got {dtype}. For "
                "holomorphic differentiation pass holomorphic=True, otherwise use jvp"
            )
        if not dtypes.is_inexact(dtype) and not self.allow_int:
            raise TypeError(
                f"{self.name} requires real- or complex-valued inputs (a floating-point or complex dtype), "
                f"but got {dtype}. {self._cure(dtype)}"
            )

    def _cure(self, dtype: Any) -> str:
        if dtypes.is_key(dtype):
            return "A random key has no derivative: close over it, or choose other argnums"
        value = "x.astype(float), or a literal such as 3. instead of 3"
        return f"Pass a float ({value}), or use {'vjp or allow_int=True' if self.complex_inputs else 'jvp'}"

    def check_output(self, fun: Callable, aval: ShapedArray) -> None:
        """TypeError unless a result of this type has a derivative of this kind."""
        dtype = aval.dtype
        if self.holomorphic and not dtypes.is_complex(dtype):
            raise TypeError(
                f"{self.name} with holomorphic=True requires outputs with complex dtype, but "
                f"{describe_function(fun)} returned {dtype}."
            )
        if not self.holomorphic and not dtypes.is_float(dtype):
            cure = "If it is holomorphic pass holomorphic=True, else" if dtypes.is_complex(dtype) else "Here"
            raise TypeError(
                f"{self.name} requires real-valued outputs (floating-point dtype), but "
                f"{describe_function(fun)} returned {dtype}. {cure} use vjp directly."
            )


class Point:
    """`fun` at given arguments, as a flat function of the leaves of those at `argnums`.

    flat: the function.  primals: the leaves, as arrays.  avals: their types.  names: what texts call them.
    """

    __slots__ = ("_argnums", "avals", "flat", "fun", "in_tree", "names", "primals", "transform")

    def __init__(
        self,
        transform: Transform,
        fun: Callable,
        args: Sequence[Any],
        kwargs: dict[str, Any],
        argnums: int | Sequence[int] | None = None,
        wrapped: Callable | None = None,
    ) -> None:
        """`argnums` None means all positional arguments; `wrapped` is called in the place of `fun`."""
        self.transform = transform
        self.fun = fun
        self._argnums = argnums
        places = range(len(args)) if argnums is None else self._places(argnums, len(args))
        leaves, self.in_tree = pytree.flatten((tuple([args[i] for i in places]), {}))
        chosen = Replacing(wrapped or fun, args, kwargs, places)
        self.flat = FlatFunction(transform.name, chosen, self.in_tree)
        self.names = LeafNames(fun, self.in_tree, places)
        try:
            self.primals = [self._primal(x) for x in leaves]
        except (TypeError, OverflowError):
            raise bad_argument(transform.name, fun, leaves, self.names, self._primal) from None
        self.avals = [p.aval for p in self.primals]

    def _primal(self, leaf: Any) -> Array:
        array = as_array(leaf)
        self.transform.check_input(array.aval)
        return array

    def _places(self, argnums: int | Sequence[int], count: int) -> list[int]:
        nums = argnums_tuple(argnums)
        needed = max((i + 1 if i >= 0 else -i for i in nums), default=0)
        if needed > count:
            raise TypeError(
                f"{self.transform.name}: differentiating {describe_function(self.fun)} with respect to "
                f"argnums={argnums} requires at least {needed} positional arguments, but the call has "
                f"{count}. Arguments passed by name are not differentiated."
            )
        places = [i % count for i in nums]
        if len(set(places)) != len(places):
            raise TypeError(f"{self.transform.name}: argnums={argnums} names an argument twice")
        return places

    def like_arguments(self, leaves: Sequence[Any]) -> Any:
        """A value for each leaf, in the structure of the arguments at `argnums`: one, or a tuple of them."""
        chosen = self.in_tree.unflatten(leaves)[0]
        return chosen if self._argnums is None or isinstance(self._argnums, Sequence) else chosen[0]


class Replacing:
    """`fun(*args, **kwargs)` as a function of the positional arguments at `places`."""

    __slots__ = ("_args", "_kwargs", "_places", "func")

    def __init__(
        self, fun: Callable, args: Sequence[Any], kwargs: dict[str, Any], places: Sequence[int]
    ) -> None:
        self.func = fun
        self._args = args
        self._kwargs = kwargs
        self._places = places

    def __call__(self, *chosen: Any) -> Any:
        whole = list(self._args)
        for place, value in zip(self._places, chosen, strict=True):
            whole[place] = value
        return self.func(*whole, **self._kwargs)


class Auxiliary:
    """`fun` returning (out, aux), as a function that returns out and keeps aux, freed of its tangents."""

    __slots__ = ("func", "value")

    def __init__(self, fun: Callable) -> None:
        self.func = fun
        self.value: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        pair = self.func(*args, **kwargs)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(
                f"with has_aux=True {describe_function(self.func)} must return a pair (output, auxiliary "
                f"data), got {describe_value(pair)}."
            )
        out, aux = pair
        self.value = pytree.map(_without_tangent, aux)
        return out


def _without_tangent(x: Any) -> Any:
    """The primal of a tracer of the derivative that is being taken; anything else as it is."""
    return x.primal if type(x) is JVPTracer and x.owner is context.trace else x


def check_callable(name: str, fun: Any) -> None:
    if not callable(fun):
        raise TypeError(f"{name}: expected a callable value, got {describe_value(fun)}")
