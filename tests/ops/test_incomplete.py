"""The derivative of gamma-distributed numbers by their parameter: JAX's, and that of the quantiles themselves."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from scipy.special import gammainc, gammaincinv

import cujax
from cujax import lax
from cujax.engine.core.primitive import REGISTRY

IMPL = REGISTRY["random_gamma_grad"].impl


def samples(low: float, high: float, count: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    a = 10 ** rng.uniform(low, high, count)
    return a, np.maximum(rng.gamma(a), 1e-300)


def test_is_that_of_jax():
    a, x = samples(-2, 4)
    with jax.enable_x64(True):
        expected = jax.lax.random_gamma_grad(a, x)
    np.testing.assert_allclose(IMPL(np, a, x), expected, rtol=1e-11)


def test_is_that_of_quantiles():
    a, x = samples(-1, 3)
    place = gammainc(a, x)
    step = 1e-5 * a
    slope = (gammaincinv(a + step, place) - gammaincinv(a - step, place)) / (2 * step)
    inside = (place > 1e-8) & (place < 1 - 1e-4)
    np.testing.assert_allclose(IMPL(np, a, x)[inside], slope[inside], rtol=3e-5)


def test_ends():
    a, x = np.array([(2, 0), (0, 1), (-1, 1), (1, -1), (np.nan, 1), (np.inf, 1), (1, np.inf), (3, 1e-20)]).T
    expected = [0] + [np.nan] * 6 + [1e-20 * (np.log(1e20) + 1.2561176684318003) / 3]  # digamma(4) = 1.256...
    np.testing.assert_allclose(IMPL(np, a, x), expected)


def test_of_nothing_and_of_one():
    assert IMPL(np, np.zeros((0, 2)), np.zeros((0, 2))).shape == (0, 2)
    assert IMPL(np, np.float32(2), np.float32(1)).dtype == np.float32


def test_derivative_by_the_number():
    with cujax.enable_x64(True):
        found = cujax.grad(lambda x: lax.random_gamma_grad(np.float64(2.5), x))(1.7)
        up, down = (float(lax.random_gamma_grad(np.float64(2.5), np.float64(1.7 + h))) for h in (1e-6, -1e-6))
    assert float(found) == pytest.approx((up - down) / 2e-6, rel=1e-8)


def test_derivative_by_the_parameter_is_refused():
    with pytest.raises(NotImplementedError, match="second derivatives of gamma-distributed numbers"):
        cujax.grad(lambda a: lax.random_gamma_grad(a, np.float32(1)))(2.0)
