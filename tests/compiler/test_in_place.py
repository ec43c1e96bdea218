"""Results in the buffers of operands that nobody reads afterwards: which take one, what is read before it is lost."""

from __future__ import annotations

import numpy as np
import pytest
from by_hand import buffers, values
from emulator import EmulatorTarget, why_not
from emulator.backend import emulated_backend
from programs import softmax

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends.select import selected
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan
from cujax.engine.compiler.program import compile_tape

RANDOM = np.random.default_rng(0)


def array(*shape):
    return RANDOM.random(shape, np.float32) + 0.5


def taken(function, *args, owned=()):
    """For each kernel the results that take an operand's buffer."""
    tape = optimize(cujax.make_jaxpr(function)(*args).tape)
    plan = make_plan(tape, "host", [tape.inputs[i] for i in owned])
    return [len(s.in_place) for s in plan.steps if isinstance(s, Region)]


X, Y, ROW, COL = array(30, 70), array(30, 70), array(70), array(30)

ONE = {
    "elementwise": lambda x: x * 2,
    "with another": lambda x, y: jnp.where(x > 1, x * y, y),
    "with a row": lambda x, row: x * row,
    "with the other moved": lambda x, y: x + y[::-1] + jnp.roll(y, 1, 1),
    "conditional": lambda x, y: jnp.pad(x, 1)[1:-1, 1:-1] * y,
    "there and back": lambda x: x.T[::-1][::-1].T + 1,
    "window of itself": lambda x: x.at[1:-1].set(x[1:-1] * 2),
    "softmax": lambda x: softmax(x),
    "over its sum": lambda x: x / x.sum(0),
    "and summed": lambda x, y: (x * y, (x * y).sum(1)),
    "before and after a sum": lambda x: (x * 2, x / x.sum(1, keepdims=True)),
}
NONE = {
    "other places": lambda x: x + x[::-1],
    "moved": lambda x: jnp.roll(x, 1, 0),
    "transposed": lambda x: x.T + 1,
    "part": lambda x: x[1:] + 1,
    "broadcast": lambda x: x[0] + jnp.zeros_like(x),
    "other dtype": lambda x: x > 1,
    "narrower": lambda x: x.astype("float16"),
    "result itself": lambda x: (x, x + 1),
    "seen by who might keep it": lambda x: lax.optimization_barrier(x) * (x + 1),
    "summed": lambda x: x.sum(1),
    "other places of a sum": lambda x: x - x[::-1].sum(1, keepdims=True),
    "needed after the sum": lambda x: (x * 2, ((x - x.sum(1, keepdims=True)) ** 2).sum(1)),
    "index of a gather": lambda x: x + x[(x[:, 0] * 3).astype("int32")],
}


def given(function):
    return [X, *([Y] if "y" in function.__code__.co_varnames else []),
            *([ROW] if "row" in function.__code__.co_varnames else [])]


@pytest.mark.parametrize("name", ONE)
def test_taken(name):
    function = ONE[name]
    assert taken(function, *given(function), owned=[0]) == [1]
    assert taken(function, *given(function)) == [0]


@pytest.mark.parametrize("name", NONE)
def test_not_taken(name):
    assert sum(taken(NONE[name], X, owned=[0])) == 0


def test_what_a_library_has_read_or_made_is_taken():
    assert taken(lambda x: x * 2 + jnp.sort(x)[::-1], X, owned=[0]) == [1]
    assert taken(lambda x: jnp.sort(x) * 2 + x[::-1], X) == [1]
    assert taken(lambda x: (x @ x.T) * 2, X) == [1]


def test_what_is_read_later_is_not_taken_now():
    def function(x):
        y = jnp.exp(jnp.sin(x))
        return y, jnp.sort(y)[0] + x

    assert taken(function, X, owned=[0]) == [0, 1]


def test_a_value_between_kernels_is_taken():
    def function(x):
        e = jnp.tanh(jnp.exp(jnp.sin(x)))
        return e / e.sum()

    assert taken(function, array(300, 1000)) == [0, 1]


def average(x, col):
    return 0.9 * col + x.mean(1)


def test_what_is_kept_takes_an_operand_of_its_shape():
    assert taken(average, X, COL, owned=[1]) == [1]
    assert taken(lambda x, col: (average(x, col), x * col[:, None]), X, COL, owned=[1]) == [0]
    assert taken(lambda x, c: c + x.sum(0), X[:, :3], array(3), owned=[1]) == [0]


def test_each_operand_is_taken_once():
    assert taken(lambda x: (x + 1, x * 2), X, owned=[0]) == [1]
    assert taken(lambda x, y: (x + y, x * y, x - y), X, Y, owned=[0, 1]) == [2]


