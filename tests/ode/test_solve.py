"""`ode.solve`: orders, tolerances, derivatives, batches; `odeint` against JAX."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax.experimental.ode import odeint as odeint_jax

import cujax
import cujax.numpy as jnp
from cujax.ode import odeint, solve
from cujax.ode.tableaus import METHODS

pytestmark = pytest.mark.usefixtures("x64")


def pendulum(t, y):
    angle, speed = y
    return speed, -jnp.sin(angle)


def decay(t, y, k):
    return -k * y + jnp.cos(t)


def decayed(t, k=2.0, y0=1.0):
    """The solution of `decay`."""
    particular = (k * np.cos(t) + np.sin(t)) / (k * k + 1)
    return particular + (y0 - k / (k * k + 1)) * np.exp(-k * t)


@pytest.mark.parametrize("name", METHODS)
def test_tables(name):
    """The conditions for the sums of rows, and those of the order by trees of one line."""
    a, b, c, e = METHODS[name].a, METHODS[name].b, METHODS[name].c, METHODS[name].e
    for row, at in zip(a, c, strict=True):
        assert sum(row) == pytest.approx(at, abs=1e-14)
    for power in range(METHODS[name].order):
        assert sum(w * at**power for w, at in zip(b, c, strict=True)) == pytest.approx(1 / (power + 1), abs=1e-13)
    assert sum(e) == pytest.approx(0, abs=1e-14)
    assert METHODS[name].is_fsal == (name != "rk4")


@pytest.mark.parametrize("name", METHODS)
def test_fixed_steps_converge_with_the_order(name):
    def error(dt):
        return abs(float(solve(decay, 1.0, 0.0, 2.0, args=(2.0,), method=name, dt=dt).ys) - decayed(2.0))

    order = np.log2(error(0.2) / error(0.1))
    assert METHODS[name].order - 0.3 < order < METHODS[name].order + 1.2


@pytest.mark.parametrize("name", ["tsit5", "dopri5", "bosh3"])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-7])
def test_adaptive_steps_meet_the_tolerance(name, tolerance):
    times = jnp.linspace(0.0, 5.0, 7)
    found = cujax.jit(lambda: solve(
        decay, 1.0, 0.0, 5.0, args=(2.0,), method=name, saveat=times, rtol=tolerance, atol=tolerance
    ))()
    np.testing.assert_allclose(found.ys, decayed(np.asarray(times)), atol=20 * tolerance)
    assert found.success and found.steps > 6


def test_backwards_in_time():
    there = solve(pendulum, (1.0, 0.0), 0.0, 3.0, rtol=1e-9, atol=1e-9).ys
    back = solve(pendulum, there, 3.0, 0.0, rtol=1e-9, atol=1e-9).ys
    np.testing.assert_allclose(back, (1.0, 0.0), atol=1e-7)


def test_complex_and_single_precision():
    found = solve(lambda t, y: 1j * y, jnp.complex64(1), 0.0, 1.0)
    assert found.ys.dtype == jnp.complex64
    np.testing.assert_allclose(found.ys, np.exp(1j), atol=1e-5)


def test_too_few_steps_are_told():
    found = solve(pendulum, (1.0, 0.0), 0.0, 100.0, rtol=1e-9, atol=1e-9, max_steps=3)
    assert not found.success


@pytest.mark.parametrize("options", [{}, {"dt": 0.01}])
def test_derivatives(options):
    def last(k):
        return solve(decay, 1.0, 0.0, 2.0, args=(k,), rtol=1e-9, atol=1e-9, max_steps=400, **options).ys

    expected = (decayed(2.0, 2 + 1e-5) - decayed(2.0, 2 - 1e-5)) / 2e-5
    np.testing.assert_allclose(cujax.jit(cujax.grad(last))(2.0), expected, rtol=1e-5)
    np.testing.assert_allclose(cujax.jit(cujax.jvp, static_argnums=0)(last, (2.0,), (1.0,))[1], expected, rtol=1e-5)


def test_a_batch_is_one_kernel_with_steps_of_its_own():
    k = jnp.linspace(0.5, 60.0, 50)
    run = cujax.jit(cujax.vmap(lambda k: solve(decay, 1.0, 0.0, 2.0, args=(k,))))
    found = run(k)
    np.testing.assert_allclose(found.ys, decayed(2.0, np.asarray(k)), atol=1e-4)
    assert len(set(found.steps.tolist())) > 5
    assert "runs in steps" not in cujax.explain(cujax.vmap(lambda k: solve(decay, 1.0, 0.0, 2.0, args=(k,))))(k)


def test_errors():
    with pytest.raises(ValueError, match=r"there is no method 'euler'; write one of 'rk4', 'bosh3'"):
        solve(decay, 1.0, 0.0, 1.0, method="euler")
    with pytest.raises(ValueError, match=r"method 'rk4' has no error estimate for adaptive steps; give dt"):
        solve(decay, 1.0, 0.0, 1.0, method="rk4")
    with pytest.raises(ValueError, match=r"must be numbers, not traced values"):
        cujax.jit(lambda t1: solve(pendulum, (1.0, 0.0), 0.0, t1, dt=0.1).ys)(2.0)
    with pytest.raises(ValueError, match=r"saveat must have rank 1"):
        solve(pendulum, (1.0, 0.0), 0.0, 1.0, saveat=0.5)


# --- odeint -----------------------------------------------------------------------------------------------------------


def lotka(np_):
    def function(y, t, rates):
        a, b = rates
        prey, hunters = y
        return np_.stack([a * prey - b * prey * hunters, b * prey * hunters - hunters])

    return function


def test_odeint():
    y0, t, rates = np.array([2.0, 1.0]), np.linspace(0.0, 4.0, 9), (1.1, 0.4)
    found = cujax.jit(lambda y, t, r: odeint(lotka(jnp), y, t, r))(y0, t, rates)
    np.testing.assert_allclose(found, odeint_jax(lotka(jax.numpy), y0, t, rates), rtol=1e-6)


def test_odeint_in_reverse_mode():
    y0, t, rates = np.array([2.0, 1.0]), np.linspace(0.0, 2.0, 4), (1.1, 0.4)

    def loss(api, np_, solver):
        return api.grad(lambda y, t, r: (solver(lotka(np_), y, t, r) ** 2).sum(), (0, 1, 2))(y0, t, rates)

    found = cujax.tree.leaves(loss(cujax, jnp, odeint))
    for ours, theirs in zip(found, jax.tree.leaves(loss(jax, jax.numpy, odeint_jax)), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_odeint_of_captured_values():
    def found(rate):
        return odeint(lambda y, t: -rate * y, jnp.asarray(1.0), jnp.array([0.0, 1.0]))[-1]

    np.testing.assert_allclose(cujax.grad(found)(0.7), -np.exp(-0.7), rtol=1e-6)


def test_odeint_by_the_first_time_of_a_driven_equation():
    """y(1) = y0 + sin(1) - sin(t0), and by way of a time in between."""

    def found(t):
        return odeint(lambda y, t: jnp.cos(t), jnp.asarray(1.0), t)[-1]

    for t in ([0.3, 1.0], [0.3, 0.5, 1.0]):
        expected = [-np.cos(0.3), *[0.0] * (len(t) - 2), np.cos(1.0)]
        np.testing.assert_allclose(cujax.grad(found)(np.array(t)), expected, rtol=1e-5, atol=1e-5)


def test_odeint_of_complex_states():
    """exp(i w t) (1 + i / 2)."""

    def found(w, t):
        return jnp.real(odeint(lambda y, t, w: 1j * w * y, jnp.array(1 + 0.5j), t, w)[-1])

    by_w, by_t = cujax.grad(found, (0, 1))(1.3, np.array([0.0, 0.5, 1.0]))
    slope = (1j * (1 + 0.5j) * np.exp(1.3j)).real
    np.testing.assert_allclose(by_w, slope, rtol=1e-5)
    np.testing.assert_allclose(by_t, [-1.3 * slope, 0, 1.3 * slope], rtol=1e-5, atol=1e-5)
