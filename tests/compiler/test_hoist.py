"""What is the same in every step of a loop is computed once, before it."""

from __future__ import annotations

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from emulator import emulated_backend

import cujax
from cujax import lax
from cujax.engine.compiler.passes import optimized
from cujax.engine.core.tape import subtapes
from cujax.engine.ops.random_bits import threefry2x32

OURS = SimpleNamespace(np=cujax.numpy, lax=lax, random=cujax.random, api=cujax)
THEIRS = SimpleNamespace(np=jax.numpy, lax=jax.lax, random=jax.random, api=jax)

N = 12
A = (np.random.default_rng(0).normal(size=(N, N)) + 6 * np.eye(N)).astype(np.float32)
X = np.linspace(-1, 1, N, dtype=np.float32)


def loop(m, step, x, steps=5):
    return m.lax.fori_loop(0, steps, lambda k, x: step(x), x)


def implicit_step(m, a, x):
    return loop(m, lambda x: m.np.linalg.solve(a, x) * 5, x)


def operand_made_inside(m, a, x):
    return loop(m, lambda x: m.np.linalg.inv(m.np.eye(N, dtype=a.dtype) * 5 + 0.1 * a) @ x, x)


def matrix_passed_on(m, a, x):
    return m.lax.fori_loop(0, 5, lambda k, c: (c[0], c[0] @ c[0] @ c[1] * 0.01), (a, x))


def tolerance_of_a_while_loop(m, a, x):
    def going(c):
        return (m.np.linalg.norm(c[0]) > 1e-3 * m.np.linalg.norm(a)) & (c[1] < 50)

    return m.lax.while_loop(going, lambda c: (m.np.linalg.solve(a, c[0]), c[1] + 1), (x, 0))


def matrix_passed_on_by_a_while_loop(m, a, x):
    def step(c):
        a, x, k = c
        return a, m.np.linalg.inv(a) @ x * 5, k + 1

    return m.lax.while_loop(lambda c: (c[2] < 5) & (c[0].sum() > 0), step, (a, x, 0))


def loop_in_a_loop(m, a, x):
    """The factors go before both loops, the sum before the inner one."""

    def inner(x):
        return loop(m, lambda y: m.np.linalg.solve(a, y) * 5 + m.np.sum(x), x, 3)

    return loop(m, inner, x, 3)


def whole_loop(m, a, x):
    """A power iteration whose result each step of the other one reads."""

    def step(x):
        vector = loop(m, lambda v: (a @ v) / m.np.linalg.norm(a @ v), m.np.ones_like(x), 20)
        return x - 0.1 * vector * (vector @ x)

    return loop(m, step, x)


def spectrum(m, a, x):
    return loop(m, lambda x: m.np.fft.irfft(m.np.fft.rfft(x) * m.np.fft.rfft(a[0]), N) * 0.1, x)


def long_chain(m, a, x):
    def weights():
        smooth = m.np.exp(-a * a) * m.np.sin(a) * m.np.cos(2 * a) + m.np.log1p(a * a) * m.np.tanh(a)
        return smooth + m.np.sqrt(m.np.abs(a)) * m.np.arctan(a) + m.np.exp(-m.np.abs(a)) + 5

    return loop(m, lambda x: m.np.sum(weights() * x, 1) / m.np.sum(weights()), x)


def stacked_results(m, a, x):
    def step(x, y):
        x = m.np.linalg.solve(a, x) * 5 + y
        return x, (x[0], m.np.linalg.det(a))

    return m.lax.scan(step, x, x)


def systems_of_lanes(m, a, x):
    def one(scale):
        return loop(m, lambda x: m.np.linalg.solve(a + scale * m.np.eye(N, dtype=a.dtype), x) * 5, x)

    return m.api.vmap(one)(m.np.arange(20, dtype=a.dtype))


HOISTED = {  # and primitives that are in no loop any more
    "implicit step": (implicit_step, {"lu_factors"}),
    "operand made inside": (operand_made_inside, {"lu", "lu_factors", "inverse"}),
    "matrix passed on": (matrix_passed_on, set()),
    "tolerance of a while loop": (tolerance_of_a_while_loop, {"lu_factors"}),
    "matrix passed on by a while loop": (matrix_passed_on_by_a_while_loop, {"lu_factors"}),
    "loop in a loop": (loop_in_a_loop, {"lu_factors"}),
    "whole loop": (whole_loop, {"scan"}),
    "spectrum": (spectrum, set()),
    "long chain": (long_chain, {"exp", "tanh", "log1p"}),
    "stacked results": (stacked_results, {"lu_factors", "det"}),
    "systems of lanes": (systems_of_lanes, {"lu_factors"}),
}


def tape_of(function, *args):
    return optimized(cujax.make_jaxpr(function)(*args).tape)


def names_in_loops(tape):
    """The primitives in loops, at any depth."""
    found = set()
    for eqn in tape.eqns:
        for inner in subtapes(eqn.params):
            found |= {e.primitive.name for e in inner.eqns} | names_in_loops(inner)
    return found


def agree(found, expected, rtol=2e-4):
    for a, b in zip(cujax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * np.abs(b).max())


@pytest.mark.parametrize("name", HOISTED)
def test_values(name):
    function, outside = HOISTED[name]
    assert not outside & names_in_loops(tape_of(lambda a, x: function(OURS, a, x), A, X))
    expected = jax.jit(lambda a, x: function(THEIRS, a, x))(A, X)
    agree(cujax.jit(lambda a, x: function(OURS, a, x))(A, X), expected)
    agree(function(OURS, A, X), expected)


