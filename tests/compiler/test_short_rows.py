"""Arrays of many short rows on the host: components of particles, small matrices, features, choices among a few.

And how many rows, or lanes, go side by side.
"""

from __future__ import annotations

import jax
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax, nn
from cujax.engine.compiler.generate import generate
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan

LENGTHS = [2, 3, 5, 8, 10, 16, 17, 33]
ROWS = 75  # neither whole vectors nor whole tiles


def rows(length):
    return np.random.default_rng(length).uniform(-1, 1, (ROWS, length)).astype(np.float32)


def source(function, *args, language="host"):
    return generate(make_plan(optimize(cujax.make_jaxpr(function)(*args).tape), language), language).source


def scaled_by_columns(np_, x):
    return x * np_.cos(x[0]) + x[:, :1]


def joined(np_, x):
    return np_.concatenate([x, x[:, ::-1], x[:, :1]], axis=-1)


def bordered(np_, x):
    return np_.pad(x, ((0, 0), (1, 2)))


def outer_products(np_, x):
    return x[:, :, None] * x[:, None, :3]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("function", [scaled_by_columns, joined, bordered, outer_products])
def test_maps_of_short_rows(function, length):
    x = rows(length)
    np.testing.assert_allclose(cujax.jit(lambda x: function(jnp, x))(x), function(np, x), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("function", [scaled_by_columns, joined, bordered, outer_products])
def test_vectors_go_over_rows_that_are_too_short_for_them(function):
    assert "_row(" not in source(lambda x: function(jnp, x), rows(4)), "a loop along each row"
    assert "i0" in source(lambda x: function(jnp, x), rows(4))


def test_long_rows_have_loops():
    assert "_row(" in source(lambda x: scaled_by_columns(jnp, x), rows(17))


def test_places_that_are_read_are_not_written_out_for_each_element():
    """Their texts are long: that of `at` would be said eight times."""
    def function(x, at):
        return lax.dynamic_slice(x, (at, 2), (30, 8))

    assert "_row(" in source(function, np.ones((70, 20), np.float32), np.int32(2))


def test_a_device_reads_neighbours_together():
    """Its threads take an element each, or 16 bytes, so that a warp reads a line of memory at once."""
    odd, even = (source(lambda x: scaled_by_columns(jnp, x), rows(n), language="cuda") for n in (7, 8))
    assert odd.count("y0[") == 1 and "_pack" not in odd
    assert even.count("store_pack(y0") == 1 and "y0[" not in even


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", ["softmax", "logsumexp", "log_softmax"])
def test_functions_of_short_rows(name, length):
    x = 10 * rows(length)
    result = cujax.jit(lambda x: getattr(nn, name)(x, axis=-1))(x)
    np.testing.assert_allclose(result, getattr(jax.nn, name)(x, axis=-1), rtol=2e-5, atol=2e-6)


def test_rows_whose_elements_are_exponentials_are_reduced_side_by_side():
    assert "lane < lanes" in source(lambda x: nn.softmax(x, axis=-1), rows(10))
    assert "int lane" not in source(lambda x: x.sum(-1), rows(10)), "additions alone are as fast in a plain loop"
    assert "int lane" not in source(lambda x: nn.softmax(x, axis=-1), rows(10)[:8]), "too few to fill a vector"


def test_rows_of_infinities_and_nans():
    x = rows(10)
    x[3], x[4, 2], x[5, 0] = -np.inf, np.nan, np.inf
    result = cujax.jit(lambda x: nn.logsumexp(x, axis=-1))(x)
    np.testing.assert_allclose(result, jax.nn.logsumexp(x, axis=-1), rtol=2e-6)


@pytest.mark.parametrize("dtype", ["bool", "float32"])
def test_as_many_lanes_at_once_as_there_are_numbers_in_a_vector(dtype):
    """Of booleans among numbers the compiler would take 64, in many times the registers that there are."""
    def function(x, factor):
        return lax.fori_loop(0, 3, lambda i, y: jnp.sin(y) + factor.astype(y.dtype) * x, x)

    x, factor = np.linspace(0, 1, 70, dtype=np.float32), (np.arange(70) % 3 == 0).astype(dtype)
    text = source(function, x, factor)
    assert ("simdlen(8)" in text) == (dtype == "bool")
    expected = x
    for _ in range(3):
        expected = np.sin(expected) + factor * x
    np.testing.assert_allclose(cujax.jit(function)(x, factor), expected, rtol=1e-5)


def rotations(np_, angles):
    c, s, zero = np_.cos(angles), np_.sin(angles), np_.zeros_like(angles)
    columns = [np_.stack([c, s, zero], -1), np_.stack([-s, c, zero], -1), np_.stack([zero, zero, zero + 1], -1)]
    return np_.stack(columns, -1)


def test_a_stack_of_stacks_is_written_out_as_a_whole():
    angles = np.linspace(0, 6, ROWS, dtype=np.float32)
    assert "_row(" not in source(lambda x: rotations(jnp, x), angles)
    np.testing.assert_allclose(cujax.jit(lambda x: rotations(jnp, x))(angles), rotations(np, angles), atol=1e-6)
