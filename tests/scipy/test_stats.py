"""scipy.stats: names as JAX's; values, supports and impossible parameters as SciPy's; types, derivatives, errors."""

from __future__ import annotations

import importlib
import inspect
import itertools
import math
import pkgutil

import jax
import jax.scipy.stats
import numpy as np
import pytest
import scipy.stats
from oracle_cases import check, lines, words

import cujax
from cujax import numpy as jnp
from cujax.scipy import stats

INF, NAN = math.inf, math.nan
MODULES = [m.name for m in pkgutil.iter_modules(jax.scipy.stats.__path__)]
RNG = np.random.default_rng(0)


def functions_of(module) -> list[str]:
    return sorted(n for n in dir(module) if n[0] != "_" and inspect.isfunction(inspect.unwrap(getattr(module, n))))


def theirs(name: str):
    return importlib.import_module(f"jax.scipy.stats.{name}")


@pytest.mark.parametrize("name", [n for n in MODULES if n != "kde"])
def test_names_and_signatures_are_those_of_jax(name):
    module, other = getattr(stats, name), theirs(name)
    for function in (n for n in dir(other) if not n.startswith("_")):
        ours, expected = (inspect.signature(getattr(m, function)).parameters for m in (module, other))
        assert [(p.name, p.kind, p.default) for p in ours.values()] == [
            (p.name, p.kind, p.default) for p in expected.values()
        ], function
        assert getattr(module, function).__doc__


# --- values ------------------------------------------------------------------------------------------------------

X = [-INF, -2.5, -1.0, 0.0, 1e-5, 0.3, 0.5, 1.0, 2.0, 3.0, 7.0, INF, NAN]
SHAPES = [0.3, 1.0, 2.5, 0.0, -1.0]
COUNTS = [-1.0, 0.0, 1.0, 3.0, 6.0, 7.0, NAN]
PROBABILITIES = [0.0, 0.3, 1.0, -0.5]
# Points at which all functions of a distribution are compared: columns, of which all combinations are taken.
COLUMNS = {
    **{name: [X] for name in words("cauchy expon gumbel_l gumbel_r laplace logistic norm uniform")},
    **{name: [X, SHAPES] for name in words("chi2 gamma gennorm pareto t")}, "beta": [X, SHAPES, SHAPES],
    "vonmises": [[-3.0, 0.0, 1.0, NAN], [0.5, 30.0, 500.0]], "wrapcauchy": [X, [0.2, 0.9, 1.5]],
    "truncnorm": [X, [-2.0, -0.5, 1.0, -INF, 9.0], [0.5, 2.0, INF, -3.0, 12.0]],
    "bernoulli": [[-1.0, 0.0, 1.0, 2.0, NAN], PROBABILITIES], "binom": [COUNTS, [0.0, 1.0, 6.0], PROBABILITIES],
    "geom": [COUNTS, [0.2, 1.0]], "nbinom": [COUNTS, [1.0, 5.0], [0.3, 1.0]], "poisson": [[*COUNTS, 2.5], [0.5, 4.0]],
    "betabinom": [COUNTS, [1.0, 6.0], [0.3, 1.5], [0.4, 2.0]],
}
PLACES = [0.0, 0.1, 0.5, 0.875, 1.0]


def points(name: str, function: str) -> list[np.ndarray]:
    columns = COLUMNS[name]
    if function in ("ppf", "isf"):
        columns = [PLACES[name == "bernoulli" :], *[[c for c in column if c > 0] for column in columns[1:]]]
    if function == "entropy":
        columns = [[0.3, 2.0, 50.0, 99.0, 101.0, 500.0]]
    return [np.array(c) for c in zip(*itertools.product(*columns), strict=True)]


