"""scipy.special: names, values against SciPy's and of 17 digits, ends, types as JAX's, derivatives, errors."""

from __future__ import annotations

import inspect
import math

import jax
import jax.scipy.special
import numpy as np
import pytest
import scipy.special as scipy_special
from emulator import emulated_backend, why_not
from oracle_cases import check, check_vjp, lines

import cujax
from cujax.engine.backends.select import selected
from cujax.engine.ops import bessel as ops
from cujax.scipy import special
from cujax.scipy.special import declare, hypergeometric
from cujax.scipy.special.gamma_functions import _bernoulli_numbers

INF, NAN = math.inf, math.nan
BEYOND_JAX = [
    "ellipe", "ellipeinc", "ellipk", "ellipkinc", "ellipkm1", "j0", "j1", "jn", "k0", "k0e", "k1", "k1e", "y0", "y1",
]
NAMES = [name for name in dir(jax.scipy.special) if not name.startswith("_")]


def test_names_and_signatures_are_those_of_jax():
    for name in NAMES:
        ours, theirs = (inspect.signature(getattr(m, name)).parameters for m in (special, jax.scipy.special))
        assert [(p.name, p.kind, p.default) for p in ours.values()] == [
            (p.name, p.kind, p.default) for p in theirs.values()
        ], name
    assert set(BEYOND_JAX) <= set(special.__all__) and all(getattr(special, name).__doc__ for name in special.__all__
                                                           if callable(getattr(special, name)))


# --- values ----------------------------------------------------------------------------------------------------

RNG, N = np.random.default_rng(0), 400


def powers(low: float, high: float) -> np.ndarray:
    return 10 ** RNG.uniform(low, high, N)


def both_signs(x: np.ndarray) -> np.ndarray:
    return np.concatenate([x, -x])


def reals(low: float, high: float) -> np.ndarray:
    return RNG.uniform(low, high, N)


def wholes(low: int, high: int) -> np.ndarray:
    return RNG.integers(low, high, N).astype(float)


# Operands, and how many units in the last place the results may be from SciPy's, which has errors too.
GRIDS = {
    "erfcx": ([np.concatenate([powers(-6, 6), -powers(-6, 0.6)])], 8), "dawsn": ([both_signs(powers(-1, 9))], 8),
    "ndtr": ([reals(-37, 8)], 4), "log_ndtr": ([np.concatenate([both_signs(powers(-4, 2)), reals(-5, 5)])], 8),
    "ndtri": ([np.concatenate([reals(0, 1), powers(-300, 0), 1 - powers(-15, 0)])], 8),
    "owens_t": ([reals(-3, 3), both_signs(powers(-2, 1))[::2]], 400), "gamma": ([reals(0.01, 170)], 4),
    "gammasgn": ([reals(-50, 10)], 0), "beta": ([reals(0.01, 20), reals(0.01, 20)], 60),
    "comb": ([wholes(0, 60), wholes(0, 60)], 16), "factorial": ([wholes(0, 170)], 4),
    "poch": ([reals(0.01, 20), reals(0, 20)], 100), "gammainc": ([powers(-2, 2), powers(-2, 2)], 4),
    "gammaincc": ([powers(-2, 2), powers(-2, 2)], 4), "betainc": ([powers(-1, 2), powers(-1, 2), reals(0, 1)], 4),
    "zeta": ([1 + powers(-2, 1), powers(-2, 2)], 4), "rel_entr": ([powers(0, 2), powers(-3, -0.1)], 8),
    "kl_div": ([powers(0, 2), powers(-3, -0.1)], 16), "boxcox": ([powers(-2, 2), reals(-3, 3)], 16),
    "boxcox1p": ([powers(-2, 2), reals(-3, 3)], 32), "i0": ([both_signs(powers(-3, 2))], 8),
    "i1": ([both_signs(powers(-3, 2))], 8), "i0e": ([both_signs(powers(-3, 5))], 8), "i1e": ([powers(-3, 5)], 8),
    "j0": ([powers(-3, 2)], 1), "y1": ([powers(-3, 2)], 1), "k0": ([powers(-3, 2)], 8), "k1": ([powers(-3, 2)], 8),
    "k0e": ([powers(-3, 3)], 1), "k1e": ([powers(-3, 3)], 1), "exp1": ([powers(-10, 2.8)], 12),
    "expi": ([np.concatenate([-powers(-9, 2.8), powers(0, 2.8)])], 120),
    "expn": ([wholes(0, 60), powers(-4, 2.5)], 300),
    "spence": ([powers(-6, 6)], 24), "ellipk": ([np.concatenate([reals(0, 1), -powers(-3, 3)])], 8),
    "ellipe": ([np.concatenate([reals(0, 1), -powers(-3, 3)])], 16), "ellipkm1": ([powers(-10, 1)], 8),
    "ellipkinc": ([reals(-10, 10), reals(-3, 0.9)], 16), "ellipeinc": ([reals(-10, 10), reals(-3, 0.9)], 16),
    "hyp2f1": ([reals(0.1, 3), reals(0.1, 3), reals(3.1, 6), reals(-0.5, 0.85)], 200),
    "hyp1f1": ([reals(0.1, 3), reals(3.1, 6), reals(-3, 8)], 2000), "multigammaln": ([powers(1, 3), 3], 8),
    "fresnel": ([both_signs(powers(-4, 1))], 16), "sici": ([np.concatenate([powers(-5, 0), powers(1, 4)])], 600),
}


