"""Sums of what is negated or doubled: the sum is negated or doubled instead, with the same bits."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.engine.compiler.passes import optimized
from cujax.engine.core.check import check_tape

RNG = np.random.default_rng(3)
X = RNG.standard_normal((50, 7)).astype(np.float32)
POINTS = RNG.standard_normal((6, 3)).astype(np.float32)


def ops(function, *args):
    tape = optimized(cujax.make_jaxpr(function)(*args).tape)
    check_tape(tape)
    return [e.primitive.name for e in tape.eqns if e.primitive.name not in ("broadcast_in_dim", "reshape")]


MOVED = {
    "negated": (lambda x: (-x).sum(0), ["reduce_sum", "sub"]),
    "doubled": (lambda x: (x + x).sum(0), ["reduce_sum", "mul"]),
    "both": (lambda x: (-(x + x)).sum(0), ["reduce_sum", "mul", "sub"]),
    "twice": (lambda x: (lambda y: -y)(-x).sum(0), ["reduce_sum"]),
    "four times": (lambda x: (lambda y: y + y)(x + x).sum(0), ["reduce_sum", "mul"]),
    "product": (lambda x: (-(x * x[:1])).sum(0), ["slice", "mul", "reduce_sum", "sub"]),
}
KEPT = {
    "read elsewhere": (lambda x: (lambda y: (y.sum(0), y))(-x), ["neg", "reduce_sum"]),
    "integers": (lambda x: (-x.astype("int32")).sum(0), ["convert_element_type", "neg", "reduce_sum"]),
    "of one": (lambda x: (-x[:1]).sum(0), ["slice", "neg", "reduce_sum"]),
    "largest": (lambda x: (-x).max(0), ["neg", "reduce_max"]),
    "two numbers": (lambda x: (x + x[:1]).sum(0), ["slice", "add", "reduce_sum"]),
}


@pytest.mark.parametrize("name", [*MOVED, *KEPT])
def test_what_is_moved(name):
    function, expected = {**MOVED, **KEPT}[name]
    assert ops(function, X) == expected


@pytest.mark.parametrize("name", MOVED)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "complex64"])
def test_values(name, dtype):
    function, _ = MOVED[name]
    with cujax.enable_x64(dtype == "float64"):
        x = jnp.asarray(X).astype(dtype)
        found, one_by_one = np.asarray(cujax.jit(function)(x)), np.asarray(function(x))
    exact = np.asarray(function(np.asarray(x).astype("complex128" if dtype == "complex64" else "float64")))
    tolerance = 2e-2 if dtype == "bfloat16" else 1e-5
    np.testing.assert_allclose(found.astype(exact.dtype), exact, rtol=tolerance, atol=50 * tolerance)
    assert found.dtype == one_by_one.dtype


def test_factors_stay_in_the_range_of_the_dtype():
    def many(x):
        for _ in range(16):
            x = x + x
        return x.sum()

    np.testing.assert_array_equal(cujax.jit(many)(np.full(4, 6e-8, "float16")), np.float16(2.0**-6))


def test_a_sum_that_is_zero_has_no_sign():
    found = np.asarray(cujax.jit(lambda x: (-x).sum(0))(np.zeros((40, 3), np.float32)))
    np.testing.assert_array_equal(np.signbit(found), False)


def test_the_gradient_of_all_pairs_sums_products_alone():
    def energy(x):
        apart = x[None] - x[:, None]
        return (1 / jnp.sqrt((apart * apart).sum(-1) + 0.01)).sum()

    tape = optimized(cujax.make_jaxpr(cujax.grad(energy))(POINTS).tape)
    made_by = {v: e for e in tape.eqns for v in e.outputs}
    over_pairs = [e for e in tape.eqns if e.primitive.name == "reduce_sum" and e.inputs[0].aval.shape == (6, 6, 3)]
    assert {made_by[e.inputs[0]].primitive.name for e in over_pairs} == {"mul"}
    assert sum(e.primitive.name == "integer_pow" for e in tape.eqns) == 1  # one quotient for both derivatives
