"""The distributions with parameters, against SciPy's: with fixed seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import cujax
from cujax import random

N = 20000
LEAST_P = 1e-4  # each test fails for one seed in ten thousand; the seeds are fixed


def numbers(name, *args, shape=(N,), **options):
    return np.asarray(getattr(random, name)(random.key(7), *args, shape=shape, **options), np.float64)


CONTINUOUS = [
    ("gamma", (0.3,), stats.gamma(0.3)),
    ("gamma", (1.0,), stats.gamma(1)),
    ("gamma", (50.0,), stats.gamma(50)),
    ("loggamma", (0.01,), stats.loggamma(0.01)),
    ("loggamma", (4.0,), stats.loggamma(4)),
    ("beta", (0.5, 2.5), stats.beta(0.5, 2.5)),
    ("chisquare", (3.0,), stats.chi2(3)),
    ("f", (3.0, 7.5), stats.f(3, 7.5)),
    ("t", (2.5,), stats.t(2.5)),
    ("generalized_normal", (1.5,), stats.gennorm(1.5)),
    ("lognormal", (0.7,), stats.lognorm(0.7)),
    ("maxwell", (), stats.maxwell),
    ("pareto", (2.5,), stats.pareto(2.5)),
    ("rayleigh", (1.5,), stats.rayleigh(scale=1.5)),
    ("triangular", (-1.0, 0.5, 3.0), stats.triang(1.5 / 4, -1, 4)),
    ("wald", (1.5,), stats.invgauss(1.5, scale=1)),
    ("weibull_min", (2.0, 1.5), stats.weibull_min(1.5, scale=2)),
]


@pytest.mark.parametrize(("name", "parameters", "distribution"), CONTINUOUS)
def test_continuous_distributions(name, parameters, distribution):
    assert stats.kstest(numbers(name, *parameters), distribution.cdf).pvalue > LEAST_P


def test_double_sided_maxwell():
    x = (numbers("double_sided_maxwell", 1.0, 2.0) - 1) / 2
    assert stats.kstest(np.abs(x), stats.maxwell.cdf).pvalue > LEAST_P
    assert stats.binomtest(int((x > 0).sum()), N).pvalue > LEAST_P


DISCRETE = [
    ("poisson", (0.7,), stats.poisson(np.float32(0.7))),
    ("poisson", (10.0,), stats.poisson(10)),
    ("poisson", (150.0,), stats.poisson(150)),
    ("binomial", (7.0, 0.3), stats.binom(7, 0.3)),
    ("binomial", (60.0, 0.8), stats.binom(60, 0.8)),
    ("binomial", (500.0, 0.45), stats.binom(500, 0.45)),
    ("geometric", (0.2,), stats.geom(0.2)),
]


@pytest.mark.parametrize(("name", "parameters", "distribution"), DISCRETE)
def test_discrete_distributions(name, parameters, distribution):
    """Chi-square over bins that expect 20 counts or more."""
    x = numbers(name, *parameters)
    values = np.arange(distribution.ppf(1e-9), distribution.ppf(1 - 1e-9) + 1)
    probable = values[distribution.pmf(values) * N > 20]
    edges = np.concatenate([[-np.inf], probable[:-1] + 0.5, [np.inf]])
    expected = np.diff(np.concatenate([[0], distribution.cdf(probable[:-1]), [1]])) * N
    assert stats.chisquare(np.histogram(x, edges)[0], expected).pvalue > LEAST_P


def within(x, mean, deviation):
    """The mean over the first axis, within five standard errors."""
    assert (np.abs(x.mean(0) - mean) <= 5 * np.broadcast_to(deviation, x.shape[1:]) / np.sqrt(len(x))).all()


def test_multinomial():
    p = np.array([0.1, 0.5, 0.4])
    counts = numbers("multinomial", 20, np.float32(p), shape=(N, 3))
    within(counts, 20 * p, np.sqrt(20 * p * (1 - p)))
    products = counts[:, :1] * counts[:, 1:]
    within(products, 20 * 19 * p[0] * p[1:], products.std(0))


def test_dirichlet():
    alpha = np.float32([0.5, 1.0, 4.0])
    x = numbers("dirichlet", alpha)
    for i in range(3):
        assert stats.kstest(x[:, i], stats.beta(alpha[i], alpha.sum() - alpha[i]).cdf).pvalue > LEAST_P


@pytest.mark.parametrize("method", ["cholesky", "eigh", "svd"])
def test_multivariate_normal(method):
    mean, cov = np.float32([1, -2]), np.float32([[2, 0.6], [0.6, 0.5]])
    x = numbers("multivariate_normal", mean, cov, method=method) - mean
    whitened = np.linalg.solve(np.linalg.cholesky(cov.astype(float)), x.T)
    for row in (*whitened, (whitened[0] + whitened[1]) / np.sqrt(2)):
        assert stats.kstest(row, stats.norm.cdf).pvalue > LEAST_P


@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_ball(p):
    """The volume within a radius r is r**d; signs and coordinates are alike."""
    x = np.asarray(random.ball(random.key(7), 3, p, (N,)), np.float64)
    radius = (np.abs(x) ** p).sum(-1) ** (1 / p)
    assert stats.kstest(radius**3, stats.uniform.cdf).pvalue > LEAST_P
    within(x, 0, x.std(0))


def test_orthogonal():
    """The first column is a uniform point of the sphere: each coordinate of it is uniform in three dimensions."""
    x = np.asarray(random.orthogonal(random.key(7), 3, (N,)), np.float64)
    np.testing.assert_allclose(np.swapaxes(x, 1, 2) @ x, np.broadcast_to(np.eye(3), x.shape), atol=1e-6)
    for i in range(3):
        assert stats.kstest((x[:, i, 0] + 1) / 2, stats.uniform.cdf).pvalue > LEAST_P
    assert stats.binomtest(int((np.linalg.det(x) > 0).sum()), N).pvalue > LEAST_P


# --- keys -----------------------------------------------------------------------------------------------------

CALLS = {
    **{name: parameters for name, parameters, _ in (*CONTINUOUS, *DISCRETE)}, "double_sided_maxwell": (0.0, 1.0),
    "dirichlet": (np.ones(3),), "ball": (3,), "orthogonal": (3,), "multinomial": (5, np.ones(3) / 3),
    "multivariate_normal": (np.zeros(2), np.eye(2)),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_key_serves_one_draw(name):
    key, draw = random.key(0), getattr(random, name)
    with cujax.debug_key_reuse(True):
        draw(key, *CALLS[name])
        with pytest.raises(cujax.errors.KeyReuseError):
            draw(key, *CALLS[name])