# The same on a GPU, where what SciPy computes on the CPU comes from CUDA, from CuPy or from our kernels.
ON_A_GPU = {
    "ndtr": 300,  # a rounding of x is x * x roundings of exp(-x * x / 2); SciPy's erfc has them too, others
    "log_ndtr": 300, "gammainc": 300, "gammaincc": 300, "betainc": 300,  # the same: of exp(a log(x) - x), and the like
    "k0e": 8, "k1e": 8, "j0": 16, "y1": 16,  # CUDA promises 10 up to 8
}
ABSOLUTE_ON_A_GPU = {"j0": 1e-15, "y1": 1e-15}  # near roots beyond 8, where our kernels' values are sums of two


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.usefixtures("x64")
def test_values_are_scipy_s(name):
    operands, ulps = GRIDS[name]
    atol = 1e-300
    if selected().platform == "gpu":
        ulps, atol = ON_A_GPU.get(name, ulps), ABSOLUTE_ON_A_GPU.get(name, atol)
    found, expected = getattr(special, name)(*operands), getattr(scipy_special, name)(*operands)
    for f, e in zip(*[r if isinstance(r, tuple) else (r,) for r in (found, expected)], strict=True):
        np.testing.assert_allclose(f, e, rtol=ulps * 2.0**-52 + 1e-300, atol=atol)


def single(x: np.ndarray) -> np.ndarray:
    """In float32; subnormal numbers are zero on a GPU, where CuPy's arithmetic outside of `jit` takes them for it."""
    x = np.float32(x)
    return np.where(abs(x) < np.finfo(x.dtype).tiny, x * 0, x) if selected().platform == "gpu" else x


@pytest.mark.parametrize("name", GRIDS)
def test_single_precision_has_its_digits(name):
    """A few units in the last place, and what a rounding of an exponent makes of large and small values."""
    operands = [single(x) if isinstance(x, np.ndarray) else x for x in GRIDS[name][0]]
    wide = [x.astype(float) if isinstance(x, np.ndarray) else x for x in operands]
    with np.errstate(all="ignore"):
        found, expected = getattr(special, name)(*operands), getattr(scipy_special, name)(*wide)
        for f, e in zip(*[r if isinstance(r, tuple) else (r,) for r in (found, expected)], strict=True):
            inside = (abs(e) > 1e-30) & (abs(e) < 1e30)
            assert f.dtype == np.float32
            np.testing.assert_allclose(np.asarray(f)[inside], e[inside], rtol=1e-4, atol=2e-6)


