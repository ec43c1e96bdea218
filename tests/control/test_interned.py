"""Loops and branches outside of `jit`: recorded at each call, and compiled once for all that say the same."""

from __future__ import annotations

import numpy as np
import pytest

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.compiler.program import Program
from cujax.engine.core import interned as interning
from cujax.engine.core.aval import ShapedArray
from cujax.engine.core.interned import interned
from cujax.engine.core.recording import record_pure

X = np.arange(1.0, 9.0, dtype=np.float32)


@pytest.fixture
def programs(monkeypatch):
    """The programs that were made."""
    made, init = [], Program.__init__

    def counted(self, *args, **kwargs):
        made.append(self)
        init(self, *args, **kwargs)

    monkeypatch.setattr(Program, "__init__", counted)
    cujax.clear_caches()
    return made


def scanned(x, factor):
    return lax.scan(lambda c, _: (jnp.sin(c) * factor, c.sum()), x, None, length=5)[0]


def repeated(x, factor):
    return lax.fori_loop(0, 5, lambda i, c: jnp.sin(c) * factor, x)


def repeated_while(x, factor):
    return lax.while_loop(lambda c: c[0] > 0.1, lambda c: jnp.sin(c) * factor * 0.5, x)


def chosen(x, factor):
    return lax.cond(x[0] > 0, lambda c: jnp.sin(c) * factor, lambda c: c, x)


def found(function, factor):
    return np.asarray(function(jnp.asarray(X), jnp.float32(factor)))


@pytest.mark.parametrize("function", [scanned, repeated, repeated_while, chosen])
def test_new_functions_that_say_the_same_have_one_program(function, programs):
    """And numbers that they capture as arrays may be others."""
    expected = [found(cujax.jit(function), factor) for factor in (0.5, 0.25)]
    first = found(function, 0.5)
    count = len(programs)
    assert count
    for factor, right in zip((0.5, 0.25), expected, strict=True):
        np.testing.assert_allclose(found(function, factor), right, rtol=1e-6)
    assert len(programs) == count
    np.testing.assert_array_equal(first, found(function, 0.5))


def test_their_derivatives_have_one_too(programs):
    def slope(factor):
        return np.asarray(cujax.grad(lambda x: scanned(x, factor).sum())(jnp.asarray(X)))

    first = slope(jnp.float32(0.5))
    count = len(programs)
    np.testing.assert_array_equal(slope(jnp.float32(0.5)), first)
    assert len(programs) == count
    assert not np.array_equal(slope(jnp.float32(0.25)), first)


def test_what_changed_outside_is_seen():
    scale = 2.0

    def step(c, _):
        return c * scale, None

    results = []
    for scale in (2.0, 3.0, 2.0):  # noqa: B007  # it is what `step` reads
        results.append(float(lax.scan(step, 1.0, None, length=3)[0]))
    assert results == [8.0, 27.0, 8.0]


def test_captured_arrays_are_not_kept():
    def moved(by):
        return lax.fori_loop(0, 3, lambda i, c: c + by, jnp.zeros(4))

    np.testing.assert_array_equal(moved(jnp.arange(4.0)), 3 * np.arange(4))
    np.testing.assert_array_equal(moved(jnp.ones(4)), np.full(4, 3))
    assert moved(jnp.ones(4, jnp.int32)).dtype == np.float32


def test_functions_in_it_are_its_own():
    heard = []

    def loop(name):
        def body(i, c):
            cujax.debug.callback(lambda v: heard.append((name, float(v))), c)
            return c + 1

        lax.fori_loop(0, 2, body, 0.0)
        cujax.effects_barrier()

    loop("first")
    loop("second")
    assert heard == [("first", 0.0), ("first", 1.0), ("second", 0.0), ("second", 1.0)]


def tape_of(function, dtype=np.float32):
    return record_pure(lambda x: [function(x)], [ShapedArray((3,), np.dtype(dtype))])


def test_what_is_told_apart():
    def by(number):
        return tape_of(lambda x: x * number)

    def power(exponent):
        return tape_of(lambda x: lax.integer_pow(x, exponent))

    assert interned(by(2.0)) is interned(by(2.0)) is not interned(by(3.0))
    assert interned(by(0.0)) is not interned(by(-0.0))
    assert interned(by(np.nan)) is interned(by(np.nan))
    assert interned(power(2)) is interned(power(2)) is not interned(power(3))
    same_on_another_line = tape_of(lambda x: x * 2.0)
    assert interned(by(2.0)) is not interned(same_on_another_line)
    assert interned(tape_of(lambda x: x * 2)) is not interned(tape_of(lambda x: x * 2, np.int32))
    assert interning._typed((1, 2.0)) != interning._typed((True, 2.0)) != interning._typed((1, 2))
    assert interning._typed(0.0) != interning._typed(-0.0)


def test_the_oldest_are_forgotten(monkeypatch):
    monkeypatch.setattr(interning, "_MOST", 3)
    cujax.clear_caches()

    def by(number):
        return interned(tape_of(lambda x: x * number))

    first = by(1.5)
    others = [by(k + 2.5) for k in range(2)]
    assert by(1.5) is first
    by(9.5)
    assert by(1.5) is first and by(2.5) is not others[0]
    cujax.clear_caches()
    assert by(1.5) is not first