def expected_of(name: str, function: str, arguments: list[np.ndarray]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(getattr(getattr(scipy.stats, name), function)(*arguments))


CASES = [(name, function) for name in COLUMNS for function in functions_of(getattr(stats, name)) if hasattr(
    getattr(scipy.stats, name), function) and function in dir(theirs(name))]


@pytest.mark.parametrize(("name", "function"), CASES)
@pytest.mark.usefixtures("x64")
def test_values_are_scipy_s(name, function):
    arguments = points(name, function)
    found = np.asarray(getattr(getattr(stats, name), function)(*arguments))
    np.testing.assert_allclose(found, expected_of(name, function, arguments), rtol=2e-10, atol=1e-12)


@pytest.mark.parametrize(("name", "function"), CASES)
def test_single_precision(name, function):
    arguments = [a.astype(np.float32) for a in points(name, function)]
    found = np.asarray(getattr(getattr(stats, name), function)(*arguments))
    assert found.dtype == np.float32
    expected = expected_of(name, function, [a.astype(float) for a in arguments])
    finite = np.abs(expected) < 1e30
    np.testing.assert_allclose(found[finite], expected[finite], rtol=2e-4, atol=2e-5)


SCALED = [
    ("norm", "logpdf", ()), ("gamma", "pdf", (2.5,)), ("beta", "logpdf", (2.0, 3.0)), ("t", "logpdf", (4.0,)),
    ("uniform", "cdf", ()), ("expon", "logsf", ()), ("cauchy", "ppf", ()), ("truncnorm", "cdf", (-1.0, 2.0)),
    ("pareto", "logpdf", (3.0,)), ("chi2", "sf", (3.0,)), ("logistic", "isf", ()), ("norm", "isf", ()),
]


@pytest.mark.parametrize(("name", "function", "parameters"), SCALED)
def test_place_and_width(name, function, parameters):
    x = np.float32([0.25, 0.5, 0.75]) + (0 if function in ("ppf", "isf") else 1)
    found = getattr(getattr(stats, name), function)(x, *parameters, 0.75, 1.5)
    expected = expected_of(name, function, [x, *parameters, 0.75, 1.5])
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    named = getattr(getattr(stats, name), function)(x, *parameters, scale=1.5, loc=0.75)
    np.testing.assert_array_equal(found, named)


def test_tails_keep_their_digits(x64):
    """Where one minus a distribution function would be 0."""
    np.testing.assert_allclose(stats.norm.logcdf(-50.0), scipy.stats.norm.logcdf(-50), rtol=1e-14)
    expected = scipy.stats.truncnorm.logpdf(31, 30, 32)
    np.testing.assert_allclose(stats.truncnorm.logpdf(31.0, 30.0, 32.0), expected, rtol=1e-12)
    np.testing.assert_allclose(stats.beta.sf(1 - 1e-9, 2.0, 3.0), scipy.stats.beta.sf(1 - 1e-9, 2, 3), rtol=1e-9)
    np.testing.assert_allclose(stats.gumbel_r.logsf(50.0), -50, rtol=1e-14)
    np.testing.assert_allclose(stats.cauchy.logcdf(-1e20), math.log(1e-20 / math.pi), rtol=1e-14)


def in_all_ways(function, arguments, dtype):
    """As it is, compiled, and batched."""
    arguments = [dtype(a) for a in arguments]
    yield function(*arguments)
    yield cujax.jit(function)(*arguments)
    yield cujax.vmap(function)(*[np.stack([a, a]) for a in arguments])[1]


# Far from where most of the probability is, or in narrow intervals near 0; computed with 50 digits.
SMALL = [
    (stats.pareto.logcdf, (1e4, 2.0), -1.00000000500000003e-8),
    (stats.pareto.logcdf, (40.0, 3.5), -2.4705324737693852e-6),
    (stats.cauchy.cdf, (-1e4,), 3.1830988512275772e-5),
    (stats.cauchy.logcdf, (1e4,), -3.1831495128941375e-5),
    (stats.cauchy.logsf, (-1e4,), -3.1831495128941375e-5),
    (stats.truncnorm.logcdf, (5.0, -2.0, 12.0), -2.9332479163353741e-7),
    (stats.truncnorm.logsf, (-8.0, -INF, 3.0), -6.2293695880169465e-16),
    (stats.truncnorm.cdf, (2.0**-10, 0.0, 1.0), 0.0011413446765116164),
    (stats.truncnorm.sf, (-(2.0**-10), -1.0, 0.0), 0.0011413446765116164),
    (stats.truncnorm.cdf, (0.0625, 0.03125, 1.0), 0.037864139149507069),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("function", "arguments", "expected"), SMALL)
@pytest.mark.usefixtures("x64")
def test_small_numbers_keep_their_digits(function, arguments, expected, dtype):
    for found in in_all_ways(function, arguments, dtype):
        np.testing.assert_allclose(found, expected, rtol=3e-6 if dtype == np.float32 else 1e-13)


def test_discrete_distributions_are_shifted():
    np.testing.assert_allclose(stats.binom.pmf(3, 4, 0.3, loc=1), stats.binom.pmf(2, 4, 0.3), rtol=1e-6)
    np.testing.assert_allclose(stats.poisson.cdf(3, 2.5, 1), stats.poisson.cdf(2, 2.5), rtol=1e-6)
    np.testing.assert_allclose(stats.bernoulli.pmf(2, 0.3, 1), 0.3, rtol=1e-6)
    np.testing.assert_allclose(stats.betabinom.pmf(3, 4, 0.5, 2, 1), stats.betabinom.pmf(2, 4, 0.5, 2), rtol=1e-6)
    between = 2.0, 5.0, 1.0, 2.0, 0.5
    np.testing.assert_allclose(stats.betabinom.logpmf(*between), -1.540445040947148, rtol=1e-5)
    np.testing.assert_allclose(cujax.grad(stats.betabinom.logpmf, 4)(*between), 2 / 9, rtol=1e-5)


# --- several dimensions -------------------------------------------------------------------------------------------


def test_multivariate_normal(x64):
    mean, root = RNG.normal(size=3), RNG.normal(size=(3, 3))
    cov, x = root @ root.T + np.eye(3), RNG.normal(size=(2, 4, 3))
    expected = scipy.stats.multivariate_normal(mean, cov).logpdf(x)
    np.testing.assert_allclose(stats.multivariate_normal.logpdf(x, mean, cov), expected, rtol=1e-12)
    batched = stats.multivariate_normal.logpdf(x, mean, np.stack([cov] * 4))
    np.testing.assert_allclose(batched, expected, rtol=1e-12)
    alike = stats.multivariate_normal.pdf(x, mean, 0.5)
    np.testing.assert_allclose(alike, scipy.stats.multivariate_normal(mean, 0.5 * np.eye(3)).pdf(x), rtol=1e-12)
    alone = stats.multivariate_normal.pdf(0.5, 1.0, 4.0)
    np.testing.assert_allclose(alone, scipy.stats.norm.pdf(0.5, 1, 2), rtol=1e-12)


def test_dirichlet_and_multinomial(x64):
    alpha, x = np.array([0.5, 2.0, 3.0]), RNG.dirichlet(np.ones(3), 5).T
    expected = scipy.stats.dirichlet.logpdf(x, alpha)
    np.testing.assert_allclose(stats.dirichlet.logpdf(x, alpha), expected, rtol=1e-12)
    np.testing.assert_allclose(stats.dirichlet.pdf(x[:-1], alpha), np.exp(expected), rtol=1e-10)
    assert stats.dirichlet.pdf(np.array([0.5, 0.5, 0.5]), alpha) == 0
    counts, p = np.array([[1, 2, 3], [0, 0, 6], [1, 1, 1], [-1, 3, 4]]), np.array([0.2, 0.3, 0.5])
    np.testing.assert_allclose(
        stats.multinomial.pmf(counts, 6, p), scipy.stats.multinomial.pmf(counts, 6, p), rtol=1e-12
    )


# --- samples ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["average", "min", "max", "dense", "ordinal"])
def test_ranks(method):
    a = RNG.integers(0, 5, (4, 9)).astype(np.float32)
    for axis in (None, 0, -1):
        np.testing.assert_array_equal(stats.rankdata(a, method, axis=axis), scipy.stats.rankdata(a, method, axis=axis))
    assert stats.rankdata(np.zeros((2, 0)), method, axis=1).shape == (2, 0)


def test_mode():
    a = RNG.integers(0, 4, (5, 7)).astype(np.float32)
    a[2, 3:] = NAN
    for axis, keepdims in itertools.product((0, 1, None), (False, True)):
        found, expected = (m.mode(a, axis, keepdims=keepdims) for m in (stats, scipy.stats))
        finite = ~np.isnan(np.asarray(expected.mode))
        np.testing.assert_array_equal(np.asarray(found.mode)[finite], np.asarray(expected.mode)[finite])
        assert found.mode.shape == found.count.shape == np.shape(expected.mode)
    assert stats.mode(np.float32([NAN, 1, NAN])).count == 2


def test_gaussian_kde(x64):
    data, weights = RNG.normal(size=(2, 30)), RNG.uniform(size=30)
    at = RNG.normal(size=(2, 5))
    for method in (None, "scott", "silverman", 0.4, lambda kde: kde.neff**-0.2):
        found, expected = stats.gaussian_kde(data, method, weights), scipy.stats.gaussian_kde(data, method, weights)
        np.testing.assert_allclose(found(at), expected(at), rtol=1e-10)
        np.testing.assert_allclose(found.covariance, expected.covariance, rtol=1e-10)
    np.testing.assert_allclose(found.logpdf(at), expected.logpdf(at), rtol=1e-10)
    np.testing.assert_allclose(found.integrate_kde(found), expected.integrate_kde(expected), rtol=1e-10)
    normal = np.zeros(2), np.eye(2)
    np.testing.assert_allclose(found.integrate_gaussian(*normal), expected.integrate_gaussian(*normal), rtol=1e-10)
    line, other = stats.gaussian_kde(data[0]), scipy.stats.gaussian_kde(data[0])
    np.testing.assert_allclose(line.integrate_box_1d(-1, 0.5), other.integrate_box_1d(-1, 0.5), rtol=1e-10)
    assert cujax.jit(lambda kde: kde.pdf(at))(found).shape == (5,) and (line.d, line.n) == (1, 30)
    assert found.resample(cujax.random.key(0), (3, 4)).shape == (2, 3, 4)


# --- types, derivatives, errors -------------------------------------------------------------------------------------

AS_IN_JAX = lines("""
    scipy.stats.norm.logpdf(x)
    scipy.stats.norm.pdf(1)
    scipy.stats.norm.cdf(xi)
    scipy.stats.norm.cdf(0.5)
    scipy.stats.norm.cdf(c)
    scipy.stats.norm.pdf([1.0])
    scipy.stats.uniform.cdf(0.5)
    scipy.stats.gamma.logpdf(xi, 2)
    scipy.stats.beta.pdf(0.25, 2, 3)
    scipy.stats.poisson.logpmf(xi, 2.5)
    scipy.stats.poisson.entropy(v)
    scipy.stats.bernoulli.ppf(v / 10, 0.25)
    scipy.stats.t.logpdf(x, 3)
    scipy.stats.truncnorm.logpdf(0.5, -1, 2)
    scipy.stats.dirichlet.logpdf(v[:3] / 8, v[0])
    scipy.stats.dirichlet.logpdf(v[:5], v[:3])
    scipy.stats.multinomial.pmf(v, 3, v)
    scipy.stats.multivariate_normal.logpdf(v, v, jnp.eye(7), allow_singular=True)
    scipy.stats.multivariate_normal.logpdf(v, v, jnp.eye(3))
    scipy.stats.multivariate_normal.logpdf(v[:2], v[2:4], jnp.eye(2))
    scipy.stats.mode(xi % 3, axis=1)
    scipy.stats.mode(x, nan_policy="omit")
    scipy.stats.mode(x, nan_policy="other")
    scipy.stats.mode(jnp.zeros((2, 0)), axis=1)
    scipy.stats.rankdata(v)
    scipy.stats.rankdata(v, "other")
    scipy.stats.rankdata(jnp.array([nan, 1.0]))
    scipy.stats.sem(x)
    scipy.stats.sem(xi, axis=None, ddof=0, keepdims=True)
    scipy.stats.sem(c, axis=1)
    scipy.stats.sem(jnp.array([nan, 1.0, 2.0]), nan_policy="omit")
    scipy.stats.sem(x, axis=2)
    scipy.stats.sem(x, nan_policy="raise")
    scipy.stats.gaussian_kde(v).evaluate(x[0])
    scipy.stats.gaussian_kde(c)
    scipy.stats.gaussian_kde(v[:1])
    scipy.stats.gaussian_kde(v, "other")
    scipy.stats.gaussian_kde(v, weights=v[:3])
    scipy.stats.gaussian_kde(x[:2])(v[:3])
    scipy.stats.gaussian_kde(v).integrate_box(0, 1)
""")


@pytest.mark.parametrize("case", AS_IN_JAX)
def test_as_in_jax(case):
    check(case)


INSIDE = {
    "bernoulli": (1.0, 0.3), "beta": (0.4, 2.0, 3.0), "betabinom": (2.0, 5.0, 1.5, 2.5), "binom": (2.0, 5.0, 0.3),
    "cauchy": (0.4,), "chi2": (1.4, 3.0), "expon": (0.4,), "gamma": (1.4, 2.5), "gennorm": (0.4, 1.5),
    "geom": (3.0, 0.3), "gumbel_l": (0.4,), "gumbel_r": (0.4,), "laplace": (0.4,), "logistic": (0.4,),
    "nbinom": (2.0, 3.5, 0.3), "norm": (0.4,), "pareto": (1.4, 2.5), "poisson": (2.0, 2.5), "t": (0.4, 3.5),
    "truncnorm": (0.4, -1.0, 2.0), "uniform": (0.4,), "vonmises": (0.4, 1.5), "wrapcauchy": (0.4, 0.6),
}


@pytest.mark.parametrize("name", INSIDE)
@pytest.mark.usefixtures("x64")
def test_derivatives(name):
    """By finite differences, of logarithms of densities by all parameters and of the other functions by the number."""
    arguments, step = [np.float64(a) for a in INSIDE[name]], 1e-6
    discrete = hasattr(getattr(stats, name), "logpmf")
    for function in ("logpmf",) if discrete else functions_of(theirs(name)):
        if not hasattr(getattr(stats, name), function):
            continue
        for place in range(int(discrete), len(arguments) if function[:4] in ("logp",) else 1):
            def f(x, function=function, place=place):
                return getattr(getattr(stats, name), function)(*arguments[:place], x, *arguments[place + 1 :])

            x = np.float64(0.4) if function in ("ppf", "isf") else arguments[place]
            expected = (float(f(x + step)) - float(f(x - step))) / (2 * step)
            np.testing.assert_allclose(cujax.grad(f)(x), expected, rtol=1e-6, atol=1e-8, err_msg=f"{function} {place}")


OUTSIDE = [
    ("beta", (-1.0, 2.0, 3.0)), ("gamma", (-1.0, 2.0)), ("chi2", (-1.0, 2.0)), ("expon", (-1.0,)),
    ("pareto", (0.5, 2.0)),
    ("truncnorm", (-2.0, -1.0, 1.0)), ("truncnorm", (2.0, -1.0, 1.0)), ("uniform", (2.0,)),
]


@pytest.mark.parametrize(("name", "arguments"), OUTSIDE)
def test_derivatives_outside_of_supports_are_zero(name, arguments):
    for function in ("logpdf", "cdf", "logcdf", "sf", "logsf"):
        f = getattr(getattr(stats, name), function, None)
        if f is not None and not (function == "logpdf" and name in ("expon",)):
            assert cujax.grad(f)(*arguments) == 0, function


@pytest.mark.usefixtures("x64")
def test_derivatives_of_distribution_functions_at_the_middle():
    assert cujax.grad(stats.laplace.cdf)(0.0) == 0.5 and math.isnan(stats.laplace.cdf(math.nan))
    for beta in (1.0, 1.5, 2.0, 3.0):
        for x in (0.0, -0.4):
            np.testing.assert_allclose(cujax.grad(stats.gennorm.cdf)(x, beta), scipy.stats.gennorm.pdf(x, beta))
    second = cujax.grad(cujax.grad(stats.gennorm.cdf))(0.5, 2.0)
    np.testing.assert_allclose(second, -scipy.stats.gennorm.pdf(0.5, 2.0))
    step = 1e-6
    slope = (scipy.stats.gennorm.cdf(0.4, 1.5 + step) - scipy.stats.gennorm.cdf(0.4, 1.5 - step)) / (2 * step)
    np.testing.assert_allclose(cujax.grad(stats.gennorm.cdf, 1)(0.4, 1.5), slope, rtol=1e-7)


def by(place, function, times=1):
    """The derivative with respect to an argument."""
    for _ in range(times):
        function = cujax.grad(function, place)
    return function


def shifted_limits(shift):
    return stats.truncnorm.logpdf(1.0, 0.0 - shift, INF - shift, shift, 1.0)


SLOPES = [
    (by(0, stats.pareto.cdf), (1e4, 2.0), 2e-12), (by(0, stats.pareto.logcdf), (1e4, 2.0), 2.00000002e-12),
    (by(1, stats.pareto.logcdf), (1.0, 2.0), 0),
    (by(0, stats.gumbel_r.sf), (-3.0,), -3.8005425040443577e-8),
    (by(0, stats.gumbel_l.cdf), (3.0,), 3.8005425040443577e-8),
    (by(0, stats.expon.cdf), (30.0,), math.exp(-30)), (by(0, stats.expon.cdf, 2), (30.0,), -math.exp(-30)),
    (by(0, stats.cauchy.logcdf), (-INF,), 0), (by(0, stats.cauchy.logsf), (INF,), 0),
    (by(0, stats.truncnorm.logcdf), (5.0, -2.0, 12.0), 1.5213304185856559e-6),
    (by(1, stats.truncnorm.cdf), (6.0, -2.0, 12.0), -5.5775764741203825e-11),
    (by(2, stats.truncnorm.logsf), (-8.0, -INF, 3.0), 2.7644939565531875e-18),
    (by(0, shifted_limits), (0.25,), 0.10416062898318273),
    *[(by(place, getattr(stats.truncnorm, function), times), (1.0, low, high), 0)
      for function in ("logpdf", "pdf", "cdf", "logcdf", "sf", "logsf") for times in (1, 2)
      for place, low, high in ((1, -INF, 3.0), (2, 0.0, INF), (2, -INF, INF))],
    *[(by(0, getattr(stats.chi2, function), times), (INF, df), 0)
      for function in ("cdf", "sf") for df in (1.0, 2.0, 5.0) for times in (1, 2)],
    (by(0, stats.gamma.cdf), (INF, 2.5), 0), (by(0, stats.gamma.sf), (INF, 2.5), 0),
    (by(0, stats.gamma.cdf), (0.0, 0.5), 0), (by(0, stats.gamma.cdf), (0.0, 1.0), 1),
    (by(0, stats.gamma.cdf, 2), (0.0, 1.0), -1), (by(0, stats.gamma.cdf, 2), (0.0, 2.0), 1),
    (by(0, stats.gamma.cdf, 2), (0.0, 2.5), 0), (by(0, stats.gamma.sf, 2), (0.0, 2.0), -1),
    (by(3, stats.gamma.cdf), (0.0, 0.5, 0.0, 1.0), 0), (by(3, stats.gamma.sf), (0.0, 0.5, 0.0, 1.0), 0),
    (by(0, stats.chi2.cdf, 2), (0.0, 4.0), 0.25), (by(3, stats.chi2.cdf), (0.0, 1.0, 0.0, 1.0), 0),
    (by(0, stats.beta.cdf, 2), (1.0, 1.0, 2.0), -2), (by(0, stats.beta.cdf, 2), (0.0, 1.0, 2.0), -2),
    (by(0, stats.beta.cdf, 2), (0.0, 2.0, 2.0), 6), (by(0, stats.beta.sf, 2), (1.0, 2.0, 2.0), 6),
    (by(4, stats.beta.cdf), (0.0, 0.5, 0.5, 0.0, 1.0), 0), (by(0, stats.beta.cdf), (1.0, 2.0, 0.5), 0),
    (by(0, stats.uniform.cdf), (0.0,), 1), (by(0, stats.uniform.cdf), (1.0,), 1),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("slope", "arguments", "expected"), SLOPES)
@pytest.mark.usefixtures("x64")
def test_derivatives_in_tails_at_edges_and_at_infinity(slope, arguments, expected, dtype):
    for found in in_all_ways(slope, arguments, dtype):
        np.testing.assert_allclose(found, expected, rtol=1e-5 if dtype == np.float32 else 1e-12)


def test_derivatives_of_small_logarithms():
    for function, x, expected in [
        (stats.expon.logcdf, 1e-9, 1e9), (stats.gumbel_l.logcdf, -30.0, 1), (stats.gumbel_r.logsf, 30.0, -1),
    ]:
        np.testing.assert_allclose(cujax.grad(function)(x), expected, rtol=1e-6)


def test_a_likelihood_compiles_and_is_batched():
    x = RNG.gamma(2.0, size=100).astype(np.float32)

    def loss(a, scale):
        return -jnp.sum(stats.gamma.logpdf(x, a, scale=scale))

    for function in (loss, cujax.grad(loss)):
        np.testing.assert_allclose(cujax.jit(function)(2.0, 1.5), function(2.0, 1.5), rtol=1e-4)
    batch = cujax.vmap(loss, (0, None))(jnp.float32([1, 2]), 1.5)
    np.testing.assert_allclose(batch, [loss(1.0, 1.5), loss(2.0, 1.5)], rtol=1e-5)


def test_errors_say_what_was_wrong():
    for call, error, text in [
        (lambda: stats.dirichlet.pdf(jnp.ones(5), jnp.ones(3)), ValueError, r"3, or one fewer; got shape \(5,\)"),
        (lambda: stats.multinomial.pmf(1.5, 2, 0.5), ValueError, "must be of integer type, got float32 and int32"),
        (lambda: stats.multivariate_normal.pdf(jnp.ones(3), jnp.ones(3), jnp.eye(2)), ValueError, r"\(..., 3, 3\)"),
        (lambda: stats.gaussian_kde(jnp.ones(5), "wide"), ValueError, "'scott', 'silverman', a number or a function"),
        (lambda: stats.mode(1, nan_policy="omit"), NotImplementedError, "not known while tracing"),
        (lambda: stats.sem(jnp.ones(3), axis=1), IndexError, r"axis 1 is out of bounds for an array of shape \(3,\)"),
    ]:
        with pytest.raises(error, match=text):
            call()


def test_slopes_by_parameters_where_a_probability_is_fixed_or_vanishes(x64):
    assert cujax.grad(stats.gennorm.cdf, 1)(0.0, 2.0) == 0
    np.testing.assert_allclose(cujax.grad(stats.poisson.entropy)(2.0), 0.28485096042173574, rtol=1e-12)
    assert cujax.grad(stats.truncnorm.sf, 1)(0.5, 1.0, -1.0) == 0  # no such distribution: NaN, whatever the limits