# Of arguments that are exact in binary, computed with 40 digits, where SciPy's or JAX's values are not accurate.
EXACT = [
    ("erfcx", (-9.25,), 2.886367351808538e+37),
    ("erfcx", (3.5,), 0.1552936556088943),
    ("dawsn", (0.0078125,), 0.007812182116322084),
    ("dawsn", (6.25,), 0.08106609406101173),
    ("log_ndtr", (-40.5,), -824.745849244038),
    ("log_ndtr", (6.5,), -4.016000583939759e-11),
    ("owens_t", (3.375, 0.40625), 0.00015837922513875822),
    ("betaln", (220129.75, 0.15625), -0.1373794384783219),
    ("comb", (285.0, 22.0), 3.931986233470629e+32),
    ("poch", (1000.5, 20.25), 6.893650568082627e+60),
    ("expi", (0.375,), 0.009691377209342),
    ("expi", (-0.5,), -0.5597735947761608),
    ("expn", (4.0, 1.015625), 0.08436654265742875),
    ("expn", (50.0, 0.75), 0.00949187171635348),
    ("jn", (21, 200.0), -0.03833375666503819),
    ("jn", (30, 1.0), 3.482869794251483e-42),
    ("hyp1f1", (8.5, 2.25, 7.0), 914396.830049445),
    ("hyp1f1", (0.5, 1.5, -30.0), 0.16180215937964007),
    ("hyp2f1", (4.75, 2.25, 8.75, -2.0), 0.21018088588366224),
    ("hyp2f1", (0.5, 0.25, 1.5, 0.96875), 1.1666262987381617),
    ("hyp2f1", (1.0, 2.0, 4.0, 0.9375), 2.364830732633984),
    ("spence", (0.515625,), 0.5607275755381622),
    ("wofz", ((2.5+0.125j),), (0.01779861713653568+0.24942365144880332j)),
    ("wofz", ((-6-3j),), (-0.038554597449074385-0.07536948706715853j)),
    ("wofz", ((0.5+9j),), (0.0621216401504055+0.003409970951665513j)),
    ("loggamma", ((-3.5+1j),), (-3.6361894286817082-11.167420981242607j)),
    ("loggamma", ((0.25+30j),), (-47.05524193399432+71.64356959601494j)),
    ("gamma", ((1.5-2j),), (0.16591510893899095-0.14946347326641948j)),
]


@pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")
@pytest.mark.usefixtures("x64")
def test_bessel_functions_of_a_device_are_accurate_beyond_8():
    """Where CUDA's have an absolute error of 5e-12; SciPy's values, and their Wronskian (DLMF 10.5.2) further out."""
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.uniform(8, 30, 200), 10 ** rng.uniform(0.91, 6, 200), [8, np.nextafter(8, 9)]])
    functions = ops.bessel_j0, ops.bessel_j1, ops.bessel_y0, ops.bessel_y1
    with emulated_backend():
        j0, j1, y0, y1 = found = [np.asarray(cujax.jit(f)(x)) for f in functions]
        odd = [np.asarray(cujax.jit(f)(-x)) for f in functions[:2]]
    np.testing.assert_allclose((j1 * y0 - j0 * y1) * (np.pi / 2) * x, 1, rtol=4e-15)
    np.testing.assert_array_equal(odd, [j0, -j1])
    for values, of_scipy in zip(found, ["j0", "j1", "y0", "y1"], strict=True):
        np.testing.assert_allclose(values[:200], getattr(scipy_special, of_scipy)(x[:200]), rtol=0, atol=2e-15)


@pytest.mark.parametrize(("name", "arguments", "expected"), EXACT)
@pytest.mark.usefixtures("x64")
def test_values_where_others_are_not_accurate(name, arguments, expected):
    found = np.asarray(getattr(special, name)(*arguments))
    assert abs(found - expected) < 120 * 2.0**-52 * abs(expected)


ENDS = {
    "erfcx": ([0, INF, -INF, NAN], [1, 0, INF, NAN]), "dawsn": ([0, INF, -INF, NAN], [0, 0, 0, NAN]),
    "log_ndtr": ([INF, -INF, NAN], [0, -INF, NAN]), "ndtri": ([0, 1, 0.5, -1, 2, NAN], [-INF, INF, 0, NAN, NAN, NAN]),
    "gamma": ([0, -1, INF, -INF, NAN], [INF, NAN, INF, NAN, NAN]), "loggamma": ([0, -0.5, INF], [INF, NAN, INF]),
    "gammasgn": ([0, -0.0, -1, -1.5, -2.5, INF, -INF], [1, -1, NAN, 1, -1, 1, NAN]), "factorial": ([-1, 0], [0, 1]),
    "exp1": ([0, -1, INF, NAN], [INF, NAN, 0, NAN]), "expi": ([0, INF, -INF, NAN], [-INF, INF, 0, NAN]),
    "spence": ([0, -1, 1, NAN], [math.pi**2 / 6, NAN, 0, NAN]), "k0": ([0, -1, INF], [INF, NAN, 0]),
    "k1": ([0, -1, INF], [INF, NAN, 0]), "y0": ([0, -1, INF, -INF], [-INF, NAN, 0, NAN]),
    "j0": ([0, INF, -INF], [1, 0, 0]), "j1": ([0, INF, -INF], [0, 0, 0]), "y1": ([0, INF, -INF], [-INF, 0, NAN]),
    "ellipk": ([0, 1, 2, -INF], [math.pi / 2, INF, NAN, 0]), "ellipe": ([0, 1, 2, -INF], [math.pi / 2, 1, NAN, INF]),
    "ellipkm1": ([0, 1, -1, INF], [INF, math.pi / 2, NAN, 0]), "i0": ([0, NAN], [1, NAN]), "i1": ([0], [0]),
}


