"""Loops and branches as one kernel: values against JAX on every target, and how many kernels there are."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from emulator import EmulatorTarget, emulated_backend

import cujax
from cujax.engine.backends.select import selected
from cujax.engine.compiler.delayed_sums import running_sums
from cujax.engine.compiler.lane_region import LaneRegion
from cujax.engine.compiler.lanes import Mixed
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.plan import make_plan
from cujax.engine.core.recording import record_pure
from cujax.engine.core.trace import aval_of

pytestmark = pytest.mark.usefixtures("x64", "always_lanes")

OURS = SimpleNamespace(api=cujax, np=cujax.numpy, lax=cujax.lax, random=cujax.random)
THEIRS = SimpleNamespace(api=jax, np=jax.numpy, lax=jax.lax, random=jax.random)


def lorenz(m, u, rho):
    x, y, z = u
    return m.np.stack([10.0 * (y - x), x * (rho - z) - y, x * y - 8 / 3 * z])


def rk4(m, u, rho, h=0.01):
    k1 = lorenz(m, u, rho)
    k2 = lorenz(m, u + h / 2 * k1, rho)
    k3 = lorenz(m, u + h / 2 * k2, rho)
    return u + h / 6 * (k1 + 2 * k2 + 2 * k3 + lorenz(m, u + h * k3, rho))


def ensemble(m, rho):
    def one(rho):
        return m.lax.fori_loop(0, 20, lambda i, u: rk4(m, u, rho), m.np.array([1.0, 0.0, 0.0]))

    return m.api.vmap(one)(rho)


def ensemble_last(m, rho):
    """Three arrays over the lanes."""
    ones = m.np.ones_like(rho)
    start = m.np.stack([ones, ones, ones])
    return m.lax.fori_loop(0, 20, lambda i, u: rk4(m, u, rho), start)


def trajectory(m, rho):
    return m.lax.scan(lambda u, t: (u + 0.1 * m.np.sin(u * rho) * t, u), rho, m.np.arange(9.0))


def of_xs_alone(m, x):
    """What a step stacks without reading the carry: of every lane's own xs, and of all xs together."""
    def one(x):
        rows = m.np.arange(1.0, 10.0)[:, None] * m.np.array([x, 1.0, x])
        return m.lax.scan(lambda c, r: (c * 0.9 + r.sum(), (m.np.sin(r), r[0] * r[1], c)), x, rows)

    steps = m.np.outer(m.np.arange(3.0), x)
    return m.api.vmap(one)(x), m.lax.scan(lambda c, r: (c * 0.5 + r, m.np.roll(r, 1)), x, steps)


def backwards(m, x):
    return m.lax.scan(lambda c, row: (c * 0.9 + row, c - row), x[0], m.np.stack([x, 2 * x, 3 * x])[:, 0], reverse=True)


def nested(m, w):
    def outer(c, x):
        return m.lax.scan(lambda d, y: (d * 0.5 + y * x, d + 1), c, m.np.arange(3.0))

    return m.lax.scan(outer, w, m.np.arange(4.0))


