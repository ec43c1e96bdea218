"""Scatters as kernels, and updates in place: what is copied and what is not, and that nobody else sees the change."""

from __future__ import annotations

import jax
import jax.numpy as jax_numpy
import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends.select import selected
from cujax.engine.compiler.loop_body import LoopBody
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan
from cujax.engine.compiler.update import Update

RANDOM = np.random.default_rng(0)
TABLE = RANDOM.random((40, 130), np.float32)
ROWS = RANDOM.random((500, 130), np.float32)
PLACES = RANDOM.integers(-5, 47, 500)  # some outside

SCATTERS = {
    "add": lambda x, i, u: x.at[i].add(u),
    "multiply": lambda x, i, u: x.at[i].multiply(1 + u / 100),
    "min": lambda x, i, u: x.at[i].min(u),
    "max": lambda x, i, u: x.at[i].max(u),
    "set, the last one stays": lambda x, i, u: x.at[i].set(u),
    "points": lambda x, i, u: x.at[i, i % 130].add(u[:, 0]),
    "clipped": lambda x, i, u: x.at[i].add(u, mode="clip"),
    "one row": lambda x, i, u: x.at[i[3]].set(u[0]),
    "integers": lambda x, i, u: (x * 100).astype("int16").at[i].add((u * 100).astype("int16")),
    "bfloat16": lambda x, i, u: x.astype("bfloat16").at[i[:9] % 40].max(u[:9].astype("bfloat16")),
    "complex": lambda x, i, u: (x + 1j).at[i].add(u * 1j),
    "into a fill": lambda x, i, u: (x * 0 + 1).at[i].add(u),
}


@pytest.mark.parametrize("name", SCATTERS)
def test_against_jax(name):
    function = SCATTERS[name]
    expected = jax.jit(function)(*map(jax_numpy.asarray, (TABLE, PLACES, ROWS)))
    found = cujax.jit(function)(*map(jnp.asarray, (TABLE, PLACES, ROWS)))
    assert found.dtype == expected.dtype
    kind = np.complex64 if np.dtype(expected.dtype).kind == "c" else np.float32
    np.testing.assert_allclose(np.asarray(found).astype(kind), np.asarray(expected).astype(kind), rtol=2e-5)


@pytest.mark.parametrize("shape", [(1, 130), (1, 64), (40, 1), (1, 1), (2, 1)])
def test_windows_of_one_along_an_axis_begin_anywhere_along_it(shape):
    starts = np.stack([RANDOM.integers(0, 1 + a - b, 500) for a, b in zip(TABLE.shape, shape, strict=True)], 1)
    expected = np.zeros_like(TABLE)
    for row, column in starts:
        expected[row : row + shape[0], column : column + shape[1]] += 1

    def total(x, starts):
        return cujax.vmap(lambda start: lax.dynamic_slice(x, start, shape))(starts).sum()

    np.testing.assert_array_equal(cujax.jit(cujax.grad(total))(TABLE, starts), expected)


def test_the_operand_of_a_scatter_stays_as_it_was():
    x = jnp.asarray(TABLE)
    cujax.jit(SCATTERS["add"])(x, PLACES, ROWS)
    np.testing.assert_array_equal(x, TABLE)


def updates(function, *args):
    plan = make_plan(optimize(cujax.make_jaxpr(function)(*args).tape), "host")
    return [s for s in plan.steps if isinstance(s, Update)]


def test_a_value_of_the_program_is_changed_in_place_when_nobody_reads_it_later():
    (update,) = updates(lambda x, i, u: jnp.sin(x).at[i].add(u), TABLE, PLACES, ROWS)
    assert update.in_place


def test_an_argument_is_not():
    (update,) = updates(lambda x, i, u: x.at[i].add(u), jnp.asarray(TABLE), PLACES, ROWS)
    assert not update.in_place


def test_nor_what_is_read_later_or_is_a_result():
    def function(x, i, u):
        y = jnp.sin(x)
        return y.at[i].add(u), y

    (update,) = updates(function, TABLE, PLACES, ROWS)
    assert not update.in_place


def test_nor_what_a_library_has_seen():
    def function(x, i, u):
        y = jnp.sin(x)
        return y.T @ y, y.at[i].add(u)

    assert not any(u.in_place for u in updates(function, TABLE, PLACES, ROWS))


LOOPS = {
    "set": lambda i, x: x.at[i].set(x[i - 1] + 1),
    "add": lambda i, x: x.at[i].add(1.0),
    "slice": lambda i, x: lax.dynamic_update_slice(x, x[:2] * 2, (i,)),
    "static window": lambda i, x: x.at[1:3].add(1.0),
}


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: nothing is changed in place")
@pytest.mark.parametrize("name", ("set", "add", "static window"))
def test_a_loop_changes_its_carry_in_place(name):
    x = jnp.zeros(50)
    tape = cujax.make_jaxpr(LOOPS[name])(3, x).tape
    swapped = cujax.make_jaxpr(lambda x, i: LOOPS[name](i, x))(x, 3).tape
    assert len(tape.inputs) == 2
    assert LoopBody(swapped, 0, 1).program().changed == (0,)


@pytest.mark.parametrize("name", LOOPS)
def test_loops_compute_what_jax_computes_and_leave_the_argument_alone(name):
    x = jnp.linspace(0, 1, 50)
    before = np.asarray(x).copy()
    found = cujax.jit(lambda x: lax.fori_loop(1, 40, LOOPS[name], x))(x)
    def step(i, x):
        if name == "slice":
            return jax.lax.dynamic_update_slice(x, x[:2] * 2, (i,))
        return LOOPS[name](i, x)
    expected = jax.lax.fori_loop(1, 40, step, jax_numpy.asarray(before))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(x, before)


def test_a_carry_that_two_places_share_is_not_changed_under_the_other():
    def step(i, carry):
        return carry[1].at[i].add(1.0), carry[0]

    x = jnp.zeros(4)
    found = cujax.jit(lambda x: lax.fori_loop(0, 4, step, (x, x)))(x)
    np.testing.assert_array_equal(found[0], [0, 1, 0, 1])
    np.testing.assert_array_equal(found[1], [1, 0, 1, 0])


def test_rows_that_are_stacked_are_those_of_their_step():
    def step(x, i):
        x = x.at[i].add(1.0)
        return x, x

    last, rows = cujax.jit(lambda x: lax.scan(step, x, jnp.arange(3)))(jnp.zeros(3))
    np.testing.assert_array_equal(rows, np.tril(np.ones((3, 3))))
    np.testing.assert_array_equal(last, np.ones(3))