@pytest.mark.parametrize("name", ENDS)
def test_ends(name):
    x, expected = ENDS[name]
    function = getattr(special, name)
    np.testing.assert_allclose(function(np.float32(x)), expected, rtol=1e-6)
    if name[0] in "jy":
        np.testing.assert_allclose(cujax.jit(function)(np.float32(x)), expected, rtol=1e-6)


ENDS_OF_MORE = [
    ("comb", (5, -1), 0), ("comb", (3, 5), 0), ("comb", (-1, 2), 0), ("poch", (-3.0, 2.0), 6), ("poch", (-3.0, 5.0), 0),
    ("poch", (0.0, 0.0), 1), ("beta", (0.0, 2.0), INF), ("beta", (-1.5, 2.0), 4 / 3), ("beta", (-1.5, 0.5), 0),
    ("expn", (0, 0.5), 1.2130613194252668), ("expn", (2, 0.0), 1), ("expn", (1, 0.0), INF), ("expn", (2.5, 1.0), NAN),
    ("expn", (-1, 1.0), NAN), ("expn", (2, -1.0), NAN), ("owens_t", (INF, 1.0), 0), ("owens_t", (0.0, INF), 0.25),
    ("owens_t", (0.0, -1.0), -0.125), ("rel_entr", (0.0, 0.0), 0), ("rel_entr", (0.0, -1.0), INF),
    ("kl_div", (0.0, 1.0), 1), ("boxcox", (-2.0, 1.0), NAN), ("boxcox", (2.0, 0.0), math.log(2)), ("jn", (2, 0.0), 0),
    ("jn", (3, -2.0), -0.12894324947440), ("jn", (-3, 2.0), -0.12894324947440), ("jn", (0, INF), 0),
    ("hyp1f1", (0.0, 0.0, 3.0), 1), ("hyp1f1", (1.0, -2.0, 0.5), INF), ("hyp1f1", (-1.0, -2.0, 0.5), 1.25),
    ("hyp2f1", (1.0, 1.0, 3.0, 1.0), 2), ("hyp2f1", (1.0, 1.0, 1.5, 1.0), INF), ("hyp2f1", (-2.0, 1.0, 2.0, 3.0), 1),
    ("hyp2f1", (1.0, 1.0, 2.5, 1.5), NAN), ("zeta", (1.0, 2.0), INF), ("zeta", (0.5, 2.0), NAN),
    ("ellipkinc", (1.0, 2.0), NAN), ("fresnel", (INF,), (0.5, 0.5)), ("sici", (-INF,), (-math.pi / 2, NAN)),
    ("sici", (0.0,), (0, -INF)), ("sph_harm_y", (1, 2, 0.5, 0.5), 0), ("logit", (1.0,), INF),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ENDS_OF_MORE)
def test_ends_of_functions_of_more(name, arguments, expected):
    np.testing.assert_allclose(getattr(special, name)(*arguments), expected, rtol=2e-6)


def test_sign_of_beta_where_gamma_overflows(x64):
    for a, b, rtol in [(-300.2, 0.3, 1e-11), (-301.2, 0.3, 1e-11), (np.float32(-34.5), np.float32(0.3), 2e-4)]:
        np.testing.assert_allclose(special.beta(a, b), scipy_special.beta(float(a), float(b)), rtol=rtol)


@pytest.mark.parametrize("p, q", [(1e10, 1e-30), (1e-30, 1e10), (2e-28, 1e10), (1.0, 1e-39)])
def test_relative_entropy_where_the_quotient_is_no_normal_number(p, q):
    p, q = np.float32(p), np.float32(q)
    wide, slope = (float(p), float(q)), cujax.grad(special.rel_entr)
    functions = special.rel_entr, special.kl_div, slope, cujax.grad(slope)
    if selected().platform == "gpu":  # where CuPy's arithmetic outside of jit takes subnormal numbers for zero
        functions = map(cujax.jit, functions)
    expected = scipy_special.rel_entr(*wide), scipy_special.kl_div(*wide), math.log(wide[0]) - math.log(wide[1]) + 1
    for function, value in zip(functions, (*expected, 1 / wide[0]), strict=True):
        np.testing.assert_allclose(function(p, q), value, rtol=1e-6)


