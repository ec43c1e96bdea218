"""`progress`: results of the loop without it, and a bar that is moved after every piece."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.api import progress as module


class Recorded:
    """Stands in for tqdm."""

    def __init__(self, steps, description):
        self.n, self.steps, self.description, self.moves, self.is_closed = 0, steps, description, [], False

    def update(self, steps):
        self.n += steps
        self.moves.append(self.n)

    def close(self):
        self.is_closed = True


@pytest.fixture
def bars(monkeypatch):
    made = []

    def make(steps, description):
        made.append(Recorded(steps, description))
        return made[-1]

    monkeypatch.setattr(module, "_made", make)
    return made


@pytest.mark.parametrize("jit", [lambda f: f, cujax.jit])
@pytest.mark.parametrize("steps, every, moves", [(10, 4, [4, 8, 10]), (8, 4, [4, 8]), (3, 5, [3]), (250, None, 125)])
def test_fori_loop(bars, jit, steps, every, moves):
    def run(loop, x):
        return loop(2, 2 + steps, lambda i, x: x * 0.9 + i, x)

    watched = jit(lambda x: run(cujax.progress(lax.fori_loop, every=every, description="orbits"), x))
    for _ in range(2):
        np.testing.assert_allclose(watched(jnp.ones(3)), run(lax.fori_loop, jnp.ones(3)), rtol=1e-6)
        cujax.effects_barrier()
    assert [(b.steps, b.description, b.is_closed) for b in bars] == [(steps, "orbits", True)] * 2
    assert all(b.moves == moves if isinstance(moves, list) else len(b.moves) == moves for b in bars)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("steps, every", [(10, 4), (8, 4), (3, 5)])
def test_scan(bars, reverse, steps, every):
    def run(loop):
        xs = {"a": jnp.arange(steps) * 1.0, "b": jnp.ones((steps, 2))}
        return loop(lambda c, x: (c * 0.5 + x["a"], (c, x["b"] + c)), 1.0, xs, reverse=reverse)

    found = cujax.jit(lambda: run(cujax.progress(lax.scan, every=every)))()
    for a, b in zip(cujax.tree.leaves(found), cujax.tree.leaves(run(lax.scan)), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6)
    cujax.effects_barrier()
    assert bars[0].moves[-1] == steps and bars[0].is_closed


def test_pieces_are_lane_kernels():
    text = cujax.explain(lambda x: cujax.progress(lax.fori_loop)(0, 1000, lambda i, x: jnp.sin(x), x))(jnp.ones(99))
    assert "debug_callback acts on the outside in every step" in text
    assert "    scan of 10 steps" in text and "one kernel" in text


def test_gradient(bars):
    def last(x):
        return cujax.progress(lax.fori_loop, every=3)(0, 10, lambda i, x: jnp.sin(x), x)

    expected = cujax.grad(lambda x: lax.fori_loop(0, 10, lambda i, x: jnp.sin(x), x))(0.7)
    np.testing.assert_allclose(cujax.grad(last)(0.7), expected, rtol=1e-6)


@pytest.mark.parametrize("jit", [lambda f: f, cujax.jit])
@pytest.mark.parametrize("steps, every", [(10, 4), (8, 4), (3, 5)])
def test_states_are_saved(bars, jit, steps, every):
    def step(i, state):
        return state[0] * 0.9 + i, state[1] + 1

    start = (jnp.ones(3), 0)
    watched = jit(lambda s: cujax.progress(lax.fori_loop, every=every, save=True)(2, 2 + steps, step, s))
    state, saved = watched(start)
    np.testing.assert_allclose(state[0], lax.fori_loop(2, 2 + steps, step, start)[0], rtol=1e-6)
    assert saved[0].shape == (steps // every, 3) and saved[1].dtype == jnp.int32
    for k in range(steps // every):
        x, n = lax.fori_loop(2, 2 + (k + 1) * every, step, start)
        np.testing.assert_allclose(saved[0][k], x, rtol=1e-6)
        assert saved[1][k] == n == (k + 1) * every
    cujax.effects_barrier()
    assert bars[0].moves[-1] == steps and bars[0].is_closed


@pytest.mark.parametrize("jit", [lambda f: f, cujax.jit])
@pytest.mark.parametrize("bound, done", [(3, 4), (4, 4), (9, 10), (99, 10)])
def test_a_loop_may_end_early(bars, jit, bound, done):
    def stop(state):
        return state >= bound

    watched = jit(lambda s: cujax.progress(lax.fori_loop, every=4, stop=stop, save=True)(0, 10, lambda i, s: s + 1, s))
    for _ in range(2):
        state, saved = watched(0)
        assert state == done
        np.testing.assert_array_equal(saved, [4, 8 if done == 10 else 0])
        cujax.effects_barrier()
    assert [(b.moves[-1], b.is_closed) for b in bars] == [(done, True)] * 2


def test_the_gradient_of_a_loop_that_ends_early(bars):
    def last(x, loop):
        return loop(0, 10, lambda i, x: jnp.sin(x) + 0.3, x)

    early = cujax.progress(lax.fori_loop, every=3, stop=lambda x: x > 0.9)
    steps = next(n for n in (3, 6, 9, 10) if lax.fori_loop(0, n, lambda i, x: jnp.sin(x) + 0.3, 0.1) > 0.9 or n == 10)
    assert steps < 10
    expected = cujax.grad(lambda x: lax.fori_loop(0, steps, lambda i, x: jnp.sin(x) + 0.3, x))(0.1)
    np.testing.assert_allclose(cujax.grad(last)(0.1, early), expected, rtol=1e-6)


def test_without_a_bar_there_is_one_kernel(bars):
    loop = cujax.progress(lax.fori_loop, every=10, description=None, save=True)
    text = cujax.explain(cujax.vmap(lambda x: loop(0, 50, lambda i, x: jnp.sin(x), x)))(jnp.ones(99))
    assert "one kernel" in text and "steps\n" not in text
    assert not bars


def test_a_line_where_there_is_no_tqdm(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    cujax.progress(lax.fori_loop, every=2, description="heat")(0, 4, lambda i, x: x + 1, 0)
    cujax.effects_barrier()
    assert capsys.readouterr().err == "\rheat: 2 of 4 steps\rheat: 4 of 4 steps\n"


def test_errors():
    with pytest.raises(TypeError, match=r"progress takes lax\.fori_loop or lax\.scan, got while_loop"):
        cujax.progress(lax.while_loop)
    with pytest.raises(TypeError, match=r"save and stop are for lax\.fori_loop; of lax\.scan, return what to stack"):
        cujax.progress(lax.scan, save=True)
    with pytest.raises(ValueError, match="every must be at least 1 step, got 0"):
        cujax.progress(lax.scan, every=0)
