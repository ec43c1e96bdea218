"""Functions of uniform and normal numbers with parameters: JAX's draws, derivatives, refusals."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from random_oracle import TWO_MODES, both_in, close, quickly

import cujax
from cujax import random

# The parameters by the names of the distributions; `a` is a number or an array between 0.3 and 2.
DRAWS = {
    "lognormal": lambda a: (a,),
    "pareto": lambda a: (a,),
    "rayleigh": lambda a: (a,),
    "triangular": lambda a: (-a, a / 2, 2 * a),
    "wald": lambda a: (a,),
    "weibull_min": lambda a: (a, a + 1),
    "double_sided_maxwell": lambda a: (a / 2, a),
}


def draws(module, a, *rest):
    """All of them, each from the key of seed 3."""
    return {name: getattr(module, name)(module.PRNGKey(3), *of(a), *rest) for name, of in DRAWS.items()}


@pytest.mark.parametrize(("x64", "partitionable"), TWO_MODES)
def test_numbers_are_jax_s(x64, partitionable):
    """XLA's log1p in float64 is wrong by up to 120 units of the last place, of which pareto takes the exponential."""
    with both_in(x64, partitionable):
        a = np.linspace(0.3, 2, 3, dtype=float if x64 else np.float32)
        found, expected = draws(random, a, (2001, 3)), quickly(lambda a: draws(jax.random, a, (2001, 3)))(a)
        for name in DRAWS if x64 else set(DRAWS) - {"wald"}:  # which has a test of its own
            close(found[name], expected[name], 4000 if x64 else 64, name, 0 if name != "double_sided_maxwell" else 1)
        close(random.maxwell(random.PRNGKey(3), (301,)), jax.random.maxwell(jax.random.PRNGKey(3), (301,)), 4)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_jax_s(dtype):
    a = np.asarray(0.5, dtype)
    found, expected = draws(random, a, (501,), dtype), quickly(lambda a: draws(jax.random, a, (501,), dtype))(a)
    for name in DRAWS:
        close(found[name], expected[name], 4, name, 0 if name != "double_sided_maxwell" else 8)


def test_double_sided_maxwell_without_a_shape():
    """Its parameters' shape then occurs twice, as in JAX."""
    loc, scale = np.float32([[0], [1]]), np.float32([1, 2, 3])
    found = random.double_sided_maxwell(random.PRNGKey(3), loc, scale)
    assert found.shape == (2, 3, 2, 3)
    draw = quickly(lambda key: jax.random.double_sided_maxwell(key, loc, scale))
    close(found, draw(jax.random.PRNGKey(3)), 8, scale=8)


def test_roots_of_wald_are_chosen_as_in_jax():
    """Where numbers cancel: small means of large squares, and large means."""
    mean = np.float32([[1e-3], [1.0], [1e4]])
    found = random.wald(random.PRNGKey(1), mean, (3, 2**15 + 1))
    close(found, jax.random.wald(jax.random.PRNGKey(1), mean, (3, 2**15 + 1)), 4)


def test_complex_lognormal():
    found = random.lognormal(random.PRNGKey(3), 0.7, (301,), "complex64")
    draw = quickly(lambda key: jax.random.lognormal(key, 0.7, (301,), "complex64"))
    close(found, draw(jax.random.PRNGKey(3)), 8)


def test_shapes_and_dtypes():
    half, single = np.ones(2, np.float16), np.ones((3, 1), np.float32)
    key = random.key(0)
    with cujax.debug_key_reuse(False):
        assert random.double_sided_maxwell(key, half, single, (5,)).shape == (5, 3, 2)
        assert random.weibull_min(key, half, single, (2,), "float16").dtype == np.float32
        assert random.weibull_min(key, half, half, (3, 2), "float16").dtype == np.float16
        assert random.triangular(key, 0, half, single, dtype="float32").shape == (3, 2)
        for name, of in DRAWS.items():
            for shape in ((), (0,), (2, 0), (1, 1)):
                assert getattr(random, name)(key, *of(1.0), shape).shape == shape
        assert random.maxwell(key, 3).shape == (3,)


def test_derivatives_are_jax_s(x64):
    """Of all parameters, to the second order."""
    a = np.linspace(0.3, 2, 3)

    def second(library, module):
        def slope(a):
            return library.jvp(lambda a: draws(module, a, (4, 3)), (a,), (np.ones(3),))[1]

        return library.jvp(slope, (a,), (np.ones(3),))

    found, found_second = second(cujax, random)
    expected, expected_second = quickly(lambda: second(jax, jax.random))()
    for name in DRAWS:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, err_msg=name)
        np.testing.assert_allclose(found_second[name], expected_second[name], rtol=1e-8, atol=1e-10, err_msg=name)


ONES = np.ones(3, np.float32)
ERRORS = [
    (lambda r, k: r.lognormal(k, [1.0]), TypeError, "lognormal requires ndarray or scalar"),
    (lambda r, k: r.lognormal(k, 2j), ValueError, "lognormal: sigma is of dtype complex64, which does not fit"),
    (lambda r, k: r.lognormal(k, ONES, (2,)), ValueError, "incompatible shapes"),
    (lambda r, k: r.maxwell(k, (2,), complex), ValueError, "`maxwell` must be a float dtype"),
    (lambda r, k: r.double_sided_maxwell(k, np.zeros(2), ONES), ValueError, "incompatible shapes"),
    (lambda r, k: r.double_sided_maxwell(k, [0.0], 1.0), TypeError, "requires ndarray or scalar"),
    (lambda r, k: r.pareto(k, ONES, (2,)), ValueError, "incompatible shapes"),
    (lambda r, k: r.pareto(k, ONES, dtype="float16"), ValueError, "pareto: b is of dtype float32, which does not fit"),
    (lambda r, k: r.rayleigh(k, 1.0, dtype=int), ValueError, "`rayleigh` must be a float dtype"),
    (lambda r, k: r.triangular(k, 0, ONES, 2, (2,)), ValueError, "incompatible shapes"),
    (lambda r, k: r.wald(k, [1.0]), TypeError, "wald requires ndarray or scalar"),
    (lambda r, k: r.weibull_min(k, ONES, 2.0, (2,)), TypeError, "incompatible shapes"),
    (lambda r, k: r.weibull_min(k, [1.0], 1.0), TypeError, "weibull_min requires ndarray or scalar"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(random, random.key(0))
    with pytest.raises(error):
        call(jax.random, jax.random.key(0))