@pytest.mark.parametrize("small, large", [(-0.5, 1e6), (-0.5, 20), (-30.25, 60.5), (-30.25, 62.5), (-7.5, 12.0)])
def test_betaln_of_a_negative_number(small, large):
    expected = [math.lgamma(small) + math.lgamma(large) - math.lgamma(small + large)] * 2
    found = [special.betaln(np.float32(small), np.float32(large)), special.betaln(np.float32(large), np.float32(small))]
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=2e-5)


def test_a_hypergeometric_sum_that_is_not_at_its_end_is_nan(monkeypatch):
    a, c, near, far = np.float32([0.5, 1.5, 0.25, 0.95])
    monkeypatch.setattr(hypergeometric, "_LONGEST", 20)
    np.testing.assert_allclose(hypergeometric._of_one(a, a, c, near)[0], math.asin(0.5) / 0.5, rtol=1e-6)
    assert np.isnan(hypergeometric._of_one(a, a, c, far)).all()
    assert np.isnan(hypergeometric._confluent_of_one(a, c, np.float32(30))).all()


def test_bernoulli_numbers():
    np.testing.assert_allclose(special.bernoulli(60), scipy_special.bernoulli(60), rtol=2e-6)
    assert float(_bernoulli_numbers(12)[12]) == -691 / 2730 and special.bernoulli(0).shape == (1,)


def test_orders_of_bessel_functions_together():
    x = np.float32([[0, 0.5, -3], [10, 40, 200]])
    expected = [scipy_special.jv(v, x.astype(float)) for v in range(6)]
    np.testing.assert_allclose(special.bessel_jn(x, v=5), expected, rtol=1e-5, atol=1e-6)
    assert special.bessel_jn(x, v=-1).shape == (0, 2, 3)


def test_spherical_harmonics(x64):
    n, m = np.array([(n, m) for n in range(9) for m in range(-n, n + 1)]).T
    theta, phi = RNG.uniform(0, math.pi, n.size), RNG.uniform(0, 6, n.size)
    expected = scipy_special.sph_harm_y(n, m, theta, phi)
    np.testing.assert_allclose(special.sph_harm_y(n, m, theta, phi), expected, atol=1e-14)
    jitted = cujax.jit(lambda n, theta: special.sph_harm_y(n, 2, theta, 0.5, n_max=9))
    np.testing.assert_allclose(jitted(7, 0.25), scipy_special.sph_harm_y(7, 2, 0.25, 0.5), rtol=1e-13)


# --- types and errors as JAX's ---------------------------------------------------------------------------------

CASES = lines("""
    scipy.special.erfcx(c / 4)
    scipy.special.wofz(c / 4 + 0.1)

    scipy.special.loggamma(c / 8 + 0.3)

    scipy.special.dawsn(2)
    scipy.special.dawsn(c)
    scipy.special.dawsn([1.0])
    scipy.special.erfcx(xi)
    scipy.special.ndtr(xi)
    scipy.special.ndtr(x)
    scipy.special.ndtr(0.5)
    scipy.special.log_ndtr(x)
    scipy.special.log_ndtr(x, 31)
    scipy.special.log_ndtr(x, -1)
    scipy.special.log_ndtr(x, 2.0)
    scipy.special.ndtri(xi)
    scipy.special.ndtri(x / 10 + 0.5)
    scipy.special.gammasgn(x)
    scipy.special.gammasgn(c)
    scipy.special.beta(2, 3)
    scipy.special.beta(c, 1.0)
    scipy.special.betaln(2, 3)

    scipy.special.betainc(2, 3, 0.25)
    scipy.special.betainc(2.5, 3.5, x / 12 + 0.4)
    scipy.special.betainc(c, 1.0, 1.0)
    scipy.special.gammainc(2, 3)

    scipy.special.gammaincc(v, 3)
    scipy.special.gammaincc(c, 3)
    scipy.special.zeta(2.5, v)
    scipy.special.zeta(2)
    scipy.special.polygamma(2, v)
    scipy.special.polygamma(1, 2)
    scipy.special.polygamma(2.0, v)
    scipy.special.polygamma(xi[0], 1.5)
    scipy.special.factorial(3, exact=True)
    scipy.special.factorial(2.5)
    scipy.special.comb(7, 3, repetition=True)
    scipy.special.poch(2.5, v)
    scipy.special.poch(c, v)
    scipy.special.multigammaln(v + 3, 2)
    scipy.special.multigammaln(v, v)
    scipy.special.bernoulli(-1)
    scipy.special.bernoulli(2.0)
    scipy.special.entr(v)
    scipy.special.kl_div(v, 2)
    scipy.special.kl_div(c, 2)
    scipy.special.rel_entr(2, 3)
    scipy.special.boxcox(v, 2)
    scipy.special.boxcox1p(c / 9 + 1, 0.5)
    scipy.special.softmax(x, axis=1)
    scipy.special.softmax(xi)
    scipy.special.softmax(x, axis=5)
    scipy.special.softmax(x > 0)
    scipy.special.log_softmax(x, axis=(0, 1))
    scipy.special.log_softmax(2.0)
    scipy.special.i0(2)
    scipy.special.i1(x)
    scipy.special.i0e(xi)
    scipy.special.i1e(c)
    scipy.special.exp1(v)
    scipy.special.exp1(c)
    scipy.special.expn(2, v)
    scipy.special.expn(c, v)
    scipy.special.sici(v)
    scipy.special.sici(c)
    scipy.special.fresnel(x / 4)
    scipy.special.fresnel(c)
    scipy.special.spence(v)
    scipy.special.spence(xi)
    scipy.special.hyp1f1(c, 2, 1)
    scipy.special.sph_harm_y(xi[0, 1:], xi[0, :3], v[:3] / 4, v[1:4], diff_n=1)
    lax.betainc(v, v, v / 10)
    lax.igamma(v, v)

    lax.zeta(v + 1, v)
    lax.bessel_i0e(x)
    lax.bessel_i1e(xi)
    lax.igamma(x, v)
    jnp.i0(xi)
    jnp.i0(c)
    jnp.kaiser(7, 3)
    jnp.kaiser(7, v[0])
    jnp.kaiser(1, 2.0)
    jnp.kaiser(0, 2.0)
""")


