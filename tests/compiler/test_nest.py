"""Loops and branches in programs of the host as calls of compiled code: the same bits as through Python."""

from __future__ import annotations

import gc
import threading
import weakref

import numpy as np
import pytest
from compiled_loops import SIZE, XS, X, assert_interrupted, assert_same, mean_off, needs_compiled_loops, repeated

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.compiler import loop_plan, nest, program
from cujax.engine.compiler.steps import KernelStep
from cujax.engine.ground.native import native

pytestmark = needs_compiled_loops


def until(c):
    """Its number of steps depends on `c`; may be none."""
    return lax.while_loop(lambda s: (s[0] < 5) & (s[1].sum() < 40), lambda s: (s[0] + 1, mean_off(s[1]) + 0.02), (0, c))


def chosen(c, x):
    return lax.switch(
        (x[0] * 2).astype(int) % 3, [lambda c: mean_off(c), lambda c: repeated(c, 2), lambda c: c * 1.5 + c.max()], c
    )


def scanned(c, found):
    last, ys = found
    return mean_off(c) + last, ys


def drawn(i):
    return cujax.random.normal(cujax.random.fold_in(KEY, i), (SIZE,))


KEY = cujax.random.key(3)
BODIES = {
    "a loop": lambda c, x: (repeated(c) + x, c.sum()),
    "two loops": lambda c, x: (repeated(mean_off(repeated(c)) + x, 2), None),
    "a loop in a loop": lambda c, x: (lax.fori_loop(0, 2, lambda i, c: repeated(c, 2) + mean_off(c) * i, c) + x, c),
    "while": lambda c, x: (until(c + x)[1] * 0.9, until(c + x)),
    "a branch": lambda c, x: (chosen(c, x), c.max()),
    "a branch that is a constant": lambda c, x: (
        lax.cond(c.sum() > x.sum(), lambda c: mean_off(c) + x, lambda c: jnp.asarray(XS[0]), c), None),
    "a branch that passes on": lambda c, x: (
        lax.cond(c.sum() > x.sum(), lambda a, b: (a, mean_off(b)), lambda a, b: (b, a), c, mean_off(c) + x)[1], c[:0]),
    "scan": lambda c, x: scanned(c, lax.scan(
        lambda a, b: (a * 0.5 + b.sum(), (mean_off(b) + a, a)), c.sum(), (c + x).reshape(3, 200))),
    "backwards": lambda c, x: (
        c + lax.scan(lambda a, b: (a * 0.5 + b.max(), mean_off(b) + a), c.sum(), (c + x).reshape(3, 200), reverse=True)[
            1].reshape(SIZE), None),
    "no steps": lambda c, x: (repeated(c, 0) + mean_off(x), lax.scan(lambda a, b: (mean_off(a), b), c, x[:0])),
    "changed in place": lambda c, x: (
        lax.fori_loop(0, 3, lambda i, c: c.at[i].add(mean_off(c).max()), c) + x, c.sum()),
    "rows": lambda c, x: (
        lax.fori_loop(0, 3, lambda i, c: c.at[i].set(mean_off(c[0]) + c[2]), (c + x).reshape(3, 200)).reshape(SIZE), c),
    "what other steps see": lambda c, x: (
        repeated((c + x).reshape(20, 30).T.reshape(SIZE)) + mean_off(c)[::-1], c.reshape(20, 30)[:, 3:9].T),
    "parts": lambda c, x: (
        jnp.concatenate([repeated(p) * p.max() for p in jnp.split(mean_off(c) + x, 3)]), repeated(c)[200:400]),
    "dtypes": lambda c, x: (
        lax.fori_loop(0, 3, lambda i, s: (mean_off(s[0]), (s[0] > 0) ^ s[1], s[2] + s[1].sum().astype(np.int8)),
                      (c, x > 1, np.int8(1)))[0] + x, None),
    "keys": lambda c, x: (mean_off(c) + lax.fori_loop(0, 2, lambda i, s: mean_off(s) + drawn(i), x), None),
}  # fmt: skip


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", BODIES)
def test_in_a_loop(name, reverse, made, through_python):
    def run():
        return cujax.jit(lambda c, xs: lax.scan(BODIES[name], c, xs, reverse=reverse))(X, XS)

    expected = through_python(run)
    assert not any(made)
    found = run()
    assert len(made) > 1
    assert all(made)
    assert_same(expected, found)


@pytest.mark.parametrize("steps", [0, 1, 2, 9])
def test_in_a_while_loop(steps, made, through_python):
    def run():
        return cujax.jit(lambda x: lax.while_loop(lambda s: s[0] < steps, turn, (0, x, x)))(X)

    def turn(s):
        i, a, b = s
        return i + 1, b, mean_off(repeated(chosen(a, b), 2)) + until(b)[1]

    expected = through_python(run)
    found = run()
    assert all(made)
    assert_same(expected, found)


