"""Expressions evaluated twice: with `jnp`, `lax`, `nn`, `scipy` meaning those of cujax, and those of JAX.

A test file holds tables of expressions, a line each, in these names and those of `ARRAYS`; `check` compares
value, dtype, weak type and shape of the results, or the class of the exception; `check_transforms`
compares the gradient with respect to `x`, and `jit` and `vmap` with plain evaluation.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any

import jax
import jax.nn
import jax.numpy
import jax.scipy
import numpy as np
import phases

import cujax
import cujax.nn
import cujax.numpy
import cujax.scipy
from cujax.engine.core.array import Array

X = np.arange(12, dtype=np.float32).reshape(3, 4) - 4
V = np.array([3, 1, 4, 1, 5, 9, 2], np.float32)
AT = X + np.float32(0.3)  # where gradients are taken: no zeros, no ties with integers
ARRAYS = {"x": X, "v": V, "xi": np.arange(12, dtype=np.int32).reshape(3, 4), "c": X * np.complex64(1 + 0.5j)}
FAR_HALF = {2: 2e-3, 4: 3e-6, 8: 3e-6, 16: 1e-12}  # relative tolerance by bytes of the dtype


def lines(table: str) -> list[str]:
    """The expressions of a table."""
    return [line.strip() for line in table.splitlines() if line.strip()]


def words(table: str) -> list[str]:
    """The names of a table."""
    return table.split()


def evaluate(case: str, library: Any, **arrays: Any) -> Any:
    """The value of the expression, or the exception it raises."""
    root = sys.modules[library.__name__.partition(".")[0]]
    names = {"jax": root, "jnp": library, "lax": root.lax, "nn": root.nn, "scipy": root.scipy}
    names |= {"np": np, "nan": np.nan, "inf": np.inf}
    given = {name: library.asarray(value) for name, value in ARRAYS.items()}
    try:
        return eval(case, {**names, **given, **arrays})
    except Exception as error:
        return error


def check(case: str) -> None:
    """The expression means the same in both libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = phases.settled(jax.numpy, evaluate(case, jax.numpy), case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        found = phases.settled(cujax.numpy, evaluate(case, cujax.numpy), case)
    compare(found, expected)


def compare(found: Any, expected: Any, rtol: float | None = None) -> None:
    """Fails unless `found` is the counterpart of `expected`."""
    if isinstance(found, Exception):
        if not isinstance(expected, Exception):
            raise found
        assert type(found).__name__ == type(expected).__name__, f"{found!r} where JAX raises {expected!r}"
    elif isinstance(expected, tuple | list):
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            compare(f, e, rtol)
    elif isinstance(expected, jax.Array):
        compare_arrays(found, expected, rtol)
    else:
        assert not isinstance(expected, Exception), f"JAX raises {expected!r}, found {found!r}"
        assert found == expected or (found != found and expected != expected)


def compare_arrays(found: Any, expected: jax.Array, rtol: float | None = None) -> None:
    """Same shape, dtype, weak type (booleans aside) and, up to rounding, values."""
    assert isinstance(found, Array), f"{type(found)} is no array"
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    if expected.dtype != bool:
        assert found.weak_type == expected.weak_type
    values, wanted = np.asarray(found), np.asarray(expected)
    if not jax.numpy.issubdtype(expected.dtype, jax.numpy.inexact):
        np.testing.assert_array_equal(values, wanted)
        return
    wide = np.complex128 if wanted.dtype.kind == "c" else np.float64
    tolerance = 2e-2 if wanted.dtype.name == "bfloat16" else FAR_HALF[wanted.dtype.itemsize]
    tolerance = rtol or tolerance
    np.testing.assert_allclose(values.astype(wide), wanted.astype(wide), rtol=tolerance, atol=tolerance)


def function_of(case: str, library: Any, name: str = "x") -> Callable:
    """The expression as a function of the array `name`."""

    def function(array: Any) -> Any:
        out = evaluate(case, library, **{name: array})
        if isinstance(out, Exception):
            raise out
        return out

    return function


def check_transforms(case: str, value: np.ndarray = AT) -> None:
    """The gradient with respect to `x` is that of JAX; jit changes nothing, vmap is a loop."""
    check_vjp(case, value)
    function = function_of(case, cujax.numpy)
    rows = [value, value[::-1].copy(), value * np.float32(0.7)]
    one_by_one = [np.asarray(function(cujax.numpy.asarray(row))) for row in rows]
    close(cujax.jit(function)(value), one_by_one[0])
    for axis in (0, 2):
        batch = cujax.numpy.asarray(np.stack(rows, axis))
        close(cujax.vmap(function, in_axes=axis)(batch), np.stack(one_by_one))


def close(found: Any, expected: np.ndarray) -> None:
    """Same shape and, up to a few roundings, values."""
    assert found.shape == expected.shape
    np.testing.assert_allclose(np.asarray(found), expected, rtol=2e-5, atol=2e-5)


def check_vjp(case: str, value: np.ndarray = AT, rtol: float = 2e-5) -> None:
    """The gradient of the expression with respect to `x` is the same in both libraries."""
    results = []
    for library, vjp in ((cujax.numpy, cujax.vjp), (jax.numpy, jax.vjp)):
        out, pull_back = vjp(function_of(case, library), library.asarray(value))
        ct = library.asarray((np.arange(out.size).reshape(out.shape) % 5 + 1).astype(out.dtype))
        results.append(pull_back(ct)[0])
    compare(*results, rtol=rtol)
