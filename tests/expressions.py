"""Expressions evaluated twice, with the modules of cujax and with those of JAX under the same names.

    lax  nn  jnp  special  random      and  `top`, the package itself
    x    float32 (2, 3)                v    float32 (5,), with a negative number, a zero and a large one

`check` compares shape, dtype, weak type and values of the results, or the class of the exception;
`check_derivatives` the vjp and the second derivative with respect to `x`.  All in the default 32-bit mode.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy
import jax.scipy.special
import numpy as np

import cujax
import cujax.scipy.special
from cujax.engine.core.array import Array

X = np.array([[0.5, -1.25, 2.0], [0.25, 3.0, -0.75]], np.float32)
V = np.array([-3.0, 0.0, 0.5, 1.0, 20.0], np.float32)
EPS = {"float16": 1e-3, "bfloat16": 8e-3, "float32": 1.2e-7, "complex64": 1.2e-7}


def lines(table: str) -> list[str]:
    """The expressions of a table."""
    return [line.strip() for line in table.splitlines() if line.strip()]


def names(library: Any) -> dict[str, Any]:
    return {
        "top": library, "lax": library.lax, "nn": library.nn, "jnp": library.numpy, "random": library.random,
        "special": library.scipy.special, "np": np, "inf": np.inf, "nan": np.nan,
        "x": library.numpy.asarray(X), "v": library.numpy.asarray(V),
    }


def evaluate(case: str, library: Any, **arrays: Any) -> Any:
    return eval(case, {**names(library), **arrays})


def outcome(case: str, library: Any) -> Any:
    """The value of the expression, or the exception that it raises."""
    try:
        return evaluate(case, library)
    except Exception as error:
        return error


def check(case: str, ulp: float = 8) -> None:
    """The expression means the same in both libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = outcome(case, jax)
    compare(outcome(case, cujax), expected, ulp)


def compare(found: Any, expected: Any, ulp: float) -> None:
    """Fails unless `found` is the counterpart of `expected`."""
    if isinstance(found, Exception) or isinstance(expected, Exception):
        if not isinstance(expected, Exception):
            raise found
        assert type(found).__name__ == type(expected).__name__, f"{found!r} where JAX has {expected!r}"
    elif isinstance(expected, tuple | list):
        assert type(found) is type(expected) and len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            compare(f, e, ulp)
    elif isinstance(expected, jax.Array):
        compare_arrays(found, expected, ulp)
    else:
        assert found == expected


def compare_arrays(found: Any, expected: jax.Array, ulp: float) -> None:
    assert isinstance(found, Array), f"{type(found)} is no array"
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if expected.dtype != bool:
        assert found.weak_type == expected.weak_type
    eps = ulp * EPS.get(expected.dtype.name, 0)
    wide = np.complex128 if expected.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(np.asarray(found).astype(wide), np.asarray(expected).astype(wide), eps, eps)


def check_derivatives(case: str, value: np.ndarray = X, ulp: float = 32) -> None:
    """The gradient with respect to `x` of a weighted sum of the expression, and a gradient of that."""
    ours, theirs = (gradients(case, library, value) for library in (cujax, jax))
    compare(ours, theirs, ulp)


def gradients(case: str, library: Any, value: np.ndarray) -> list[Any]:
    first = library.grad(weighted_sum(lambda x: evaluate(case, library, x=x), library))
    second = library.grad(weighted_sum(first, library))
    at = library.numpy.asarray(value)
    return [first(at), second(at)]


def weighted_sum(function: Callable, library: Any) -> Callable:
    """The sum of the function's results, each with a weight of its own."""

    def total(x: Any) -> Any:
        out = function(x)
        weights = (np.arange(out.size).reshape(out.shape) % 5 + 1).astype(out.dtype)
        return library.numpy.sum(out * weights)

    return total