def test_a_condition_that_runs_a_loop(made, through_python):
    def run():
        return cujax.jit(
            lambda x: lax.while_loop(lambda x: repeated(x).max() < 50, lambda x: mean_off(x) * 2 + x.max(), x)
        )(X)

    expected = through_python(run)
    assert_same(expected, run())
    assert all(made)


@pytest.mark.parametrize("index", [-3, 0, 1, 2, 7])
def test_a_number_of_no_branch_is_that_of_the_nearest(index, made):
    branches = [mean_off, lambda x: x.sum() + x, lambda x: mean_off(x)[::-1]]
    run = cujax.jit(lambda k, x: lax.fori_loop(0, 2, lambda i, x: lax.switch(k, branches, x), x))
    expected = branches[min(max(index, 0), 2)]
    np.testing.assert_array_equal(run(index, X), cujax.jit(lambda x: expected(expected(x)))(X))
    assert len(made) == 2


def test_a_branch_outside_of_loops_is_compiled_when_it_is_taken(made):
    """A call would have to know all of them before."""
    run = cujax.jit(lambda k, x: lax.cond(k > 0, mean_off, lambda x: mean_off(x)[::-1], x))
    run(1, X)
    assert not made


def test_what_is_large_is_not_copied(made):
    """A loop whose results are large goes on to be one of its own; what is in it may be a call."""
    x = np.zeros(loop_plan.MOST_COPIED // 4 + 1, np.float32)
    found = cujax.jit(lambda x: lax.fori_loop(0, 3, lambda i, x: x + repeated(X) + x.sum(), x[:SIZE]).sum() + x)(x)
    many = len(made)
    cujax.jit(lambda x: lax.fori_loop(0, 3, lambda i, x: x - x.sum(), x))(x)
    assert many > 0
    assert len(made) == many
    assert found.shape == x.shape


def test_what_needs_much_memory_gives_it_back(made, monkeypatch):
    """A call keeps its block."""

    def run(x):
        waves = jnp.sin(jnp.exp(x * 1e-3) * jnp.arange(9000.0))
        return mean_off(jnp.where(waves > waves.sum(), waves, jnp.cos(waves)))[3] + x

    def loop(x):
        return lax.fori_loop(0, 3, lambda i, x: run(x), x)

    expected = cujax.jit(lambda x: loop(x))(np.float32(1))
    assert made[0]
    monkeypatch.setattr(nest, "MOST_KEPT", 1 << 10)
    assert_same(expected, cujax.jit(lambda x: loop(x))(np.float32(1)))
    assert made[1:] == [None]


@pytest.mark.parametrize("view", [lambda w: w.T, lambda w: w[:, :300]], ids=["transposed", "columns"])
def test_large_views_with_gaps_are_not_copied(view, made):
    """A library takes them as they lie; the loop is left to Python."""
    wide = np.linspace(0, 1e-3, 400 * 400, dtype=np.float32).reshape(400, 400)
    first = wide[0, : view(wide).shape[1]]

    def step(w, v):
        return jnp.tanh(view(w) @ v)[: v.size] + 0.5 * v

    run = cujax.jit(lambda w, v: lax.fori_loop(0, 3, lambda i, v: step(w, v), v))
    expected = step(wide, step(wide, step(wide, first)))
    np.testing.assert_allclose(run(wide, first), expected, rtol=1e-4)
    assert not any(made)


MANY = np.stack([X * np.cos(k) for k in range(16)])
TRANSFORMED = {  # and whether calls are made: loops of many lanes are kernels
    "grad": (lambda f: cujax.grad(lambda x: (f(x) ** 2).sum()), X, True),
    "vmap": (cujax.vmap, MANY, False),
    "vmap of grad": (lambda f: cujax.vmap(cujax.grad(lambda x: (f(x) ** 3).sum())), MANY, False),
    "jvp": (lambda f: lambda x: cujax.jvp(f, (x,), (jnp.cos(x),)), X, True),
}


@pytest.mark.parametrize("name", TRANSFORMED)
def test_derivatives_and_batches(name, made):
    """What is made of loops in loops, against the loops written out."""

    def written_out(start, stop, step, c):
        for i in range(start, stop):
            c = step(i, c)
        return c

    def body(for_i, c):
        return for_i(0, 3, lambda i, c: mean_off(for_i(0, 2, lambda k, c: jnp.sin(c) + c.sum() / SIZE, c)) * 0.5, c)

    transformed, x, has_calls = TRANSFORMED[name]
    found = cujax.jit(transformed(lambda c: body(lax.fori_loop, c)))(x)
    expected = cujax.jit(transformed(lambda c: body(written_out, c)))(x)
    assert any(made) == has_calls
    for a, b in zip(cujax.tree.leaves(found), cujax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)


def test_several_threads_at_the_same_time():
    """Each run has memory of its own."""
    run = cujax.jit(lambda x: lax.fori_loop(0, 200, lambda i, c: repeated(mean_off(c)) + x, x))
    inputs = [X * k for k in range(1, 7)]
    expected = [np.asarray(run(x)) for x in inputs]
    found: dict[int, list] = {}
    begin = threading.Barrier(len(inputs))

    def work(k):
        begin.wait()
        found[k] = [np.asarray(run(inputs[k])) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, results in found.items():
        for result in results:
            np.testing.assert_array_equal(result, expected[k])


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_an_interrupt_ends_all_loops(depth):
    """However deep the loop is that does not end."""

    def endless(x):
        return lax.while_loop(lambda c: c.sum() < 1e9, mean_off, x)

    def within(x, depth):
        if depth == 0:
            return endless(x)
        return lax.fori_loop(0, 3, lambda i, x: mean_off(x) + within(x, depth - 1), x)

    run = cujax.jit(lambda x: within(x, depth) + 1)
    assert_interrupted(lambda: run(X))
    large = X * 0 + 1e9
    assert np.isfinite(np.asarray(run(large))).all()  # it runs again


def test_short_loops_in_a_long_one_look_for_interrupts():
    """None of them lasts as long as a look takes to come; the outer one does not know how long they last."""

    def inner(x):
        return lax.while_loop(lambda c: c[0] < 15_000, lambda c: (c[0] + 1, mean_off(c[1]) + 1), (0, x))[1]

    run = cujax.jit(lambda x: lax.fori_loop(0, 10**6, lambda i, x: inner(x) * 0.5, x))
    assert_interrupted(lambda: run(X), after=2.0)


def test_other_threads_run_meanwhile():
    """Of a branch that holds a loop nobody knows how long it takes."""

    def many(x):
        return lax.while_loop(lambda c: c[0] < 3_000_000, lambda c: (c[0] + 1, mean_off(c[1])), (0, x))[1]

    run = cujax.jit(lambda k, x: lax.cond(k > 0, many, mean_off, x))
    turns = []
    ended = threading.Event()

    def count():
        while not ended.wait(0.002):
            turns.append(None)

    run(0, X)
    thread = threading.Thread(target=count)
    thread.start()
    try:
        run(1, X)
    finally:
        ended.set()
        thread.join()
    assert len(turns) > 3


def test_what_has_ended_is_let_go():
    """A call keeps its literals and its programs, and nobody keeps the call."""
    table = np.arange(SIZE, dtype=np.float32)
    run = cujax.jit(lambda x: lax.fori_loop(0, 4, lambda i, c: repeated(c) + mean_off(jnp.asarray(table)), x))
    run(X)
    watched = weakref.ref(run)
    del run
    cujax.clear_caches()
    gc.collect()
    assert watched() is None


def test_the_programs_steps_are_kernels(made):
    """So that a loop around it can be a call as well."""
    tape = cujax.make_jaxpr(lambda x: mean_off(repeated(x)).reshape(20, 30)[:, 2:4])(X).tape
    steps = program.compile_tape(tape).single_steps
    assert steps is not None
    assert any(isinstance(step, KernelStep) and step.calls[0].name == "nest" for step in steps)


def test_what_is_not_prepared_rightly_is_refused():
    launcher = native.Launcher(native.copy_address(), (4,), 1, None)

    def words(*numbers):
        return np.array(numbers, np.int64).tobytes()

    memories, places, result = words(0, 0, 0), words(0, 0, 0, 0), words(0, 0, 0, 4)
    phase = ((launcher,), (2,), -1, places, result)
    for phases, first, interval in (((), 0, 1), ((phase,), 1, 1), ((phase,), -2, 1), ((phase,), 0, 0)):
        with pytest.raises(ValueError, match="take turns"):
            native.Nest(memories, b"", phases, first, 1, interval, 0)
    for wrong in (((launcher,), (3,), -1, places, result), ((launcher,), (2,), 0, places, result)):
        with pytest.raises(ValueError, match="not as many as its kernels take"):
            native.Nest(memories, b"", (wrong,), 0, 1, 1, 0)
    with pytest.raises(TypeError, match="calls Launchers, not a str"):
        native.Nest(memories, b"", ((("x",), (2,), -1, places, result),), 0, 1, 1, 0)
    with pytest.raises(TypeError, match="packed words"):
        native.Nest(memories[:-1], b"", (phase,), 0, 1, 1, 0)
    assert native.Nest(memories, b"", (phase,), 0, 1, 1, 0).sizes
    with pytest.raises(TypeError, match=r"a buffer is \(shape, dtype\)"):
        native.Callback(len, ((3, np.float32),), 0)
    with pytest.raises(TypeError, match="not understood"):
        native.Callback(len, (((3,), "no dtype"),), 0)
