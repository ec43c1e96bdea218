"""Maps over arrays that lie across one another: what is staged, and that no value changes, on the host and a device."""

from __future__ import annotations

import numpy as np
import pytest
from by_hand import buffers, values
from emulator import EmulatorTarget, SanitizedTarget, emulated_backend, same_in_all_orders, why_not
from programs import roll_step

import cujax
import cujax.numpy as jnp
from cujax import lax
from cujax.engine.backends.select import selected
from cujax.engine.compiler.body import Body
from cujax.engine.compiler.fuse import Region
from cujax.engine.compiler.passes import optimize
from cujax.engine.compiler.plan import make_plan
from cujax.engine.compiler.program import compile_tape
from cujax.engine.compiler.tile import tiling_of

RANDOM = np.random.default_rng(0)
needs_emulator = pytest.mark.skipif(why_not() is not None, reason="the emulator does not run here")


def array(*shape, dtype="float32"):
    return np.asarray(jnp.asarray(RANDOM.random(shape) * 9).astype(dtype))


def index(i):
    return np.array(i, np.int32)


# name: a function, and the operands for a result of n by m
CASES = {
    "transposed": (lambda x: x.T + 1, lambda n, m: [array(m, n)]),
    "mixed": (lambda x, y: x + y.T, lambda n, m: [array(n, m), array(m, n)]),
    "loads are fewer": (lambda x, y: x.T * y + jnp.sin(x.T) * 2, lambda n, m: [array(m, n), array(n, m)]),
    "three operands": (lambda x, y, z: x.T * y + z.T, lambda n, m: [array(m, n), array(n, m), array(m, n)]),
    "last first": (lambda x: jnp.transpose(x, (2, 0, 1)) * 2, lambda n, m: [array(3, m, n)]),
    "first last": (lambda x, y: jnp.transpose(x, (2, 1, 0)) + y, lambda n, m: [array(m, 3, n), array(n, 3, m)]),
    "batches": (lambda x: jnp.swapaxes(x, 1, 2) * 2, lambda n, m: [array(3, m, n)]),
    "four axes": (lambda x, y: jnp.transpose(x, (3, 1, 2, 0)) - y, lambda n, m: [array(m, 2, 3, n), array(n, 2, 3, m)]),
    "two ways": (lambda x, y, z: jnp.transpose(x, (2, 1, 0)) + jnp.swapaxes(y, 1, 2) * z,
                 lambda n, m: [array(m, 3, n), array(n, m, 3), array(n, 3, m)]),
    "reversed": (lambda x, y: x.T[::-1] + y * x.T[:, ::-1], lambda n, m: [array(m, n), array(n, m)]),
    "strided": (lambda x, y: x[::2].T + y, lambda n, m: [array(2 * m, n), array(n, m)]),
    "stencil": (lambda x, y: y + roll_step(x.T), lambda n, m: [array(m, n), array(n, m)]),
    "padded": (lambda x, y: jnp.pad(x.T, 1)[1:-1, :-2] * y, lambda n, m: [array(m, n), array(n, m)]),
    "below one another": (lambda x, y: jnp.concatenate([x.T, y]) * 2, lambda n, m: [array(m, n), array(5, m)]),
    "padded and below": (lambda x, y: jnp.concatenate([jnp.pad(x.T, 1)[:, 2:], y]) * 2,
                         lambda n, m: [array(m, n), array(5, m)]),
    "two levels": (lambda x, y, z: jnp.concatenate([jnp.concatenate([x.T, y]), z], axis=1) * 2,
                   lambda n, m: [array(m, n), array(5, m), array(n + 5, 3)]),
    "with a row and a column": (lambda x, r, c: x.T * r + c[:, None], lambda n, m: [array(m, n), array(m), array(n)]),
    "rows looked up": (lambda x, y, i: y + x.T[i], lambda n, m: [array(m, n), array(n, m), np.arange(n)[::-1].copy()]),
    "a slice that moves": (lambda x, y, i: y + lax.dynamic_slice(x, (i, i), y.shape[::-1]).T,
                           lambda n, m: [array(m + 3, n + 3), array(n, m), index(2)]),
    "many": (lambda x, y: sum(y[k] * x[k].T for k in range(8)), lambda n, m: [array(8, m, n), array(8, n, m)]),
    "two results": (lambda x, y: (x.T + y, x.T * y), lambda n, m: [array(m, n), array(n, m)]),
    "positions": (lambda x: x.T * jnp.arange(x.shape[0]) + jnp.arange(x.shape[1])[:, None], lambda n, m: [array(m, n)]),
    "converted": (lambda x, y: x.T.astype("float32") + y, lambda n, m: [array(m, n, dtype="int8"), array(n, m)]),
    **{
        dtype: (lambda x, y: x.T * y, lambda n, m, d=dtype: [array(m, n, dtype=d), array(n, m, dtype=d)])
        for dtype in ("bool", "uint8", "bfloat16", "float16", "int32", "complex64")
    },
}


def tilings(function, operands, widest=16, owned=()):
    tape = optimize(cujax.make_jaxpr(function)(*operands).tape)
    plan = make_plan(tape, "cuda", [tape.inputs[i] for i in owned])
    return [tiling_of(Body(s), widest) for s in plan.steps if isinstance(s, Region)]


def staged(name, widest=16):
    function, operands = CASES[name]
    (tiling,) = tilings(function, operands(40, 50), widest)
    return list(tiling.staged)


