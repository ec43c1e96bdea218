"""portable.h, erf_inv.h, special.h, incomplete.h and bessel.h: bits, accuracy, poles and ends.

Logarithms and the inverse of erf give the bits of the op.  The rest is compared with SciPy's functions of float64
over grids, and with values of 17 digits where SciPy is not accurate itself; how far off it may be stands in one table.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
import scipy.special as scipy_special
from jax import lax as jax_lax
from kernel_units import Unit, dtype_of, emulated_functions, host_functions, source_of

from cujax.engine.backends import cuda_compiler, host_compiler
from cujax.engine.backends.kernel_headers import headers_folder
from cujax.engine.core.primitive import REGISTRY
from cujax.engine.ops.double_log import table

HEADERS = ["portable.h", "erf_inv.h", "special.h", "incomplete.h", "bessel.h"]
DTYPES = {"f16": "float16", "bf16": "bfloat16", "f32": "float32", "f64": "float64"}
ARITY = {
    "portable_log": 1, "portable_log1p": 1, "erf_inv": 1, "erf": 1, "erfc": 1, "lgamma": 1, "digamma": 1, "zeta": 2,
    "polygamma": 2, "igamma": 2, "igammac": 2, "igamma_grad_a": 2, "random_gamma_grad": 2, "betainc": 3,
    "gamma": 1, "bessel_i0e": 1, "bessel_i1e": 1, "bessel_k0e": 1, "bessel_k1e": 1,
    "bessel_j0": 1, "bessel_j1": 1, "bessel_y0": 1, "bessel_y1": 1,
}
PLACES = ["{0}", "{1}", "{2}"]
UNITS = [
    Unit(f"{f}_{short}", f"cj::{f}({', '.join(PLACES[:arity])})", (dtype,) * arity, dtype)
    for f, arity in ARITY.items() for short, dtype in DTYPES.items()
]
RNG_SEED, N = 0, 4001


@pytest.fixture(scope="module")
def compiler():
    found = host_compiler.find()
    return found or pytest.skip("no C++ compiler on this machine")


@pytest.fixture(scope="module")
def run(compiler, tmp_path_factory):
    return host_functions(UNITS, HEADERS, compiler, tmp_path_factory.mktemp("special"))


def same_bits(found: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_array_equal(found.astype(np.float64), expected.astype(np.float64))
    numbers = ~np.isnan(expected.astype(np.float64))
    np.testing.assert_array_equal(np.signbit(found)[numbers], np.signbit(expected)[numbers])


# ---- the inverse of erf -----------------------------------------------------------------------------------


def arguments_of_erf_inv(dtype: Any) -> np.ndarray:
    rng = np.random.default_rng(RNG_SEED)
    tails = 1 - 10.0 ** -rng.uniform(0, 16.5, 20_000)
    ends = [0, -0.0, 1, -1, 1.5, -7, np.inf, -np.inf, np.nan, 1 - 2.0**-53, 1 - 2.0**-24, 5e-324, 1e-45]
    small, grid = 10.0 ** -rng.uniform(0, 300, 5_000), np.linspace(-1, 1, 9999)
    return np.concatenate([rng.uniform(-1, 1, 200_000), tails, -tails, small, grid, ends]).astype(dtype)


@pytest.mark.parametrize("short", DTYPES)
def test_erf_inv_has_the_bits_of_the_op(short, run):
    x = arguments_of_erf_inv(dtype_of(DTYPES[short]))
    with np.errstate(all="ignore"):
        expected = REGISTRY["erf_inv"].impl(np, x)
    same_bits(run(f"erf_inv_{short}", x), expected)


def test_the_header_has_the_table_of_the_op():
    """128 reciprocals and 128 logarithms."""
    text = (headers_folder() / "portable.h").read_text()
    tables = re.findall(r"CJ_LOOKED_UP double (\w+)\[128\] = \{(.*?)\}", text, re.DOTALL)
    assert [name for name, _ in tables] == ["log_inverses", "log_centres"]
    found = [[float.fromhex(word) for word in re.split(r"[\s,]+", body.strip())] for _, body in tables]
    np.testing.assert_array_equal(found, table())


def arguments_of_log(dtype: Any) -> np.ndarray:
    rng = np.random.default_rng(RNG_SEED)
    ends = [0, -0.0, 1, -1, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 1e-40, 3.4e38]
    small, near = 10.0 ** rng.uniform(-44, 38, 50_000), 1 + 10.0 ** -rng.uniform(0, 8, 20_000)
    with np.errstate(all="ignore"):
        return np.concatenate([rng.uniform(-1, 2, 100_000), small, -small, near, -near, ends]).astype(dtype)


@pytest.mark.parametrize("short", ["f16", "bf16", "f32"])
@pytest.mark.parametrize("name", ["portable_log", "portable_log1p"])
def test_logarithms_have_the_bits_of_the_op(name, short, run):
    x = arguments_of_log(dtype_of(DTYPES[short]))
    with np.errstate(all="ignore"):
        expected = REGISTRY[name].impl(np, x)
    same_bits(run(f"{name}_{short}", x), expected)


@pytest.mark.parametrize("name", ["log", "log1p"])
def test_logarithms_have_the_bits_of_xla(name):
    x = arguments_of_log(np.float32)
    x = x[~((np.abs(x) < 2.0**-126) & (x != 0))]  # which XLA takes for zero
    with np.errstate(all="ignore"):
        found = REGISTRY[f"portable_{name}"].impl(np, x)
    same_bits(found, np.asarray(getattr(jax_lax, name)(x)))


# ---- accuracy ---------------------------------------------------------------------------------------------


class Tolerance(NamedTuple):
    """How many units in the last place of the value, or of `scale` where that is greater."""

    single: float
    double: float
    scale: float
    reason: str


TOLERANCES = {
    "erf": Tolerance(4, 4, 0, "glibc's vector math library promises 4"),
    "erfc": Tolerance(4, 4, 0, "the same"),
    "lgamma": Tolerance(4, 8, 1, "near 1, 2 and the negative roots the error is that of a sum of numbers of size 1"),
    "gamma": Tolerance(8, 16, 0, "the C library's"),
    "digamma": Tolerance(16, 100, 1, "sums of up to 10 reciprocals; SciPy's has 60 near negative poles"),
    "zeta": Tolerance(1, 16, 0, "computed in double; a sum of 12 powers"),
    "polygamma": Tolerance(16, 32, 0, "order 0 is digamma; zeta times a factorial"),
    "igamma": Tolerance(60, 150, 1e-2, "SciPy's has 150 for a > 20; small values are exponentials of large numbers"),
    "igammac": Tolerance(60, 150, 1e-2, "the same; small values for small a are differences from 1"),
    "igamma_grad_a": Tolerance(200, 2000, 1e-2, "held to JAX's, which loses digits for a > 10"),
    "random_gamma_grad": Tolerance(200, 2000, 1e-2, "the same"),
    "betainc": Tolerance(60, 400, 1e-2, "SciPy's has 350 for a > 100; small values may be differences from 1"),
    "bessel_i0e": Tolerance(10, 8, 0, "a sum of 30 terms, in float of 18"),
    "bessel_i1e": Tolerance(16, 8, 0, "the same"),
    "bessel_k0e": Tolerance(16, 12, 0, "the same; near 0 a sum of two parts"),
    "bessel_k1e": Tolerance(16, 12, 0, "the same"),
    "bessel_j0": Tolerance(2, 4, 1, "near roots the C library has an absolute error"),
    "bessel_j1": Tolerance(2, 4, 1, "the same"),
    "bessel_y0": Tolerance(4, 12, 1, "the same"),
    "bessel_y1": Tolerance(4, 12, 1, "the same"),
}


def positive(rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([10 ** rng.uniform(-3, 3, N // 2), rng.uniform(0, 20, N - N // 2)])


def away_from_poles(x: np.ndarray) -> np.ndarray:
    return x[np.abs(x - np.round(x)) > 0.01]


def grid_of(name: str) -> list[np.ndarray]:
    """Operands over the range where the function is neither 0 nor 1 nor infinite."""
    rng = np.random.default_rng(RNG_SEED)
    if name in ("erf", "erfc") or name.startswith("bessel_i"):
        return [rng.normal(size=N) * rng.choice([1e-3, 1, 3], N) * (1 if name[0] == "e" else 8)]
    if name in ("lgamma", "digamma"):
        return [np.concatenate([positive(rng), away_from_poles(-positive(rng))])]
    if name == "gamma":
        return [np.concatenate([rng.uniform(0.01, 34, N), away_from_poles(rng.uniform(-20, 0, N))])]
    if name.startswith("bessel_k"):
        return [10 ** rng.uniform(-3, 2, N)]
    if name.startswith("bessel_"):
        return [rng.uniform(0.01, 40, N)]
    if name == "zeta":
        return [1 + 10 ** rng.uniform(-2, 1.3, N), 10 ** rng.uniform(-2, 2, N)]
    if name == "polygamma":
        return [rng.integers(0, 7, N).astype(float), 10 ** rng.uniform(-2, 2, N)]
    a = 10 ** rng.uniform(-1, 2 if "gamma_" in name or name == "igamma_grad_a" else 2.3, N)
    if name == "betainc":
        b = 10 ** rng.uniform(-1, 2.3, N)
        return [a, b, np.clip(rng.beta(a, b), 1e-30, 1 - 2.0**-20)]
    return [a, np.maximum(rng.gamma(a), 1e-30)]


SCIPY = {
    "erf": scipy_special.erf, "erfc": np.frompyfunc(math.erfc, 1, 1), "lgamma": scipy_special.gammaln,
    "digamma": scipy_special.digamma, "zeta": scipy_special.zeta, "polygamma": REGISTRY["polygamma"].impl,
    "igamma": scipy_special.gammainc, "igammac": scipy_special.gammaincc, "igamma_grad_a": jax_lax.igamma_grad_a,
    "random_gamma_grad": jax_lax.random_gamma_grad, "betainc": scipy_special.betainc,
    "bessel_i0e": scipy_special.i0e, "bessel_i1e": scipy_special.i1e, "bessel_j0": scipy_special.j0,
    "bessel_j1": scipy_special.j1, "gamma": scipy_special.gamma,
    "bessel_k0e": scipy_special.k0e, "bessel_k1e": scipy_special.k1e,
    "bessel_y0": scipy_special.y0, "bessel_y1": scipy_special.y1,
}


def reference(name: str, xs: list[np.ndarray]) -> np.ndarray:
    """The function of float64."""
    xs = [x.astype(np.float64) for x in xs]
    if name == "polygamma":
        return REGISTRY[name].impl(np, *xs)
    with jax.enable_x64(True):
        return np.asarray(SCIPY[name](*xs)).astype(np.float64)


def ulps(found: np.ndarray, expected: np.ndarray, scale: float) -> np.ndarray:
    eps = np.finfo(found.dtype).eps
    size = np.maximum(np.maximum(np.abs(expected), scale), np.finfo(found.dtype).tiny)
    off = np.abs(found.astype(np.float64) - expected) / (2.0 ** np.floor(np.log2(size)) * eps)
    with np.errstate(over="ignore"):
        return np.where(found == expected.astype(found.dtype), 0, off)  # both infinite


@pytest.mark.parametrize("short", ["f32", "f64"])
@pytest.mark.parametrize("name", TOLERANCES)
def test_accuracy(name, short, run):
    xs = [x.astype(DTYPES[short]) for x in grid_of(name)]
    tolerance = TOLERANCES[name]
    with np.errstate(all="ignore"):
        found, expected = run(f"{name}_{short}", *xs), reference(name, xs)
    off = ulps(found, expected, tolerance.scale)
    worst = int(np.argmax(off))
    assert off[worst] <= (tolerance.single if short == "f32" else tolerance.double), (
        [x[worst] for x in xs], found[worst], expected[worst]
    )


# Of arguments that are exact in binary, with 17 digits, computed with 50.
VALUES = [
    ("erfc", (25.5,), 8.8016626907279506e-285),
    ("digamma", (1.25,), -0.22745353337626541),
    ("digamma", (1.5,), 0.036489973978576521),
    ("zeta", (3.5, 0.25), 128.54695896428435),
    ("zeta", (1.0625, 20.0), 13.288919198959298),
    ("igamma", (435.25, 252.5), 1.246411525355524e-25),
    ("igamma", (8.5, 7.75), 0.44048531658166315),
    ("igamma", (81536.25, 81536.5), 0.500814987617895),
    ("igammac", (302.75, 424.75), 1.8989203340862284e-10),
    ("igammac", (2.5, 40.0), 8.3918251148316101e-16),
    ("igamma_grad_a", (1.0, 2.015625), -0.21815182396348865),
    ("igamma_grad_a", (0.0625, 0.5), -0.59276106066781566),
    ("igamma_grad_a", (50.0, 60.0), -0.021284992786349492),
    ("igamma_grad_a", (9843.5, 10020.75), -0.00082337340423363277),
    ("random_gamma_grad", (2.0, 5.0), 1.6580687280597063),
    ("random_gamma_grad", (799.25, 767.0), 0.97975214413279217),
    ("betainc", (8.875, 0.01171875, 0.953125), 0.0082137288111952955),
    ("betainc", (376.75, 39.375, 0.890625), 0.15183500434510711),
    ("betainc", (87330.25, 1669.25, 0.98046875), 0.045435792807514866),
    ("bessel_i0e", (700.0,), 0.015081295651531358),
    ("bessel_i1e", (7.5,), 0.1380412115485542),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), VALUES)
def test_values_where_others_are_not_accurate(name, arguments, expected, run):
    (found,) = run(f"{name}_f64", *[np.array([a]) for a in arguments])
    assert ulps(np.array([found]), np.array([expected]), 0)[0] <= 150


def test_half_precision_is_computed_in_float(run):
    for name in TOLERANCES:
        xs = [x[:200] for x in grid_of(name)]
        for short in ("f16", "bf16"):
            with np.errstate(over="ignore"):
                halves = [x.astype(dtype_of(DTYPES[short])) for x in xs]
            with np.errstate(all="ignore"):
                wide = run(f"{name}_f32", *[x.astype(np.float32) for x in halves]).astype(halves[0].dtype)
            found = run(f"{name}_{short}", *halves)
            np.testing.assert_array_equal(found.astype(np.float32), wide.astype(np.float32), err_msg=name)


# ---- poles and ends ---------------------------------------------------------------------------------------

INF, NAN = np.inf, np.nan
ENDS = {
    "erf": [((0,), 0), ((INF,), 1), ((-INF,), -1), ((NAN,), NAN)],
    "erfc": [((0,), 1), ((INF,), 0), ((-INF,), 2), ((NAN,), NAN)],
    "lgamma": [((0,), INF), ((-1,), INF), ((-2,), INF), ((INF,), INF), ((-INF,), INF), ((1,), 0), ((NAN,), NAN)],
    "digamma": [((0,), NAN), ((-1,), NAN), ((-2,), NAN), ((INF,), INF), ((-INF,), NAN), ((NAN,), NAN)],
    "zeta": [((1, 2), INF), ((0.5, 2), NAN), ((2, 0), INF), ((3, -1), INF), ((2.5, -1.5), NAN), ((2, INF), 0),
             ((2, NAN), NAN), ((NAN, 2), NAN)],
    "polygamma": [((0.5, 2), NAN), ((-1, 2), NAN), ((1, 0), INF), ((1, -1), INF), ((2, 0), -INF), ((0, INF), INF),
                  ((1, NAN), NAN)],
    "igamma": [((2, 0), 0), ((2, INF), 1), ((0, 3), 1), ((0, 0), NAN), ((-1, 2), NAN), ((2, -1), NAN), ((NAN, 1), NAN),
               ((1, NAN), NAN), ((INF, 2), 0), ((INF, INF), NAN)],
    "igammac": [((2, 0), 1), ((2, INF), 0), ((0, 3), 0), ((0, 0), NAN), ((-1, 2), NAN), ((2, -1), NAN),
                ((NAN, 1), NAN), ((1, NAN), NAN), ((INF, 2), 1), ((INF, INF), NAN)],
    "igamma_grad_a": [((2, 0), 0), ((0, 1), NAN), ((-1, 1), NAN), ((1, -1), NAN), ((NAN, 1), NAN), ((1, NAN), NAN)],
    "random_gamma_grad": [((2, 0), 0), ((0, 1), NAN), ((-1, 1), NAN), ((1, -1), NAN), ((NAN, 1), NAN)],
    "betainc": [((2, 3, 0), 0), ((2, 3, 1), 1), ((2, 3, -0.1), NAN), ((2, 3, 1.1), NAN), ((0, 1, 0.5), 1),
                ((1, 0, 0.5), 0), ((0, 0, 0.5), NAN), ((-1, 1, 0.5), NAN), ((1, INF, 0.5), 1), ((INF, 1, 0.5), 0),
                ((INF, INF, 0.5), NAN), ((NAN, 1, 0.5), NAN), ((1, 1, NAN), NAN), ((1, 1, 0.25), 0.25)],
    "bessel_i0e": [((0,), 1), ((INF,), 0), ((-INF,), 0), ((NAN,), NAN)],
    "bessel_i1e": [((0,), 0), ((INF,), 0), ((-INF,), 0), ((NAN,), NAN)],
    "bessel_k0e": [((0,), INF), ((INF,), 0), ((-1,), NAN), ((NAN,), NAN)],
    "bessel_k1e": [((0,), INF), ((INF,), 0), ((-1,), NAN), ((NAN,), NAN)],
    "gamma": [((0,), INF), ((-0.0,), -INF), ((-1,), NAN), ((-2,), NAN), ((INF,), INF), ((-INF,), NAN), ((NAN,), NAN)],
    "bessel_j0": [((0,), 1), ((INF,), 0), ((NAN,), NAN)],
    "bessel_j1": [((0,), 0), ((INF,), 0), ((NAN,), NAN)],
    "bessel_y0": [((0,), -INF), ((-1,), NAN), ((INF,), 0), ((NAN,), NAN)],
    "bessel_y1": [((0,), -INF), ((-1,), NAN), ((INF,), 0), ((NAN,), NAN)],
}


@pytest.mark.parametrize("short", ["f32", "f64"])
@pytest.mark.parametrize("name", TOLERANCES)
def test_poles_and_ends(name, short, run):
    rows, expected = zip(*ENDS[name], strict=True)
    xs = [np.array(column, DTYPES[short]) for column in zip(*rows, strict=True)]
    np.testing.assert_allclose(run(f"{name}_{short}", *xs), expected, rtol=4e-7, atol=1e-7)


@pytest.mark.parametrize("op", [op for op in ENDS if op in REGISTRY])
def test_poles_and_ends_of_ops_are_those_of_their_impl(op):
    rows, expected = zip(*ENDS[op], strict=True)
    with np.errstate(all="ignore"):
        found = REGISTRY[op].impl(np, *[np.array(column, np.float64) for column in zip(*rows, strict=True)])
    np.testing.assert_allclose(found, expected)


def test_polygamma_of_negative_numbers(run):
    x = away_from_poles(np.linspace(-9.03, -0.02, 400))
    for order in (1.0, 2.0, 3.0):
        m = np.full_like(x, order)
        np.testing.assert_allclose(run("polygamma_f64", m, x), reference("polygamma", [m, x]), rtol=1e-11, atol=1e-11)


# ---- the other compilers ----------------------------------------------------------------------------------


def test_as_a_device_computes_it(run):
    emulator = pytest.importorskip("emulator")
    if emulator.why_not():
        pytest.skip(emulator.why_not())
    units = [u for u in UNITS if u.result in ("float32", "float64")]
    emulated = emulated_functions(units, HEADERS, emulator.EmulatorTarget(), emulator.slots_of)
    for short in ("f32", "f64"):
        x = arguments_of_erf_inv(DTYPES[short])[::20]
        same_bits(emulated(f"erf_inv_{short}", x), run(f"erf_inv_{short}", x))
        for name in ("portable_log", "portable_log1p"):
            x = arguments_of_log(DTYPES[short])[::20]
            if short == "f32":
                same_bits(emulated(f"{name}_{short}", x), run(f"{name}_{short}", x))
        for name in TOLERANCES:
            xs = [x[:300].astype(DTYPES[short]) for x in grid_of(name)]
            found, expected = emulated(f"{name}_{short}", *xs), run(f"{name}_{short}", *xs)
            rtol = 1e-4 if short == "f32" else 1e-12
            np.testing.assert_allclose(found, expected, rtol, rtol, err_msg=name)


@pytest.mark.parametrize("arch", [80, 90])
@pytest.mark.parametrize("header", HEADERS)
def test_all_of_it_is_compiled_for_devices_without_spills(header, arch):
    pytest.importorskip("cupy_backends.cuda.libs.nvrtc", reason="CuPy is not installed")
    try:
        cuda_compiler.compiler_name()
    except RuntimeError as error:
        pytest.skip(f"NVRTC is not installed: {error}")
    text = (headers_folder() / header).read_text()
    units = [u for u in UNITS if re.search(rf"CJ_FN \w+ {u.name.rsplit('_', 1)[0]}\(", text)]
    found = cuda_compiler.resources(source_of(units, [header], "cuda"), arch)
    assert len(units) >= 4 and set(found) == {u.name for u in units}
    assert not any(r.spill_stores for r in found.values())