@pytest.mark.parametrize("case", CASES)
def test_as_in_jax(case):
    check(case)


def test_errors_say_what_was_wrong():
    for call, error, text in [
        (lambda: special.jn(1.5, 2.0), ValueError, "order n must be of integer type, got float32"),
        (lambda: special.jn(1, 2j), TypeError, "jn takes real numbers"),
        (lambda: special.bessel_jn(1.0, v=1.5), TypeError, "v must be an int"),
        (lambda: special.dawsn(1j), ValueError, r"dawsn does not support complex-valued inputs, got c64\[\]"),
        (lambda: special.ndtr(1), TypeError, r"ndtr takes floating-point numbers, got int32.  Convert"),
        (lambda: special.beta(1.0), TypeError, r"beta\(\) missing a required argument: 'b'"),
        (lambda: special.beta(1.0, 2.0, 3.0), TypeError, r"beta\(\) too many positional arguments"),
        (lambda: special.zeta(2.0), NotImplementedError, r"it is zeta\(x, 1\)"),
    ]:
        with pytest.raises(error, match=text):
            call()
    with pytest.raises(cujax.errors.ConcretizationTypeError, match="Give `n_max`, the largest degree"):
        cujax.jit(lambda n: special.sph_harm_y(n, 0, 0.5, 0.5))(3)


def test_half_precision_is_computed_in_single():
    x = np.linspace(0.1, 0.9, 9).astype(np.float16)
    for name in ("ndtri", "expi", "spence", "dawsn", "k0", "ellipk", "log_ndtr"):
        wide = np.asarray(getattr(special, name)(x.astype(np.float32)))
        np.testing.assert_array_equal(getattr(special, name)(x), wide.astype(np.float16), err_msg=name)


# --- derivatives -------------------------------------------------------------------------------------------------

POINTS = {
    **{(name, 0): (0.7,) for name in (
        "erfcx", "dawsn", "ndtr", "log_ndtr", "ndtri", "gamma", "loggamma", "factorial", "i0", "i1", "i0e", "i1e",
        "exp1", "expi", "spence", "j0", "j1", "y0", "y1", "k0", "k1", "k0e", "k1e", "ellipk", "ellipe", "ellipkm1",
    )},
    **{(name, i): (0.7, 0.4) for i in (0, 1) for name in (
        "owens_t", "beta", "betaln", "poch", "rel_entr", "kl_div", "boxcox", "boxcox1p", "ellipkinc", "ellipeinc",
    )},
    **{("comb", i): (7.3, 2.4) for i in (0, 1)}, ("gammainc", 1): (1.5, 0.7), ("gammaincc", 1): (1.5, 0.7),
    **{("zeta", i): (2.5, 1.3) for i in (0, 1)}, ("betainc", 2): (2.0, 3.0, 0.3), ("hyp1f1", 2): (1.0, 2.0, -0.3),
    ("hyp2f1", 3): (1.1, 2.3, 0.7, -0.7), ("expn", 1): (3.0, 1.7), ("log_ndtr", 0): (-30.0,),
    ("boxcox", 1): (3.0, 1e-3),
}