# --- what is staged ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name, count", [
    ("transposed", 1), ("mixed", 1), ("loads are fewer", 1), ("three operands", 2), ("reversed", 2), ("stencil", 1),
    ("padded", 1), ("below one another", 1), ("padded and below", 1), ("two levels", 0), ("a slice that moves", 1),
    ("two results", 1), ("two ways", 1), ("many", 6), ("batches", 1), ("last first", 1),
])
def test_number_of_staged_values(name, count):
    assert len(staged(name)) == count


@pytest.mark.parametrize("function, shapes", [
    (lambda x, y: x + y, [(40, 50), (40, 50)]),
    (lambda x, v: x * v + v[0], [(40, 50), (50,)]),
    (lambda x: x[::-1, ::2], [(40, 50)]),
    (lambda x: jnp.swapaxes(x, 0, 1) * 2, [(40, 30, 50)]),
    (lambda x: x.T + 1, [(7, 1000)]),  # rows of seven are over before a line of memory is lost
    (lambda x, y: x.T[y.astype("int32")[0]] + y, [(50, 60), (50, 50)]),
    (lambda x: x.T.sum(1), [(40, 50)]),
])
def test_nothing_lies_across(function, shapes):
    assert tilings(function, [array(*s) for s in shapes]) == [None]


def test_the_axis_with_most_bytes_decides():
    def function(x, y, z):
        return jnp.transpose(x, (2, 1, 0)) + jnp.swapaxes(y, 1, 2) + z

    operands = [array(40, 30, 20, dtype="float16"), array(20, 40, 30), array(20, 30, 40)]
    (tiling,) = tilings(function, operands)
    assert tiling.across.extent == 30


def test_a_short_axis_is_not_staged_but_its_rows_stay_together():
    (tiling,) = tilings(lambda x: x.T + 1, [array(1000, 5)])
    assert tiling.across.extent == 5 and not tiling.staged


def test_wide_elements_are_read_where_they_lie():
    assert staged("transposed", 4) and not staged("transposed", 2)
    assert staged("stencil", 2), "one value in place of five loads"


def test_what_may_lie_outside_is_chosen_before_it_is_staged():
    text = cujax.jit(CASES["below one another"][0]).lower(array(50, 40), array(5, 50)).as_text("cuda")
    assert "= inside_1 ? 0.0f : x1[" in text


# --- values -----------------------------------------------------------------------------------------------------

SIZES = [(0, 40), (1, 33), (31, 33), (32, 64), (33, 31), (129, 65)]
LONG = [(1023, 33), (33, 1025)]


def check(name, n, m):
    function, operands = CASES[name]
    operands = operands(n, m)
    expected = cujax.tree.leaves(function(*map(jnp.asarray, operands)))
    found = cujax.tree.leaves(cujax.jit(lambda *xs: function(*xs))(*operands))
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        tolerance = 0 if a.dtype.itemsize == 1 else 2e-2 if a.dtype.itemsize == 2 else 1e-5
        np.testing.assert_allclose(
            np.asarray(a).astype(np.complex128), np.asarray(b).astype(np.complex128), rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("name", CASES)
def test_values(name):
    for n, m in (*SIZES, *LONG):
        check(name, n, m)


@pytest.mark.usefixtures("x64")
def test_wide_values():
    for n, m in SIZES:
        x, y = RANDOM.random((m, n)), RANDOM.random((n, m))
        np.testing.assert_array_equal(cujax.jit(lambda x, y: x.T + y)(x, y), x.T + y)
        z = x + 1j * x[::-1]
        np.testing.assert_array_equal(cujax.jit(lambda z, y: z.T + y)(z, y), z.T + y)


@pytest.mark.skipif(selected().kernels is None, reason="programs run op by op: there are no threads")
def test_tiles_are_shared_by_threads(monkeypatch):
    x, y = array(700, 900), array(900, 700)
    function = cujax.jit(lambda x, y: x.T + y)
    for threads in (1, 2, 5):
        monkeypatch.setattr(selected().kernels, "threads", threads, raising=False)
        np.testing.assert_array_equal(function(x, y), x.T + y)


def window(y, x):
    return y.at[3:-2, 1:].set(x.T[3:-2, 1:] * 2)


def test_a_window_is_changed_in_place():
    x, y = array(70, 40), array(40, 70)
    program = compile_tape(cujax.make_jaxpr(window)(y, x).tape, (0,))
    expected = y.copy()
    expected[3:-2, 1:] = x.T[3:-2, 1:] * 2
    np.testing.assert_array_equal(values(program(buffers(y, x))[0]), expected)


@needs_emulator
@pytest.mark.parametrize("name", CASES)
def test_values_on_the_device(name):
    with emulated_backend():
        for n, m in SIZES:
            check(name, n, m)


@needs_emulator
@pytest.mark.parametrize("n, m", LONG)
def test_long_axes_on_the_device(n, m):
    with emulated_backend():
        check("mixed", n, m)


@needs_emulator
def test_a_window_is_changed_in_place_on_the_device():
    with emulated_backend():
        test_a_window_is_changed_in_place()


@needs_emulator
@pytest.mark.parametrize("name", ["mixed", "three operands", "first last", "below one another", "stencil", "bool"])
def test_no_two_threads_meet(name):
    target = EmulatorTarget()
    with emulated_backend(EmulatorTarget(find_races=True)):
        check(name, 33, 65)
    with emulated_backend(target):
        function, operands = CASES[name]
        operands, jitted = operands(65, 33), cujax.jit(lambda *xs: function(*xs))
        same_in_all_orders(target, lambda: np.asarray(jitted(*operands)))


@needs_emulator
@pytest.mark.parametrize("name", ["mixed", "padded", "stencil", "float16"])
def test_nothing_outside_is_touched(name):
    with emulated_backend(SanitizedTarget()):
        check(name, 31, 33)
