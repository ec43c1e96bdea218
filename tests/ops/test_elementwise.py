"""Elementwise ops at the edges: integers as XLA has them, special floats, kinks, errors.

The ordinary values of every op over every dtype are compared through the rows of op_samples.
"""

from __future__ import annotations

import jax
import ml_dtypes
import numpy as np
import pytest
from jax import lax as jax_lax

import cujax
from cujax import lax
from cujax.engine.ground import dtypes

INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
FLOATS = ["float16", "bfloat16", "float32", "float64"]
SPECIAL = [0.0, -0.0, 1, -1, 0.5, -0.5, 1.5, -2.5, 3.7, -7.2, 30, np.inf, -np.inf, np.nan]
KINKS = [0.0, 1, -1, 2, -2, 0.5, 3, -3]

UNARY = [
    "neg", "sign", "abs", "floor", "ceil", "is_finite", "exp", "exp2", "expm1", "log", "log1p", "sqrt",
    "rsqrt", "cbrt", "square", "reciprocal", "logistic", "sin", "cos", "tan", "asin", "acos", "atan", "sinh",
    "cosh", "tanh", "asinh", "acosh", "atanh",
]
SHIFTS = ["shift_left", "shift_right_logical", "shift_right_arithmetic"]
BINARY = ["add", "sub", "mul", "div", "rem", "max", "min", "atan2", "pow", "eq", "ne", "lt", "le", "gt", "ge"]


def named(name: str) -> np.dtype:
    return dtypes.bfloat16 if name == "bfloat16" else np.dtype(name)


def pairs(values: np.ndarray) -> list[np.ndarray]:
    return [np.ascontiguousarray(v) for v in np.meshgrid(values, values, indexing="ij")]


