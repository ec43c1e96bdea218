"""cujax.scipy.interpolate: grids against JAX; splines, which JAX has not, against SciPy and finite differences."""

from __future__ import annotations

import itertools

import jax.scipy.interpolate  # noqa: F401
import numpy as np
import pytest
import scipy.interpolate
from compiled_oracle import check
from oracle_cases import ARRAYS, lines

import cujax
import cujax.numpy as jnp
from cujax import test_util
from cujax.scipy import interpolate

RNG = np.random.default_rng(0)
X = np.cumsum(RNG.uniform(0.5, 1.5, 8))
Y = RNG.normal(size=(8, 3))
AT = np.concatenate([np.linspace(X[0] - 0.7, X[-1] + 0.7, 20), X])

# --- grids ------------------------------------------------------------------------------------------------------------

GRID = "(jnp.array([1.0, 2, 4]), jnp.array([4.0, 5, 6, 8])), x"
PLACES = "jnp.array([[1.5, 4.5], [0, 4], [4, 8], [2.0, 5.1], [3.9, nan], [2, 5], [5, 9]])"
GRIDS = rf"""
RGI({GRID})({PLACES})
RGI({GRID}, 'nearest')({PLACES}[:4])
RGI({GRID})({PLACES}[:4], 'nearest')
RGI({GRID})({PLACES}, 'other')
RGI({GRID}, method='other')
RGI({GRID}, bounds_error=True)
RGI({GRID}, fill_value=None)({PLACES})
RGI({GRID}, fill_value=-1)({PLACES})
RGI({GRID}, fill_value=1j)
RGI({GRID})(jnp.array([1.5, 4.5]))
RGI({GRID})((jnp.ones((2, 3)) * 1.3, 4.5))
RGI({GRID})(jnp.ones((2, 3)))
RGI((jnp.array([1.0, 2, 4]), jnp.array([4.0, 5, 6, 8]), jnp.ones(3)), x)
RGI((jnp.array([1.0, 2, 4]),), xi)(jnp.array([1.5, 3.0]))
RGI((jnp.array([1.0, 2, 4]),), x.astype('float16'))(jnp.array([[1.5], [3.0]]))
RGI([[1, 2, 3], [4, 5, 6]], x)
"""


@pytest.mark.parametrize("case", lines(GRIDS))
def test_grids(case):
    check(case.replace("RGI", "scipy.interpolate.RegularGridInterpolator"))


def test_derivatives_of_grids():
    test_util.check_grads(
        lambda p, values: interpolate.RegularGridInterpolator((np.arange(3.0), np.arange(4.0)), values)(p),
        (np.float32([[0.4, 1.3], [1.2, 2.6]]), ARRAYS["x"]), 1,
    )


def test_grids_whose_lengths_differ_from_the_values():
    with pytest.raises(ValueError, match=r"points\[1\] must have shape \(4,\)"):
        interpolate.RegularGridInterpolator((jnp.arange(3.0), jnp.arange(5.0)), ARRAYS["x"])


# --- splines ----------------------------------------------------------------------------------------------------------

BOUNDARIES = [
    "not-a-knot", "natural", "clamped", ("natural", "clamped"), ((1, [0.5] * 3), (2, [-0.3] * 3)),
    ("not-a-knot", (2, [1.0] * 3)), "periodic",
]


def close_to_scipy(name, n, x=AT, nus=(0, 1, 2, 3), y=Y, **options):
    """The interpolant of the first n points, and its derivatives, is SciPy's."""
    data = y[:n].copy()
    if options.get("bc_type") == "periodic":
        data[-1] = data[0]
    ours, theirs = (getattr(m, name)(X[:n], data, **options) for m in (interpolate, scipy.interpolate))
    for nu in nus:
        np.testing.assert_allclose(ours(x, nu), theirs(x, nu), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("boundary", BOUNDARIES, ids=str)
def test_cubic_splines(x64, boundary):
    for n in (2, 3, 4, 8):
        close_to_scipy("CubicSpline", n, bc_type=boundary)
    close_to_scipy("CubicSpline", 8, bc_type=boundary, y=Y + 1j * Y[::-1])


@pytest.mark.parametrize("name", ["PchipInterpolator", "Akima1DInterpolator"])
def test_local_interpolants(x64, name):
    steps = np.float64([[0, 0, 1, 1, 1, 3, 2, 2]]).T  # flat parts and turns
    for n, y in itertools.product((2, 3, 5, 8), (Y, steps)):
        inside = np.clip(AT, X[0], X[n - 1])
        close_to_scipy(name, n, inside, y=y)
    close_to_scipy(name, 8, y=Y)


def test_makima(x64):
    close_to_scipy("Akima1DInterpolator", 8, method="makima", extrapolate=True)
    with pytest.raises(NotImplementedError, match="'akima' or 'makima'"):
        interpolate.Akima1DInterpolator(X, Y, method="other")


def test_axes_and_extrapolation(x64):
    values = RNG.normal(size=(2, 8, 3))
    for extrapolate in (True, False, "periodic"):
        ours, theirs = (m.CubicSpline(X, values, 1, extrapolate=extrapolate) for m in (interpolate, scipy.interpolate))
        for x in (AT, 2.5, AT.reshape(4, 7)):
            np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-8, atol=1e-8)
    assert ours(AT).shape == (2, len(AT), 3)


