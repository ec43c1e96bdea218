"""Generated calls mean in cujax what they mean in JAX: value, dtype, weak type and shape, or a refusal by both.

The suite runs SAMPLE of the cases, always the same ones, and `make test-full` many more (`CUJAX_SURFACE_CASES`).  Which
class an error has is compared in the tables written by hand: here JAX's are often accidents, such as an index beyond
a tuple.
"""

from __future__ import annotations

import os
import warnings
from typing import Any

import generated
import jax
import jax.numpy
import jax.scipy.signal
import pytest
from oracle_cases import compare, evaluate

import cujax
import cujax.numpy

SAMPLE = 200
COUNT = int(os.environ.get("CUJAX_SURFACE_CASES", SAMPLE))

# By the beginning of the call, where the two differ on purpose.
DIFFERENT = {
    "jnp.array_": "arrays are printed as NumPy does; JAX adds the shape of those without elements",
    "jnp.linalg.matrix_power(x, y)": "JAX needs a Python integer, here any scalar integer does",
    "jnp.meshgrid": "scalars are vectors of length 1, as in NumPy",
    "jnp.poly": "vectors alone are polynomials: JAX takes matrices of no element, and no scalars",
    "lax.clamp(0": "Python's numbers take the dtype of the operand",
    "lax.integer_pow(x, y)": "JAX needs a Python integer, here any scalar integer does",
    "lax.top_k(x, y)": "JAX needs a Python integer, here any scalar integer does",
    "scipy.signal.fftconvolve": "arrays without elements are convolved as elsewhere",
    "scipy.signal.c": "with mode='full' neither input needs to be the smaller one",
}
CASES = [c for c in generated.sample(COUNT) if not c.call.startswith(tuple(DIFFERENT))]


def value(case: generated.Case, library: Any) -> Any:
    arrays = {name: library.asarray(array) for name, array in case.arrays().items()}
    return evaluate(case.call, library, **arrays)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_agrees_with_jax(case):
    wide = case.dtype in generated.WIDE
    with jax.enable_x64(wide), cujax.enable_x64(wide), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = value(case, jax.numpy), value(case, cujax.numpy)
        if isinstance(found, AttributeError):
            raise found
        if not (isinstance(expected, Exception) and isinstance(found, Exception)):
            compare(found, expected)


def test_there_are_thousands():
    every = generated.cases()
    assert len(every) > 5000 and len(set(every)) == len(every)
    assert {c.dtype for c in every} == set(generated.DTYPES)
    assert generated.sample(50) == generated.sample(50)
