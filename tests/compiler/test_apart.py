"""Arrays of a few components: kernels that compute all of them side by side, and gradients that are put together."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.joined_pads import join_pads
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan

F = np.random.default_rng(1).uniform(-1, 1, (5, 6, 7)).astype(np.float32)


def tape_of(function, *args):
    return optimize(cujax.make_jaxpr(function)(*args).tape)


def regions(function, *args):
    plan = make_plan(tape_of(function, *args), "host")
    assert all(isinstance(s, Region) for s in plan.steps)
    return plan.steps


def rotated(np_, f, axis=0):
    """Components that share a sum, each at a place of its own."""
    parts = [np_.roll(f[k], k, k % 2) for k in range(5)]
    total = sum(parts)
    return np_.stack([p * total + k for k, p in enumerate(parts)], axis)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_stack_is_one_kernel_that_reads_each_number_once(axis):
    (region,) = regions(lambda f: rotated(jnp, f, axis), F)
    assert region.apart == {axis}
    assert sum(len(places) for places in region.reads.values()) <= 10  # 5 numbers, at 2 ends of a roll each
    np.testing.assert_allclose(cujax.jit(lambda f: rotated(jnp, f, axis))(F), rotated(np, F, axis), rtol=2e-6)


def test_what_is_computed_of_a_stack_is_computed_with_it():
    def function(f):
        return f + 0.5 * (rotated(jnp, f) - f)

    (region,) = regions(function, F)
    assert region.apart == {0}
    np.testing.assert_allclose(cujax.jit(function)(F), F + 0.5 * (rotated(np, F) - F), rtol=2e-6)


def test_pieces_of_unequal_length():
    def function(np_, f):
        total = f.sum(0)
        return np_.concatenate([f[:2] * total, total[None], f[3:] - total]) + 1

    (region,) = regions(lambda f: function(jnp, f), F[:4])
    assert region.apart == {0}
    np.testing.assert_allclose(cujax.jit(lambda f: function(jnp, f))(F[:4]), function(np, F[:4]), rtol=2e-6)


def test_a_roll_is_not_taken_apart():
    """Its two pieces are as long as the axis, and read at one shifted place."""
    (region,) = regions(lambda f: jnp.roll(f, 2, 0) + 1, F)
    assert not region.apart
    text = cujax.jit(lambda f: jnp.roll(f, 2, 0) + 1).lower(F).as_text("cuda")
    assert text.count("x0[") == 1


def test_what_is_too_long_to_write_out_for_each_piece_is_not():
    def function(x):
        found = jnp.stack([k * x for k in range(1, 16)])
        for n in range(60):
            found = jnp.sin(found) + n
        return found

    (region,) = regions(function, F[0])
    assert not region.apart and region.size < 300


@pytest.mark.parametrize("shift", [0, 1, 3, 6, -1])
def test_rolls_along_all_axes(shift):
    def function(np_, f):
        return np_.roll(np_.roll(f, shift, 2), (-shift, 2), (0, 1)) - f

    np.testing.assert_array_equal(cujax.jit(lambda f: function(jnp, f))(F), function(np, F))


def test_the_gradient_is_one_stack():
    (region, *others) = regions(cujax.grad(lambda f: (rotated(jnp, f) ** 2).sum()), F)[::-1]
    assert region.apart == {0} and not any(r.apart for r in others)
    found = cujax.jit(cujax.grad(lambda f: (rotated(jnp, f) ** 2).sum()))(F)
    expected = jax.grad(lambda f: (rotated(jax.numpy, f) ** 2).sum())(F)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=1e-5)


# --- join_pads --------------------------------------------------------------------------------------------------------


def names_in(function, *args):
    return [e.primitive.name for e in join_pads(tape_of(function, *args)).eqns]


def same_with_joined_pads(function):
    """The gradient's pads are gone, and it is JAX's."""
    names = names_in(cujax.grad(function), F)
    assert "concatenate" in names and "pad" not in names
    np.testing.assert_allclose(cujax.jit(cujax.grad(function))(F), jax.grad(function)(F), rtol=2e-6, atol=2e-6)


def test_parts_that_cover_an_axis():
    same_with_joined_pads(lambda f: (f[:2] ** 3).sum() + (f[2:] ** 2).sum())


def test_parts_taken_twice_with_gaps_between():
    same_with_joined_pads(lambda f: (f[1] * f[3]).sum() + (f[1] ** 2).sum())


def test_other_gradients_are_added():
    same_with_joined_pads(lambda f: (f[1] * f[3]).sum() + (f**2).sum() + (f[0] ** 3).sum())


@pytest.mark.parametrize("function", [
    lambda f: (f[:3] ** 3).sum() + (f[2:] ** 2).sum(),  # they overlap
    lambda f: (f[1] ** 3).sum() + (f**2).sum(),  # a single part
    lambda f: (f[::2] ** 3).sum() + (f[1::2] ** 2).sum(),  # not in one piece
    lambda f: (f[:2, :3] ** 3).sum() + (f[2:, 3:] ** 2).sum(),  # along two axes
])  # fmt: skip
def test_what_stays_a_sum(function):
    assert "concatenate" not in names_in(cujax.grad(function), F)
    np.testing.assert_allclose(cujax.jit(cujax.grad(function))(F), jax.grad(function)(F), rtol=2e-6)


def test_a_sum_that_the_user_wrote_keeps_its_zeros():
    """-0.0 + 0.0 is 0.0."""

    def function(x, y):
        zero = np.float32(0)
        return lax.pad(x, zero, [(0, 3, 0)]) + lax.pad(y, zero, [(3, 0, 0)])

    x = np.array([-0.0, 1, -0.0], np.float32)
    assert "concatenate" not in names_in(function, x, x)
    np.testing.assert_array_equal(np.signbit(cujax.jit(function)(x, x)), np.zeros(6, bool))


# --- rows that are no whole number of vectors -------------------------------------------------------------------------


@pytest.mark.parametrize("dtypes", [("float32",), ("float64",), ("float32", "bool"), ("int8",), ("float16", "int32")])
def test_every_length_of_a_row(dtypes):
    with cujax.enable_x64(True):
        for n in (*range(1, 40), 63, 64, 65, 130):
            rng = np.random.default_rng(n)
            arrays = [rng.integers(0, 5, (3, n)).astype(t) for t in dtypes]
            rolled = cujax.jit(lambda *xs: sum(jnp.roll(x, 1, 1) * 1.0 for x in xs))(*arrays)
            np.testing.assert_array_equal(rolled, sum(np.roll(x, 1, 1) * 1.0 for x in arrays))
            added = cujax.jit(lambda *xs: sum(xs)[:, ::-1] * 1.0)(*arrays)
            np.testing.assert_array_equal(added, sum(x * 1.0 for x in arrays)[:, ::-1])


def test_rows_that_are_written_over_are_computed_once():
    step = cujax.jit(lambda x, v: x * 2 + v, donate_argnums=0)
    for n in (5, 17, 31, 47):
        x = jnp.arange(3 * n, dtype=np.float32).reshape(3, n)
        expected = np.asarray(x) * 2 + np.arange(n, dtype=np.float32)
        np.testing.assert_array_equal(step(x, np.arange(n, dtype=np.float32)), expected)