@pytest.mark.parametrize("name", HOISTED)
def test_values_on_the_emulator(name):
    function, _ = HOISTED[name]
    with emulated_backend():
        agree(cujax.jit(lambda a, x: function(OURS, a, x))(A, X), jax.jit(lambda a, x: function(THEIRS, a, x))(A, X))


@pytest.mark.parametrize("name", [n for n in HOISTED if "while" not in n])
def test_gradients(name):
    function, _ = HOISTED[name]

    def total(m):
        def of(a, x):
            leaves = m.api.tree.leaves(function(m, a, x))
            return sum((v * v).sum() for v in leaves if v.dtype == a.dtype)

        return of

    found = cujax.jit(cujax.grad(total(OURS), (0, 1)))(A, X)
    agree(found, jax.jit(jax.grad(total(THEIRS), (0, 1)))(A, X), 1e-3)


def test_factors_of_a_gradient_are_shared():
    """Both loops, there and back, solve by the factors of one matrix."""
    tape = tape_of(cujax.grad(lambda a, x: (implicit_step(OURS, a, x) ** 2).sum(), (0, 1)), A, X)
    assert sum(e.primitive.name == "lu_factors" for e in tape.eqns) == 1
    assert "lu_factors" not in names_in_loops(tape)


def test_what_depends_on_the_step_stays():
    tape = tape_of(lambda a, x: loop(OURS, lambda c: c @ c * 0.1 + a.sum(), a), A, X)
    assert "dot_general" in names_in_loops(tape)
    assert "reduce_sum" not in names_in_loops(tape)


def test_ops_of_several_results():
    """A hash of constants makes two words for each counter."""

    def function(key, x):
        return loop(OURS, lambda x: x + threefry2x32(key[0], key[1], key, key + 1)[1], x)

    key, x = np.array([3, 5], np.uint32), np.array([1, 2], np.uint32)
    expected = x + 5 * np.asarray(threefry2x32(key[0], key[1], key, key + 1)[1])
    np.testing.assert_array_equal(cujax.jit(function)(key, x), expected)


def test_short_chains_stay():
    """A kernel computes them where it needs them."""
    tape = tape_of(lambda a, x: loop(OURS, lambda x: x + a[0] * OURS.np.exp(-a[1]), x), A, X)
    assert "exp" in names_in_loops(tape)


@pytest.mark.parametrize("steps", [0, 1])
def test_loops_of_hardly_any_step(steps):
    function = cujax.jit(lambda a, x: loop(OURS, lambda x: OURS.np.linalg.solve(a, x), x, steps))
    agree(function(A, X), jax.jit(lambda a, x: loop(THEIRS, lambda x: THEIRS.np.linalg.solve(a, x), x, steps))(A, X))


def test_a_while_loop_that_does_not_run():
    def function(m, a, x):
        return m.lax.while_loop(lambda x: x[0] > 5, lambda x: m.np.linalg.solve(a, x), x)

    np.testing.assert_array_equal(cujax.jit(lambda a, x: function(OURS, a, x))(np.zeros_like(A), X), X)


def test_what_might_never_end_stays_in_a_loop_that_may_not_run():
    """The inner loop would not end, and the outer one does not run."""

    def function(m, a, x):
        def step(x):
            return x + m.lax.while_loop(lambda s: s > 0, lambda s: s + a[0, 0], a[0, 1])

        return m.lax.while_loop(lambda x: x[0] > 5, step, x)

    found = cujax.jit(lambda a, x: function(OURS, a, x))(np.full_like(A, np.inf), X)
    np.testing.assert_array_equal(found, X)


def test_effects_stay_where_they_are():
    seen = []

    def step(x):
        cujax.debug.callback(lambda s: seen.append(float(s)), A.sum() * 0 + cujax.numpy.sum(cujax.numpy.asarray(A)))
        return x * 0.5

    cujax.jit(lambda x: loop(OURS, step, x))(X).block_until_ready()
    cujax.effects_barrier()
    assert len(seen) == 5


def test_functions_of_the_user_are_called_in_every_step():
    calls = []

    def on_host(a):
        calls.append(1)
        return a.sum(keepdims=True)

    def step(a, x):
        return x + cujax.pure_callback(on_host, cujax.ShapeDtypeStruct((1,), np.float32), a[0])

    cujax.jit(lambda a, x: loop(OURS, lambda x: step(a, x), x))(A, X).block_until_ready()
    assert len(calls) == 5


def test_all_that_is_passed_on_may_be_a_result_and_a_carry():
    """Results of fixed carries are what was given, also where another loop or the caller reads them."""

    def function(m, a, x):
        def step(k, c):
            a, b, x = c
            return a, b, a @ x * 0.1 + b

        a, b, x = m.lax.fori_loop(0, 4, step, (a, x, x))
        a, b, y = m.lax.fori_loop(0, 4, step, (a, b, x))
        return a, b, x, y

    args = A, X
    agree(cujax.jit(lambda a, x: function(OURS, a, x))(*args), jax.jit(lambda a, x: function(THEIRS, a, x))(*args))
    agree(function(OURS, *args), function(THEIRS, *args))


def test_random_numbers_of_a_fixed_key():
    def function(m, x):
        key = m.random.key(3)
        return loop(m, lambda x: x * 0.5 + m.random.normal(key, x.shape), x)

    with cujax.config.override("debug_key_reuse", False):
        agree(cujax.jit(lambda x: function(OURS, x))(X), jax.jit(lambda x: function(THEIRS, x))(X), 1e-5)
