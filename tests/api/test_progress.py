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


def test_a_line_where_there_is_no_tqdm(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    cujax.progress(lax.fori_loop, every=2, description="heat")(0, 4, lambda i, x: x + 1, 0)
    cujax.effects_barrier()
    assert capsys.readouterr().err == "\rheat: 2 of 4 steps\rheat: 4 of 4 steps\n"


def test_errors():
    with pytest.raises(TypeError, match=r"progress takes lax\.fori_loop or lax\.scan, got while_loop"):
        cujax.progress(lax.while_loop)
    with pytest.raises(ValueError, match="every must be at least 1 step, got 0"):
        cujax.progress(lax.scan, every=0)
