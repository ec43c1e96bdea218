"""Kernels that follow one another are launched together, on the emulated device."""

from __future__ import annotations

import numpy as np
import pytest
from emulator.backend import emulated_backend
from emulator.target import EmulatorTarget

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.compiler.stretch import Stretch, in_stretches


@pytest.fixture
def backend():
    with emulated_backend() as found:
        yield found


class Step:
    """A kernel step of so many launches."""

    dead = ()

    def __init__(self, launches: int = 1, copies: bool = False) -> None:
        self.calls, self.copies = ("call",) * launches, copies

    def preparer(self):
        return self.calls.count


def sizes(steps, make_launch=lambda calls: len) -> list:
    """How many steps each stretch has; 0 for a step on its own."""
    found = in_stretches(steps, make_launch)
    return [len(s._prepared) if isinstance(s, Stretch) else 0 for s in found]


def test_rows_of_kernels_become_stretches():
    library = object()
    assert sizes([Step(), Step(), library, Step(), Step(), Step()]) == [2, 0, 3]
    assert sizes([library, Step(), library]) == [0, 0, 0]
    assert sizes([]) == []


def test_a_kernel_of_two_launches_is_a_stretch():
    assert sizes([Step(2)]) == [1]
    assert sizes([Step(0), Step()]) == [0, 0]


def test_a_copy_begins_a_new_stretch():
    assert sizes([Step(), Step(), Step(copies=True), Step()]) == [2, 2]
    assert sizes([Step(copies=True), Step()]) == [2]


def test_a_target_that_has_no_use_for_stretches_gets_none():
    steps = [Step(), Step()]
    assert in_stretches(steps, lambda calls: None) == steps


def counted(backend, monkeypatch) -> list[int]:
    """The lengths of the stretches that run."""
    found: list[int] = []
    stretch = EmulatorTarget.stretch

    def noting(self, module, calls):
        run = stretch(self, module, calls)

        def run_and_note(buffers):
            found.append(len(calls))
            run(buffers)

        return run_and_note

    monkeypatch.setattr(EmulatorTarget, "stretch", noting)
    return found


def normalised(x):
    for _ in range(3):
        x = jnp.sin(x) / x.sum(0)
    return x


def test_results_are_those_of_the_steps_one_by_one(backend, monkeypatch):
    ran = counted(backend, monkeypatch)
    x = np.random.default_rng(0).random((8, 16)).astype(np.float32)
    run = cujax.jit(normalised)
    together = [np.asarray(run(x)) for _ in range(2)]
    assert ran
    assert min(ran) >= 2
    monkeypatch.setattr(EmulatorTarget, "stretch", lambda self, module, calls: None)
    alone = cujax.jit(lambda x: normalised(x))(x)
    for result in together:
        np.testing.assert_array_equal(result, np.asarray(alone))


def test_updates_of_a_copy_see_what_came_before(backend):
    """The operand of an update that lives on is copied when the kernels that make it have run."""

    def function(x):
        y = jnp.cos(x).sum(0) * x
        return y.at[1, 2].set(5.0), y + jnp.sin(y).sum(0)

    x = np.random.default_rng(1).random((4, 6)).astype(np.float32)
    changed, other = cujax.jit(function)(x)
    expected = function(jnp.asarray(x))
    np.testing.assert_allclose(np.asarray(changed), np.asarray(expected[0]), rtol=1e-6)
    np.testing.assert_allclose(np.asarray(other), np.asarray(expected[1]), rtol=1e-6)


def test_library_calls_stand_between_stretches(backend):
    def function(x):
        y = normalised(x)
        return normalised(y @ y)

    x = np.random.default_rng(2).random((8, 8)).astype(np.float32)
    np.testing.assert_allclose(
        np.asarray(cujax.jit(function)(x)), np.asarray(function(jnp.asarray(x))), rtol=2e-5
    )


def test_loops_run_their_bodies_as_stretches(backend, monkeypatch):
    ran = counted(backend, monkeypatch)
    x = np.random.default_rng(3).random((20, 20)).astype(np.float32)
    out = cujax.jit(lambda x: lax.fori_loop(0, 5, lambda i, x: normalised(normalised(x).T), x))(x)
    expected = x
    for _ in range(5):
        expected = np.asarray(normalised(normalised(jnp.asarray(expected)).T))
    np.testing.assert_allclose(np.asarray(out), expected, rtol=1e-5)
    assert len(ran) >= 5
