"""Library steps between kernels: where their operands and results lie, and that nobody sees memory that is used again.

Every case is run several times with different arguments; results of earlier runs are looked at again in the end, since
memory that was given back too early is taken by a later run.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest
from by_hand import buffers, values
from emulator import why_not
from emulator.backend import emulated_backend

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.api.inspect import record_call
from cujax.engine.backends.select import selected
from cujax.engine.compiler.program import compile_tape, generated, last_uses, optimized
from cujax.engine.compiler.schedule import lay_out

RANDOM = np.random.default_rng(0)
N = 160  # such that results are large enough to be worth a place in the arena


def array(*shape):
    return (RANDOM.standard_normal(shape or (N, N)) / 8).astype(np.float32)


def chain(x, w):
    for _ in range(3):
        x = jnp.tanh(x @ w + 1)
    return x


def returned_and_used(x, w):
    y = jnp.sin(x) @ w
    z = y @ w
    return y, z, jnp.sort(z), z * 2, y + z


def used_twice(x, w):
    y = jnp.exp(x)
    return y @ y, jnp.sort(y) + jnp.sort(y)[::-1], lax.sort((y, y))[1] * 2


def through_views(x, w):
    y = jnp.cos(x)
    return y[::2] @ w, y.T @ w[:, ::-1], jnp.sort(y[:, 3:]), y[1:].reshape(-1)


def running(x, w):
    y = jnp.cumsum(x * 2, 1) - jnp.cumprod(1 + x / 100, 0)
    return jnp.cumsum(y, 0, ).at[3:5].set(0.0), lax.cummax(y, 1, reverse=True)


def filtered(x, w):
    spectrum = jnp.fft.fft2(x * (1 + 0j)) * w
    return jnp.fft.ifft2(spectrum).real, spectrum, jnp.fft.irfft2(jnp.fft.rfft2(x * 2) / 3, x.shape)


def solved(x, w):
    a = x @ x.T + jnp.eye(len(x), dtype=x.dtype) * 9
    factor = jnp.linalg.cholesky(a)
    half = lax.linalg.triangular_solve(factor, w * 3, left_side=True, lower=True)
    return jnp.linalg.solve(a, w) * 2, factor + a, half


def kept_by_a_barrier(x, w):
    y = jnp.sin(x)
    held = lax.optimization_barrier(y)
    return (y * jnp.sort(y)[:, ::-1]) @ w, held, jnp.cos(held) @ w


def changed_afterwards(x, w):
    """A library's result is written over, by a map and by updates, after others have read it."""
    y = x @ w
    z = jnp.sort(y)
    y = y * 2 + z
    y = y.at[1:-1].add(z[:-2])
    return y.at[jnp.arange(5), 0].set(7.0), z


CASES = {f.__name__: f for f in (
    chain, returned_and_used, used_twice, through_views, running, filtered, solved, kept_by_a_barrier,
    changed_afterwards,
)}
by_case = pytest.mark.parametrize("name", CASES)


def reference(function, args):
    """Results of the ops one by one, each of which allocates."""
    return [np.array(r) for r in cujax.tree.leaves(function(*map(jnp.asarray, args)))]


