"""Bits, integers, uniform numbers and coins: equal to JAX's to the bit, in all modes and dtypes."""

from __future__ import annotations

import warnings

import jax
import numpy as np
import pytest
from random_oracle import MODES, TWO_MODES, agree, both_in, same, together

import cujax
from cujax import random

SHAPES = [(), (0,), (3, 4)]
LONG = (2**16 + 3,)
UNSIGNED = ["uint8", "uint16", "uint32"]
INTEGERS = [*UNSIGNED, "int8", "int16", "int32"]
FLOATS = ["float16", "bfloat16", "float32"]


def dtypes_in(x64, names, *wide):
    return [*names, *wide] if x64 else names


@pytest.mark.parametrize(("x64", "partitionable"), MODES)
def test_bits(x64, partitionable):
    with both_in(x64, partitionable), together() as agree:
        for dtype in dtypes_in(x64, UNSIGNED, "uint64"):
            agree("bits", (5,), dtype)
            agree("bits", LONG, dtype)
        for shape in SHAPES:
            agree("bits", shape)


@pytest.mark.parametrize(("x64", "partitionable"), MODES)
def test_uniform(x64, partitionable):
    with both_in(x64, partitionable), together(1) as agree:
        for dtype in dtypes_in(x64, FLOATS, "float64"):
            agree("uniform", LONG, dtype)
            agree("uniform", LONG, dtype, -3.7, 1e3)
        for shape in SHAPES:
            agree("uniform", shape)


@pytest.mark.parametrize("x64", [False, True])
def test_uniform_between(x64):
    """One rounding of u * span + minval in float32 and float64, two in the 16-bit floats, as in XLA."""
    with both_in(x64), together(1) as agree:
        for dtype in dtypes_in(x64, FLOATS, "float64"):
            for bounds in ((-1.0, 1.0), (0.1, 0.3), (2.0, 9.3), (3.0, 1.0), (0.0, 5.0), (1e-30, 1.0)):
                agree("uniform", (999,), dtype, *bounds)


def test_uniform_between_arrays():
    low, high = np.float32([[0.5], [2]]), np.float32([1, 2, 3])
    agree("uniform", (2, 3), minval=low, maxval=high)
    agree("uniform", (2, 3), "float16", minval=low)
    found = cujax.vmap(lambda a: random.uniform(random.key(0), (2,), maxval=a))(high)
    same(found, jax.vmap(lambda a: jax.random.uniform(jax.random.key(0), (2,), maxval=a))(high))


def test_uniform_has_derivatives_in_its_bounds():
    for argument in ("minval", "maxval"):
        found = cujax.grad(lambda a, n=argument: random.uniform(random.key(1), **{n: a}))(0.5)
        same(found, jax.grad(lambda a, n=argument: jax.random.uniform(jax.random.key(1), **{n: a}))(0.5))


# --- integers --------------------------------------------------------------------------------------------

INTERVALS = [
    (0, 10), (-5, 100000), (5, 2), (-(2**31), 2**31 - 1), (0, 127), (-128, 128), (0, 65536), (0, 65537),
]


def test_randint_of_every_dtype():
    with together() as agree:
        for dtype in INTEGERS:
            for low, high in INTERVALS:
                agree("randint", (33,), low, high, dtype)


@pytest.mark.parametrize(("x64", "partitionable"), TWO_MODES)
def test_randint(x64, partitionable):
    with both_in(x64, partitionable), together() as agree:
        for dtype in dtypes_in(x64, ["uint8", "int32"], "int64", "uint64"):
            for low, high in INTERVALS:
                agree("randint", (33,), low, high, dtype)
        for shape in ((), (0,), LONG):
            agree("randint", shape, 0, 1000)


ARRAY_BOUNDS = [
    (np.arange(3), np.array([400000, 5, 3]), "int8"),
    (np.array([[-3], [5]]), np.arange(3) + 6, "uint32"),
    (0, np.array([2**31 - 1] * 3), "int32"),
    (np.int8(3), np.int8([100, -100, 5]), "int32"),
    (np.uint32(0), np.array([2**32 - 1] * 3, np.uint32), "int32"),
    (np.uint32(0), np.array([2**32 - 1] * 3, np.uint32), "uint32"),
    (0.5, np.array([3.0, 4.0, 5.0]), "int32"),
    (0.0, 9.9, None),
]


