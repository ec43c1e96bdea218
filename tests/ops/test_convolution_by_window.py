"""Convolutions of few terms as parts of kernels: their values, what they are fused with, and when they are not."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from by_hand import on_numpy
from test_convolution import GRID, arguments, reals

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan
from cujax.engine.core.tape import Eqn
from cujax.engine.ground import dtypes
from cujax.engine.ops.convolution import conv_general_dilated_p

LANGUAGES = ["host", "cuda"]
MORE = [
    ((1, 2, 9), (3, 2, 4), {"window_strides": (2,), "padding": [(3, 1)], "lhs_dilation": (2,)}),
    ((1, 1, 9), (1, 1, 1), {"window_strides": (3,), "padding": [(1, 1)], "lhs_dilation": (3,)}),
    ((1, 2, 9), (2, 2, 3), {"window_strides": (4,), "padding": [(-3, 2)], "lhs_dilation": (2,), "rhs_dilation": (2,)}),
    ((2, 1, 5, 6), (1, 1, 3, 3), {"padding": [(7, 4), (2, 9)]}),
    ((1, 1, 9, 8), (1, 1, 7, 7), {"padding": "SAME"}),
    ((1, 1, 40, 50), (1, 1, 5, 5), {"padding": "SAME", "rhs_dilation": (2, 3)}),
    ((2, 3, 11, 9), (6, 1, 3, 3), {"padding": [(-1, 2), (3, -2)], "feature_group_count": 3}),
    ((1, 7, 8, 9, 1), (3, 3, 3, 1, 1), {"dimension_numbers": ("NHWDC", "HWDIO", "NHWDC"), "padding": "SAME"}),
]


def expected(x, y, options):
    """By the library, on NumPy."""
    closed = cujax.make_jaxpr(lambda x, y: lax.conv_general_dilated(x, y, **options))(x, y)
    (eqn,) = closed.tape.eqns
    with on_numpy():
        return conv_general_dilated_p.rule("impl")(np, x, y, **eqn.params)


def check(lhs, rhs, changed, dtype, tolerance):
    options = arguments(lhs, changed)
    x, y = (reals(*shape, dtype=np.complex128) * (9 if dtype.kind in "iu" else 1) for shape in (lhs, rhs))
    x, y = (v.astype(dtype) if dtype.kind == "c" else v.real.astype(dtype) for v in (x, y))
    found = np.asarray(cujax.jit(lambda x, y: lax.conv_general_dilated(x, y, **options))(x, y))
    wanted = expected(x, y, options)
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    found, wanted = found.astype(np.complex128), wanted.astype(np.complex128)
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("lhs", "rhs", "changed"), [*GRID, *MORE], ids=str)
def test_values_are_those_of_the_library(lhs, rhs, changed):
    check(lhs, rhs, changed, np.dtype(np.float32), 2e-5)


TOLERANCES = {
    "bool": 0, "int8": 0, "uint8": 0, "int16": 0, "int32": 0, "uint64": 0, "float16": 2e-3, "bfloat16": 2e-2,
    "float64": 1e-13, "complex64": 2e-5, "complex128": 1e-13,
}


@pytest.mark.parametrize("dtype", TOLERANCES)
@pytest.mark.parametrize(("lhs", "rhs", "changed"), [GRID[0], GRID[8], MORE[3], MORE[6]], ids=str)
def test_values_in_other_dtypes(lhs, rhs, changed, dtype, x64):
    check(lhs, rhs, changed, dtypes.as_dtype(dtype), TOLERANCES[dtype])


@pytest.mark.parametrize(("dtype", "preferred"), [("float16", "float32"), ("int8", "int32"), ("float32", "float64")])
def test_elements_are_summed_in_the_preferred_type(dtype, preferred, x64):
    """Products of 100 by 100 do not fit 8 bits, and 2049 is no float16."""
    x, y = np.full((1, 1, 30), 100, dtype), np.full((1, 1, 3), 100, dtype)
    found = cujax.jit(lambda x, y: lax.conv(x, y, (1,), "VALID", preferred_element_type=preferred))(x, y)
    assert found.dtype == preferred
    np.testing.assert_array_equal(found, np.full((1, 1, 28), 30_000))


def test_the_border_is_of_zeros_that_are_multiplied():
    """As they are by libraries: a filter that is not finite has no finite element where it meets the border."""
    x, y = np.ones((1, 1, 5), np.float32), np.array([[[1, np.inf, 2]]], np.float32)[..., ::-1]
    y[0, 0, 0] = np.inf
    found = cujax.jit(lambda x, y: lax.conv(x, y, (1,), "SAME"))(x, y)
    np.testing.assert_array_equal(found, [[[np.nan, np.inf, np.inf, np.inf, np.inf]]])


# --- what is fused --------------------------------------------------------------------------------------------------

IMAGE, FILTER = reals(1, 1, 70, 90), reals(1, 1, 3, 3)


def conv(x, y):
    return lax.conv(x, y, (1, 1), "SAME")


def steps_of(language, function, *args):
    return make_plan(optimize(cujax.make_jaxpr(function)(*args).tape), language).steps


def kinds_of_steps(language, function, *args):
    """K for each kernel, the name of each other step that copies or computes something."""
    steps = steps_of(language, function, *args)
    views = ("reshape", "squeeze", "transpose")
    return ["K" if isinstance(s, Region) else s.primitive.name for s in steps if not (
        isinstance(s, Eqn) and s.primitive.name in views)]


FUSED = {
    "stencil": lambda x, y: jnp.tanh(conv(2 * x, y)) + x,
    "two filters": lambda x, y: conv(x, y) * conv(x, y[..., ::-1]),
    "a residual step": lambda x, y: x + 0.1 * conv(x, y - 0.1),
    "data gradient": lambda x, y: cujax.vjp(lambda x: conv(x, y), x)[1](x * x)[0] + 1,
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", FUSED)
def test_a_stencil_and_what_is_around_it_are_one_kernel(name, language):
    assert kinds_of_steps(language, FUSED[name], IMAGE, FILTER) == ["K"]


@pytest.mark.parametrize("name", FUSED)
def test_fused_values(name):
    found = np.asarray(cujax.jit(FUSED[name])(IMAGE, FILTER))
    np.testing.assert_allclose(found, np.asarray(FUSED[name](IMAGE, FILTER)), rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_costly_is_written_and_not_computed_for_every_tap(language):
    x = reals(1, 1, 300, 400)
    assert kinds_of_steps(language, lambda x, y: conv(jnp.exp(x), y), x, FILTER) == ["K", "K"]
    assert kinds_of_steps(language, lambda x, y: conv(conv(x, y), y), x, FILTER) == ["K", "K"]


LIBRARY = {
    "many terms": ((1, 1, 200), (1, 1, 129), {}),
    "many features": ((1, 9, 9), (1, 9, 1), {}),
    "many out-features": ((1, 4, 9, 9), (16, 4, 3, 3), {}),
    "gaps that the window meets": ((1, 1, 9), (1, 1, 3), {"lhs_dilation": (2,), "padding": [(1, 1)]}),
    "no terms": ((1, 0, 9), (1, 0, 3), {}),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LIBRARY)
def test_a_library_computes_others(name, language):
    lhs, rhs, changed = LIBRARY[name]
    options = arguments(lhs, changed)
    steps = kinds_of_steps(language, lambda x, y: lax.conv_general_dilated(x, y, **options), reals(*lhs), reals(*rhs))
    assert steps == ["conv_general_dilated"]


def test_gaps_that_the_window_never_meets_are_no_terms():
    """With a stride of 2 over gaps of 2 every second tap of 4 meets an element; two products and a sum remain."""
    x, y = reals(1, 1, 50), reals(1, 1, 4)
    options = {"window_strides": (2,), "padding": [(0, 0)], "lhs_dilation": (2,)}
    (region,) = steps_of("host", lambda x, y: lax.conv_general_dilated(x, y, **options), x, y)
    ((places),) = (region.reads[v] for v in region.reads if v.aval.shape == y.shape)
    assert len(places) == 2


def test_the_gradient_by_a_filter_is_a_library_s():
    """Its window is as large as the image."""
    def gradient(x, y):
        return cujax.grad(lambda y: (conv(x, y) ** 2).sum())(y)

    assert "conv_general_dilated" in kinds_of_steps("host", gradient, IMAGE, FILTER)


def test_a_loop_of_stencils_runs_in_steps_and_says_why():
    def steps(x, y):
        return lax.fori_loop(0, 4, lambda i, x: conv(x, y), x)

    assert "conv_general_dilated combines neighbours" in cujax.explain(steps)(IMAGE, FILTER)
    expected = IMAGE
    for _ in range(4):
        expected = np.asarray(conv(expected, FILTER))
    np.testing.assert_allclose(cujax.jit(steps)(IMAGE, FILTER), expected, rtol=2e-5, atol=2e-5)


def test_the_gradient_of_a_loop_of_stencils():
    def loss(library):
        def step(i, x):
            return x + 0.1 * library.numpy.sin(library.lax.conv(x, FILTER, (1, 1), "SAME"))

        return lambda x: (library.lax.fori_loop(0, 4, step, x) ** 2).sum()

    found = cujax.jit(cujax.grad(loss(cujax)))(IMAGE)
    np.testing.assert_allclose(found, jax.jit(jax.grad(loss(jax)))(IMAGE), rtol=2e-4, atol=2e-5)