# --- values -----------------------------------------------------------------------------------------------------


def many(x, y):
    return y * 3, x + y, jnp.where(x > 1, y, x)


def unrolled(p, v, m):
    return v * m + p[:, ::-1] * 0, p + v * m, p * v


CASES = {name: (f, given(f), [0]) for name, f in ONE.items()} | {
    "exchanged": (lambda x, y: (y + 1, x * 2), [X, Y], [0, 1]),
    "the second needs what the first overwrites": (lambda x, y: (y + 1, x * 2), [X, Y], [0]),
    "and on the device by vectors": (lambda x, y: (y + 1, x * 2), [array(1025), array(1025)], [0]),
    "and by rows": (lambda x, y: (y[::-1] + 1, x * 2), [X, Y], [0]),
    "and at the ends": (lambda x, y: (jnp.roll(y, 1, 1), x * 2), [X, Y], [0]),
    "and written out": (lambda p, v, m: (v * m, p * 2), [array(50, 3), array(50, 3), array(50, 1)], [0]),
    "kept": (average, [X, COL], [1]),
    "kept by columns": (lambda x, row: (row * x.max(0), row + x.sum(0)), [X, ROW], [1]),
    "kept of much": (average, [array(6, 70_000), array(6)], [1]),
    "kept by columns of much": (lambda x, row: row + x.sum(0), [array(7000, 70), ROW], [1]),
    "in two passes": (lambda x, y: (x / x.mean(1, keepdims=True), y * x.max(1, keepdims=True)), [X, Y], [0, 1]),
    "rows of few": (lambda x: x / x.sum(1, keepdims=True), [array(50, 10)], [0]),
    "long rows": (lambda x: softmax(x), [array(3, 5000)], [0]),
    "several": (many, [X, Y], [0, 1]),
    "written out": (unrolled, [array(50, 3), array(50, 3), array(50, 1)], [0, 1]),
    "vectors of the device and a tail": (many, [array(1025), array(1025)], [0, 1]),
    "bfloat16": (many, [array(37).astype("bfloat16"), array(37).astype("bfloat16")], [0, 1]),
    "complex": (lambda x, y: (y * 2, x * y), [array(37) + 1j, array(37) * 1j], [0, 1]),
    "bool": (lambda x, y: (~y, x ^ y), [array(37) > 1, array(37) > 0.7], [0, 1]),
    "no axes": (lambda x, y: (y + 1, x * y), [array(), array()], [0, 1]),
    "no elements": (lambda x, y: (y + 1, x * y), [array(0, 3), array(0, 3)], [0, 1]),
    "ends and middle": (lambda x, y: (x + jnp.roll(y, 1, 1), x * 2), [X, Y], [0]),
}


SUMMED = {
    "softmax", "over its sum", "and summed", "before and after a sum", "kept", "kept by columns", "kept of much",
    "kept by columns of much", "in two passes", "rows of few", "long rows",
}


def in_place(function, args, owned):
    """Results of a program that owns its arguments `owned`, and its `changed`."""
    program = compile_tape(cujax.make_jaxpr(function)(*args).tape, tuple(owned))
    return list(map(values, program(buffers(*args)))), program.changed


def check(name):
    function, args, owned = CASES[name]
    found, changed = in_place(function, args, owned)
    assert changed
    expected = function(*map(jnp.asarray, args))
    for a, b in zip(found, expected if isinstance(expected, tuple) else (expected,), strict=True):
        np.testing.assert_allclose(
            np.asarray(a, np.complex128), np.asarray(b, np.complex128), rtol=1e-4 if name in SUMMED else 0, atol=0
        )


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: nothing is taken")
@pytest.mark.parametrize("name", CASES)
def test_values(name):
    check(name)


@pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")
@pytest.mark.parametrize("name", CASES)
def test_values_on_the_device(name):
    with emulated_backend():
        check(name)


def test_the_text_reads_before_it_writes():
    lowered = cujax.jit(lambda x, y: (y + 1, x * 2), donate_argnums=0).lower(array(8), array(8))
    host, cuda = lowered.as_text("host"), lowered.as_text("cuda")
    assert "x1" not in host and host.index("= y0[i0];") < host.index("y0[i0] =")
    assert " cj::Pack<float> y0_pack = cj::load_pack(y0 " in cuda and cuda.count("load_pack") == 2


@pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")
@pytest.mark.parametrize("name", ["softmax", "before and after a sum", "kept", "kept by columns"])
def test_no_thread_overwrites_what_another_reads(name):
    with emulated_backend(EmulatorTarget(find_races=True)):
        check(name)
