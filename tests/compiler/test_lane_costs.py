"""Loops are lanes, or kernels for each step, whichever takes less time."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
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


def rod(u, steps=9):
    def step(u, _):
        return u + 0.1 * (jnp.roll(u, 1) + jnp.roll(u, -1) - 2 * u), u[0]

    return lax.scan(step, u, None, length=steps)


def pulse_on_a_line(e):
    """Electric and magnetic fields in one dimension, and a source."""

    def step(c, t):
        e, h = c
        h = h + 0.5 * (jnp.roll(e, -1) - e)
        e = (e + 0.5 * (h - jnp.roll(h, 1))).at[9].add(jnp.sin(0.1 * t))
        return (e, h), e[5]

    return lax.scan(step, (e, 0 * e), jnp.arange(9.0))


def rod_until_it_is_cold(u):
    def step(c):
        u, t = c
        dt = 0.1 / jnp.max(jnp.abs(u))
        return u + dt * (jnp.roll(u, 1) + jnp.roll(u, -1) - 2 * u), t + dt

    return lax.while_loop(lambda c: c[1] < 1.0, step, (u, jnp.float32(0)))


def reservoir(u, steps=9):
    n = len(u)
    w = jnp.sin(jnp.arange(n * n, dtype=np.float32)).reshape(n, n) / n

    def step(u, _):
        return jnp.tanh(w @ u + 0.1), u[0]

    return lax.scan(step, u, None, length=steps)


def with_a_loop_along_its_points(u):
    """As kernels each step would be a thousand of them."""

    def step(u, _):
        _, v = lax.scan(lambda before, x: (0.5 * (before + x), 0.5 * (before + x)), jnp.float32(0), u)
        return v, None

    return lax.scan(step, u, None, length=9)


def points(lanes, n):
    return np.random.default_rng(n).uniform(0.5, 1, (lanes, n)).astype(np.float32)


# What, lanes, points of each; whether kernels on a CPU, and on a GPU.
LONG = {
    "two rods": (rod, 2, 1000, True, True),
    "rods for a vector": (rod, 16, 1000, False, True),
    "four lines": (pulse_on_a_line, 4, 500, True, False),
    "two short rods": (rod, 2, 40, False, False),
    "many short rods": (rod, 1000, 40, False, False),
    "two short rods until they are cold": (rod_until_it_is_cold, 2, 400, True, False),
    "two rods until they are cold": (rod_until_it_is_cold, 2, 1000, True, True),
    "two reservoirs": (reservoir, 2, 200, True, True),
    "many reservoirs": (reservoir, 64, 200, True, True),
    "small reservoirs": (reservoir, 16, 40, False, False),
    "loops along their points": (with_a_loop_along_its_points, 2, 1000, False, False),
}


def common_noise(p):
    """Every ensemble of 96 has the same random numbers, made of the keys that the loop goes through."""
    keys = cujax.random.split(cujax.random.key(0), 9)

    def step(p, key):
        return 0.9 * p + 0.1 * cujax.random.normal(key, (LANES // 8,)), None

    return lax.scan(step, p.reshape(8, -1), keys)


SHARING = {
    "a scan": thermostat, "a while loop": within_a_while_loop, "a branch in a scan": within_a_branch,
    "common noise": common_noise,
}


def lanes_of(function, language, p=P):
    tape = optimized(cujax.make_jaxpr(function)(p).tape)
    return [s.lanes.number for s in make_plan(tape, language).steps if isinstance(s, LaneRegion)]


@pytest.mark.parametrize("name", SHARING)
def test_what_is_the_same_for_all_is_done_once(name, request):
    function = SHARING[name]
    assert lanes_of(function, "host") == []
    assert lanes_of(function, "cuda") == [LANES]
    found = cujax.jit(lambda p: function(p))(P)
    request.getfixturevalue("always_lanes")
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


@pytest.mark.parametrize("name", LONG)
def test_long_lanes_are_kernels(name, request):
    function, lanes, n, on_host, on_cuda = LONG[name]
    u, batched = points(lanes, n), cujax.vmap(function)
    assert lanes_of(batched, "host", u) == ([] if on_host else [lanes])
    assert lanes_of(batched, "cuda", u) == ([] if on_cuda else [lanes])
    found = cujax.jit(lambda u: batched(u))(u)
    request.getfixturevalue("always_lanes")
    expected = cujax.jit(lambda u: batched(u))(u)
    assert lanes_of(batched, "host", u) == [lanes]
    for a, b in zip(cujax.tree.leaves(found), cujax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("language, why", [
    ("host", "2 lanes do not fill the vectors"), ("cuda", "one after the other"),
])
def test_it_is_said_why_long_lanes_are_not(language, why):
    (_, mixed), = make_plan(optimized(cujax.make_jaxpr(cujax.vmap(rod))(points(2, 1000)).tape), language).mixed.items()
    assert why in mixed.reason
