"""Draws are made in the kernel that uses them, in registers."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax, random
from cujax.engine.backends import select
from cujax.engine.compiler.analysis import analyse
from cujax.engine.compiler.generate import LANGUAGES
from cujax.engine.compiler.kernel import Kernel
from cujax.engine.compiler.program import generated

N = 1000


def noisy(key, r):
    return jnp.exp(-(r**2)) * random.normal(key, r.shape)


def from_an_interval(key, r):
    low, high = jnp.asarray(-1.0), jnp.asarray(2.0)
    return r * random.uniform(key, r.shape, minval=low, maxval=high) + random.bernoulli(random.fold_in(key, 1), 0.3)


def split_many_ways(key, r):
    a, b = random.split(key)
    return random.normal(a, r.shape) * r + random.exponential(b, r.shape)


def sum_of_squares(key, r):
    return (random.normal(key, r.shape) ** 2).sum()


def walk(key, x):
    def step(carry, _):
        key, x = carry
        key, subkey = random.split(key)
        return (key, x + 0.1 * random.normal(subkey, x.shape)), None

    return lax.scan(step, (key, x), None, length=9)[0][1]


def folded(key, x):
    return lax.fori_loop(0, 9, lambda i, x: x + random.normal(random.fold_in(key, i), x.shape), x)


def paths(keys, x):
    return cujax.vmap(walk)(keys, x)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("function", [noisy, from_an_interval, walk, folded])
def test_one_kernel_reads_a_key_and_writes_one_array(function, language):
    tape = traced(function)
    (step,) = generated(tape, language).steps
    assert isinstance(step, Kernel) and [v.aval.dtype for v in step.writes] == [np.float32]
    assert {v.aval.str_short() for v in step.reads} == {"key<fry>[]", f"f32[{N}]"}
    if getattr(select.selected().kernels, "language", None) == language:
        found = analyse(tape)
        assert (found.kernels, found.launches, found.temporary_bytes) == (1, 1, 0)
        assert found.bytes_moved == 8 + 2 * 4 * N


@pytest.mark.parametrize("language", LANGUAGES)
def test_many_paths_are_one_kernel(language):
    """Each lane walks by itself with a key of its own: no draw touches memory."""
    keys = random.split(random.key(0), N)
    (step,) = generated(cujax.jit(paths).trace(keys, jnp.zeros(N)).jaxpr.tape, language).steps
    assert {v.aval.str_short() for v in step.reads} == {f"key<fry>[{N}]", f"f32[{N}]"}
    assert [v.aval.str_short() for v in step.writes] == [f"f32[{N}]"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_split_keys_are_made_once(language):
    """Rather than hashed again for every element; all draws are one kernel still."""
    keys, draws = generated(traced(split_many_ways), language).steps
    assert [v.aval.str_short() for v in keys.writes] == ["key<fry>[2]"]
    assert [v.aval.str_short() for v in draws.writes] == [f"f32[{N}]"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_reductions_draw_as_they_go(language):
    (step,) = generated(traced(sum_of_squares), language).steps
    assert [v.aval.str_short() for v in step.reads] == ["key<fry>[]"]


def traced(function):
    return cujax.jit(function).trace(random.key(0), jnp.zeros(N)).jaxpr.tape