def extremes(dtype: np.dtype) -> np.ndarray:
    info = np.iinfo(dtype)
    return np.array([0, 1, 2, 3, 7, info.max, info.min, info.max - 1, info.min + 1, info.max // 2], dtype)


def close(found, expected, ulp: int = 8) -> None:
    """Equal to some units in the last place of each element; NaN, infinities and integers exactly."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.dtype == expected.dtype and found.shape == expected.shape
    if found.dtype.kind in "biu":
        np.testing.assert_array_equal(found, expected)
    else:
        eps = float(ml_dtypes.finfo(found.dtype).eps)
        np.testing.assert_allclose(found.astype("f8"), expected.astype("f8"), rtol=ulp * eps, atol=ulp * eps)


@pytest.mark.parametrize("op", UNARY)
@pytest.mark.parametrize("dtype", FLOATS)
def test_special_floats(op, dtype, x64):
    x = np.array(SPECIAL).astype(named(dtype))
    found, expected = (np.asarray(getattr(module, op)(x)) for module in (lax, jax_lax))
    close(found, expected)
    if op in ("neg", "sign", "abs", "floor", "ceil", "sqrt", "sin", "tanh", "expm1"):
        zero = x == 0
        np.testing.assert_array_equal(np.signbit(found[zero]), np.signbit(expected[zero]))


def test_reciprocal_roots_of_complex_infinities_are_zero():
    x = np.array([1 - 1j * np.inf, np.inf + 1j, 2j - np.inf, np.inf * 1j], np.complex64)
    for function in (lax.rsqrt, cujax.jit(lax.rsqrt)):
        np.testing.assert_array_equal(function(x), np.zeros(4))


def test_numbers_of_4_bits_are_not_packed():
    with pytest.raises(NotImplementedError, match=r"bitcast_convert_type: uint8 as uint4: .* use astype"):
        lax.bitcast_convert_type(np.arange(4, dtype=np.uint8), "uint4")


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("dtype", FLOATS)
def test_pairs_of_special_floats(op, dtype, x64):
    x, y = pairs(np.array(SPECIAL).astype(named(dtype)))
    close(getattr(lax, op)(x, y), getattr(jax_lax, op)(x, y), 64 if op == "pow" else 8)


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "rem", "max", "min", *SHIFTS])
@pytest.mark.parametrize("dtype", INTS)
def test_extreme_integers_wrap_as_in_xla(op, dtype, x64):
    """Division by zero gives all bits set, the remainder by zero the dividend; too far a shift nothing."""
    x, y = pairs(extremes(np.dtype(dtype)))
    close(getattr(lax, op)(x, y), getattr(jax_lax, op)(x, y))


@pytest.mark.parametrize("op", ["neg", "sign", "abs", "square", "population_count", "clz", "bitwise_not"])
@pytest.mark.parametrize("dtype", INTS)
def test_extreme_integers(op, dtype, x64):
    if op == "abs" and dtype[0] == "u":
        with pytest.raises(TypeError, match="abs does not accept dtype"):
            lax.abs(extremes(np.dtype(dtype)))
        return
    x = extremes(np.dtype(dtype))
    close(getattr(lax, op)(x), getattr(jax_lax, op)(x))


@pytest.mark.parametrize("dtype", INTS)
def test_integer_powers_of_integers_are_numpys_and_negative_ones_are_rounded_to_zero(dtype, x64):
    base, exponent = pairs(np.array([0, 1, 2, 3, 7], dtype))
    np.testing.assert_array_equal(lax.pow(base, exponent), base**exponent)
    if dtype[0] == "i":
        found = lax.pow(np.array([2, 0, -1, -1, 1, -2], dtype), np.array([-1, -1, -3, -2, -5, -1], dtype))
        np.testing.assert_array_equal(found, [0, 0, -1, 1, 1, 0])


def derivatives(module, function, *xs):
    ones = tuple(np.ones_like(x) for x in xs)
    tangent = module.jvp(function, xs, ones)[1]
    return [tangent, *module.vjp(function, *xs)[1](np.ones(tangent.shape, tangent.dtype))]


@pytest.mark.parametrize("op", [op for op in UNARY if op not in ("is_finite", "acosh")])
def test_derivatives_at_special_points(op):
    x = np.float32([*KINKS, np.inf, -np.inf])
    found, expected = derivatives(cujax, getattr(lax, op), x), derivatives(jax, getattr(jax_lax, op), x)
    for a, b in zip(found, expected, strict=True):
        close(a, b, 64)


@pytest.mark.parametrize("op", ["add", "sub", "mul", "div", "rem", "max", "min", "pow", "atan2"])
def test_derivatives_at_ties_and_zeros(op):
    xs = [v.ravel() for v in pairs(np.float32(KINKS))]
    found, expected = derivatives(cujax, getattr(lax, op), *xs), derivatives(jax, getattr(jax_lax, op), *xs)
    for a, b in zip(found, expected, strict=True):
        close(a, b, 64)


@pytest.mark.parametrize("exponent", range(-3, 4))
def test_derivatives_of_whole_powers_at_zero(exponent):
    x = np.float32(KINKS)
    for power in (lambda m, x: m.integer_pow(x, exponent), lambda m, x: m.pow(x, np.int32(exponent))):
        found = derivatives(cujax, lambda x: power(lax, x), x)  # noqa: B023
        for a, b in zip(found, derivatives(jax, lambda x: power(jax_lax, x), x), strict=True):  # noqa: B023
            close(a, b, 64)


@pytest.mark.parametrize("bounds", [(-1, 1), (0, 0), (2, 1)])
def test_derivatives_of_clamp(bounds):
    x = np.float32(KINKS)
    xs = np.full_like(x, bounds[0]), x, np.full_like(x, bounds[1])
    for a, b in zip(derivatives(cujax, lax.clamp, *xs), derivatives(jax, jax_lax.clamp, *xs), strict=True):
        close(a, b)


@pytest.mark.parametrize("in_axes", [(0, None, None), (None, None, 0), (0, None, 0)])
def test_clamp_of_one_number_between_bounds_that_vary(in_axes):
    """JAX raises a TypeError."""
    ends = np.float32([-2, 0, 2]), np.float32([-1, 1, 3])
    low, high = (x if a == 0 else x[1] for x, a in zip(ends, in_axes[::2], strict=True))
    out = cujax.vmap(lax.clamp, in_axes)(low, np.float32(0.5), high)
    np.testing.assert_array_equal(out, np.clip(np.full(3, 0.5, np.float32), low, high))


def test_clamp_by_scalars_has_the_derivative_of_clamp_by_arrays():
    x = np.float32(KINKS)
    scalar = derivatives(cujax, lax.clamp, np.float32(-1), x, np.float32(1))
    full = derivatives(cujax, lax.clamp, np.full_like(x, -1), x, np.full_like(x, 1))
    np.testing.assert_array_equal(scalar[0], full[0])
    for a, b in zip(scalar[1:], full[1:], strict=True):
        assert np.asarray(a).sum() == np.asarray(b).sum()


def test_derivative_of_complex_acosh_is_that_of_its_branch():
    """Checked by a difference, since the oracle takes the wrong sign for negative real parts."""
    z = np.array([2 + 1j, 2 - 1j, -2 + 1j, -2 - 1j, 0.3 + 2j])
    with cujax.enable_x64(True):
        (_, found), h = cujax.jvp(lax.acosh, (z,), (np.ones_like(z),)), 1e-6
    np.testing.assert_allclose(found, (np.arccosh(z + h) - np.arccosh(z - h)) / (2 * h), rtol=1e-8)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("bits", [(5, 10), (8, 7), (4, 3), (5, 2), (2, 1), (8, 0), (11, 52)])
def test_reduce_precision_rounds_to_even_and_cuts_the_range(dtype, bits, x64):
    rng = np.random.default_rng(0)
    random = rng.normal(size=500) * 10.0 ** rng.integers(-6, 5, 500)
    with np.errstate(over="ignore"):
        x = np.concatenate([random, SPECIAL, [65504, 65519.9, 65520]]).astype(named(dtype))
    found, expected = lax.reduce_precision(x, *bits), jax_lax.reduce_precision(x, *bits)
    close(found, expected, 0)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def test_select_n_with_integers_takes_the_nearest_case():
    which = np.int32([-5, 0, 1, 2, 7])
    cases = [np.full(5, v, np.float32) for v in (10, 20, 30)]
    np.testing.assert_array_equal(lax.select_n(which, *cases), [10, 10, 20, 30, 30])
    np.testing.assert_array_equal(lax.select_n(np.uint8(1), *cases), [20] * 5)


@pytest.mark.parametrize("name", ["add", "mul", "pow", "max", "lt", "atan2", "nextafter", "igamma"])
@pytest.mark.parametrize("shapes", [[(3, 1), (1, 4)], [(2, 3), (1, 3)], [(0, 1), (1, 2)], [(2, 1), (2, 0)]])
def test_operands_of_one_rank_broadcast_along_axes_of_length_1(name, shapes):
    xs = [np.random.default_rng(i).uniform(0.5, 2, s).astype(np.float32) for i, s in enumerate(shapes)]
    found, expected = getattr(lax, name)(*xs), getattr(jax_lax, name)(*xs)
    assert found.shape == expected.shape
    close(found, expected, 4)


def test_derivatives_along_axes_of_length_1_are_sums():
    x, y = (np.random.default_rng(i).uniform(0.5, 2, s).astype(np.float32) for i, s in enumerate([(3, 1), (1, 4)]))
    found = cujax.grad(lambda x, y: lax.pow(x, y).sum(), (0, 1))(x, y)
    expected = jax.grad(lambda x, y: jax_lax.pow(x, y).sum(), (0, 1))(x, y)
    for a, b in zip(found, expected, strict=True):
        close(a, b, 4)


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: lax.add(np.ones(3), np.ones((2, 3))), TypeError, r"incompatible shapes .* \(3,\), \(2, 3\)"),
    (lambda: lax.select_n(np.ones((2, 2), bool), np.ones((2, 1)), np.ones((1, 2))), TypeError, "incompatible shapes"),
    (lambda: lax.add(1, 2.5), TypeError, "arguments to have the same dtypes, got int32, float32"),
    (lambda: lax.add(np.ones(3), np.ones(2)), TypeError, r"incompatible shapes .* \(3,\), \(2,\)"),
    (lambda: lax.sin(1), TypeError, "sin does not accept dtype int32.*x.astype"),
    (lambda: lax.neg(True), TypeError, "neg does not accept dtype bool"),
    (lambda: lax.real(1.0), TypeError, "real does not accept dtype float32"),
    (lambda: lax.complex(np.float16(1), np.float16(1)), TypeError, "complex does not accept dtype float16"),
    (lambda: lax.integer_pow(2, -1), TypeError, "cannot be raised to negative powers"),
    (lambda: lax.integer_pow(2.0, 1.5), TypeError, "float"),
    (lambda: lax.pow(2, 1.5), TypeError, "pow does not accept dtypes int32 and float32"),
    (lambda: lax.reciprocal(2), TypeError, "reciprocal does not accept dtype int32"),
    (lambda: lax.select_n(1.5, 1.0, 2.0), TypeError, "`which` must be boolean or integer"),
    (lambda: lax.select_n(True, 1.0, 2.0, 3.0), TypeError, "boolean `which` chooses between two"),
    (lambda: lax.select(np.ones(2, bool), np.ones(3), np.ones(3)), TypeError, r"shape \(2,\) and cases"),
    (lambda: lax.clamp(np.zeros(2), np.zeros(3), 1.0), TypeError, "clamp: min must be a scalar or have"),
    (lambda: lax.reduce_precision(1.0, 0, 3), ValueError, "exponent_bits >= 1"),
    (lambda: lax.exp(1.0, accuracy="high"), NotImplementedError, "accuracy"),
    (lambda: cujax.jvp(lax.nextafter, (1.0, 2.0), (1.0, 1.0)), NotImplementedError, "jvp of 'nextafter'"),
])
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_weak_types_survive_what_keeps_the_kind():
    weak = [lax.sin(1.0), lax.add(1.0, 2.0), lax.abs(1j), lax.real(1j), lax.complex(1.0, 2.0), lax.conj(1.0)]
    assert all(value.weak_type for value in weak)
    assert not lax.add(np.float32(1), 2.0).weak_type
    assert not lax.lt(1.0, 2.0).weak_type
