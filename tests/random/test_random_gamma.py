"""Gamma numbers and what is made of them: JAX's draws, derivatives, streams of keys, refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import pytest
from random_oracle import TWO_MODES, both_in, close, quickly
from scipy.special import gammainc, gammaincinv

import cujax
from cujax import random

# The parameters stand in a column, so that one compilation of JAX's serves all of them.
PARAMETERS = np.array([[0.05], [0.5], [1.0], [2.5], [30.0], [1e4]])
FAMILY: dict[str, Callable[..., Any]] = {
    "gamma": lambda r, key, a, b, shape, dtype: r.gamma(key, a, shape, dtype),
    "loggamma": lambda r, key, a, b, shape, dtype: r.loggamma(key, a, shape, dtype),
    "beta": lambda r, key, a, b, shape, dtype: r.beta(key, a, b, shape, dtype),
    "chisquare": lambda r, key, a, b, shape, dtype: r.chisquare(key, a, shape, dtype),
    "f": lambda r, key, a, b, shape, dtype: r.f(key, a, b, shape, dtype),
    "t": lambda r, key, a, b, shape, dtype: r.t(key, a, shape, dtype),
    "generalized_normal": lambda r, key, a, b, shape, dtype: r.generalized_normal(key, 1 + a / b, shape, dtype),
    "dirichlet": lambda r, key, a, b, shape, dtype: r.dirichlet(key, a[:, 0], shape[1:], dtype),
}
OF_ONE_SIGN = {"beta", "chisquare", "dirichlet", "f", "gamma"}


def draws(module, names, a, columns):
    """Of the distributions `names`, each from the key of seed 3: in the dtype of the parameters a and a + 1/2."""
    b = a + np.asarray(0.5).astype(a.dtype)
    return {n: FAMILY[n](module, module.PRNGKey(3), a, b, (len(a), columns), a.dtype) for n in names}


def agree(found, expected, ulp, name):
    """Within `ulp` units, of 1 where numbers of both signs occur.

    Numbers are exponentials of large ones, whose last place is of the size of 1: XLA's logarithms in float64 are wrong
    by up to 120 of them.  What XLA takes for 0 or 1/0 because it comes from a subnormal number is left out.
    """
    found, expected = np.asarray(found), np.asarray(expected)
    size = np.abs(found.astype(float))
    from_subnormal = ((expected == 0) & (size < 1e-25)) | (np.isinf(expected) & (size > 1e15))
    expected = np.where(from_subnormal, found, expected)
    close(found, expected, ulp, name, 0 if name in OF_ONE_SIGN else 1)


@pytest.mark.parametrize(("x64", "partitionable"), TWO_MODES)
def test_numbers_are_jax_s(x64, partitionable):
    """More than 2**16 of them in float32; in float64 of the two that the others are made of."""
    with both_in(x64, partitionable):
        a = PARAMETERS.astype(float if x64 else np.float32)
        names, columns = (["gamma", "loggamma"], 301) if x64 else (FAMILY, 10923)
        found = draws(random, names, a, columns)
        expected = quickly(lambda a: draws(jax.random, names, a, columns), 1)(a)
        for name in names:
            agree(found[name], expected[name], 20_000 if x64 else 256, name)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_halves_are_jax_s(dtype):
    """For parameters whose reciprocal root XLA rounds correctly; for others one of 2000 draws is another."""
    a, names = PARAMETERS[[1, 4]].astype(dtype), ["gamma", "loggamma"]
    found = draws(random, names, a, 501)
    expected = quickly(lambda a: draws(jax.random, names, a, 501), 1)(a)
    for name in names:
        agree(found[name], expected[name], 4, name)


def test_shapes():
    for shape in ((), (0,), (2, 0), (1, 1)):
        for name in ("gamma", "loggamma", "chisquare", "t"):
            assert getattr(random, name)(random.key(0), 2.0, shape).shape == shape
    assert random.gamma(random.key(0), np.ones((3, 1))).shape == (3, 1)
    assert random.beta(random.key(0), np.ones(3), np.ones((2, 1))).shape == (2, 3)
    assert random.dirichlet(random.key(0), np.ones((4, 1, 3)), (5, 4, 2)).shape == (5, 4, 2, 3)
    assert random.dirichlet(random.key(0), np.ones((2, 0))).shape == (2, 0)
    np.testing.assert_allclose(random.dirichlet(random.key(0), np.ones(3), 100).sum(-1), 1, rtol=1e-6)


def test_parameters_at_the_ends():
    a = np.array([0.0, -1.0, np.nan, np.inf, 1e-30, 1e30], np.float32)
    np.testing.assert_allclose(random.gamma(random.key(0), a), [0, np.nan, np.nan, np.inf, 0, 1e30], rtol=1e-6)
    logs = random.loggamma(random.key(0), a)
    assert logs[0] == -np.inf and np.isnan(logs[1:3]).all() and -1e32 < logs[4] < -1e27


def test_a_batch_of_keys_is_each_key_by_itself():
    a = np.float32([0.5, 3.0])
    for draw, keys in ((d, random.split(random.key(5), 3)) for d in (random.gamma, random.loggamma)):
        batched = cujax.vmap(lambda k, draw=draw: draw(k, a, (7, 2)))(keys)
        for i, k in enumerate(random.split(random.key(5), 3)):
            close(batched[i], draw(k, a, (7, 2)), 2, scale=1)


# --- derivatives --------------------------------------------------------------------------------------------


def test_gradients_are_jax_s(x64):
    a, names = PARAMETERS[1:5], ["gamma", "loggamma", "beta", "dirichlet", "t"]

    def total(module):
        return lambda a: {name: (x * x).sum() for name, x in draws(module, names, a, 3).items()}

    found = cujax.jacrev(total(random))(a)
    expected = quickly(jax.jacrev(total(jax.random)), 1)(a)
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9, atol=1e-9, err_msg=name)


def test_the_gradient_of_gamma_numbers_is_that_of_quantiles(x64):
    a = np.array([0.3, 1.0, 2.5, 40.0])
    numbers, slopes = cujax.jvp(lambda a: random.gamma(random.key(7), a, (50, 4)), (a,), (np.ones(4),))
    place, step = gammainc(a, numbers), 1e-5 * a
    inside = (place > 1e-6) & (place < 1 - 1e-6)
    quantiles = (gammaincinv(a + step, place) - gammaincinv(a - step, place)) / (2 * step)
    np.testing.assert_allclose(np.asarray(slopes)[inside], quantiles[inside], rtol=1e-4)
    logarithms, slopes = cujax.jvp(lambda a: random.loggamma(random.key(7), a, (50, 4)), (a,), (np.ones(4),))
    place = gammainc(a, np.exp(logarithms))
    inside = (place > 1e-6) & (place < 1 - 1e-6)
    quantiles = (np.log(gammaincinv(a + step, place)) - np.log(gammaincinv(a - step, place))) / (2 * step)
    np.testing.assert_allclose(np.asarray(slopes)[inside], quantiles[inside], rtol=1e-4)


def test_the_gradient_of_a_logarithm_whose_number_underflows():
    """log(x) = log(u * gamma(a + 1)) / a for small x."""
    a = np.float32(1e-3)
    number, slope = cujax.jvp(lambda a: random.loggamma(random.key(0), a, (20,)), (a,), (np.float32(1),))
    assert (np.asarray(number) < -100).sum() > 10
    np.testing.assert_allclose(slope, (-0.576 - np.asarray(number)) / a, rtol=1e-3)


def test_gradients_under_vmap_and_jit():
    a = np.float32([0.5, 2.0, 9.0])
    slope = cujax.grad(lambda a, key: random.gamma(key, a))
    batched = cujax.jit(cujax.vmap(slope, (0, None)))(a, random.key(3))
    for i in range(3):
        np.testing.assert_allclose(batched[i], slope(a[i], random.key(3)), rtol=1e-5)


def test_second_derivatives_are_refused():
    with pytest.raises(NotImplementedError, match="second derivatives of gamma-distributed numbers"):
        cujax.grad(cujax.grad(lambda a: random.gamma(random.key(0), a)))(2.0)


# --- refusals -----------------------------------------------------------------------------------------------

ONES = np.ones(3, np.float32)
ERRORS = [
    (lambda r, k: r.gamma(k, [1.0, 2.0]), TypeError, "ndarray or scalar"),
    (lambda r, k: r.gamma(k, 1, dtype=int), ValueError, "`gamma` must be a float dtype, got int32"),
    (lambda r, k: r.gamma(k, ONES, (2,)), ValueError, "incompatible shapes"),
    (lambda r, k: r.gamma(k, ONES, (3, 1)), ValueError, r"do not broadcast to shape \(3, 1\)"),
    (lambda r, k: r.gamma(k, ONES, (-3,)), TypeError, "-3"),
    (lambda r, k: r.loggamma(k, 1, dtype="complex64"), ValueError, "`loggamma` must be a float dtype"),
    (lambda r, k: r.beta(k, ONES, np.ones(2, np.float32)), ValueError, "incompatible shapes"),
    (lambda r, k: r.beta(k, ONES, 1.0, dtype="float16"), ValueError, r"beta: a is of dtype float32, which"),
    (lambda r, k: r.beta(k, 1, [1.0]), TypeError, "ndarray or scalar"),
    (lambda r, k: r.dirichlet(k, 1.0), ValueError, "dirichlet requires alpha.ndim >= 1"),
    (lambda r, k: r.dirichlet(k, np.ones((2, 3)), (3,)), ValueError, "incompatible shapes"),
    (lambda r, k: r.chisquare(k, ONES, dtype="bfloat16"), ValueError, r"df.astype\('bfloat16'\)"),
    (lambda r, k: r.f(k, ONES, np.ones(2, np.float32)), ValueError, "incompatible shapes"),
    (lambda r, k: r.t(k, ONES, dtype=int), ValueError, "`t` must be a float dtype"),
    (lambda r, k: r.generalized_normal(k, [1.0], (3,)), TypeError, "ndarray or scalar"),
    (lambda r, k: r.generalized_normal(k, ONES, (2,)), ValueError, "incompatible shapes"),
]


@pytest.mark.parametrize(("call", "error", "text"), ERRORS)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(random, random.key(0))
    with pytest.raises(error):
        call(jax.random, jax.random.key(0))
