"""Lanes that keep large values in arrays of their own: values against JAX and against lanes that keep variables."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import EmulatorTarget, emulated_backend
from test_lanes import OURS, check, draw, leaves, steps

import cujax
from cujax.engine.compiler import lane_region, lanes
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.rolled_lanes import RolledProgram

pytestmark = pytest.mark.usefixtures("x64", "always_lanes")


def row(m, x, n=12):
    """Numbers from -0.4 to 0.6, without a function that scalars and vectors round differently."""
    v = m.np.arange(1.0, n + 1) * 0.37 * x
    return v - m.np.floor(v) - 0.4


def matrix(m, x, n=4):
    return row(m, x, n * n).reshape(n, n)


def over_lanes(body, start=row, length=3):
    def program(m, x):
        return m.api.vmap(lambda x: m.lax.fori_loop(0, length, lambda k, v: body(m, v, k), start(m, x)))(x)

    return program


def stepped(m, f, v, h=0.05):
    k1 = f(v)
    k2 = f(v + h / 2 * k1)
    return v + h / 6 * (k1 + 2 * k2 + f(v + h * k2))


def linear(m, v, k):
    a = m.np.sin(m.np.arange(144.0)).reshape(12, 12)
    return stepped(m, lambda v: a @ v, v)


def rolled(m, v, k):
    return stepped(m, lambda v: (m.np.roll(v, -1) - m.np.roll(v, 2)) * m.np.roll(v, 1) - v + 8.0, v)


def history(m, v, k):
    """The element written, and one read before and one after, stand at places that differ from lane to lane."""
    at = (v[0] * 5).astype(int) % 12
    before = v[at]
    v = v.at[at].set(before * 0.5 + k)
    return v.at[(at + 5) % 12].add(v[(at + 1) % 12] * 0.1 - before)


def window(m, v, k):
    part = m.lax.dynamic_slice(v, (k,), (5,))
    return m.lax.dynamic_update_slice(v, part[::-1] * 0.5, (k + 2,))


def strided(m, v, k):
    return v.at[1::3].multiply(0.5).at[:4].set(v[4:8])


def outside(m, v, k):
    return v.at[m.np.array([3, 40, -1, 3])].add(v[:4], mode="drop") * 0.7


def joined(m, v, k):
    return m.np.concatenate([v[6:] * 0.5, v[:2], m.np.tanh(v[2:6])])


def padded(m, v, k):
    return v * 0.5 + m.np.pad(m.np.sin(v[2:9]), (2, 3))


def stacked(m, v, k):
    return m.np.stack([v[0] - v[1], *[v[i] * 0.3 for i in range(1, 11)], v.sum()])


def reduced(m, v, k):
    centered = v - v.mean()
    return centered / (1 + m.np.max(abs(centered))) + m.np.argmax(v) * 0.1 + (v > 0).any() + (v > 0).sum()


def ordered(m, v, k):
    return m.np.sort(v) * 0.5 + m.np.cumsum(v[::-1]) * 0.1


def chosen(m, v, k):
    return m.lax.cond(v[3] > 0, lambda v: m.np.sin(v).at[3].add(-0.2), lambda v: m.np.roll(v, 1) * 0.5, v)


def inner(m, v, k):
    v, ys = m.lax.scan(lambda v, t: (m.np.roll(v, 1) * 0.9 + t, v[:3] * t), v, m.np.arange(4.0))
    return v + ys.sum()


def called(m, v, k):
    """What a call makes of the array as it was, read after it has changed."""
    doubled = m.api.checkpoint(lambda v: 2 * v)(v)
    shifted = m.api.checkpoint(lambda v: v - 1)(doubled)
    return v.at[k + 2].set(0.3).at[0].add(doubled[k + 2] * 0.1).at[1].add(shifted[k + 2])


def noise(m, v, k):
    return m.np.roll(v, 1) + m.random.normal(m.random.fold_in(m.random.key(3), k), (12,))


def product(m, b, k):
    return b @ b * 0.3 + m.np.eye(4)


def both(m, b, k):
    return m.np.einsum("ij,jk,lk->il", b, b, b) * 0.1 + m.np.trace(b) + b.T


def system(m, b, k):
    return m.np.linalg.solve(b + 3 * m.np.eye(4), b) * 0.5


def swapped(m, x):
    def one(x):
        def step(k, s):
            a, b, n = s
            return b * 0.9 + n, a + m.np.roll(b, 1), a.sum() * 0.01

        return m.lax.fori_loop(0, 4, step, (row(m, x), row(m, 2 * x), x))

    return m.api.vmap(one)(x)


def until(m, x):
    """Lanes leave at different steps, and keep what they had."""
    def one(x):
        def step(s):
            v, n = s
            return m.np.roll(v, 1).at[n % 12].set(0.1) * 0.8, n + 1

        return m.lax.while_loop(lambda s: (s[0] ** 2).sum() > x * 0.1 + 0.05, step, (row(m, x), 0))

    return m.api.vmap(one)(x)


def trajectory(m, x):
    def one(x, rows):
        return m.lax.scan(lambda v, r: (m.np.roll(v, 1) * 0.9 + m.np.sin(r * v), (v[::-1], v.sum())), row(m, x), rows)

    return m.api.vmap(one)(x, x[:, None, None] * m.np.arange(60.0).reshape(5, 12) * 0.02)


def tables(m, x):
    """A matrix for each lane, read in every step."""
    def one(x):
        a = m.np.cos(m.np.arange(144.0).reshape(12, 12) * x)
        return m.lax.fori_loop(0, 4, lambda k, v: m.np.tanh(a @ v), row(m, x))

    return m.api.vmap(one)(x)


def last_axis(m, x):
    start = m.np.stack([x * i for i in range(11)])
    return m.lax.fori_loop(0, 3, lambda k, v: m.np.roll(v, 1, 0) * 0.5 + m.np.cos(v), start)


def gradient(m, x):
    def loss(x):
        v, ys = trajectory(m, x)
        return (v ** 2).sum() + (ys[0] * ys[1][..., None]).sum()

    return m.api.grad(loss)(x)


def gradient_of_history(m, x):
    return m.api.grad(lambda x: (over_lanes(history)(m, x) ** 2).sum())(x)


def gradient_of_matrices(m, x):
    return m.api.grad(lambda x: (over_lanes(both, matrix)(m, x) ** 2).sum())(x)


def forward(m, x):
    return m.api.jvp(lambda x: over_lanes(rolled)(m, x), (x,), (m.np.ones_like(x),))


ROWS = (
    linear, rolled, history, window, strided, outside, joined, padded, stacked, reduced, ordered, chosen, inner, called,
    noise,
)
PROGRAMS = {
    **{f.__name__: over_lanes(f) for f in ROWS},
    **{f.__name__: over_lanes(f, matrix) for f in (product, both, system)},
    **{f.__name__: f for f in (swapped, until, trajectory, tables, last_axis, gradient, gradient_of_history,
                               gradient_of_matrices, forward)},
}
# a few for each kind of statement: the suite has little time
ON_DEVICES = ("linear", "history", "window", "reduced", "ordered", "chosen", "inner", "system", "until", "gradient")
WITHOUT_FUNCTIONS = ("linear", "rolled", "history", "window", "stacked", "both", "swapped", "gradient_of_history")


@pytest.fixture
def always_arrays(monkeypatch):
    monkeypatch.setattr(lane_region, "MOST_UNROLLED", 0)


def values(function, x):
    return leaves(cujax.tree.leaves(cujax.jit(lambda x: function(OURS, x))(x)))


@pytest.mark.parametrize("name", PROGRAMS)
def test_values(name, always_arrays):
    check(PROGRAMS[name], draw(21) / 10)


@pytest.mark.parametrize("name", ON_DEVICES)
def test_values_on_a_device(name, always_arrays):
    with emulated_backend(EmulatorTarget(find_races=True)):
        check(PROGRAMS[name], draw(5) / 10)


def test_an_axis_of_lanes_is_as_long_as_an_array(always_arrays):
    def program(m, x):
        rows = m.np.outer(x, m.np.arange(1.0, 13)).reshape(-1, 1, 12) + m.np.arange(12.0)[:, None]
        def turned(v):
            return m.lax.fori_loop(0, 3, lambda k, v: m.np.roll(v, 1) * 0.5 + v.sum(), v)

        return m.api.vmap(m.api.vmap(turned))(rows)

    with emulated_backend():
        check(program, draw(5) / 10)


@pytest.mark.parametrize("length, is_kernel", [(1000, True), (3000, False)])
def test_what_a_device_sets_aside_for_each_thread_is_limited(length, is_kernel):
    program = over_lanes(lambda m, v, k: m.np.roll(v, 1) * 0.5 + v.sum(), lambda m, x: row(m, x, length))
    assert not steps(program, draw(3), "host").mixed
    assert bool(steps(program, draw(3), "cuda").mixed) != is_kernel


@pytest.mark.parametrize("name", WITHOUT_FUNCTIONS)
def test_the_bits_are_those_of_variables(name, monkeypatch):
    x = draw(21) / 10
    written_out = values(PROGRAMS[name], x)
    monkeypatch.setattr(lane_region, "MOST_UNROLLED", 0)
    for a, b in zip(values(PROGRAMS[name], x), written_out, strict=True):
        np.testing.assert_array_equal(a, b)


def test_budgets_decide_how_a_loop_runs_and_not_what_it_gives(monkeypatch):
    """Values of a lane in variables, in arrays, and then no lanes at all."""
    x = draw(21) / 10
    in_variables = values(PROGRAMS["rolled"], x)
    for module, name, most, has_lanes in ((lane_region, "MOST_UNROLLED", 0, True), (lanes, "MOST_IN_ARRAY", 11, False)):
        monkeypatch.setattr(module, name, most)
        assert bool(steps(PROGRAMS["rolled"], x).mixed) != has_lanes
        for a, b in zip(values(PROGRAMS["rolled"], x), in_variables, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-13)


@pytest.mark.parametrize("name", PROGRAMS)
def test_there_are_arrays(name, always_arrays):
    plan = steps(PROGRAMS[name], draw(21) / 10)
    assert not plan.mixed
    regions = [s for s in plan.steps if isinstance(s, LaneRegion)]
    assert regions and all(isinstance(r.program, RolledProgram) for r in regions)
    assert any(r.program.arrays for r in regions)


@pytest.mark.parametrize("n, is_rolled", [(4, False), (16, True)])
def test_arrays_are_for_what_is_long_to_write_out(n, is_rolled):
    """A system of 16 equations: compiled in a second instead of ten."""
    def system(m, x):
        a = m.np.cos(m.np.arange(float(n * n))).reshape(n, n)
        return over_lanes(lambda m, v, k: stepped(m, lambda v: a @ v, v), lambda m, x: row(m, x, n))(m, x)

    (region,) = [s for s in steps(system, draw(21)).steps if isinstance(s, LaneRegion)]
    assert isinstance(region.program, RolledProgram) == is_rolled


def test_an_element_at_a_computed_place_is_one_access():
    program = over_lanes(history, lambda m, x: row(m, x, 64))
    (region,) = [s for s in steps(program, draw(21)).steps if isinstance(s, LaneRegion)]
    assert isinstance(region.program, RolledProgram)
    assert len({a.name for a in region.program.arrays}) == 1 and region.size < 100
