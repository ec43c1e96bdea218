"""Which arguments of a function `static_argnums`, `donate_argnames` and the like mean.

A parameter that can be passed by position or by name is found both ways: whoever names it one way gets the
other from the signature.  Start at `select_arguments`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from operator import index
from typing import Any, NamedTuple

from cujax.engine.ground.source import describe_function

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Selection(NamedTuple):
    """Some arguments of a function, by position (negative ones count from the end of a call) and by name."""

    nums: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


class Parameters:
    """What the signature of a function says of its parameters; nothing where it cannot be read."""

    __slots__ = ("known", "names", "open_names", "open_positions", "positional", "rest_name")

    def __init__(self, fun: Callable) -> None:
        try:
            found = list(inspect.signature(fun).parameters.values())
            self.known = True
        except (ValueError, TypeError):  # a function of C, or a `__signature__` that is no signature
            found, self.known = [], False
        self.positional = [p.name for p in found if p.kind in _BY_POSITION]
        self.names = {p.name for p in found if p.kind in _BY_NAME}
        self.rest_name = next((p.name for p in found if p.kind is p.VAR_POSITIONAL), "args")
        self.open_positions = any(p.kind is p.VAR_POSITIONAL for p in found)
        self.open_names = any(p.kind is p.VAR_KEYWORD for p in found)

    def name_of(self, position: int) -> str:
        """What the argument passed at `position` is called: `x`, or `rest[2]` among variable arguments."""
        if position < len(self.positional):
            return self.positional[position]
        return f"{self.rest_name}[{position - len(self.positional)}]"


def argnums_tuple(argnums: Any) -> tuple[int, ...]:
    """One position or a sequence of them as a tuple; TypeError for anything else."""
    if isinstance(argnums, Sequence) and not isinstance(argnums, str):
        return tuple(index(i) for i in argnums)
    return (index(argnums),)


def argnames_tuple(argnames: str | Iterable[str]) -> tuple[str, ...]:
    """One name or several as a tuple; TypeError for anything else."""
    names = (argnames,) if isinstance(argnames, str) else tuple(argnames)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"argument names must be strings, got {name!r} of type {type(name)}")
    return names


def select_arguments(fun: Callable, parameters: Parameters, what: str, nums: Any, names: Any) -> Selection:
    """The arguments that `what`_argnums and `what`_argnames mean, each completed by the other if it is None.

    ValueError for a position or a name that `fun` does not take, TypeError for one that is no int or str.
    """
    found_nums = () if nums is None else argnums_tuple(nums)
    found_names = () if names is None else argnames_tuple(names)
    if parameters.known:
        _check_nums(fun, parameters, what, found_nums)
        _check_names(fun, parameters, what, found_names)
    count = len(parameters.positional)
    if parameters.known and not parameters.open_positions:
        found_nums = tuple(i % count for i in found_nums)
    if nums is None:
        found_nums = tuple(i for i, p in enumerate(parameters.positional) if p in found_names)
    elif names is None:
        by_both = {i: p for i, p in enumerate(parameters.positional) if p in parameters.names}
        found_names = tuple(by_both[i] for i in found_nums if i in by_both)
    return Selection(found_nums, found_names)


def _check_nums(fun: Callable, parameters: Parameters, what: str, nums: tuple[int, ...]) -> None:
    count = len(parameters.positional)
    if not parameters.open_positions and any(not -count <= i < count for i in nums):
        raise ValueError(
            f"{what}_argnums={nums} names a position that {describe_function(fun)} does not have: it accepts "
            f"only {count} positional arguments."
        )


def _check_names(fun: Callable, parameters: Parameters, what: str, names: tuple[str, ...]) -> None:
    unknown = [n for n in names if n not in parameters.names]
    if unknown and not parameters.open_names:
        raise ValueError(
            f"{what}_argnames names {unknown}, which {describe_function(fun)} does not take by name; it "
            f"takes {sorted(parameters.names)}."
        )
