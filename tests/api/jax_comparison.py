"""The same program under cujax and under JAX: `assert_same(lambda c: c.grad(f)(1.0))`.

`c` is the module, so that `c.numpy`, `c.lax` and `c.random` are those of either.  Equal means: the same
structure, values, dtypes, shapes and weak types, or an error of the same class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

import cujax


@dataclass(frozen=True, eq=False)
class Leaf:
    """An array or scalar of a result."""

    values: np.ndarray
    dtype: str
    weak: bool


@dataclass(frozen=True)
class Raised:
    """The class of an error: its name if it is a public class of `errors`, else that of its builtin base."""

    name: str


def outcome(program: Callable[[Any], Any], library: Any) -> Any:
    """What `program` returns or raises under `library`."""
    try:
        result = program(library)
    except Exception as error:
        return Raised(_class_name(error))
    return library.tree_util.tree_map(_leaf, result)


def _class_name(error: Exception) -> str:
    public = type(error).__name__
    if hasattr(cujax.errors, public):
        return public
    return next(c.__name__ for c in type(error).__mro__ if c.__module__ == "builtins")


def _leaf(x: Any) -> Any:
    if isinstance(x, (str, type)) or callable(x):
        return x
    values = np.asarray(x)
    if isinstance(x, (bool, int, float, complex)) and not isinstance(x, np.generic):  # what it would become
        return Leaf(values, str(jax.dtypes.canonicalize_dtype(values.dtype)), not isinstance(x, bool))
    return Leaf(values, str(values.dtype), bool(getattr(x, "weak_type", False)))


def assert_same(program: Callable[[Any], Any], rtol: float = 1e-6, weak: bool = True) -> None:
    """`program` gives the same under both; `weak` compares weak types too."""
    ours, theirs = outcome(program, cujax), outcome(program, jax)
    if isinstance(ours, Raised) or isinstance(theirs, Raised):
        assert ours == theirs, f"here {ours}, in JAX {theirs}"
        return
    assert str(jax.tree.structure(ours)) == str(jax.tree.structure(theirs))
    for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        _assert_same_leaf(a, b, rtol, weak)


def _assert_same_leaf(a: Any, b: Any, rtol: float, weak: bool) -> None:
    if not isinstance(a, Leaf):
        assert a == b
        return
    assert (a.dtype, a.values.shape) == (b.dtype, b.values.shape)
    assert not weak or a.weak == b.weak, f"weak types differ: {a.weak} here, {b.weak} in JAX"
    if a.values.dtype.names is None and a.values.dtype.kind != "V":  # float0 holds nothing
        np.testing.assert_allclose(a.values, b.values, rtol=rtol, atol=rtol)
