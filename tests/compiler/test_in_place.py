"""Results in the buffers of operands that nobody reads afterwards: which take one, what is read before it is lost."""

from __future__ import annotations

import numpy as np
import pytest
from emulator import why_not
from emulator.backend import emulated_backend

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


X, Y, ROW = array(30, 70), array(30, 70), array(70)

ONE = {
    "elementwise": lambda x: x * 2,
    "with another": lambda x, y: jnp.where(x > 1, x * y, y),
    "with a row": lambda x, row: x * row,
    "with the other moved": lambda x, y: x + y[::-1] + jnp.roll(y, 1, 1),
    "conditional": lambda x, y: jnp.pad(x, 1)[1:-1, 1:-1] * y,
    "there and back": lambda x: x.T[::-1][::-1].T + 1,
    "window of itself": lambda x: x.at[1:-1].set(x[1:-1] * 2),
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


def in_place(function, args, owned):
    """Results of a program that owns its arguments `owned`, and its `changed`."""
    program = compile_tape(cujax.make_jaxpr(function)(*args).tape, tuple(owned))
    return program([np.array(jnp.asarray(a)) for a in args]), program.changed


def check(name):
    function, args, owned = CASES[name]
    found, changed = in_place(function, args, owned)
    assert changed
    expected = function(*map(jnp.asarray, args))
    for a, b in zip(found, expected if isinstance(expected, tuple) else (expected,), strict=True):
        np.testing.assert_array_equal(a, b)


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
