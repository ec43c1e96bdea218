"""Generated calls mean in cujax what they mean in JAX: value, dtype, weak type and shape, or a refusal by both.

The suite runs SAMPLE of the cases, always the same ones, and `make test-full` many more (`CUJAX_SURFACE_CASES`).  Which
class an error has is compared in the tables written by hand: here JAX's are often accidents, such as an index beyond
a tuple.
"""

from __future__ import annotations

import os
import re
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

# By the text of the case, where the two differ on purpose.
_EMPTY, _NARROW, _INTEGERS = r"( 0| 2x0x3| 0x0)+$", r"(float16|bfloat16)", r"(bool|u?int\d+)"
DIFFERENT = {
    r"^jnp\.array_(repr|str)\(": "arrays are printed as NumPy does; JAX adds the shape of those without elements",
    r"^jnp\.(all|any)\(.* complex": "a complex number is true unless both its parts are 0",
    r"^jnp\.cum(sum|prod)\(x, 0\) \S+ scalar": "a scalar counts as a vector, as in NumPy",
    rf"^jnp\.fft\..*{_EMPTY}": "JAX's compiler does not transform signals without elements",
    r"^jnp\.fmod\(.* bool": "remainders of division by 0 are 0",
    r"^jnp\.geomspace": "the ends are the numbers given, also where they have no logarithm",
    rf"^jnp\.histogram.*{_EMPTY}": "without elements there are none in any bin, as in NumPy",
    r"^jnp\.histogram\(x\)": "which bin has a number at an edge is a matter of rounding",
    r"^jnp\.linalg\.det\(x\) bfloat16": "products of 8 bits are added in another order",
    rf"^jnp\.(nan)?(quantile|percentile)\(x, y\) {_INTEGERS}": "whole numbers q are taken",
    r"^jnp\.linalg\.lstsq\(.* complex128 0x0": "singular values are real, also where there are none",
    rf"^jnp\.linalg\.vector_norm\(x, ord=3\) {_INTEGERS}": "norms are floats",
    r"^jnp\.(arg)?partition": "the order on both sides is nobody's",
    r"^jnp\.meshgrid": "scalars are vectors of length 1, as in NumPy",
    rf"^jnp\.poly\w*\(.*( scalar|\dx\d|{_EMPTY})": "vectors with elements alone are polynomials",
    r"^jnp\.poly(sub|div|fit|val|int|der)?\(.* bool ": "JAX refuses booleans here and takes them there",
    r"^lax\.clamp\(0": "Python's numbers take the dtype of the operand",
    r"^lax\.clamp\(x, y, z\) complex": "complex numbers have no order",
    r"^(lax\.integer_pow|lax\.top_k|jnp\.linalg\.matrix_power)\(x, y\)": "JAX needs a Python integer",
    r"^(lax\.igammac?|scipy\.special\.gammaincc?)\(": "0 or 1 where a is 0, as in SciPy",
    r"^(lax|scipy\.special)\.(zeta|polygamma)": "infinite at the poles, as in SciPy",
    r"linalg\.(svd|qr|eigh?|schur|hessenberg|eigh_tridiagonal)\(": "vectors are determined up to their signs",
    r"^scipy\.linalg\.solve_sylvester\(.* 0x0": "the solution has no elements",
    rf"^scipy\.special\.(expi|loggamma)\(x\) {_INTEGERS}": "infinite at 0, as in SciPy",
    rf"^scipy\.special\.hyp2f1\(.* {_INTEGERS}": "1 where a or b is 0, as in SciPy",
    r"^scipy\.special\.sph_harm_y\(.* bool": "orders and degrees that are booleans count as 0 and 1",
    r"^scipy\.special\.owens_t\(.* complex": "complex numbers are refused without elements too",
    rf"^scipy\.fft\.i?dctn\(x\) {_INTEGERS} scalar": "the result is a float, also where there is no axis",
    rf"^scipy\.linalg\.(polar|funm)\(.*{_INTEGERS}": "integers become floats",
    r"^scipy\.linalg\..*2x4x4": "stacks of matrices are taken everywhere",
    r"^scipy\.signal\.csd": "signals of several axes are broadcast",
    r"^scipy\.signal\.fftconvolve\(.* bfloat16": "computed in float32",
    rf"^scipy\.signal\.(convolve|correlate|fftconvolve)\w*\(.*(3x1 1x4| 0x3|{_EMPTY})":
        "no input needs to be the smaller one, or to have elements",
    rf"^scipy\.special\.(log_ndtr|ndtri?|spence|owens_t)\(.* {_NARROW}":
        "16-bit floats are computed in float32, and the result is one",
    r"^scipy\.stats\.(binom\.|(cauchy|gumbel_[lr]|norm)\.(ppf|isf))": "the ends of supports are SciPy's",
}
ACCIDENTS = (AttributeError, ArithmeticError, AssertionError, LookupError, RecursionError, UnboundLocalError)
CASES = [c for c in generated.sample(COUNT) if not any(re.search(text, str(c)) for text in DIFFERENT)]


def value(case: generated.Case, library: Any) -> Any:
    arrays = {name: library.asarray(array) for name, array in case.arrays().items()}
    return evaluate(case.call, library, **arrays)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_agrees_with_jax(case):
    wide = case.dtype in generated.WIDE
    with jax.enable_x64(wide), cujax.enable_x64(wide), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, found = value(case, jax.numpy), value(case, cujax.numpy)
        if isinstance(found, ACCIDENTS) and type(found).__name__ != type(expected).__name__:
            raise found
        if not (isinstance(expected, Exception) and isinstance(found, Exception)):
            compare(found, expected)


def test_there_are_thousands():
    every = generated.cases()
    assert len(every) > 5000 and len(set(every)) == len(every)
    assert {c.dtype for c in every} == set(generated.DTYPES)
    assert generated.sample(50) == generated.sample(50)
    for text in DIFFERENT:
        assert any(re.search(text, str(c)) for c in every), text
