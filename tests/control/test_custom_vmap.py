"""custom_vmap: the rule replaces batching wherever the function meets a batch axis."""

from __future__ import annotations

import numpy as np
import pytest
from against_jax import OURS, agree, refused_alike

import cujax
import cujax.numpy as jnp
from cujax.custom_batching import custom_vmap, sequential_vmap

X = np.array([0.5, 1.0, 1.5], np.float32)


def swapped(m):
    """sin(x) * y on single elements, cos(x) * y on batches, so that it shows which was used."""
    f = m.batching.custom_vmap(lambda x, y: m.np.sin(x) * y)
    f.def_vmap(lambda size, batched, x, y: (m.np.cos(x) * y, any(batched)))
    return f


CHAINS = {
    "call": lambda m, f, x: f(1.0, 2.0),
    "vmap": lambda m, f, x: m.lib.vmap(f)(x, x),
    "part": lambda m, f, x: m.lib.vmap(f, (0, None))(x, m.np.float32(2.0)),
    "last axis": lambda m, f, x: m.lib.vmap(f, (1, None))(m.np.stack([x, x + 1]), m.np.float32(2.0)),
    "nested": lambda m, f, x: m.lib.vmap(m.lib.vmap(f, (0, None)), (None, 0))(x, x),
    "jit-vmap": lambda m, f, x: m.lib.jit(m.lib.vmap(f))(x, x),
    "vmap-jit": lambda m, f, x: m.lib.vmap(m.lib.jit(f))(x, x),
    "grad-vmap": lambda m, f, x: m.lib.grad(lambda x: m.lib.vmap(f)(x, x).sum())(x),
    "jvp-vmap": lambda m, f, x: m.lib.jvp(lambda x: m.lib.vmap(f)(x, x), (x,), (x,)),
}


@pytest.mark.parametrize("chain", CHAINS)
def test_chains(chain):
    agree(lambda m: CHAINS[chain](m, swapped(m), m.np.asarray(X)))


def test_derivatives_are_those_of_the_function():
    f = swapped(OURS)
    assert float(cujax.grad(f)(1.0, 2.0)) == pytest.approx(2 * np.cos(1.0))
    np.testing.assert_allclose(cujax.vmap(cujax.grad(f))(X, X), np.cos(X) * X, rtol=1e-6)


def test_trees_and_unbatched_outputs():
    def case(m):
        f = m.batching.custom_vmap(lambda d: {"a": d["a"] * 2, "n": 1.0})
        f.def_vmap(lambda size, batched, d: ({"a": d["a"] * 3, "n": 1.0}, {"a": batched[0]["a"], "n": False}))
        return m.lib.vmap(f)({"a": m.np.asarray(X), "b": m.np.asarray(X)})

    agree(case)


def test_sequential_vmap_calls_the_function_on_elements():
    shapes = []

    @sequential_vmap
    def f(x, y):
        shapes.append((x.shape, y.shape))
        return jnp.dot(x, y)

    assert cujax.vmap(f, (0, None))(jnp.ones((4, 3)), jnp.ones(3)).tolist() == [3.0] * 4
    assert set(shapes) == {((3,), (3,))}


WRONG = {
    "no rule": (None, AttributeError, "No batching rule defined for custom_vmap function"),
    "no pair": (lambda size, batched, x, y: x, ValueError, "too many values"),
    "flags": (lambda size, batched, x, y: (x, (True, True)), ValueError, "both must be equal"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_rules(name):
    rule, error, text = WRONG[name]

    def case(m):
        f = m.batching.custom_vmap(lambda x, y: x * y)
        if rule is not None:
            f.def_vmap(rule)
        return m.lib.vmap(f)(m.np.asarray(X), m.np.asarray(X))

    refused_alike(case)
    with pytest.raises(error, match=text):
        case(OURS)


def test_an_output_that_is_no_batch_is_refused():
    f = custom_vmap(lambda x: x)
    f.def_vmap(lambda size, batched, x: (jnp.ones(5), True))
    with pytest.raises(ValueError, match=r"output of shape \(5,\) is batched: its leading axis"):
        cujax.vmap(f)(X)
