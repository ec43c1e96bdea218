"""Programs without kernels: which results a function of NumPy writes over an operand, and that the values are right."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax, nn
from cujax.engine.backends import select
from cujax.engine.backends.numpy_backend import NumpyBackend
from cujax.engine.compiler.in_place import overwritten_operands
from cujax.engine.compiler.passes import optimized

SHAPE = (300, 250)
X, Y = np.random.default_rng(0).random((2, *SHAPE), np.float32) + 0.5
ROW, INTEGERS = X[0], (X * 50).astype(np.int32)


@pytest.fixture(autouse=True)
def without_a_compiler(monkeypatch):
    monkeypatch.setattr(select, "_selected", NumpyBackend())


def overwritten(function, *args):
    """The ops that write over an operand, in order."""
    tape = optimized(cujax.make_jaxpr(function)(*args).tape)
    found = overwritten_operands(tape)
    return [e.primitive.name for e in tape.eqns if any(v in found for v in e.outputs)]


TAKEN = {
    "the result before": (lambda x: jnp.sin(x) * 2, ["mul"]),
    "one after the other": (lambda x: jnp.exp(-jnp.abs(x)) / 3, ["neg", "exp", "div"]),
    "the second operand": (lambda x: 1 - jnp.sin(x), ["sub"]),
    "either of two": (lambda x: jnp.sin(x) * jnp.cos(x), ["mul"]),
    "of both sides": (lambda x: jnp.square(x * 2) + lax.rsqrt(x + 1), ["square", "rsqrt", "add"]),
    "twice the operand": (lambda x: (lambda y: y * y)(jnp.sin(x)), ["mul"]),
    "made by a library": (lambda x: jnp.sort(x) + 1, ["add"]),
    "of padding": (lambda x: jnp.pad(x, 1) + 1, ["add"]),
    "of end to end": (lambda x: jnp.concatenate([x, x]) + 1, ["add"]),
    "logistic": (lambda x: nn.sigmoid(x + 1), ["logistic"]),
    "clipped": (lambda x: lax.clamp(1.8, x + 1, 2.2), ["clamp"]),
    "comparison of truth": (lambda x: (x > 1) == (x < 1.2), ["eq"]),
    "of integers, not of a conversion": (lambda x: ~((x * 50).astype("int32") & 3), ["not"]),
}
KEPT = {
    "the argument": lambda x: x * 2,
    "a result": lambda x: (jnp.sin(x), jnp.sin(x) * 2),
    "read later": lambda x: (lambda y: (y * 2, y.sum()))(jnp.sin(x)),
    "read through a view": lambda x: (lambda y: (y * 2)[0] + y[1])(jnp.sin(x)),
    "a view": lambda x: jnp.sin(x).T * 2,
    "seen by who might keep it": lambda x: lax.optimization_barrier(jnp.sin(x)) * 2,
    "of another dtype": lambda x: jnp.sin(x) > 0.5,
    "of another shape": lambda x: jnp.sin(x[0]) * x,
    "too small to matter": lambda x: jnp.sin(x[:3]) * 2,
}


def twice(function):
    """Of two runs, for whatever the first has left behind, and of `function` itself."""
    jitted = cujax.jit(function)
    return [[np.asarray(a) for a in cujax.tree.leaves(f(jnp.asarray(X)))] for f in (jitted, jitted, function)]


@pytest.mark.parametrize("name", TAKEN)
def test_overwritten(name):
    function, ops = TAKEN[name]
    assert overwritten(function, X) == ops
    first, second, expected = twice(function)
    for a, b, c in zip(first, second, expected, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, c)


@pytest.mark.parametrize("name", KEPT)
def test_not_overwritten(name):
    assert overwritten(KEPT[name], X) == []
    first, second, expected = twice(KEPT[name])
    for a, b, c in zip(first, second, expected, strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, c)


def test_arguments_are_what_they_were():
    def function(x, y, row):
        y = (jnp.sin(x) + y) * row - x
        return y.T @ (x - y), (y > 0) & (x > row)

    args = [jnp.asarray(a) for a in (X, Y, ROW)]
    first = cujax.jit(cujax.grad(lambda *args: function(*args)[0].sum(), (0, 1, 2)))(*args)
    for a, b in zip(args, (X, Y, ROW), strict=True):
        np.testing.assert_array_equal(a, b)
    again = cujax.grad(lambda *args: function(*args)[0].sum(), (0, 1, 2))(*args)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


def test_in_the_steps_of_a_loop():
    def step(carry, k):
        y = jnp.sin(carry) + k
        return y * 0.5, y.sum()

    found, sums = cujax.jit(lambda x: lax.scan(step, x, jnp.arange(3.0)))(X)
    carry = X
    for k in range(3):
        y = np.sin(carry) + np.float32(k)
        np.testing.assert_allclose(sums[k], y.sum(), rtol=1e-5)
        carry = y * np.float32(0.5)
    np.testing.assert_allclose(found, carry, rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "int32", "int64", "float32"])
@pytest.mark.parametrize("start", [0.0, -0.0, 1.0])
def test_sums_over_segments_are_those_of_additions_in_order(dtype, start, x64):
    indices = np.random.default_rng(1).integers(-3, 9, 1000)
    updates = (np.random.default_rng(2).standard_normal(1000) * 100).astype(dtype)
    at = jnp.full(7, start, dtype).at
    found = cujax.jit(lambda u, i: at[i].add(u, wrap_negative_indices=False))(updates, indices)
    expected = np.full(7, start, dtype)
    inside = (indices >= 0) & (indices < 7)
    np.add.at(expected, indices[inside], updates[inside])
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def test_indices_beyond_the_array_are_left_out_and_clipped_as_before():
    x, indices = jnp.asarray(X), np.array([0, 299, 300, -301, 7])
    filled = cujax.jit(lambda x: x.at[indices].get(mode="fill", fill_value=-1))(x)
    np.testing.assert_array_equal(filled[:, 0], [X[0, 0], X[299, 0], -1, -1, X[7, 0]])
    clipped = cujax.jit(lambda x: x.at[indices].get(mode="clip"))(x)
    np.testing.assert_array_equal(clipped[:, 0], [X[0, 0], X[299, 0], X[299, 0], X[0, 0], X[7, 0]])
