"""Continuous distributions: the bits of JAX's uniform numbers, and functions of them to a few ulp."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from random_oracle import TWO_MODES, agree, both_in, close

import cujax
from cujax import random

NAMES = ["normal", "exponential", "laplace", "logistic", "cauchy", "gumbel"]
# XLA's log1p in float64 is wrong by up to 120 ulp, and it keeps float32 between 16-bit operations.
ULPS = {"float16": 10, "bfloat16": 10, "float32": 4, "float64": 200, "complex64": 4, "complex128": 60}


def check(name, *args, **kwargs):
    found = getattr(random, name)(random.PRNGKey(3), *args, **kwargs)
    expected = getattr(jax.random, name)(jax.random.PRNGKey(3), *args, **kwargs)
    close(found, expected, ULPS[str(found.dtype)], (name, args), scale=1)


@pytest.mark.parametrize(("x64", "partitionable"), TWO_MODES)
@pytest.mark.parametrize("name", NAMES)
def test_of_the_default_dtype(name, x64, partitionable):
    with both_in(x64, partitionable):
        check(name, (2001,))


@pytest.mark.parametrize("name", NAMES)
def test_of_every_dtype(name):
    for dtype in ("float16", "bfloat16", "float32"):
        check(name, (777,), dtype)


def test_long_odd_and_empty_shapes():
    check("normal", (2**16 + 1,))
    check("normal", (0, 3))
    check("normal", [2, 1, 3])


@pytest.mark.parametrize("partitionable", [True, False])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_normal_is_equal_to_the_bit(dtype, partitionable):
    with both_in(dtype == "float64", partitionable):
        agree("normal", (60001,), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_million_normal_numbers_are_equal_to_the_bit(dtype):
    with both_in(True):
        agree("normal", (2**20 + 3,), dtype)


@pytest.mark.parametrize("partitionable", [True, False])
def test_complex_normal(partitionable):
    with both_in(True, partitionable):
        check("normal", (301,), "complex64")
        check("normal", (301,), complex)


def test_gumbel_of_high_range():
    check("gumbel", (1001,), mode="high")
    with cujax.config.override("high_dynamic_range_gumbel", True):
        close(random.gumbel(random.key(1), (9,)), random.gumbel(random.key(1), (9,), mode="high"), 0)


@pytest.mark.parametrize("bounds", [(-1.0, 2.0), (-9.0, 9.0), (0.5, 0.6), (0, 1), (-np.inf, np.inf)])
def test_truncated_normal(bounds):
    check("truncated_normal", *bounds, (501,))
    low, high = (random.truncated_normal(random.key(0), *bounds, (501,)) for _ in range(2))
    assert (np.asarray(low) > bounds[0]).all() and (np.asarray(high) < bounds[1]).all()


def test_truncated_normal_between_arrays():
    check("truncated_normal", np.float32([-1, 0, 1]), np.float32([[2], [3]]))
    check("truncated_normal", np.float32([-1, 0, 1]), 4.0, (2, 3))


def test_derivatives_flow_through_the_bounds():
    for lib, module in ((cujax, random), (jax, jax.random)):
        def draw(a, b, module=module):
            return module.truncated_normal(module.key(1), a, b)

        gradient = lib.grad(draw, (0, 1))(-0.1, 2.0)
        if lib is cujax:
            found = gradient
    for mine, theirs in zip(found, gradient, strict=True):
        close(mine, theirs, 8)


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda r, k: r.normal(k, (2,), int), ValueError, "must be a float or complex dtype, got int32"),
        (lambda r, k: r.exponential(k, (2,), "complex64"), ValueError, "`exponential` must be a float dtype"),
        (lambda r, k: r.gumbel(k, (2,), mode="x"), ValueError, "mode must be"),
        (lambda r, k: r.truncated_normal(k, np.zeros(3), np.ones(2)), ValueError, "incompatible shapes"),
        (lambda r, k: r.truncated_normal(k, np.zeros(3), 1.0, (2,)), ValueError, "incompatible shapes"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call(random, random.key(0))
    with pytest.raises(error):
        call(jax.random, jax.random.key(0))