def test_derivatives_and_integrals_are_piecewise_polynomials(x64):
    ours, theirs = (module.CubicSpline(X, Y) for module in (interpolate, scipy.interpolate))
    for nu in (1, 2, 5, -1):
        np.testing.assert_allclose(ours.derivative(nu)(AT), theirs.derivative(nu)(AT), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.antiderivative(2)(AT), theirs.antiderivative(2)(AT), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(ours.integrate(X[0], 4.3), theirs.integrate(X[0], 4.3), rtol=1e-8)
    c = RNG.normal(size=(3, 7, 2))
    found, expected = (module.PPoly(c, X)(AT) for module in (interpolate, scipy.interpolate))
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8)


def test_integrals_of_periodic_functions(x64):
    values = np.concatenate([Y[:-1], Y[:1]])
    ours, theirs = (m.CubicSpline(X, values, bc_type="periodic") for m in (interpolate, scipy.interpolate))
    period = X[-1] - X[0]
    for a, b in ((X[0], X[-1]), (X[0] + 0.3, X[0] + 2.7 * period), (X[-1], X[0]), (X[0] - 3.1 * period, X[2])):
        np.testing.assert_allclose(ours.integrate(a, b), theirs.integrate(a, b), rtol=1e-8, atol=1e-9)
    beyond = X[-1] + 0.1
    assert np.isnan(ours.antiderivative()(beyond)).all() and np.isnan(theirs.antiderivative()(beyond)).all()


@pytest.mark.parametrize("k", [0, 1, 2, 3, 5])
def test_b_splines(x64, k):
    t = np.concatenate([[X[0]] * (k + 1), X[2:6], [X[-1]] * (k + 1)])
    c = RNG.normal(size=(len(t) - k - 1, 2))
    at = AT if k else np.clip(AT, X[0] + 0.1, X[-1] - 0.1)
    for extrapolate in (True, False, "periodic"):
        ours, theirs = (m.BSpline(t, c, k, extrapolate) for m in (interpolate, scipy.interpolate))
        for nu in range(k + 2):
            np.testing.assert_allclose(ours(at, nu), theirs(at, nu), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("make", [
    interpolate.CubicSpline, interpolate.PchipInterpolator, interpolate.Akima1DInterpolator,
    lambda x, y: interpolate.CubicSpline(x, y.at[-1].set(y[0]), bc_type="periodic"),
    lambda x, y: interpolate.BSpline(x, y[:4], 3),
], ids=["cubic", "pchip", "akima", "periodic", "b-spline"])
def test_derivatives_by_place_data_and_knots(x64, make):
    test_util.check_grads(lambda x, y, at: make(x, y)(at), (jnp.asarray(X), jnp.asarray(Y), np.array([4.0, 4.7])), 1)


def test_interpolants_are_pytrees():
    spline = interpolate.CubicSpline(X, Y)
    expected = np.asarray(spline(AT))
    np.testing.assert_allclose(cujax.jit(lambda s, x: s(x))(spline, AT), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(cujax.vmap(lambda x: spline(x))(AT), expected, rtol=1e-4, atol=1e-4)
    many = cujax.vmap(interpolate.CubicSpline, (None, 1))(X, Y)
    np.testing.assert_allclose(cujax.vmap(lambda s: s(AT))(many), expected.T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("make", "text"), [
    (lambda: interpolate.CubicSpline(X[::-1], Y), "must increase strictly"),
    (lambda: interpolate.CubicSpline(X[:3], Y), "as many along axis 0"),
    (lambda: interpolate.CubicSpline(X, Y, bc_type="other"), "bc_type must be 'periodic' or"),
    (lambda: interpolate.CubicSpline(X, Y, bc_type=((3, 0.0), (1, 0.0))), r"must be \(1, value\) or \(2, value\)"),
    (lambda: interpolate.CubicSpline(X, np.arange(8.0), bc_type="periodic"), "the first and the last y must be equal"),
    (lambda: interpolate.PchipInterpolator(X, Y * 1j), "PchipInterpolator: only real y"),
    (lambda: interpolate.Akima1DInterpolator(X, Y * 1j), "Akima1DInterpolator: only real y"),
    (lambda: interpolate.PPoly(np.ones((3, 0)), X[:1]), "2 knots at least"),
    (lambda: interpolate.PPoly(np.ones((0, 7)), X), r"shape \(k, 7, ...\)"),
    (lambda: interpolate.PPoly(np.ones((3, 7)), X, axis=1), "axis must be at least 0 and less than 1, got 1"),
    (lambda: interpolate.PPoly(np.ones((3, 4)), X), r"shape \(k, 7, ...\) for 8 knots"),
    (lambda: interpolate.BSpline(X, Y, 4), "degree 4 needs"),
    (lambda: interpolate.BSpline(X, Y, 2).derivative(3), "no derivative of order 3"),
    (lambda: interpolate.BSpline(X, Y, 2)(0.5, -1), "nu=-1 is no order of a derivative"),
])
def test_errors(make, text):
    with pytest.raises(ValueError, match=text):
        make()
