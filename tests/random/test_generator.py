"""`random.Generator`: the numbers of the keys that it splits, and what happens where it is copied."""

from __future__ import annotations

import copy
import inspect

import numpy as np
import pytest
from random_oracle import same

import cujax
import cujax.numpy as jnp
from cujax import lax, random, tree_util
from cujax.errors import KeyReuseError, UnexpectedTracerError

SAMPLERS = [n for n, f in vars(random).items() if inspect.isfunction(f) and hasattr(random.Generator, n)]


def test_draws_are_those_of_split_keys():
    rng, key = random.Generator(random.key(3)), random.key(3)
    for name, args in (("normal", ((3,),)), ("uniform", ()), ("randint", ((2,), 0, 9)), ("permutation", (5,))):
        key, subkey = random.split(key)
        same(getattr(rng, name)(*args), getattr(random, name)(subkey, *args), name)
    same(rng.key, key)


def test_every_sampler_is_a_method_with_its_arguments():
    assert {"bits", "normal", "uniform", "choice", "categorical", "exponential"} <= set(SAMPLERS)
    assert not {"key", "PRNGKey", "fold_in", "clone", "wrap_key_data"} & set(SAMPLERS) - {"key"}
    for name in set(SAMPLERS) - {"split", "key"}:
        method, function = getattr(random.Generator, name), getattr(random, name)
        of_method, of_function = (list(inspect.signature(f).parameters) for f in (method, function))
        assert of_method == ["self", *of_function[1:]]
        assert method.__doc__.startswith(f"`random.{name}`") and function.__doc__ in method.__doc__


def test_names_of_numpy():
    def halves():
        return random.split(random.key(0))

    same(random.Generator(random.key(0)).random((4,)), random.uniform(halves()[1], (4,)))
    same(random.Generator(random.key(0)).standard_normal((4,)), random.normal(halves()[1], (4,)))
    for args, kwargs, bounds in (
        ((7,), {}, (0, 7)), ((2, 7), {}, (2, 7)), ((2, 7), {"endpoint": True}, (2, 8)),
        ((np.arange(4), 9), {}, (np.arange(4), 9)),
    ):
        found = random.Generator(random.key(0)).integers(*args, shape=(3, 4), **kwargs)
        same(found, random.randint(halves()[1], (3, 4), *bounds))
    assert random.Generator(random.key(0)).integers(7).shape == ()
    assert random.Generator(random.key(0)).integers(np.arange(1, 5)).shape == (4,)


def test_generators_of_raw_keys_and_of_the_same_key_agree():
    draws = [random.Generator(make(5)).normal((3,)) for make in (random.key, random.PRNGKey, random.key)]
    same(draws[0], draws[1])
    same(draws[0], draws[2])


def test_split():
    rng = random.Generator(random.key(1))
    child, three = rng.split(), rng.split(3)
    a, b, c = three
    assert len(three) == 3 and three.key.shape == (3,) and three[2].key.shape == ()
    assert rng.split((2, 4)).key.shape == (2, 4)
    draws = [float(g.uniform()) for g in (rng, child, a, b, c)]
    assert len(set(draws)) == 5
    with pytest.raises(ValueError, match=r"Generator.normal accepts a single key, .* \(3,\) .*vmap"):
        random.Generator(random.split(random.key(0), 3)).normal()


def test_vmap_takes_generators_one_by_one():
    def draw(rng):
        return rng.normal((2,)), rng.uniform()

    normals, uniforms = cujax.vmap(draw)(random.Generator(random.split(random.key(2), 4)))
    for i, key in enumerate(random.split(random.key(2), 4)):
        normal, uniform = draw(random.Generator(key))
        same(normals[i], normal)
        same(uniforms[i], uniform)


def test_jit_takes_and_returns_it():
    @cujax.jit
    def step(rng, x):
        return x + rng.normal((2,)), rng

    eager, rng = random.Generator(random.key(4)), random.Generator(random.key(4))
    for _ in range(3):
        x, rng = step(rng, 1.0)
        np.testing.assert_allclose(x, 1.0 + eager.normal((2,)), rtol=1e-6)
    same(rng.key, eager.key)


def test_loops_carry_it():
    def step(rng, _):
        return rng, rng.uniform()

    rng, eager = random.Generator(random.key(5)), random.Generator(random.key(5))
    rng, xs = lax.scan(step, rng, None, length=4)
    same(xs, np.array([eager.uniform() for _ in range(4)]))
    same(rng.key, eager.key)


def test_a_function_draws_from_a_copy():
    draw = cujax.jit(lambda rng: rng.uniform())
    rng = random.Generator(random.key(6))
    draw(rng)
    with pytest.raises(KeyReuseError):
        draw(rng)
    with cujax.debug_key_reuse(False):
        assert draw(rng) == draw(rng) == rng.uniform()
    assert draw(rng.split()) != draw(rng.split())


def test_it_cannot_be_closed_over_by_a_traced_function():
    rng = random.Generator(random.key(7))
    before = rng.key
    for run in (
        lambda: cujax.jit(lambda x: x + rng.normal())(1.0),
        lambda: lax.scan(lambda x, _: (x + rng.normal(), None), 0.0, None, length=2),
        lambda: cujax.jit(lambda r: lax.fori_loop(0, 3, lambda i, x: x + r.uniform(), 0.0))(rng),
    ):
        with pytest.raises(UnexpectedTracerError, match=r"Generator.(normal|uniform): .*rng.split\(\)"):
            run()
    assert rng.key is before
    cujax.grad(lambda x: x * rng.normal())(1.0)
    cujax.vmap(lambda x: x * rng.normal())(jnp.arange(3.0))
    assert rng.key is not before


def test_it_is_a_pytree_and_copies_like_a_value():
    rng = random.Generator(random.key(8))
    leaves, tree = tree_util.tree_flatten({"rng": rng})
    assert len(leaves) == 1 and leaves[0] is rng.key
    assert tree_util.tree_unflatten(tree, leaves)["rng"].key is rng.key
    other = copy.copy(rng)
    rng.uniform()
    assert other.key is not rng.key
    assert repr(other) == f"Generator({other.key})"


def test_it_takes_keys():
    for wrong in (0, None, [1, 2], np.zeros(3)):
        with pytest.raises(TypeError, match=r"random.Generator: .*random.key\("):
            random.Generator(wrong)
