"""Reductions by any function, monoids, running reductions: what the rows of op_samples do not show."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax as jax_lax

import cujax
from cujax import lax
from cujax.engine.core.recording import record
from cujax.engine.core.trace import aval_of
from cujax.engine.ops.monoids import MONOIDS, monoid_of

RNG = np.random.default_rng(0)
X = RNG.uniform(0.5, 1.5, (3, 5, 2)).astype(np.float32)


def ops_of(fun, *args) -> list[str]:
    tape, _ = record(lambda *xs: [fun(*xs)], [aval_of(a) for a in args])
    return [e.primitive.name for e in tape.eqns]


# --- lax.reduce ---------------------------------------------------------------------------------------


def probabilistic_or(m):
    """a + b - a b: associative, with an op of its own nowhere."""
    return lambda a, b: m.sub(m.add(a, b), m.mul(a, b))


@pytest.mark.parametrize("name", ["add", "mul", "max", "min"])
def test_reduce_by_a_known_function_is_one_op(name):
    function = getattr(lax, name)
    identity = {"add": 0.0, "mul": 1.0, "max": -np.inf, "min": np.inf}[name]
    (found,) = ops_of(lambda x: lax.reduce(x, identity, function, (0, 2)), X)
    assert found in ("reduce_sum", "reduce_prod", "reduce_max", "reduce_min")
    expected = jax_lax.reduce(X, np.float32(identity), getattr(jax_lax, name), (0, 2))
    np.testing.assert_allclose(lax.reduce(X, identity, function, (0, 2)), expected, rtol=1e-6)


def test_reduce_begins_with_the_initial_value():
    assert float(lax.reduce(np.float32([1, 2, 3]), 10.0, lax.add, (0,))) == 16
    np.testing.assert_array_equal(lax.reduce(np.array([True, False]), True, lax.bitwise_xor, (0,)), False)
    np.testing.assert_array_equal(lax.reduce(np.zeros((0, 2), np.float32), 3.0, lax.add, (0,)), [3, 3])
    np.testing.assert_array_equal(
        lax.reduce(np.zeros((0, 2), np.float32), 0.5, probabilistic_or(lax), (0,)), [0.5, 0.5]
    )


def test_every_monoid_has_its_identity():
    for primitive, monoid in MONOIDS.items():
        for dtype in (np.int8, np.uint32, np.bool_, np.float32):
            if np.dtype(dtype) in primitive.domain:
                values = np.array([0, 1, 1], dtype)
                found = monoid.combine(monoid.identity(np.dtype(dtype)), values)
                np.testing.assert_array_equal(found, values)
                assert np.asarray(monoid.reduce(values[:0], (0,))) == monoid.identity(np.dtype(dtype))


def test_a_function_that_only_looks_like_a_monoid_is_none():
    scalar = aval_of(np.float32(0))
    for fun in (lambda a, b: [lax.add(a, a)], lambda a, b: [a], lambda a, b: [lax.sub(a, b)]):
        assert monoid_of(record(fun, [scalar, scalar])[0]) is None
    assert monoid_of(record(lambda a, b: [lax.add(b, a)], [scalar, scalar])[0]) is not None
    assert monoid_of(record(lambda a, b: [cujax.jit(lax.mul)(a, b)], [scalar, scalar])[0]) is not None


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 2), (2, 1, 0), ()])
def test_reduce_by_any_function(axes):
    found = lax.reduce(X, np.float32(0), probabilistic_or(lax), axes)
    expected = jax_lax.reduce(X, np.float32(0), probabilistic_or(jax_lax), axes)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_reduce_of_a_tree_with_control_flow_inside():
    """The value and place of the element of greatest magnitude, by a branch on scalars."""
    values, places = np.float32([[1, -5, 3], [-2, 2, 0]]), np.tile(np.int32([0, 1, 2]), (2, 1))

    def greater(module, absolute):
        def combine(a, b):
            return module.cond(absolute(a["x"]) >= absolute(b["x"]), lambda: a, lambda: b)

        return combine

    operands, inits = {"x": values, "i": places}, {"x": np.float32(0), "i": np.int32(-1)}
    found = lax.reduce(operands, inits, greater(lax, lax.abs), (1,))
    np.testing.assert_array_equal(found["x"], [-5, -2])
    np.testing.assert_array_equal(found["i"], [1, 0])


def test_reduce_takes_few_equations_and_composes(x64):
    def fun(x, scale):
        return lax.reduce(x, 0.0, lambda a, b: lax.sub(lax.add(a, b), lax.mul(scale, lax.mul(a, b))), (0,))

    x, scale = RNG.uniform(0, 0.5, 37), 1.0
    assert len(ops_of(fun, x, scale)) < 100
    for argnum in (0, 1):
        found = cujax.jit(cujax.grad(fun, argnum))(x, scale)
        expected = jax.grad(lambda x, scale: (1 - jnp.prod(1 - scale * x)) / scale, argnum)(x, scale)
        np.testing.assert_allclose(found, expected, rtol=1e-10)
    found = cujax.vmap(fun, (0, None))(np.stack([x, x / 2]), scale)
    np.testing.assert_allclose(found, [fun(x, scale), fun(x / 2, scale)], rtol=1e-14)


# --- running reductions ---------------------------------------------------------------------------------


def test_long_running_sums_lose_no_digits():
    x = RNG.uniform(0, 1, 200_000).astype(np.float32)
    exact = np.cumsum(x.astype(np.float64))
    np.testing.assert_allclose(lax.cumsum(x), exact, rtol=1e-6)
    np.testing.assert_allclose(lax.cumsum(x, reverse=True), exact[-1] - exact + x, rtol=1e-6, atol=1e-2)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 12])
@pytest.mark.parametrize("op", ["cummax", "cummin", "cumlogsumexp", "cumprod"])
@pytest.mark.parametrize("reverse", [False, True])
def test_running_reductions_of_every_length(op, length, reverse):
    x = RNG.normal(size=(2, length)).astype(np.float32)
    found = getattr(lax, op)(x, 1, reverse)
    np.testing.assert_allclose(found, getattr(jax_lax, op)(x, 1, reverse), rtol=2e-6, atol=1e-7)


def test_recurrence_is_the_loop():
    a, b = RNG.normal(size=(2, 6, 3))
    h, expected = np.zeros(3), []
    for k in range(6):
        h = a[k] * h + b[k]
        expected.append(h)
    with cujax.enable_x64(True):
        np.testing.assert_allclose(lax.recurrence(a, b, 0), expected, rtol=1e-12)
        np.testing.assert_allclose(lax.recurrence(a[::-1], b[::-1], 0, True)[::-1], expected, rtol=1e-12)


def test_derivative_of_cumlogsumexp_with_infinities_is_finite():
    gradient = cujax.grad(lambda x: lax.reduce_sum(lax.cumlogsumexp(x)[1:], (0,)))
    np.testing.assert_allclose(gradient(np.float32([-np.inf, 1, 2])), [0, 1.2689414, 0.7310586], rtol=1e-5)


@pytest.mark.parametrize("fun", [
    lambda x: lax.reduce_prod(x, (0,)), lambda x: lax.reduce_sum(lax.slice(lax.cumprod(x), (4,), (5,)), (0,)),
], ids=["reduce_prod", "cumprod"])
def test_products_with_zeros_have_all_derivatives(fun):
    """The derivative of a product in some of its factors is the product of the others."""
    for x in (np.float32([1.5, 0, 2, 0.5, 3]), np.float32([1.5, 0, 2, 0, 3])):
        gradient = [np.delete(x, i).prod() for i in range(5)]
        hessian = [[np.delete(x, (i, j)).prod() * (i != j) for j in range(5)] for i in range(5)]
        np.testing.assert_allclose(cujax.grad(fun)(x), gradient, rtol=1e-6)
        np.testing.assert_allclose(cujax.hessian(fun)(x), hessian, rtol=1e-6)


# --- errors -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "error", "text"), [
    (lambda: lax.reduce_sum(X, (3,)), ValueError, "axes .3,. are not distinct axes"),
    (lambda: lax.reduce_max(X, (3,)), ValueError, "axis 3 is out of bounds"),
    (lambda: lax.reduce_max(X, (0, 0)), ValueError, "duplicate value"),
    (lambda: lax.reduce_and(X, (0,)), TypeError, "reduce_and does not accept dtype float32"),
    (lambda: lax.argmax(X[:0], 0, np.int32), ValueError, "argmax of no elements: axis 0"),
    (lambda: lax.argmin(X, 0, np.float32), TypeError, "argmin: index_dtype must be an integer"),
    (lambda: lax.argmax(np.ones(3, np.complex64), 0, np.int32), TypeError, "argmax does not accept"),
    (lambda: lax.cumsum(X, 3), ValueError, "axis 3 is out of bounds"),
    (lambda: lax.cumsum(np.ones(3, bool)), TypeError, "cumsum does not accept dtype bool"),
    (lambda: lax.cumlogsumexp(np.ones(3, np.int32)), TypeError, "cumlogsumexp does not accept dtype int32"),
    (lambda: lax.reduce(X, X[0, 0], lax.add, (0,)), ValueError, "non-scalar initial value"),
    (lambda: lax.reduce(X, 0.0, lax.gt, (0,)), ValueError, r"operands' types \['f32\[\]'\], but it gives"),
    (lambda: lax.reduce(X, np.float16(0), lax.add, (0,)), ValueError, "takes init_values of"),
    (lambda: lax.reduce((X, X[0]), (0.0, 0.0), lambda a, b: a, (0,)), ValueError, "must have one shape"),
    (lambda: lax.reduce((X, X), 0.0, lambda a, b: a, (0,)), ValueError, "must be alike"),
])
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()