def agree(found, expected):
    for a, b in zip(cujax.tree.leaves(found), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def run_again_and_again(function):
    run, kept = cujax.jit(lambda *args: function(*args)), []
    for _ in range(4):
        args = array(), array()
        before = [a.copy() for a in args]
        kept.append((run(*args), reference(function, args)))
        for a, b in zip(args, before, strict=True):
            np.testing.assert_array_equal(a, b)
    for found, expected in kept:
        agree(found, expected)


@by_case
def test_values_last(name):
    run_again_and_again(CASES[name])


@pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")
@by_case
def test_values_last_on_the_device(name):
    with emulated_backend():
        run_again_and_again(CASES[name])


@pytest.mark.filterwarnings("ignore:Some donated buffers were not usable")
@by_case
def test_donated_arguments_are_written_over_only_when_nobody_needs_them(name):
    function, args = CASES[name], (array(), array())
    run, make = cujax.jit(lambda *args: function(*args), donate_argnums=(0, 1)), cujax.jit(lambda x: x + 0)
    agree(run(*map(make, args)), reference(function, args))
    x = make(args[0])
    agree(run(x, x), reference(function, (args[0], args[0])))


@by_case
def test_threads_do_not_share_memory(name):
    function = CASES[name]
    run, wrong = cujax.jit(lambda *args: function(*args)), []
    jobs = [(array(), array()) for _ in range(3)]
    expected = [reference(function, args) for args in jobs]
    run(*jobs[0])

    def work(number):
        try:
            for _ in range(5):
                agree(run(*jobs[number]), expected[number])
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(jobs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_program_that_runs_inside_itself_has_other_memory():
    def host(y):
        inner.append(np.asarray(run(np.asarray(y) / 2, False)) if len(inner) < 2 else 0)
        return np.asarray(y) + 1

    def function(x, is_first):
        y = jnp.sin(x) @ x
        z = y @ y
        if is_first:
            z = z + cujax.pure_callback(host, z, z)
        return jnp.tanh(z) @ y

    inner: list = []
    run = cujax.jit(function, static_argnums=1)
    x = array()
    y = np.sin(x) @ x
    z = y @ y
    agree(run(x, True), [np.tanh(z + z + 1) @ y])
    y = np.sin(z / 2) @ (z / 2)
    agree(inner[0], [np.tanh(y @ y) @ y])


def test_an_exception_in_the_middle_leaves_nothing_half_done():
    def host(y):
        if fails:
            raise ZeroDivisionError("in the middle")
        return np.asarray(y)

    @cujax.jit
    def run(x, w):
        y = (x @ w).at[2:5].set(1.0)
        return jnp.sort(cujax.pure_callback(host, y, y) * 2) @ w, y

    x, w = array(), array()
    before, fails = (x.copy(), w.copy()), False
    kept = run(x, w)
    values = [np.array(k) for k in kept]
    fails = True
    with pytest.raises(Exception, match="in the middle"):
        run(x, w)
    fails = False
    agree(run(x, w), values)
    for a, b in ((x, before[0]), (w, before[1]), (kept[0], values[0]), (kept[1], values[1])):
        np.testing.assert_array_equal(a, b)


# --- where values lie -------------------------------------------------------------------------------------------


def layout(function, *args):
    """The steps of a program, its tape, and its arena."""
    tape = cujax.make_jaxpr(function)(*args).tape
    steps, rewritten = generated(tape, "host").steps, optimized(tape)
    return steps, rewritten, lay_out(steps, rewritten.outputs, last_uses(steps, rewritten))


def placed(function, name):
    """Of the steps that are calls of `name`: whether their operands and results lie in the arena."""
    steps, _, arena = layout(function, array(), array())
    found = [s for s in steps if getattr(s, "primitive", None) and s.primitive.name == name]
    return [([a in arena.offsets for a in s.inputs], [v in arena.offsets for v in s.outputs]) for s in found]


def test_products_between_kernels_lie_in_the_arena():
    """But for the last, which the last kernel overwrites with the result."""
    assert placed(chain, "dot_general") == [
        ([False, False], [True]), ([True, False], [True]), ([True, False], [False]),
    ]
    _, tape, arena = layout(chain, array(), array())
    assert not set(tape.outputs) & arena.offsets.keys()
    assert arena.nbytes <= 2 * 4 * N * N + 1024


def test_results_stay_outside():
    assert placed(lambda x, w: (y := jnp.sin(x) @ w, y @ w), "dot_general") == [
        ([True, False], [False]), ([False, False], [False]),
    ]


def test_what_somebody_might_keep_stays_outside():
    def function(x, w):
        y = jnp.sin(x)
        return lax.optimization_barrier(y) @ w @ w, jnp.sort(y)

    assert placed(function, "dot_general") == [([False, False], [True]), ([True, False], [False])]
    assert placed(function, "sort") == [([False], [False])]


def test_a_library_that_allocates_its_result_reads_from_the_arena():
    assert placed(lambda x, w: jnp.linalg.cholesky(jnp.exp(x), symmetrize_input=False) @ w, "cholesky") == [
        ([True], [False])
    ]


def test_small_results_are_left_to_the_library():
    assert placed(lambda x, w: jnp.sin(x[:20, :20]) @ w[:20, :20] @ w[:20, :20], "dot_general") == [
        ([True, False], [False]), ([False, False], [False]),
    ]


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: nothing is overwritten")
def test_results_of_libraries_are_written_over():
    def function(x, w):
        return (x @ w) * 2 + 1

    steps, _, arena = layout(function, array(), array())
    assert not arena.offsets and steps[1].in_place
    x, w = array(), array()
    found = compile_tape(cujax.make_jaxpr(function)(x, w).tape)(buffers(x, w))
    agree(list(map(values, found)), [(x @ w) * 2 + 1])


@pytest.mark.parametrize("reads", ["the convolution", "a sort, too"])
def test_a_reversed_kernel_is_no_kernel_of_its_own(reads):
    """The gradient in the data is one step on a GPU; what else reads the reversed array has it written."""

    def gradient(ct, w):
        turned = lax.rev(w, (2, 3))
        out = lax.conv_general_dilated(ct, turned, (1, 1), "SAME")
        return out if reads == "the convolution" else (out, jnp.sort(turned, 1))

    shapes = cujax.ShapeDtypeStruct((2, 64, 9, 9), "float32"), cujax.ShapeDtypeStruct((64, 64, 3, 3), "float32")
    tape = optimized(record_call("jit", gradient, shapes, {}).tape)
    steps = [getattr(step, "primitive", None) for step in generated(tape, "cuda", (), ()).steps]
    assert (None in steps) == (reads != "the convolution")
    assert steps[-1].name == "conv_general_dilated" if reads == "the convolution" else len(steps) > 2
