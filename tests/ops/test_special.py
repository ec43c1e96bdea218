"""Special functions: poles and infinities, accuracy, and the same results where SciPy is not installed."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax import lax as jax_lax

import cujax
from cujax import lax
from cujax.engine.backends import numpy_special

POLES = np.float32([0.0, -1.0, -2.0, np.inf, -np.inf, np.nan])


def ulps(found, expected) -> np.ndarray:
    """The distance of float32 numbers, counted in representable numbers."""
    return np.abs(np.asarray(found).view(np.int32).astype(np.int64) - np.asarray(expected).view(np.int32))


@pytest.fixture(params=["scipy", "series"])
def source(request, monkeypatch):
    """The functions of SciPy, or ours as if SciPy were not installed."""
    if request.param == "series":
        monkeypatch.setattr(numpy_special, "_scipy", lambda: None)
    return request.param


def test_erf_inv_is_within_two_ulp_of_xla():
    """The polynomials agree bit for bit; what remains is the last bit of log1p."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(-1, 1, 100_000), 1 - 10.0 ** -rng.uniform(0, 7, 5000)]).astype(np.float32)
    x = np.concatenate([x, 10.0 ** -rng.uniform(0, 30, 5000).astype(np.float32)])
    found, expected = lax.erf_inv(x), jax_lax.erf_inv(x)
    distance = ulps(found, expected)
    assert distance.max() <= 2
    assert np.mean(distance > 0) < 0.02


def test_erf_inv_in_double_precision_inverts_erf(x64):
    x = np.concatenate([np.linspace(-0.999, 0.999, 1001), 1 - 10.0 ** -np.linspace(3, 12, 50)])
    np.testing.assert_allclose(lax.erf(lax.erf_inv(x)), x, rtol=4 * np.finfo(np.float64).eps)


def test_erf_inv_at_the_ends():
    found = np.asarray(lax.erf_inv(np.float32([1, -1, 1.5, np.nan, 0, -0.0])))
    np.testing.assert_array_equal(found, np.float32([np.inf, -np.inf, np.nan, np.nan, 0, 0]))
    assert np.signbit(found[5])


@pytest.mark.parametrize("op", ["lgamma", "digamma"])
def test_poles_and_infinities(op, source):
    np.testing.assert_array_equal(getattr(lax, op)(POLES), getattr(jax_lax, op)(POLES))


@pytest.mark.parametrize("op", ["erf", "erfc", "lgamma", "digamma"])
def test_values_with_and_without_scipy(op, source, x64):
    x = np.concatenate([np.linspace(0.05, 30, 300), np.linspace(-5.95, -0.05, 60)])
    x = x[np.abs(x - np.round(x)) > 0.01]
    np.testing.assert_allclose(getattr(lax, op)(x), getattr(jax_lax, op)(x), rtol=2e-13, atol=2e-13)


@pytest.mark.parametrize("order", [0, 1, 2, 5])
def test_polygamma_with_and_without_scipy(order, source, x64):
    x = np.linspace(0.1, 20, 100)
    np.testing.assert_allclose(lax.polygamma(float(order), x), jax_lax.polygamma(float(order), x), rtol=2e-13)


def test_polygamma_of_negative_numbers_obeys_the_recurrence(source, x64):
    """psi_m(x + 1) = psi_m(x) + (-1)^m m! / x^(m+1), Abramowitz and Stegun 6.4.6."""
    x = np.array([-0.3, -1.7, -20.4, -1000.25])
    for m, factor in ((1.0, -1), (2.0, 2), (3.0, -6)):
        step = np.asarray(lax.polygamma(m, x + 1)) - np.asarray(lax.polygamma(m, x))
        np.testing.assert_allclose(step, factor / x ** (m + 1), rtol=1e-6, atol=1e-11)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("op", ["erf", "erfc", "erf_inv", "lgamma", "digamma"])
def test_sixteen_bits_are_computed_in_thirty_two(op, dtype):
    x = np.asarray(cujax.numpy.linspace(0.1, 0.9, 17, dtype=dtype))
    wide = getattr(lax, op)(x.astype(np.float32))
    np.testing.assert_array_equal(getattr(lax, op)(x), np.asarray(wide).astype(x.dtype))


def test_derivative_of_polygamma_in_its_order_is_refused():
    with pytest.raises(ValueError, match="no derivative with respect to its order"):
        cujax.grad(lambda m: lax.polygamma(m, 2.0))(1.0)


def test_third_derivative_of_lgamma(x64):
    x = np.array([0.3, 1.7, 4.2])

    def third(module, function):
        return module.vmap(module.grad(module.grad(module.grad(function))))(x)

    np.testing.assert_allclose(third(cujax, lax.lgamma), third(jax, jax_lax.lgamma), rtol=1e-12)
