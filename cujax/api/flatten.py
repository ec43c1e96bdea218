"""From functions of pytrees to functions of flat leaves, which is what the engine transforms.

`FlatFunction` is the adapter.  Around it: leaves as arrays (`as_array`), the avals of leaves, which may be
`ShapeDtypeStruct`s (`abstract_leaf`), what error texts call a leaf (`LeafNames`), and a function with some
of its arguments fixed (`Fixed`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from cujax.api.arguments import Parameters
from cujax.engine.core.array import Array, describe_value, to_array
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.trace import aval_of
from cujax.engine.ground import dtypes, pytree
from cujax.engine.ground.source import describe_function

_SIMPLE = frozenset(dtypes.PYTHON_SCALARS)


class FlatFunction:
    """`fun` as a function of the leaves of `(args, kwargs)`.

    Returns the leaves of the result, whose structure is then in `out_tree`.
    """

    __slots__ = ("fun", "in_tree", "out_tree", "transform")

    def __init__(self, transform: str, fun: Callable, in_tree: pytree.PyTreeDef) -> None:
        self.transform = transform
        self.fun = fun
        self.in_tree = in_tree
        self.out_tree: Any = None

    def __call__(self, *leaves: Any) -> list[Any]:
        args, kwargs = self.in_tree.unflatten(leaves)
        result = self.fun(*args, **kwargs)
        outs, self.out_tree = pytree.flatten(result)
        for out in outs:
            if not is_array_like(out):
                raise TypeError(self._bad_result(result))
        return outs

    def _bad_result(self, result: Any) -> str:
        path, value = next((p, x) for p, x in pytree.leaves_with_path(result) if not is_array_like(x))
        where = f" at {pytree.keystr(path)} of its result" if path else ""
        return (
            f"{describe_function(self.fun)}, transformed by {self.transform}, returned "
            f"{describe_value(value)}{where}, which is not a valid cujax type. Return arrays and scalars, in "
            "tuples, lists, dicts and registered classes."
        )


class Fixed:
    """`fun` with some positional and some named arguments given; calls pass the others."""

    __slots__ = ("func", "names", "positions")

    def __init__(self, fun: Callable, positions: Sequence[tuple[int, Any]], names: Mapping[str, Any]) -> None:
        self.func = fun
        self.positions = sorted(positions, key=lambda pair: pair[0])
        self.names = names

    @classmethod
    def of(cls, fun: Callable, arguments: Sequence[tuple[int | str, Any]]) -> Callable:
        """`fun` with arguments given as (position or name, value)."""
        if not arguments:
            return fun
        positions = [(i, v) for i, v in arguments if isinstance(i, int)]
        return cls(fun, positions, {n: v for n, v in arguments if isinstance(n, str)})

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        whole = list(args)
        for position, value in self.positions:
            whole.insert(position, value)
        return self.func(*whole, **kwargs, **self.names)


class LeafNames:
    """What error texts call each leaf of `(args, kwargs)`: `x`, `params['w'][0]`, `rest[2]`.

    positions: where in the user's call the positional arguments stand, if some were taken out.  Names are
    made when they are asked for, since few are.
    """

    __slots__ = ("_fun", "_in_tree", "_positions")

    def __init__(
        self, fun: Callable, in_tree: pytree.PyTreeDef, positions: Sequence[int] | None = None
    ) -> None:
        self._fun = fun
        self._in_tree = in_tree
        self._positions = positions

    def __iter__(self) -> Iterator[str]:
        parameters = Parameters(self._fun)
        tree = self._in_tree.unflatten(range(self._in_tree.num_leaves))
        for path, _ in pytree.leaves_with_path(tree):
            yield self._root(parameters, path[0].idx, path[1]) + pytree.keystr(path[2:])

    def _root(self, parameters: Parameters, group: int, key: Any) -> str:
        if group == 1:
            return key.key if key.key in parameters.names else f"kwargs[{key.key!r}]"
        return parameters.name_of(key.idx if self._positions is None else self._positions[key.idx])

    def __len__(self) -> int:
        return self._in_tree.num_leaves


def is_array_like(x: Any) -> bool:
    """Whether `x` is an array, a tracer or a scalar."""
    if isinstance(x, Array) or type(x) in _SIMPLE:
        return True
    try:
        aval_of(x)
    except TypeError:
        return False
    return True


def as_array(x: Any) -> Array:
    """A leaf as an array or a tracer; TypeError for anything else."""
    return x if isinstance(x, Array) else to_array(x)


def abstract_leaf(x: Any) -> ShapedArray:
    """The aval of a leaf, which may be anything with a shape and a dtype; TypeError for anything else."""
    try:
        return aval_of(x)
    except TypeError:
        if not (hasattr(x, "shape") and hasattr(x, "dtype")):
            raise
        dtype = dtypes.canonicalize(dtypes.as_dtype(x.dtype))
        return ShapedArray(tuple(x.shape), dtype, getattr(x, "weak_type", False))


def bad_argument(
    transform: str,
    fun: Callable,
    leaves: Sequence[Any],
    names: Iterable[str],
    read: Callable[[Any], Any] = abstract_leaf,
    otherwise: Exception | None = None,
) -> Exception:
    """The error for the first of `leaves` that `read` refuses, naming function and argument; or `otherwise`."""
    for leaf, name in zip(leaves, names, strict=True):
        try:
            read(leaf)
        except (TypeError, OverflowError) as error:
            hint = _HINTS.get(transform, "")
            return type(error)(f"{transform}: argument {name} of {describe_function(fun)}: {error}.{hint}")
    return otherwise or AssertionError("all arguments are arrays")


_HINTS = {
    "jit": " If it is a setting that changes seldom, mark it static: jit(f, static_argnames=...).",
    "vmap": " If it is no array, do not map it: give it None in in_axes.",
}
