"""cujax.example_libraries.optimizers, step by step, against JAX's."""

from __future__ import annotations

import inspect
import pickle

import jax
import jax.example_libraries.optimizers as theirs
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax.example_libraries import optimizers
from cujax.experimental import optimizers as early

METHODS = [
    "sgd(0.1)", "sgd(o.exponential_decay(0.1, 2, 0.5))", "momentum(0.1, 0.9)", "nesterov(0.1, 0.9)", "adagrad(0.1)",
    "rmsprop(0.1)", "rmsprop_momentum(0.1, momentum=0.5)", "adam(0.1)", "adam(o.polynomial_decay(0.1, 3, 0.01, 2.0))",
    "adamax(0.1)", "sm3(0.1)",
]
PARAMS = {"w": np.float32([[1.0, -2.0, 0.5], [0.0, 3.0, 1.0]]), "b": [np.float32([0.1, 0.2])]}


def trained(library, module, method, steps=3):
    """Parameters after some steps towards the least value of a function."""
    init, update, get_params = eval(method, {"o": module, **vars(module)})

    def loss(p):
        return (p["w"] ** 2).sum() + ((p["b"][0] - 1) ** 4).sum()

    def step(i, state):
        return update(i, library.grad(loss)(get_params(state)), state)

    if not method.startswith("sm3"):  # JAX's cannot be jitted
        step = library.jit(step)
    state = init(PARAMS)
    for i in range(steps):
        state = step(i, state)
    return get_params(state)


@pytest.mark.parametrize("method", METHODS)
def test_methods(method):
    found, expected = trained(cujax, optimizers, method), trained(jax, theirs, method)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("schedule", [
    "constant(0.1)", "exponential_decay(0.1, 3, 0.5)", "inverse_time_decay(0.1, 3, 0.5)",
    "inverse_time_decay(0.1, 3, 0.5, True)", "polynomial_decay(0.1, 3, 0.01)",
    "piecewise_constant([1, 3], [0.1, 0.2, 0.3])", "make_schedule(0.1)", "make_schedule(abs)",
])
def test_schedules(schedule):
    ours, expected = (eval(schedule, {**vars(module), "abs": abs}) for module in (optimizers, theirs))
    np.testing.assert_allclose([ours(i) for i in range(6)], [expected(i) for i in range(6)], rtol=1e-6)


def test_gradients_are_clipped():
    for limit in (1.0, 100.0):
        found, expected = (module.clip_grads(PARAMS, limit) for module in (optimizers, theirs))
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected)
    np.testing.assert_allclose(optimizers.l2_norm(PARAMS), theirs.l2_norm(PARAMS), rtol=1e-6)


def test_states_go_into_files():
    init, update, get_params = early.adam(0.1)
    state = update(0, PARAMS, init(PARAMS))
    tree = optimizers.unpack_optimizer_state(state)
    stored = pickle.dumps(cujax.tree.map(lambda p: cujax.device_get(p.subtree), tree))
    points = {name: optimizers.JoinPoint(s) for name, s in pickle.loads(stored).items() if name == "w"}
    points["b"] = [optimizers.JoinPoint(pickle.loads(stored)["b"][0])]
    again = optimizers.pack_optimizer_state(points)
    jax.tree.map(np.testing.assert_array_equal, get_params(again), get_params(state))
    with pytest.raises(TypeError, match="JoinPoint"):
        optimizers.pack_optimizer_state(PARAMS)


def test_errors():
    init, update, _ = optimizers.sgd(0.1)
    with pytest.raises(TypeError, match="structure of the parameters"):
        update(0, [jnp.ones(2)], init(PARAMS))
    with pytest.raises(TypeError, match="a number or a function"):
        optimizers.make_schedule(jnp.ones(2))
    with pytest.raises(ValueError, match="one value more"):
        optimizers.piecewise_constant([1], [2])


FUNCTIONS = [n for n, f in vars(theirs).items() if inspect.isfunction(f) and f.__module__ == theirs.__name__]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_signatures(name):
    if not name.startswith("_"):
        found, expected = (list(inspect.signature(getattr(m, name)).parameters) for m in (optimizers, theirs))
        assert found == expected
