"""Loops on the host whose steps are prepared all at once: the same bits as step by step, and when it is done."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
from compiled_loops import SIZE, XS, X, assert_interrupted, assert_same, mean_off, needs_compiled_loops

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends import host_launch
from cujax.engine.compiler import loop_plan
from cujax.engine.ground.native import native

pytestmark = needs_compiled_loops


@pytest.fixture
def counted(monkeypatch):
    """Prepares loops of any length; the numbers of steps of those that have been run."""
    steps = []

    def run_loop(*args):
        done = native.run_loop(*args)
        steps.append(done)
        return done

    monkeypatch.setattr(loop_plan, "FEWEST", 1)
    monkeypatch.setattr(loop_plan, "MOST_COPIED", -1)  # for which see test_nest.py
    monkeypatch.setattr(host_launch, "native", _With(run_loop))
    return steps


class _With:
    """The extension with another `run_loop`."""

    def __init__(self, run_loop):
        self.run_loop = run_loop

    def __getattr__(self, name):
        return getattr(native, name)


SCANS = {
    "a carry": lambda c, x: (mean_off(c) + x, None),
    "a row that is the carry": lambda c, x: (mean_off(c) * 0.5 + x, mean_off(c) * 0.5 + x),
    "the carry before": lambda c, x: (mean_off(c) + x, c),
    "an x as carry, and as y": lambda c, x: (x, (x, mean_off(c))),
    "rows of several dtypes": lambda c, x: (mean_off(c) + x, (c > 0, (c * 9).astype(np.int8), c.sum(), x[:0], 1.5)),
    "changed in place": lambda c, x: (c.at[1].add(x.sum()), x.sum()),
    "between kernels of a step": lambda c, x: (mean_off(mean_off(jnp.sin(c))[::-1] + x), mean_off(c).max()),
}
CARRIES = {
    "a delay line": lambda c, x: ((c[1], c[2], mean_off(c[0]) + x), c[0]),
    "taking turns": lambda c, x: ((c[1], c[0], c[2] + mean_off(c[0]) * x), None),
    "rows of two steps ago": lambda c, x: ((mean_off(c[0]) + x, c[0], c[1]), mean_off(c[0]) + x),
    "a constant and a literal": lambda c, x: ((mean_off(c[0]) + x, jnp.asarray(XS[0]), c[1]), (c[1], c[2])),
    "twice the same": lambda c, x: ((mean_off(c[0]) + x, mean_off(c[0]) + x, c[1].at[0].set(2.0)), c[2]),
}


def both_ways(run, monkeypatch, counted):
    """Results step by step, and prepared; fails unless they are."""
    with monkeypatch.context() as patch:
        patch.setattr(loop_plan, "FEWEST", 10**9)
        expected = run()
    assert not counted
    found = run()
    assert counted, "the loop was not prepared"
    return expected, found


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", SCANS)
def test_scans(name, reverse, monkeypatch, counted):
    expected, found = both_ways(
        lambda: cujax.jit(lambda c, xs: lax.scan(SCANS[name], c, xs, reverse=reverse))(X, XS), monkeypatch, counted
    )
    assert counted == [7]
    assert_same(expected, found)


@pytest.mark.parametrize("length", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("name", CARRIES)
def test_carries_that_take_each_others_place(name, length, monkeypatch, counted):
    """However many steps there are, each carry is found where the last step has left it."""
    first = (X, X * 2, np.cos(X))
    expected, found = both_ways(
        lambda: cujax.jit(lambda c, xs: lax.scan(CARRIES[name], c, xs))(first, XS[:length]), monkeypatch, counted
    )
    assert counted == [length]
    assert_same(expected, found)


def test_more_phases_than_are_prepared(monkeypatch, counted):
    """A ring of carries is where it was after as many steps as it is long."""

    def step(c, x):
        return (*c[1:], mean_off(c[0])), None

    def expected(c):
        for _ in range(7):
            c = (*c[1:], mean_off(c[0]))
        return c

    for size, steps in ((5, [7]), (20, [])):
        counted.clear()
        first = tuple([np.cos(X * k) for k in range(size)])
        found, _ = cujax.jit(lambda c: lax.scan(step, c, XS))(first)
        assert counted == steps
        assert_same(cujax.jit(expected)(first), found)


@pytest.mark.parametrize("most", [0, 1, 2, 5, 40])
def test_while_loops(most, monkeypatch, counted):
    def run():
        return cujax.jit(
            lambda x: lax.while_loop(lambda c: (c[0] < most) & (c[1].sum() < 1e3), turn, (0, x, x * 0))
        )(X)

    def turn(c):
        return c[0] + 1, mean_off(c[1]) * 1.5 + 0.1, c[1]

    with monkeypatch.context() as patch:
        patch.setattr(loop_plan, "FEWEST", 10**9)
        expected = run()
    assert_same(expected, run())
    assert counted == ([most - 1] if most else [])


def test_a_condition_that_is_a_carry(counted):
    def turn(c):
        return c[1].max() < 100, c[1] * 2 + c[1].min()

    goes_on, x = cujax.jit(lambda x: lax.while_loop(lambda c: c[0], turn, (True, x)))(1 + X * X)
    steps, expected = 0, 1 + X * X
    while expected.max() < 100:
        steps, expected = steps + 1, expected * 2 + expected.min()
    assert not goes_on
    assert counted == [steps]  # one step is made by Python, and one after the last check
    np.testing.assert_array_equal(x, expected * 2 + expected.min())


def test_arguments_are_left_alone(counted):
    x, xs = X.copy(), XS.copy()
    cujax.jit(lambda c, xs: lax.scan(SCANS["changed in place"], c, xs))(x, xs)
    cujax.jit(lambda c, xs: lax.scan(SCANS["changed in place"], c, xs))(x[::-1], xs[:, ::-1])
    assert counted == [7, 7]
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(xs, XS)


def test_views_as_arguments(monkeypatch, counted):
    wide = np.linspace(0, 1, 14 * SIZE, dtype=np.float32).reshape(2 * SIZE, 7)
    expected, found = both_ways(
        lambda: cujax.jit(lambda c, xs: lax.scan(SCANS["the carry before"], c, xs))(X[::-1], wide[::2].T),
        monkeypatch, counted,
    )
    assert_same(expected, found)


def test_other_steps_are_run_by_python(counted):
    """A factorization of so many rows is no kernel."""
    matrix = np.eye(40, dtype=np.float32) * 2
    found = cujax.jit(lambda a: lax.fori_loop(0, 3, lambda i, a: jnp.linalg.inv(a), a))(matrix)
    assert not counted
    np.testing.assert_allclose(found, matrix / 4, rtol=1e-6)


def test_memory_comes_back(counted):
    """Results of many calls are not all alive at once, nor is anything of a call that has ended."""
    run = cujax.jit(lambda c, xs: lax.scan(SCANS["the carry before"], c, xs))
    x = np.zeros(1 << 15, np.float32)

    def used():
        gc.collect()
        return len([a for a in gc.get_objects() if isinstance(a, np.ndarray) and a.nbytes >= x.nbytes])

    run(x, XS[:, :1])
    before = used()
    for _ in range(3):
        run(x, XS[:, :1])
    assert used() == before


def test_an_interrupt_ends_the_loop(counted):
    run = cujax.jit(lambda x: lax.while_loop(lambda c: c.sum() < 1e9, mean_off, x))
    assert_interrupted(lambda: run(X))
    assert_same(run(X * 0 + 1e9), X * 0 + 1e9)


def test_a_kernel_that_may_last_lets_other_threads_run():
    """Nobody knows how long a loop takes that runs until its condition is false."""
    run = cujax.jit(
        lambda x: lax.while_loop(lambda c: c[0] < 10_000_000, lambda c: (c[0] + 1, jnp.sin(c[1]) + 1), (0, x))
    )
    turns = []
    ended = threading.Event()

    def count():
        while not ended.wait(0.002):
            turns.append(None)

    run(np.float32(1))
    thread = threading.Thread(target=count)
    thread.start()
    try:
        run(np.float32(1))
    finally:
        ended.set()
        thread.join()
    assert len(turns) > 10


def test_what_is_not_prepared_rightly_is_refused():
    launcher = native.Launcher(native.copy_address(), (4,), 1, None)
    words = np.zeros(2, np.int64).tobytes()
    for phases, first in (((), 0), ((((launcher,), (2,), -1, words, words),), 1)):
        with pytest.raises(ValueError, match="take turns"):
            native.run_loop(phases, first, 1, 1)
    with pytest.raises(ValueError, match="addresses of a phase"):
        native.run_loop((((launcher,), (3,), -1, words, words),), 0, 1, 1)
    with pytest.raises(ValueError, match="addresses of a phase"):
        native.run_loop((((launcher,), (2,), 0, words, words),), 0, 1, 1)
    with pytest.raises(TypeError, match="calls Launchers, not a str"):
        native.run_loop(((("x",), (2,), -1, words, words),), 0, 1, 1)
    assert native.run_loop((((), (), -1, b"", b""),), 0, 5, 2) == 5
