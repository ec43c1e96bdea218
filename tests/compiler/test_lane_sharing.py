"""Loops whose lanes would mostly do the same are several kernels on a CPU, and one on a GPU."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.compiler import plan as planning
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.plan import make_plan

LANES = 768
P = np.linspace(-1, 1, LANES, dtype=np.float32)


def friction(s):
    """Of a chain of thermostats: the same for all particles."""
    a, b, c = s
    for _ in range(4):
        a, b, c = a * jnp.exp(-b) + 0.1, b * jnp.exp(-c) + a * a, c / (1 + jnp.tanh(c * a))
    return a, b, c


def thermostat(p, steps=9):
    def step(c, _):
        p, s = c
        s = friction(s)
        return (p * jnp.exp(-0.01 * s[0]), s), s[1]

    return lax.scan(step, (p, (1.0, 0.5, 0.2)), None, length=steps)


def within_a_while_loop(p):
    def step(c):
        p, s, i = c
        s = friction(s)
        return p * jnp.exp(-0.01 * s[0]), s, i + 1

    return lax.while_loop(lambda c: (c[2] < 9) & (c[1][0] < 100), step, (p, (1.0, 0.5, 0.2), 0))


def within_a_branch(p):
    def step(c, k):
        p, s = c
        s = lax.cond(k > 3, friction, lambda s: (s[1], s[0], s[2]), s)
        return (p * jnp.exp(-0.01 * s[0]), s), None

    return lax.scan(step, (p, (1.0, 0.5, 0.2)), jnp.arange(9))


def ensemble(p):
    """Each lane has numbers of its own; the time is the same for all."""

    def step(c, _):
        p, t = c
        for _ in range(4):
            p = p - 0.1 * jnp.sin(p + t)
        return (p, t + 0.1), None

    return lax.scan(step, (p, 0.0), None, length=9)


SHARING = {"a scan": thermostat, "a while loop": within_a_while_loop, "a branch in a scan": within_a_branch}


def lanes_of(function, language, p=P):
    tape = optimized(cujax.make_jaxpr(function)(p).tape)
    return [s.lanes.number for s in make_plan(tape, language).steps if isinstance(s, LaneRegion)]


@pytest.mark.parametrize("name", SHARING)
def test_what_is_the_same_for_all_is_done_once(name, monkeypatch):
    function = SHARING[name]
    assert lanes_of(function, "host") == []
    assert lanes_of(function, "cuda") == [LANES]
    found = cujax.jit(lambda p: function(p))(P)
    monkeypatch.setattr(planning, "repeats_itself", lambda eqn, lanes: False)
    expected = cujax.jit(lambda p: function(p))(P)
    assert lanes_of(function, "host") == [LANES]
    for a, b in zip(cujax.tree.leaves(found), cujax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=3e-6)


def test_it_is_said_why():
    (_, why), = make_plan(optimized(cujax.make_jaxpr(thermostat)(P).tape), "host").mixed.items()
    assert "the same for all lanes" in why.reason


@pytest.mark.parametrize("function, p", [
    (ensemble, P), (thermostat, P[:8]), (lambda p: thermostat(p)[0][0].sum(), P[:1]),
], ids=["lanes of their own", "few lanes", "one lane"])
def test_others_are_lanes(function, p):
    assert lanes_of(function, "host", p) == [p.size]