@pytest.mark.parametrize("x64", [False, True])
def test_randint_between_arrays(x64):
    with both_in(x64), together() as agree:
        for low, high, dtype in ARRAY_BOUNDS[:: 3 if x64 else 1]:
            agree("randint", (2, 3), low, high, dtype)


def test_randint_over_the_whole_range(x64):
    with together() as agree:
        agree("randint", (50,), -(2**63), 2**63 - 1)
        agree("randint", (50,), -(2**62), 2**62, "uint64")
        agree("randint", (50,), np.uint64(0), np.uint64(2**64 - 1), "uint64")
        agree("randint", (50,), np.uint64(0), np.uint64(2**64 - 1), "int64")


def test_randint_of_traced_bounds():
    bounds = np.array([10, 20, 30])

    def draw(module, key, high):
        return module.randint(key, (2,), 0, high)

    keys, jax_keys = random.split(random.key(0), 3), jax.random.split(jax.random.key(0), 3)
    found = cujax.jit(cujax.vmap(lambda k, h: draw(random, k, h)))(keys, bounds)
    same(found, jax.vmap(lambda k, h: draw(jax.random, k, h))(jax_keys, bounds))


# --- coins -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x64", "partitionable"), TWO_MODES)
def test_coins(x64, partitionable):
    with both_in(x64, partitionable), together() as agree:
        agree("bernoulli", 0.3, (2, 50))
        agree("bernoulli", 0.3, (2, 50), "high")
        agree("rademacher", (21,))


def test_coins_of_every_kind():
    with together() as agree:
        for p in (0.0, 1.0, np.float16(0.1), np.float32([[0.1], [0.9]])):
            agree("bernoulli", p, (2, 50))
        agree("bernoulli", np.float32([0.2, 0.7]), mode="high")
        agree("bernoulli")
        for dtype in ("int8", "uint8", "float32", "complex64"):
            agree("rademacher", (21,), dtype)


# --- arguments -------------------------------------------------------------------------------------------


def test_64_bits_are_truncated_with_a_warning_at_the_call():
    for call in (
        lambda r: r.uniform(r.PRNGKey(0), (2,), "float64"),
        lambda r: r.normal(r.PRNGKey(0), (2,), "complex128"),
        lambda r: r.randint(r.PRNGKey(0), (2,), 0, 5, "int64"),
        lambda r: r.bits(r.PRNGKey(0), (2,), "uint64"),
    ):
        with pytest.warns(UserWarning, match="Explicitly requested dtype .* truncated") as caught:
            found = call(random)
        assert caught[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = call(jax.random)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda r, k: r.uniform(k, (2,), int), ValueError, "`uniform` must be a float dtype, got int32"),
        (lambda r, k: r.uniform(k, (2,), "complex64"), ValueError, "must be a float dtype, got complex64"),
        (lambda r, k: r.uniform(k, (3.0,)), TypeError, "uniform: Shapes must be 1D sequences"),
        (lambda r, k: r.uniform(k, None), TypeError, "uniform: Shapes must be 1D sequences"),
        (lambda r, k: r.uniform(k, (3,), minval=np.zeros(2)), TypeError, "uniform got incompatible"),
        (lambda r, k: r.uniform(k, (2,), minval=[0.0, 1.0]), TypeError, "requires ndarray or scalar"),
        (lambda r, k: r.bits(k, (2,), "int32"), ValueError, "must be an unsigned int dtype, got int32"),
        (lambda r, k: r.randint(k, (2,), 0, 5, float), TypeError, "`randint` must be an int dtype, got "),
        (lambda r, k: r.randint(k, (2,), 0, 2, bool), TypeError, "`randint` must be an int dtype, got "),
        (lambda r, k: r.randint(k, (2,), 0, 2**31), OverflowError, "2147483648"),
        (lambda r, k: r.randint(k, (2,), np.zeros(3, int), 5), ValueError, "randint got incompatible"),
        (lambda r, k: r.bernoulli(k, 1), TypeError, "must have a floating dtype, got int32"),
        (lambda r, k: r.bernoulli(k, 0.5, mode="x"), ValueError, "mode='x'"),
        (lambda r, k: r.bernoulli(k, np.float32([0.1, 0.2]), (3,)), ValueError, "bernoulli got incompatible"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(random, random.key(0))
    with pytest.raises(error):
        call(jax.random, jax.random.key(0))
