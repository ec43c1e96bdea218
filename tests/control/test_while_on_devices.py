"""`while_loop` in steps on a device: it is seldom waited for, and steps that are too many change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import emulated_backend, why_not

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.control import while_loop

pytestmark = pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")

X = np.random.default_rng(0).random(333, np.float32)  # more than a lane holds


@pytest.fixture
def waits(monkeypatch):
    """How often a condition has been read, in the list's one element."""
    count = [0]

    def read(value):
        count[0] += isinstance(value, (np.ndarray, np.generic))
        return bool(value)

    monkeypatch.setattr(while_loop, "bool", read, raising=False)
    return count


def moved(x, n):
    """A loop that mixes lanes, for `n` steps."""
    def step(state):
        k, x = state
        return k + 1, jnp.roll(x, 1) * 0.5 + x * 0.5

    return lax.while_loop(lambda s: s[0] < n, step, (0, x))


def on_device(function, *args):
    with emulated_backend():
        return [np.asarray(a) for a in cujax.tree.leaves(cujax.jit(lambda *xs: function(*xs))(*args))]


@pytest.mark.parametrize("n", [0, 1, 2, 7, 300])
def test_values(n, waits):
    k, x = on_device(moved, X, n)
    expected = X
    for _ in range(n):
        expected = np.roll(expected, 1) * np.float32(0.5) + expected * np.float32(0.5)
    assert k == n
    np.testing.assert_allclose(x, expected, rtol=1e-4)
    assert 1 <= waits[0] <= min(n, 4 + int(5 * np.log(n + 1))) + 1


def test_a_loop_of_many_is_waited_for_as_seldom(waits):
    def step(state):
        k, x = state
        return k + 1, jnp.cumsum(x)[::-1] / 40

    def one(n):
        return lax.while_loop(lambda s: s[0] < n, step, (0, jnp.ones(300)))

    counts = np.array([0, 1, 150, 3], np.int32)
    found, _ = on_device(lambda n: cujax.vmap(one)(n), counts)
    np.testing.assert_array_equal(found, counts)
    assert 0 < waits[0] < 40


def test_not_where_a_step_too_many_might_never_end(waits):
    def step(state):
        k, x = state
        x, _ = lax.while_loop(lambda s: s[1] != k, lambda s: (jnp.roll(s[0], 1), s[1] + 1), (x, 0))
        return k + 1, x

    k, _ = on_device(lambda x: lax.while_loop(lambda s: s[0] < 20, step, (0, x)), X)
    assert k == 20 and waits[0] >= 21


def test_not_where_a_step_too_many_is_seen(waits):
    seen = []

    def step(state):
        k, x = state
        cujax.debug.callback(lambda k: seen.append(int(k)), k)
        return k + 1, jnp.roll(x, 1)

    on_device(lambda x: lax.while_loop(lambda s: s[0] < 20, step, (0, x)), X)
    assert sorted(seen) == list(range(20)) and waits[0] == 21


def test_not_where_a_step_takes_longer_than_to_wait(waits):
    large = np.zeros((1 << 22) + 1, np.float32)
    on_device(lambda x: lax.while_loop(lambda s: s[0] < 3, lambda s: (s[0] + 1, jnp.roll(s[1], 1)), (0, x)), large)
    assert waits[0] == 4
