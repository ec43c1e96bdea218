"""The arena: values that live at the same time never overlap, others share memory."""

from __future__ import annotations

import numpy as np
import pytest
from by_hand import buffers, values
from programs import CASES

import cujax
import cujax.numpy as jnp
from cujax.engine.backends.select import selected
from cujax.engine.compiler.passes import optimized
from cujax.engine.compiler.program import compile_tape, generated, last_uses
from cujax.engine.compiler.schedule import ALIGNMENT, lay_out, written_by
from cujax.engine.core.tape import Eqn


def many_kernels(x, y):
    """Products between elementwise code keep the values on both sides apart; reductions give kernels a reason."""
    for k in range(6):
        total = (x * y).sum() + k
        x = jnp.sin(x) / total
        y = y[::-1] * total + x
    return x, y.sum(0)


def products(x, y):
    """Library steps that write into the arena, among kernels that overwrite what they read."""
    for _ in range(3):
        x = jnp.tanh(x @ y.T @ y / 100)
        y = jnp.sort(y * 2, 1) + x.at[1:-1].set(0.0)
    return x


PROGRAMS = {"many kernels": many_kernels, "products": products}


def steps_and_ends(function, *args):
    tape = cujax.make_jaxpr(function)(*args).tape
    steps, rewritten = generated(tape, "host").steps, optimized(tape)
    return steps, rewritten, last_uses(steps, rewritten)


@pytest.mark.parametrize("name", [*CASES, *PROGRAMS])
def test_values_that_live_together_do_not_overlap(name):
    function, args = (PROGRAMS[name], (np.ones((300, 70)),) * 2) if name in PROGRAMS else CASES[name][:2]
    steps, tape, ends = steps_and_ends(function, *args)
    arena = lay_out(steps, tape.outputs, ends)
    living: dict = {}
    for step, ended in zip(steps, ends, strict=True):
        for var in [v for v in written_by(step) if v in arena.offsets]:
            begin, size = arena.offsets[var], var.aval.size * var.aval.dtype.itemsize
            assert begin % ALIGNMENT == 0 and begin + size <= arena.nbytes
            for other, (low, high) in living.items():
                assert begin >= high or begin + size <= low or other in getattr(step, "in_place", {}).values()
            living[var] = (begin, begin + size)
        for var in ended:
            living.pop(var, None)


def test_memory_is_shared_and_results_stay_outside():
    steps, tape, ends = steps_and_ends(many_kernels, *(np.ones((300, 70)),) * 2)
    arena = lay_out(steps, tape.outputs, ends)
    assert len(arena.offsets) > 8 and arena.nbytes < 5 * 300 * 70 * 8
    assert not set(tape.outputs) & arena.offsets.keys()


def test_values_of_such_a_program():
    x, y = np.random.default_rng(0).random((2, 300, 70), np.float32)
    expected = many_kernels(jnp.asarray(x), jnp.asarray(y))
    found = cujax.jit(many_kernels)(x, y)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: they have no arena")
def test_library_steps_take_part():
    steps, _, ends = steps_and_ends(products, *(np.ones((300, 70)),) * 2)
    arena = lay_out(steps, [], ends)
    written = {v for s in steps if isinstance(s, Eqn) for v in written_by(s)}
    assert len(written & arena.offsets.keys()) > 5


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: they have no arena")
def test_two_runs_at_once_have_an_arena_each():
    x, y = np.random.default_rng(0).random((2, 300, 70), np.float32)
    program = compile_tape(cujax.make_jaxpr(many_kernels)(x, y).tape)
    first, second = (list(map(values, program(buffers(*args)))) for args in ((x, y), (y, x)))
    again = map(values, program(buffers(x, y)))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], second[0])
