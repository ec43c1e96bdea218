"""`check` of oracle_cases with JAX's side compiled as one program, hardly optimized: a fifth of the time."""

from __future__ import annotations

import warnings
from typing import Any

import jax
import jax.errors
import jax.numpy
import numpy as np
from oracle_cases import AT, close, compare, evaluate, function_of

import cujax.numpy
from cujax.test_util import check_grads

_NEEDS_VALUES = (jax.errors.JAXTypeError, jax.errors.JAXIndexError)
QUICKLY = {"xla_backend_optimization_level": 0}


def check(case: str) -> None:
    """The expression means the same in both libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = outcome(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        found = evaluate(case, cujax.numpy)
    compare(found, expected)


def outcome(case: str) -> Any:
    """JAX's value or exception; op by op where the program needs values."""
    try:
        return jax.jit(lambda: _value(case), compiler_options=QUICKLY)()
    except _NEEDS_VALUES:
        return evaluate(case, jax.numpy)
    except Exception as error:
        return error


def _value(case: str) -> Any:
    out = evaluate(case, jax.numpy)
    if isinstance(out, Exception):
        raise out
    return out


def check_transforms(case: str, value: np.ndarray = AT) -> None:
    """The gradient with respect to `x` is that of finite differences; jit changes nothing, vmap is a loop."""
    function = function_of(case, cujax.numpy)
    check_grads(function, (value,), 1, atol=2e-2, rtol=2e-2)
    rows = [value, value[::-1].copy()]
    one_by_one = [np.asarray(function(cujax.numpy.asarray(row))) for row in rows]
    close(cujax.jit(function)(value), one_by_one[0])
    close(cujax.vmap(function)(np.stack(rows)), np.stack(one_by_one))
