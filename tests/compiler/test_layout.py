"""The order of loops: reductions go over memory as it lies, whatever the order of the axes that the program sees."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import EmulatorTarget, emulated_backend, why_not
from programs import softmax

import cujax
import cujax.numpy as jnp
from cujax.engine.backends.select import selected
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.layout import loop_order
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.random((40, 50), np.float32), RANDOM.random((50, 40), np.float32)
Z = RANDOM.random((20, 30, 40), np.float32)


def order(function, *args):
    steps = make_plan(optimize(cujax.make_jaxpr(function)(*args).tape), "host").steps
    (region,) = [s for s in steps if isinstance(s, Region)]
    return loop_order(region)


@pytest.mark.parametrize("function, args, expected", [
    (lambda x: x.sum(1), [X], [0, 1]),
    (lambda x: x.T.sum(1), [X], [1, 0]),
    (lambda x: x.T.sum(), [X], [1, 0]),
    (lambda x: x.T + 1, [X], [0, 1]),  # a map's are those of its result
    (lambda z: jnp.transpose(z, (2, 0, 1)).max(0), [Z], [1, 2, 0]),
    (lambda z: z.reshape(20, 1, 30, 40).sum((0, 3)), [Z], [0, 2, 3]),
    (lambda x, y: (x + y.T).sum(1), [X, Y], [1, 0]),  # rows side by side
    (lambda x, y: (x + y.T).sum(0), [X, Y], [0, 1]),
    (lambda x, y: (x + y.T).sum(), [X, Y], [0, 1]),
    (lambda x, y: (x[:, :7] + y.T[:, :7]).sum(0), [X, Y], [0, 1]),  # an axis too short to matter
    (lambda x, v: (x * v).sum(1), [X, X[0]], [0, 1]),
    (lambda x, v: (x.T * v[:, None]).sum(1), [X, X[0]], [1, 0]),  # a row has no say
    (lambda x: softmax(x), [X], [0, 1]),
    (lambda x: softmax(x.T), [X], [1, 0]),
])
def test_order_of_loops(function, args, expected):
    assert order(function, *args) == expected


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: NumPy's order is its own")
def test_a_transposed_array_is_reduced_as_the_array_is():
    x = RANDOM.random((300, 500), np.float32)
    for axis in (0, 1, None):
        found = cujax.jit(lambda x, a=axis: x.T.sum(a))(x)
        expected = cujax.jit(lambda x, a=axis: x.sum(a if a is None else 1 - a))(x)
        np.testing.assert_array_equal(found, expected)


FUNCTIONS = {
    "sum": lambda x, y, a: (x.T * 2).sum(a),
    "argmax": lambda x, y, a: (jnp.round(x.T * 4)).argmax(a),
    "across": lambda x, y, a: (x.T + y).sum(a),
    "across, extrema": lambda x, y, a: ((x.T - y).max(a), (x.T * y).min(a)),
    "softmax": lambda x, y, a: softmax(x.T) if a == 1 else softmax(x).T,
    "softmax of a sum": lambda x, y, a: softmax(x.T + y),
    "centred": lambda x, y, a: x.T - x.T.mean(a, keepdims=True),
    "products": lambda x, y, a: (0.5 + x.T * y).prod(a),
    "last axis in front": lambda x, y, a: (x.T[None] + y[None]).sum(None if a is None else a + 1),
}
OF_SOMETHING = ("argmax", "across, extrema", "softmax", "softmax of a sum")  # NumPy has no greatest element of nothing
SIZES = [(1, 33), (33, 1), (0, 20), (31, 33), (17, 40), (3, 1025), (1023, 20)]


def check(name, axis, n, m):
    x, y = RANDOM.random((m, n), np.float32), RANDOM.random((n, m), np.float32)
    if n == 0 and name in OF_SOMETHING:
        return
    function = FUNCTIONS[name]
    found = cujax.tree.leaves(cujax.jit(lambda x, y: function(x, y, axis))(x, y))
    expected = cujax.tree.leaves(function(jnp.asarray(x), jnp.asarray(y), axis))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, None])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values(name, axis):
    for n, m in SIZES:
        check(name, axis, n, m)


@pytest.mark.skipif(selected().kernels is None, reason="NumPy's own sums along columns are less accurate")
def test_sums_of_many_elements_that_lie_across():
    x, y = RANDOM.random((700, 900), np.float32), RANDOM.random((900, 700), np.float32)
    for axis in (0, 1, None):
        found = cujax.jit(lambda x, y, a=axis: (x.T + y).sum(a))(x, y)
        np.testing.assert_allclose(found, (x.T + y).astype(np.float64).sum(axis), rtol=1e-6)


@pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")
@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_on_the_device(name):
    with emulated_backend():
        for axis in (0, 1, None):
            for n, m in SIZES:
                check(name, axis, n, m)


@pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")
@pytest.mark.parametrize("name", ["sum", "softmax of a sum"])
def test_no_two_threads_meet(name):
    with emulated_backend(EmulatorTarget(find_races=True)):
        check(name, 1, 31, 70)