def collatz(m, n):
    def one(n):
        def step(s):
            value, count = s
            return m.lax.cond(value % 2 == 0, lambda v: v // 2, lambda v: 3 * v + 1, value), count + 1

        return m.lax.while_loop(lambda s: s[0] != 1, step, (n, 0))[1]

    return m.api.vmap(one)(m.np.abs(n * 7).astype(int) + 1)


def kepler(m, e):
    def one(e):
        def more(s):
            return (m.np.abs(s[1]) > 1e-12) & (s[2] < 50)

        def newton(s):
            at, _, n = s
            change = (at - e * m.np.sin(at) - 1.3) / (1 - e * m.np.cos(at))
            return at - change, change, n + 1

        return m.lax.while_loop(more, newton, (1.3, 1.0, 0))

    return m.api.vmap(one)(e / 30)


def loops_in_branches(m, x):
    def one(i, x):
        def summed(v):
            return m.lax.fori_loop(0, i, lambda k, y: y * 0.9 + k, v)

        def raised(v):
            return m.lax.while_loop(lambda y: y < 9, lambda y: y + 2, v)

        return m.lax.switch(i % 3, [summed, lambda v: v * 2, raised], x)

    return m.api.vmap(one)(m.np.arange(len(x)), x)


def dynamic(m, x):
    def one(x):
        def step(i, a):
            return m.lax.dynamic_update_index_in_dim(a, a[i % 4] * 2 + a[(i + 1) % 4], i % 4, 0)

        return m.lax.fori_loop(0, 6, step, m.np.array([1.0, 2.0, 3.0, 4.0]) * x)

    return m.api.vmap(one)(x)


def table(m, x):
    values = m.np.sin(m.np.arange(100.0))
    return m.lax.fori_loop(0, 5, lambda i, v: values[(v * 10).astype(int) % 100] + v * 0.5, x)


def walk(m, x):
    def one(key):
        return m.lax.scan(lambda c, k: (c + m.random.normal(k), c), 0.0, m.random.split(key, 6))

    return m.api.vmap(one)(m.random.split(m.random.key(3), len(x)))


def matrices(m, x):
    a = m.np.sin(m.np.arange(9.0)).reshape(3, 3)
    return m.api.vmap(lambda s: m.lax.fori_loop(0, 4, lambda i, b: b @ a * 0.3 + s, a))(x)


def alone(m, x):
    return m.lax.fori_loop(0, 30, lambda i, v: 3.7 * v * (1 - v), x[0] / 100)


def grid(m, x):
    return m.lax.fori_loop(0, 5, lambda i, v: m.np.sin(v) + i, x[:, None] * m.np.arange(4.0))


def not_first(m, x):
    """The lane axis comes second."""
    return m.lax.fori_loop(0, 5, lambda i, v: v[::-1] * 0.5 + v, m.np.stack([x, x * 2, -x]))


def gradient(m, x):
    return m.api.grad(lambda r: trajectory(m, r)[0].sum() + (trajectory(m, r)[1] ** 2).sum())(x)


def shared_gradient(m, x):
    def last(r):
        return m.lax.scan(lambda u, t: (u + 0.1 * m.np.sin(u * r) * t, u), x, m.np.arange(9.0))[0].sum()

    return m.api.grad(last)(2.0)


def sum_in_parts(m, x):
    """A running sum over the lanes of which each step also stacks a part: it has to be taken in every step."""
    def step(state, t):
        total, u = state
        part = total + (u * t).sum()
        return (part + m.np.sin(u).sum(), u * 0.9), part

    return m.lax.scan(step, (0.0, x), m.np.arange(5.0))


def nested_gradient(m, x):
    return m.api.grad(lambda w: nested(m, w)[1].sum() + (nested(m, w)[0] ** 2).sum())(x)


def stacked_and_read(m, x):
    """Each lane reads what its inner loop stacks: in order, backwards, and one element at a computed place."""
    def outer(c, t):
        last, ys = m.lax.scan(lambda d, y: (d * 0.5 + y, d), c, m.np.arange(5.0))
        back, _ = m.lax.scan(lambda d, y: (d * 0.9 + y, None), last, ys, reverse=True)
        return back * 0.1 + ys[(t * 3).astype(int) % 5], last

    return m.lax.scan(outer, x, m.np.arange(4.0))


def checkpointed(m, x):
    def segment(c, t):
        return m.lax.scan(lambda d, y: (d + 0.1 * m.np.sin(d * y), None), c, m.np.arange(5.0))[0] + t, None

    return m.api.grad(lambda x: m.lax.scan(m.api.checkpoint(segment), x, m.np.arange(4.0))[0].sum())(x)


def forward(m, x):
    return m.api.jvp(lambda v: kepler(m, v)[0], (x,), (m.np.ones_like(x),))


# a program and how many of its kernels are lane programs
PROGRAMS = {
    ensemble: 1, ensemble_last: 1, trajectory: 1, backwards: 1, nested: 1, collatz: 1, kepler: 1, loops_in_branches: 1,
    dynamic: 1, table: 1, walk: 1, matrices: 1, alone: 1, grid: 1, not_first: 1, gradient: 4, shared_gradient: 2,
    nested_gradient: 3, of_xs_alone: 2, stacked_and_read: 1, checkpointed: 1, forward: 1,
}
SIZES = (1, 7, 33, 70)


def draw(size):
    return np.linspace(0.3, 25.0, size)


def leaves(tree):
    return [np.asarray(x) for x in jax.tree.leaves(tree)]


def check(function, x, rtol=1e-9):
    expected = leaves(jax.jit(lambda x: function(THEIRS, x))(x))
    found = leaves(cujax.tree.leaves(cujax.jit(lambda x: function(OURS, x))(x)))
    for a, b in zip(found, expected, strict=True):
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=1e-9)


def steps(function, x, language="host"):
    tape = record_pure(lambda x: cujax.tree.leaves(function(OURS, x)), [aval_of(cujax.numpy.asarray(x))], "f")
    return make_plan(optimized(tape), language)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("function", PROGRAMS)
def test_values(function, size):
    check(function, draw(size))


@pytest.mark.parametrize("function", PROGRAMS)
def test_values_on_a_device(function):
    with emulated_backend(EmulatorTarget(find_races=True)):
        check(function, draw(7))


@pytest.mark.parametrize("function", PROGRAMS)
@pytest.mark.parametrize("language", ["host", "cuda"])
def test_kernels(function, language):
    plan = steps(function, draw(33), language)
    assert not plan.mixed
    assert sum(isinstance(s, LaneRegion) for s in plan.steps) == PROGRAMS[function]