@pytest.mark.parametrize(("name", "place"), POINTS, ids=str)
@pytest.mark.usefixtures("x64")
def test_derivatives_to_order_two(name, place):
    arguments = [np.float64(x) for x in POINTS[name, place]]

    def function(x):
        return getattr(special, name)(*arguments[:place], x, *arguments[place + 1 :])

    slope, x, step = cujax.grad(function), arguments[place], 1e-5
    for f, derivative in ((function, slope), (slope, cujax.grad(slope))):
        expected = (float(f(x + step)) - float(f(x - step))) / (2 * step)
        np.testing.assert_allclose(float(derivative(x)), expected, rtol=1e-6, atol=1e-8)


PARAMETERS = [
    ("gammainc", 0, (1.5, 0.7)), ("gammaincc", 0, (1.5, 0.7)), ("hyp1f1", 0, (1.0, 2.0, -0.3)),
    ("hyp1f1", 1, (1.0, 2.0, 0.3)), ("hyp2f1", 0, (1.1, 2.3, 0.7, 0.4)), ("hyp2f1", 1, (1.1, 2.3, 0.7, -0.7)),
    ("hyp2f1", 2, (1.1, 0.3, 0.7, 0.95)),
]


@pytest.mark.parametrize(("name", "place", "arguments"), PARAMETERS)
@pytest.mark.usefixtures("x64")
def test_derivatives_by_parameters(name, place, arguments):
    """Those of series are of any order, for these are loops that carry few numbers; of the others there is one."""
    def function(x):
        return getattr(special, name)(*arguments[:place], x, *arguments[place + 1 :])

    def difference(f):
        return (float(f(x + step)) - float(f(x - step))) / (2 * step)

    slope, x, step = cujax.grad(function), np.float64(arguments[place]), 1e-5
    np.testing.assert_allclose(slope(x), difference(function), rtol=1e-7)
    if name.startswith("hyp"):
        np.testing.assert_allclose(cujax.grad(slope)(x), difference(slope), rtol=1e-7)
    else:
        with pytest.raises(NotImplementedError):
            cujax.grad(slope)(x)


@pytest.mark.parametrize("case", lines("""
    scipy.special.log_ndtr(3 * x)
    scipy.special.kl_div(v[0] + x * x, 2.0)
    scipy.special.softmax(x, axis=1)
    scipy.special.i1(x - 0.3)
    jnp.real(scipy.special.wofz(x + 0.5j))
"""))
def test_derivatives_are_jax_s(case):
    check_vjp(case)


def test_derivatives_of_holomorphic_functions(x64):
    z, step = np.complex128(-1.3 + 0.4j), 1e-6
    for name in ("wofz", "erfcx", "gamma", "loggamma"):
        f = getattr(special, name)
        expected = (np.asarray(f(z + step)) - np.asarray(f(z - step))) / (2 * step)
        np.testing.assert_allclose(cujax.grad(f, holomorphic=True)(z), expected, rtol=1e-8, err_msg=name)


def test_spherical_harmonics_have_a_gradient(x64):
    f = lambda theta: cujax.numpy.real(special.sph_harm_y(5, 2, theta, 0.4))  # noqa: E731
    x, step = np.float64(0.7), 1e-6
    np.testing.assert_allclose(cujax.grad(f)(x), (float(f(x + step)) - float(f(x - step))) / (2 * step), rtol=1e-8)


def test_loops_are_batched_and_compiled():
    n, x = np.arange(6)[:, None], np.float32([0.5, 3, 20, 100])
    for f in (special.jn, lambda n, x: special.expn(n + 1, x / 20), lambda n, x: special.hyp1f1(n + 1.0, 2.5, x / 9)):
        eager = np.asarray(f(n, x))
        np.testing.assert_allclose(cujax.jit(f)(n, x), eager, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(cujax.vmap(f, (0, None))(n[:, 0], x), eager, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "derivative"), [("j1", scipy_special.jvp), ("i1", scipy_special.ivp)])
def test_derivatives_of_bessel_functions_of_all_orders(x64, name, derivative):
    """At 0 too, where the recurrence divides by it, and beside the end of the series that is used there."""
    f, x = getattr(special, name), np.array([0.0, 0.3, 0.999, 1.0, -3.0])
    for order in (1, 2, 3, 4):
        f = cujax.grad(f)
        np.testing.assert_allclose(cujax.vmap(f)(x), derivative(1, x, order), rtol=1e-9, atol=1e-9)


