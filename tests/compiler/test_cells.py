"""Arrays of a few numbers for each cell, of which sums enter what each is computed from: one kernel over cells."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from emulator import why_not
from emulator.backend import emulated_backend

import cujax
import cujax.numpy as jnp
from cujax.engine.compiler import fuse
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan

on_device = pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")

SQUARE = np.array([(i, j) for i in (0, 1, -1) for j in (0, 1, -1)])  # velocities of lattices
CUBE = np.array([c for c in np.ndindex(3, 3, 3) if abs(np.array(c) - 1).sum() <= 2]) - 1


def draw(*shape, seed=0):
    return np.random.default_rng(seed).uniform(0.5, 1.5, shape).astype(np.float32)


def steps_of(function, *args, language="host", donate=()):
    tape = optimize(cujax.make_jaxpr(function)(*args).tape)
    return make_plan(tape, language, owned=[tape.inputs[i] for i in donate]).steps


def collision(velocities):
    """A lattice Boltzmann step in arrays: populations come from where they were, and relax towards equilibrium."""
    c = np.array(velocities, np.int32)

    def step(np_, f, shifts):
        axes = tuple(range(f.ndim - 1))
        if np_ is np:
            f = np.stack([np.roll(p, s, axes) for p, s in zip(f, shifts, strict=True)])
        else:
            f = cujax.vmap(lambda p, s: np_.roll(p, s, axes))(f, shifts)
        density = f.sum(0)
        u = np_.tensordot(c.T.astype(f.dtype), f, 1) / density
        along = 3 * np_.tensordot(c.astype(f.dtype), u, 1)
        square = 1.5 * (u * u).sum(0)
        equilibrium = density * (1 + along * (1 + 0.5 * along) - square) / len(c)
        return f - 1.7 * (f - equilibrium)

    return step, c


LATTICES = [(SQUARE, (24, 20)), (CUBE, (6, 7, 10))]


@pytest.mark.parametrize("language", ["host", "cuda"])
@pytest.mark.parametrize(("velocities", "shape"), LATTICES, ids=["square", "cube"])
def test_a_lattice_boltzmann_step_is_one_kernel(velocities, shape, language):
    step, c = collision(velocities)
    regions = [s for s in steps_of(lambda f, s: step(jnp, f, s), draw(len(c), *shape), c, language=language)
               if s.shape != (len(c),)]  # but for what is made of the shifts
    assert [r.apart for r in regions] == [{0}]
    assert regions[0].shape == (len(c), *shape)


@pytest.mark.parametrize(("velocities", "shape"), LATTICES, ids=["square", "cube"])
def test_a_lattice_boltzmann_step(velocities, shape):
    step, c = collision(velocities)
    f = draw(len(c), *shape)
    found = cujax.jit(lambda f, s: step(jnp, f, s))(f, c)
    np.testing.assert_allclose(found, step(np, f.astype(np.float64), c), rtol=2e-5, atol=2e-6)


@on_device
def test_a_lattice_boltzmann_step_on_the_device():
    step, c = collision(SQUARE)
    f = draw(len(c), 24, 20)
    with emulated_backend():
        found = np.asarray(cujax.jit(lambda f, s: step(jnp, f, s))(f, c))
    np.testing.assert_allclose(found, step(np, f.astype(np.float64), c), rtol=2e-5, atol=2e-6)


def test_its_gradient():
    step, c = collision(SQUARE)
    f = draw(len(c), 24, 20)
    found = cujax.jit(cujax.grad(lambda f: (step(jnp, f, c) ** 2).sum()))(f)

    def loss(f):
        density = f.sum(0)
        u = jax.numpy.tensordot(c.T.astype(np.float32), f, 1) / density
        along = 3 * jax.numpy.tensordot(c.astype(np.float32), u, 1)
        equilibrium = density * (1 + along * (1 + 0.5 * along) - 1.5 * (u * u).sum(0)) / len(c)
        return ((f - 1.7 * (f - equilibrium)) ** 2).sum()

    moved = np.stack([np.roll(p, s, (0, 1)) for p, s in zip(f, c, strict=True)])
    slopes = np.asarray(jax.grad(loss)(moved))
    expected = np.stack([np.roll(p, -s, (0, 1)) for p, s in zip(slopes, c, strict=True)])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def directions(np_, v):
    return v / np_.sqrt((v * v).sum(0))


def of_matrices(np_, a):
    return a / np_.sqrt((a * a).sum((0, 1)))


def weights(np_, x):
    e = np_.exp(x - x.max(0))
    return e / e.sum(0)


def turned(np_, v):
    """Components whose sum is taken along an axis between others."""
    return np_.sin(v) / (v.sum(1, keepdims=True) + 1)


@pytest.mark.parametrize("language", ["host", "cuda"])
@pytest.mark.parametrize(("function", "shape", "apart"), [
    (directions, (3, 400), {0}), (directions, (2, 17, 20), {0}), (of_matrices, (3, 3, 300), {0, 1}),
    (weights, (5, 333), {0}), (turned, (4, 3, 100), {1}),
])  # fmt: skip
def test_what_belongs_to_a_cell_is_computed_once(function, shape, apart, language):
    x = draw(*shape)
    (region,) = steps_of(lambda x: function(jnp, x), x, language=language)
    assert region.apart == apart
    np.testing.assert_allclose(cujax.jit(lambda x: function(jnp, x))(x), function(np, x), rtol=1e-5)


@pytest.mark.parametrize(("function", "shape"), [
    (directions, (3, 200)),  # few cells
    (lambda np_, x: x / x.sum(1, keepdims=True), (400, 3)),  # the last axis
    (lambda np_, x: x - x.mean(0), (20, 500)),  # one longer sum, which is a reduction
    (lambda np_, x: x / (x.sum(0) + 1), (40, 500)),
])  # fmt: skip
def test_what_is_not_taken_apart(function, shape):
    x = draw(*shape)
    assert not any(step.apart for step in steps_of(lambda x: function(jnp, x), x))
    np.testing.assert_allclose(cujax.jit(lambda x: function(jnp, x))(x), function(np, x), rtol=1e-5)


def test_cells_that_are_given_away_are_written_over():
    v = draw(3, 400)
    (region,) = steps_of(lambda v: directions(jnp, v), v, donate=[0])
    assert region.apart == {0} and list(region.in_place) == region.writes
    for n in (256, 257, 300, 1000):
        v = draw(3, n)
        found = cujax.jit(lambda v: directions(jnp, v), donate_argnums=0)(jnp.array(v))
        np.testing.assert_allclose(found, directions(np, v), rtol=1e-5)


def test_cells_that_are_read_elsewhere_are_not_written_over():
    def function(np_, v):
        return v[::-1] / np_.sqrt((v * v).sum(0)), np_.roll(v, 1, 1) / np_.sqrt((v * v).sum(0))

    v = draw(3, 400)
    region = steps_of(lambda v: function(jnp, v), v, donate=[0])[-1]
    assert region.apart == {0} and not region.in_place
    found = cujax.jit(lambda v: function(jnp, v), donate_argnums=0)(jnp.array(v))
    for x, y in zip(found, function(np, v), strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-5)


def test_what_is_too_much_to_be_written_out_stays_whole(monkeypatch):
    def function(np_, x):
        return np_.sin(x / x.sum(0)) + np_.cos(x)

    x = draw(9, 500)
    assert [s.apart for s in steps_of(lambda x: function(jnp, x), x)] == [{0}]
    monkeypatch.setattr(fuse, "_MOST_APART", 40)
    steps = steps_of(lambda x: function(jnp, x), x)
    assert all(isinstance(s, Region) for s in steps) and not any(s.apart for s in steps)


@pytest.mark.parametrize("n", [9, 32])
def test_matrices_of_cells_are_of_a_library_where_they_are_large(n):
    def function(np_, a, b, x):
        return np_.tanh(b @ np_.tanh(a @ x))

    a, b, x = draw(n, n) / n, draw(n, n, seed=1) / n, draw(n, 1000)
    steps = steps_of(lambda *args: function(jnp, *args), a, b, x)
    products = [s.primitive.name for s in steps if not isinstance(s, Region)]
    assert products == (["dot_general"] * 2 if n == 32 else [])
    np.testing.assert_allclose(cujax.jit(lambda *args: function(jnp, *args))(a, b, x), function(np, a, b, x), rtol=1e-5)


def test_sums_that_are_results_too():
    def function(np_, x):
        total = x.sum(0)
        return x / total, total, np_.sqrt(total)

    x = draw(9, 500)
    found = cujax.jit(lambda x: function(jnp, x))(x)
    for a, b in zip(found, function(np, x), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5)


# --- rows that are rolled by loaded numbers ---------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "uint8", "float64"])
@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 31, 64, 100])
def test_rolls_by_loaded_numbers(n, dtype):
    with cujax.enable_x64(True):
        x = np.arange(5 * n).reshape(5, n).astype(dtype)
        for shifts in ([0, 1, -1, n // 2, n], [3, 3, 3, 3, 3], [-2 * n - 1, 5, 2 * n, 1 - n, n - 1]):
            rolled = cujax.jit(cujax.vmap(lambda p, s: jnp.roll(p, s) + jnp.roll(p, -s)))(x, np.array(shifts))
            expected = [np.roll(p, s) + np.roll(p, -s) for p, s in zip(x, shifts, strict=True)]
            np.testing.assert_array_equal(rolled, np.array(expected))


@pytest.mark.parametrize("n", [1, 5, 16, 50])
def test_one_row_and_results_over_operands(n):
    x = np.arange(2.0 * n, dtype=np.float32).reshape(2, n)
    for shift in (0, 1, -3, n + 2):
        moved = cujax.jit(lambda x, y, s: y * 2 + jnp.roll(x, s), donate_argnums=1)(x[0], jnp.array(x[1]), shift)
        np.testing.assert_array_equal(moved, x[1] * 2 + np.roll(x[0], shift))


def test_a_rolled_row_is_one_load_between_turns():
    text = cujax.jit(cujax.vmap(jnp.roll)).lower(draw(5, 64), np.arange(5)).as_text("host")
    assert text.count("cj::turn(") == 1 and "chosen" not in text
    device = cujax.jit(cujax.vmap(jnp.roll)).lower(draw(5, 64), np.arange(5)).as_text("cuda")
    assert "chosen" not in device