@pytest.mark.skipif(selected().kernels is None, reason="there is no compiler here, so there are no kernels")
def test_an_ensemble_is_one_kernel_that_reads_and_writes_once():
    compiled = cujax.jit(lambda rho: ensemble(OURS, rho)).lower(draw(1000)).compile()
    analysis = compiled.memory_analysis()
    assert (analysis.kernels, analysis.launches) == (1, 1)
    assert analysis.bytes_moved == 8 * (1000 * (1 + 3) + 3)


def test_each_lane_leaves_by_itself():
    counts = np.array([0, 1, 100_000, 3, 7, 0, 20] * 10)

    def one(n):
        return cujax.lax.while_loop(lambda s: s[0] < n, lambda s: (s[0] + 1, s[1] + 1.0 / (s[0] + 1)), (0, 0.0))

    found, sums = cujax.jit(cujax.vmap(one))(counts)
    np.testing.assert_array_equal(found, counts)
    np.testing.assert_allclose(sums, [np.sum(1 / np.arange(1, n + 1)) for n in counts])


def test_a_lane_of_nan_disturbs_no_other():
    x = draw(40)
    clean = np.asarray(cujax.jit(lambda x: kepler(OURS, x)[0])(x))
    x[[3, 17, 38]] = np.nan
    found = np.asarray(cujax.jit(lambda x: kepler(OURS, x)[0])(x))
    assert np.isnan(found[[3, 17, 38]]).all()
    others = np.setdiff1d(np.arange(40), [3, 17, 38])
    np.testing.assert_array_equal(found[others], clean[others])


def stencil(m, x):
    return m.lax.fori_loop(0, 5, lambda i, v: v + 0.1 * (m.np.roll(v, 1) - v), x)


def mean_field(m, x):
    return m.lax.fori_loop(0, 5, lambda i, v: v + 0.1 * (v.mean() - v), x)


def large_matrix(m, x):
    a = m.np.sin(m.np.arange(float(len(x) ** 2))).reshape(len(x), len(x))
    return m.lax.fori_loop(0, 5, lambda i, v: m.np.tanh(a @ v), x)


def test_a_sum_that_a_step_reads_is_not_delayed():
    tape = record_pure(lambda x: cujax.tree.leaves(sum_in_parts(OURS, x)), [aval_of(cujax.numpy.ones(500))], "f")
    (loop,) = [e for e in optimized(tape).eqns if e.primitive.name == "scan"]
    assert running_sums(optimized(loop.params["tape"]), loop.params["num_consts"], loop.params["num_carry"]) == []
    check(sum_in_parts, draw(500))


@pytest.mark.parametrize("function, reason", [
    (stencil, "slice mixes its elements along axis 0"),
    (mean_field, "reduce_sum mixes its elements along axis 0"),
    (large_matrix, "dot_general mixes its elements along axis 0"),
])
def test_what_mixes_lanes_runs_in_steps(function, reason):
    plan = steps(function, draw(500))
    (error,) = plan.mixed.values()
    assert isinstance(error, Mixed) and reason in error.reason and "test_lanes.py" in str(error.line)
    check(function, draw(500))


def test_no_lanes_at_all():
    check(kepler, np.zeros(0))
    check(trajectory, np.zeros(0))


def test_a_single_lane_is_not_written_out_at_length():
    def coupled(m, x):
        def step(i, v):
            for k in range(4):
                v = m.np.tanh(m.np.roll(v, 1) * v + m.np.sin(v) / (k + v * v))
            return v

        return m.lax.fori_loop(0, 3, step, x)

    assert not steps(coupled, draw(4)).mixed
    (error,) = steps(coupled, draw(64)).mixed.values()
    assert "operations" in error.reason
    check(coupled, draw(64))


def many_operations(m, x):
    def step(i, v):
        for k in range(800):
            v = m.np.sin(v) * (k + 1.5) + m.np.cos(v) - m.np.sqrt(abs(v)) * v + k
            v = v / (1 + abs(v))
        return v

    return m.lax.fori_loop(0, 2, step, x)


def test_a_step_too_long_for_one_kernel_runs_in_steps():
    plan = steps(many_operations, draw(5))
    (error,) = plan.mixed.values()
    assert "operations" in error.reason


def copies_of_what_is_read(m, x):
    rows = m.np.arange(3.0)[:, None] * x
    return m.lax.scan(lambda v, row: (v + row[0], row[:400]), x, rows)


def test_results_that_every_lane_would_write_run_in_steps():
    plan = steps(copies_of_what_is_read, draw(500))
    (error,) = plan.mixed.values()
    assert "each lane would write 400 elements" in error.reason
    check(copies_of_what_is_read, draw(500))