def test_hyp2f1_near_one_with_logarithms(x64):
    """Where c - a - b is whole, of either sign, with its slope."""
    cases = [(0.5, 0.5, 0), (0.25, 1.25, 1), (2.5, 1.5, 3), (0.5, 0.25, -1), (1.5, 2.5, -3), (0.75, -0.25, 5)]
    a, b, m = np.array(cases).T
    for x in (0.91, 0.99, 0.999999):
        c = a + b + m
        np.testing.assert_allclose(special.hyp2f1(a, b, c, x), scipy_special.hyp2f1(a, b, c, x), rtol=1e-12)
        slope = cujax.vmap(cujax.grad(special.hyp2f1, 3), (0, 0, 0, None))(a, b, c, x)
        np.testing.assert_allclose(slope, a * b / c * scipy_special.hyp2f1(a + 1, b + 1, c + 1, x), rtol=1e-9)


@pytest.mark.parametrize(("arguments", "expected"), [
    ((0.5, 0.5, 1.0, 1 - 2**-20), (5.29525551436927, 36.703914301295626, 36.703914301295626, -30.933925617362828)),
    ((0.5, 0.5, 1 + 2**-11, 1 - 2**-20), (5.2801863666132585, 36.5419515466844, 36.5419515466844, -30.7894320730539)),
])  # fmt: skip
def test_hyp2f1_and_its_slopes_by_the_parameters_next_to_one(x64, arguments, expected):
    """Where c - a - b is whole, and nearly; to 40 digits by mpmath."""
    value, slopes = cujax.value_and_grad(special.hyp2f1, (0, 1, 2))(*arguments)
    np.testing.assert_allclose([value, *slopes], expected, rtol=1e-10)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hyp1f1_far_below_zero(x64, dtype):
    rtol = 1e-11 if dtype is np.float64 else 1e-4
    a, b = np.array([(0.5, 1.5), (2.0, 3.0), (-0.5, 1.0), (1.5, 0.75), (3.3, 1.1)], dtype).T
    for x in (-50.0, -76.0, -599.0, -601.0, -1e5):
        expected = scipy_special.hyp1f1(a.astype(float), b.astype(float), x)
        np.testing.assert_allclose(special.hyp1f1(a, b, dtype(x)), expected, rtol=rtol)
    slope = cujax.grad(special.hyp1f1, 2)(0.5, 1.5, -1e3)
    np.testing.assert_allclose(slope, scipy_special.hyp1f1(1.5, 2.5, -1e3) / 3, rtol=1e-9)


def test_zeta_of_very_large_arguments(x64):
    """Of the last term the power of s - 1 is a number where that of s is none."""
    found = cujax.jit(special.zeta)(np.array([10.0, 9.5, 5.0, 3.0]), np.array([1e33, 7e34, 1e64, np.inf]))
    np.testing.assert_allclose(found, [1.1111111111e-298, 7.7128e-298, 2.5e-257, 0], rtol=1e-4)


@pytest.mark.parametrize("n, x, expected", [(np.int8(-128), 100.0, scipy_special.jv(-128, 100.0)),
                                            (np.uint8(0), 1.0, scipy_special.jv(0, 1.0))])
def test_orders_of_few_bits(x64, n, x, expected):
    np.testing.assert_allclose(special.jn(n, x), expected, rtol=1e-9)
    slope = 0.5 * (scipy_special.jv(float(n) - 1, x) - scipy_special.jv(float(n) + 1, x))
    np.testing.assert_allclose(cujax.grad(special.jn, 1)(n, x), slope, rtol=1e-9)


def test_series_of_float32_leave_out_what_rounding_takes_away():
    assert declare._significant((1.0, 1e-3, 1e-12), is_double=False) == 2
    assert declare._significant((1.0, 1e-3, 1e-12), is_double=True) == 3


def test_log_ndtr_is_differentiated_twice_far_above():
    """The slope is density / ndtr: both go to 0 there, and so does its derivative."""
    x = np.array([-30, -3, -0.5, 0, 0.5, 2, 14, 20, 100], np.float32)
    first, second = (cujax.vmap(f)(x) for f in (cujax.grad(special.log_ndtr), cujax.grad(cujax.grad(special.log_ndtr))))
    wide = x.astype(np.float64)
    slope = np.sqrt(2 / np.pi) / scipy_special.erfcx(-wide / np.sqrt(2))
    np.testing.assert_allclose(first, slope, rtol=1e-5, atol=1e-37)
    np.testing.assert_allclose(second, -slope * (wide + slope), rtol=1e-3, atol=1e-35)
