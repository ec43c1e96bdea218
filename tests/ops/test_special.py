"""Special functions: poles and infinities, accuracy, and the same results where SciPy is not installed."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest
from by_hand import on_numpy
from jax import lax as jax_lax

import cujax
from cujax import lax
from cujax.engine.backends import numpy_fma, numpy_special
from cujax.engine.ops.double_log import log_double, table

POLES = np.float32([0.0, -1.0, -2.0, np.inf, -np.inf, np.nan])


@pytest.fixture(params=["scipy", "series"])
def source(request, monkeypatch):
    """The functions of SciPy (of CuPy on a GPU), or ours as if SciPy were not installed."""
    if request.param == "scipy":
        yield
        return
    monkeypatch.setattr(numpy_special, "_scipy", lambda: None)
    with on_numpy():
        yield


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_erf_inv_has_the_bits_of_xla(dtype, fused, x64, monkeypatch):
    if not fused:  # as on a processor without fused multiply-adds
        monkeypatch.setattr(numpy_fma, "_complex_product_is_fused", lambda: False)
    rng = np.random.default_rng(0)
    digits = np.finfo(dtype).precision
    grid = np.linspace(-1, 1, 20_001)
    tails = 1 - 10.0 ** -rng.uniform(0, digits, 5000)
    small = 10.0 ** -rng.uniform(0, 30, 5000)
    x = np.concatenate([rng.uniform(-1, 1, 100_000), grid, tails, -tails, small]).astype(dtype)
    np.testing.assert_array_equal(lax.erf_inv(x), jax_lax.erf_inv(x))


def test_erf_inv_in_double_precision_inverts_erf(x64):
    """XLA's log1p(-x*x) is a little inaccurate from x = 0.5 to 0.8, hence 16 eps."""
    x = np.concatenate([np.linspace(-0.999, 0.999, 1001), 1 - 10.0 ** -np.linspace(3, 12, 50)])
    np.testing.assert_allclose(lax.erf(lax.erf_inv(x)), x, rtol=16 * np.finfo(np.float64).eps)


def test_logarithm_in_double_precision_is_that_of_the_c_library():
    """Of the GNU C library with fused multiply-adds; others differ in one value of ten thousand at most."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(0, 0.9, 50_000), 2.0 ** -rng.uniform(1, 53, 50_000), 2.0 ** -np.arange(1.0, 54)])
    expected = np.array([math.log(v) for v in x])
    found = log_double(np, x)
    np.testing.assert_array_max_ulp(found, expected, 1)
    assert np.mean(found != expected) < 1e-3


def test_reciprocals_in_the_table_of_logarithms_lie_in_their_parts():
    inverse, log_c = table()
    parts = (np.arange(129) * 2**45 + 0x3FE6000000000000).view(np.float64)
    assert ((1 / inverse > parts[:-1]) & (1 / inverse < parts[1:])).all()
    np.testing.assert_allclose(np.log(inverse), -log_c, rtol=0, atol=2**-52)


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


def test_zeta_with_and_without_scipy(source, x64):
    s, q = np.array([1.5, 2, 3.25, 1, 0.5, 3]), np.array([0.5, 7, 20, 2, 2, -1.5])
    expected = [*jax_lax.zeta(s[:3], q[:3]), np.inf, np.nan, 0.11810202582086413]
    np.testing.assert_allclose(lax.zeta(s, q), expected, rtol=2e-13)


def test_the_rarer_functions_need_scipy(monkeypatch):
    monkeypatch.setattr(numpy_special, "_scipy", lambda: None)
    for call in (lambda: lax.bessel_i0e(2.0), lambda: lax.igamma(2.0, 3.0), lambda: lax.betainc(2.0, 3.0, 0.5)):
        with on_numpy(), pytest.raises(ModuleNotFoundError, match="needs SciPy, which is not installed: pip install s"):
            call()
