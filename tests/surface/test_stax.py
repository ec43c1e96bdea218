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


def results(s, root, network, shape):
    """The output's shape, parameters and output: one program each, since JAX compiles op by op otherwise."""
    init, apply = eval(network, {"s": s})
    x = IMAGES.ravel()[: np.prod(shape)].reshape(shape)
    shapes = []

    @root.jit
    def computed(key, x):
        out_shape, params = init(key, shape)
        shapes.append(out_shape)
        return params, apply(params, x)

    params, out = computed(root.random.PRNGKey(3), x)
    return shapes[0], params, out


@pytest.mark.parametrize("network", NETWORKS)
def test_a_network(network):
    expected = results(theirs, jax, network, NETWORKS[network])
    found = results(stax, cujax, network, NETWORKS[network])
    assert found[0] == expected[0] == found[2].shape
    leaves = jax.tree.leaves(expected[1])
    ours = cujax.tree.leaves(found[1])
    assert str(cujax.tree.structure(found[1])) == str(jax.tree.structure(expected[1]))
    for a, b in zip([*ours, found[2]], [*leaves, expected[2]], strict=True):
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
