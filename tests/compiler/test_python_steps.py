"""Steps that only Python can run, a library or a user's function, within loops of compiled code."""

from __future__ import annotations

import numpy as np
import pytest
from compiled_loops import SIZE, XS, X, assert_same, mean_off, needs_compiled_loops, repeated

import cujax
import cujax.numpy as jnp
from cujax import lax

pytestmark = needs_compiled_loops


def spun(x):
    """A factorization is no kernel."""
    return x * jnp.linalg.inv(jnp.eye(20) * 2 + x[:400].reshape(20, 20) * 1e-3)[0, 0]


def noted(x):
    return cujax.pure_callback(lambda x: np.asarray(x) * 2, cujax.ShapeDtypeStruct(x.shape, x.dtype), x) + 1


PYTHON_BODIES = {
    "a library": lambda c, x: (mean_off(spun(c)) + x, spun(x)),
    "a library in an inner loop": lambda c, x: (lax.fori_loop(0, 3, lambda i, c: mean_off(spun(c)) + i, c) + x, None),
    "several results": lambda c, x: (
        c + jnp.linalg.qr((c + x).reshape(60, 10))[0].reshape(SIZE), jnp.linalg.eigh(jnp.outer(x[:9], x[:9]))[0]),
    "what it sees otherwise": lambda c, x: (
        mean_off(jnp.linalg.inv(jnp.eye(10) + 0.01 * (c + x)[::6].reshape(10, 10).T)[3:6, ::2].sum() + c), c[5:9]),
    "the same twice": lambda c, x: ((lambda y: (y + x, (y, y)))(spun(c))),
    "nothing": lambda c, x: (mean_off(c) + x, jnp.linalg.eigh(jnp.zeros((0, 3, 3)) + x[0])[0]),
    "bits": lambda c, x: (
        mean_off(c) + x, lax.sort(((c * 9).astype(np.int8), c.astype(jnp.bfloat16), c > 0), num_keys=2)),
    "a function": lambda c, x: (mean_off(noted(c)) * 0.3 + x, None),
    "a function in a branch": lambda c, x: (
        lax.cond(x[0] * 2 % 3 > 1.5, noted, lambda c: repeated(c), c) * 0.3 + mean_off(x), c.sum()),
}  # fmt: skip


@pytest.mark.parametrize("name", PYTHON_BODIES)
def test_steps_that_python_runs(name, made, through_python):
    def run():
        return cujax.jit(lambda c, xs: lax.scan(PYTHON_BODIES[name], c, xs))(X, XS)

    expected = through_python(run)
    assert not any(made)
    found = run()
    assert all(made)
    assert made
    assert_same(expected, found)


def test_a_function_may_keep_its_arguments():
    """They are not the loop's memory, which the next step overwrites."""
    kept = []

    def keep(x):
        kept.append(x)
        return np.asarray(x)

    def step(c, x):
        c = mean_off(c) + x
        return cujax.pure_callback(keep, cujax.ShapeDtypeStruct(c.shape, c.dtype), c) + 0, c

    _, ys = cujax.jit(lambda c, xs: lax.scan(step, c, xs))(X, XS)
    np.testing.assert_array_equal(np.stack(kept), ys)


def test_effects_keep_their_order(made):
    seen = []

    def step(i, c):
        cujax.debug.callback(lambda i: seen.append(("outer", int(i))), i, ordered=True)
        return lax.fori_loop(0, 2, inner, mean_off(c))

    def inner(k, c):
        cujax.debug.callback(lambda k: seen.append(("inner", int(k))), k, ordered=True)
        return mean_off(c)

    cujax.jit(lambda x: lax.fori_loop(0, 3, step, x))(X)
    cujax.effects_barrier()
    assert seen == [e for i in range(3) for e in (("outer", i), ("inner", 0), ("inner", 1))]


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_fails_ends_all_loops(depth, made):
    """With the error of the function, in the step in which it fails; and it can be called again."""
    calls = []

    def fail(x):
        calls.append(None)
        if len(calls) == 5:
            raise RuntimeError("the fifth")
        return np.asarray(x)

    def within(x, depth):
        if depth == 0:
            return cujax.pure_callback(fail, cujax.ShapeDtypeStruct(x.shape, x.dtype), x)
        return lax.fori_loop(0, 3, lambda i, x: within(mean_off(x), depth - 1), x)

    run = cujax.jit(lambda x: lax.fori_loop(0, 9, lambda i, x: within(mean_off(x), depth), x))
    with pytest.raises(Exception, match="the fifth"):
        run(X)
    assert len(calls) == 5
    run(X)
    assert len(calls) == 5 + 9 * 3**depth
    assert made


def failing(x):
    def fail(x):
        raise RuntimeError("here")

    return cujax.pure_callback(fail, cujax.ShapeDtypeStruct(x.shape, x.dtype), x)


def test_what_fails_holds_on_to_no_memory_of_the_loop(made):
    """A debugger shows what the frames of a traceback hold."""
    run = cujax.jit(lambda x: lax.fori_loop(0, 3, lambda i, x: failing(mean_off(x)), x))
    with pytest.raises(Exception, match="here") as caught:
        run(X)
    assert made
    trace = caught.tb
    while trace is not None:
        held = [v for v in trace.tb_frame.f_locals.values() if isinstance(v, np.ndarray)]
        assert all(v.flags.owndata or v.base is not None for v in held)
        assert not any(isinstance(v, tuple) and v and isinstance(v[0], np.ndarray) and not v[0].flags.owndata
                       for v in trace.tb_frame.f_locals.values())
        trace = trace.tb_next


def test_a_function_that_runs_the_same_loop(made):
    """Each run has memory of its own, in one thread as well."""
    begun, inside = [], []

    def again(i, x):
        if int(i) == 1 and not begun:
            begun.append(None)
            inside.append(np.asarray(run(np.asarray(x) * 2)))
        return np.asarray(x)

    def step(i, x):
        return mean_off(cujax.pure_callback(again, cujax.ShapeDtypeStruct(x.shape, x.dtype), i, x)) + repeated(x)

    def without(i, x):
        return mean_off(x) + repeated(x)

    run = cujax.jit(lambda x: lax.fori_loop(0, 3, step, x))
    expected = cujax.jit(lambda x: lax.fori_loop(0, 3, without, x))
    np.testing.assert_array_equal(run(X), expected(X))
    np.testing.assert_array_equal(inside[0], expected(np.asarray(cujax.jit(without)(0, X)) * 2))
