"""cujax.example_libraries.stax: shapes, initial parameters and results of layers are those of JAX."""

from __future__ import annotations

import jax
import jax.example_libraries.stax as theirs
import numpy as np
import pytest

import cujax
from cujax.example_libraries import stax

IMAGES = np.linspace(-1, 2, 2 * 8 * 8 * 3, dtype=np.float32).reshape(2, 8, 8, 3)
# Networks as expressions of `s`, and the shape of their input.
NETWORKS = {
    "s.serial(s.Dense(5), s.Relu, s.Dense(3), s.LogSoftmax)": (4, 6),
    "s.serial(s.Conv(4, (3, 3), padding='SAME'), s.BatchNorm(), s.Elu, s.MaxPool((2, 2), (2, 2)), s.Flatten)":
        (2, 8, 8, 3),
    "s.serial(s.Conv(4, (3, 2), (2, 1)), s.AvgPool((2, 2), padding='SAME'), s.Tanh)": (2, 8, 8, 3),
    "s.serial(s.ConvTranspose(2, (3, 3), (2, 2), 'SAME'), s.SumPool((3, 3)), s.Softplus)": (2, 8, 8, 3),
    "s.serial(s.Conv1DTranspose(2, (3,)), s.Sigmoid)": (2, 8, 3),
    "s.serial(s.GeneralConv(('NCHW', 'OIHW', 'NHWC'), 3, (2, 2)), s.Gelu, s.BatchNorm(axis=(0, 1, 2), scale=False))":
        (2, 3, 8, 8),
    "s.serial(s.FanOut(2), s.parallel(s.Dense(3), s.serial(s.Dense(3), s.Selu)), s.FanInSum, s.LeakyRelu)": (4, 6),
    "s.serial(s.FanOut(2), s.parallel(s.Identity, s.Exp), s.FanInConcat(), s.Softmax)": (4, 6),
    "s.shape_dependent(lambda shape: s.Dense(shape[-1] + 1))": (4, 6),
}  # fmt: skip


def layer_of(network, s):
    return eval(network, {"s": s})


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network(network):
    shape = NETWORKS[network]
    x = IMAGES.ravel()[: np.prod(shape)].reshape(shape)
    (init, apply), (their_init, their_apply) = layer_of(network, stax), layer_of(network, theirs)
    out_shape, params = init(cujax.random.PRNGKey(3), shape)
    shapes = []

    def their_params():  # shapes alone: drawing takes JAX seconds to compile
        out_shape, params = their_init(jax.random.PRNGKey(3), shape)
        shapes.append(out_shape)
        return params

    expected = jax.eval_shape(their_params)
    assert shapes == [out_shape]
    assert str(cujax.tree.structure(params)) == str(jax.tree.structure(expected))
    assert [p.shape for p in cujax.tree.leaves(params)] == [p.shape for p in jax.tree.leaves(expected)]
    same = jax.tree.unflatten(jax.tree.structure(expected), [np.asarray(p) for p in cujax.tree.leaves(params)])
    found = apply(params, x)
    assert found.shape == out_shape
    np.testing.assert_allclose(found, jax.jit(their_apply)(same, x), rtol=1e-5, atol=1e-5)


def test_initial_parameters():
    for network, shape in (("s.serial(s.Dense(5), s.Dense(3))", (4, 6)), ("s.serial(s.Conv(4, (3, 2)))", (2, 8, 8, 3))):
        params = layer_of(network, stax)[0](cujax.random.PRNGKey(3), shape)[1]
        expected = jax.jit(lambda key, shape=shape, n=network: layer_of(n, theirs)[0](key, shape)[1])(
            jax.random.PRNGKey(3)
        )
        for a, b in zip(cujax.tree.leaves(params), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_any_number_of_examples():
    init, apply = stax.serial(stax.Conv(4, (3, 3)), stax.Flatten, stax.Dense(2))
    shape, params = init(cujax.random.key(0), (-1, 8, 8, 3))
    assert shape == (-1, 2)
    assert apply(params, IMAGES).shape == (2, 2)


def test_dropout():
    _, apply = stax.serial(stax.Dropout(0.25))
    found = np.asarray(apply([()], np.ones((100, 100), np.float32), rng=cujax.random.key(0)))
    assert set(np.unique(found)) == {0, 4} and abs((found > 0).mean() - 0.25) < 0.02
    same = stax.Dropout(0.25, mode="test")[1]((), np.ones(3), rng=cujax.random.key(0))
    np.testing.assert_array_equal(same, 1)
    with pytest.raises(ValueError, match="Dropout layer requires apply_fun to be called with a PRNG key"):
        apply([()], np.ones(3))


def test_a_network_is_trained():
    init, apply = stax.serial(stax.Dense(8), stax.Tanh, stax.Dense(1))
    x = np.linspace(-1, 1, 20, dtype=np.float32)[:, None]
    _, params = init(cujax.random.key(0), x.shape)

    def loss(params):
        return ((apply(params, x) - x**2) ** 2).mean()

    step = cujax.jit(lambda p: cujax.tree.map(lambda w, g: w - 0.1 * g, p, cujax.grad(loss)(p)))
    before = loss(params)
    for _ in range(200):
        params = step(params)
    assert loss(params) < 0.5 * before
